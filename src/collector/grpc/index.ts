export { type BgpWatchOptions, createBgpWatch } from './bgp-watch.ts';
export { createGrpcChannel, type GrpcChannel, type GrpcChannelOptions } from './grpc-channel.ts';
export { decodeShowResponse, encodeShowCommand, RUN_SHOW_CMD, type ShowResponse } from './messages.ts';
