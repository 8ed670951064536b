export {
  createEventSink,
  type EventSink,
  type IntentEvent,
} from './json-output.ts';
export { createLogListener } from './log-events.ts';
export {
  bigintAsJson,
  createLogger,
  JOURNAL_PRIORITY,
  jsonLine,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  printable,
  type SerializedError,
  serializeError,
} from './logger.ts';
export { HOLD_REASON_TEXT, milliseconds, shortKey, sol, span } from './page/findings.ts';
export type { AgentStatus, PartReport, UserReport } from './status.ts';
export { createStatusBoard, type StatusBoard } from './status-board.ts';
export { createNotifyRunner, createSdNotify } from './systemd.ts';
