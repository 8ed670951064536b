import type * as Messages from './messages.ts';

/** The messages, with the library that reads them: it is loaded only where gRPC is used. */
export const loadMessages = (): Promise<typeof Messages> => import('./messages.ts');
