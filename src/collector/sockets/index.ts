export {
  createNamespaces,
  createSocketsSource,
  isNamespaceName,
  type Namespaces,
  type SocketsSourceOptions,
} from './source.ts';
