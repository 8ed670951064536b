export {
  createNamespaces,
  createSocketsSource,
  isNamespaceName,
  type Namespaces,
  type NamespacesOptions,
  type SocketsSourceOptions,
} from './source.ts';
