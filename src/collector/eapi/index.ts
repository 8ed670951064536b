export type { EapiCredentials } from './authentication.ts';
export { createEapiShowRunner, type EapiShowRunnerOptions } from './eapi-show-runner.ts';
export { createEapiSource, type EapiSource, type EapiSourceOptions } from './eapi-source.ts';
export { type EapiEndpoint, parseEapiEndpoint } from './endpoint.ts';
export type { EapiTls } from './tls.ts';
