export { createBgpWatch } from './bgp-watch.ts';
export { GrpcChannel, loadMessages } from './channel.ts';
export type { ShowResponse } from './messages.ts';
