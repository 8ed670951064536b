export { createEventSink, type EventSink, type IntentEvent } from './json-output.ts';
export { createLogListener } from './log-events.ts';
export { createLogger, JOURNAL_PRIORITY, jsonLine, type Logger, type LoggerOptions, printable } from './logger.ts';
export { HOLD_REASON_TEXT, milliseconds, sol, span } from './page/findings.ts';
export { type AgentStatus, type PartReport, type UserReport, whyNotReady } from './status.ts';
export { createStatusBoard, type StatusBoard } from './status-board.ts';
export { createNotifyRunner, createSdNotify } from './systemd.ts';
