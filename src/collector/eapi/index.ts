export { type EapiCredentials, type EapiEndpoint, type EapiTls, parseEapiEndpoint } from './http.ts';
export { createEapiShowRunner, createEapiSource, type EapiShowRunnerOptions, type EapiSource, type EapiSourceOptions } from './source.ts';
