export { type AgentStatus, assess, FINDING_CODES, FINDINGS, type Finding, type FindingCode, SILENT_MS, type Verdict } from './findings.ts';
export { createLogListener, createVerdictLog } from './log-events.ts';
export { createLogger, JOURNAL_PRIORITY, jsonLine, type Logger, type LoggerOptions, RecentLines } from './logger.ts';
export type { AgentState, PartReport, UserReport } from './status.ts';
export { createStatusBoard, type StatusBoard } from './status-board.ts';
export { createNotifyRunner, createSdNotify } from './systemd.ts';
export {
  type Cell,
  count,
  csvLine,
  HOLD_REASON_TEXT,
  lineDrawer,
  paint,
  printable,
  rttText,
  sol,
  span,
  type Tone,
  tableLines,
  tableStyle,
  usesColor,
} from './text.ts';
