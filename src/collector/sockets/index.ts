export { createNamespaces, createSocketsSource, isNamespaceName, type Namespaces } from './source.ts';
