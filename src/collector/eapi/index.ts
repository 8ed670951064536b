export type { EapiCredentials, EapiTls } from './http.ts';
export { createEapiShowRunner, createEapiSource, type EapiShowRunnerOptions, type EapiSource, type EapiSourceOptions } from './source.ts';
