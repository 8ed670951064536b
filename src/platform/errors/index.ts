export { AgentError, describeError, isAgentError } from './agent-error.ts';
export { CODES, type CodeEntry, type ErrorClass, type ErrorCode, type ErrorContext } from './codes.ts';
