export type { AgentStatus, TimelineEntry, UserReport } from './agent-status.ts';
export { createEventSink, type EventSink, type EventSinkOptions } from './event-sink.ts';
export { HOLD_WORDS, milliseconds, shortKey, sol, span } from './http/page/words.ts';
export { createLogReporter } from './log-reporter.ts';
export { createLogger, LOG_LEVELS, type LogFields, type Logger, type LoggerOptions, type LogLevel } from './logger.ts';
export type { IntentEvent, OutputEvent, ReadyEvent, SummaryEvent } from './output-events.ts';
export { bigintAsJson, jsonLine, printable } from './plain-json.ts';
export { type SerializedError, serializeError } from './serialize-error.ts';
export { createStatusBoard, type StatusBoard, type StatusBoardOptions } from './status-board.ts';
