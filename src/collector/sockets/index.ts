export { createSocketsSource, type SocketsSource, type SocketsSourceOptions } from './sockets-source.ts';
