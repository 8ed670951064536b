export { type BgpWatchOptions, createBgpWatch } from './bgp-watch.ts';
export { createGrpcChannel, type GrpcChannel, type GrpcChannelOptions } from './grpc-channel.ts';
export { loadMessages } from './load-messages.ts';
