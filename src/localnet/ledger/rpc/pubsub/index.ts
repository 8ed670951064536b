export { createPubsubServer, type PubsubLimits, type PubsubServer } from './pubsub-server.ts';
export { serveNextPort } from './websocket-port.ts';
