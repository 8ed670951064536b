export { createNamespaces, isNamespaceName, type Namespaces, type NamespacesOptions } from './namespaces.ts';
export { createSocketsSource, type SocketsSource, type SocketsSourceOptions } from './sockets-source.ts';
