export { createSocketsSource, type SocketsSourceOptions } from './source.ts';
export { createNamespaces, isNamespaceName, type Namespaces, type NamespacesOptions } from './ss.ts';
