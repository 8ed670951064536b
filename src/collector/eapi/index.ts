export { type EapiCredentials, type EapiEndpoint, type EapiTls, parseEapiEndpoint } from './http.ts';
export { createEapiShowRunner, type EapiShowRunnerOptions } from './show-commands.ts';
export { createEapiSource, type EapiSource, type EapiSourceOptions } from './source.ts';
