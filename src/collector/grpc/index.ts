export { type BgpWatchOptions, createBgpWatch } from './bgp-watch.ts';
export { createGrpcChannel, type GrpcChannel, type GrpcChannelOptions, loadMessages } from './channel.ts';
