import { DEFAULT_STATE_TO_COLLECT } from './default-state.ts';

/** What an HTTP request is answered with. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** How the server misbehaves, or what it is suffering from. */
export interface StateIngestFaults {
  /** False while it has no view of the ledger: uploads are put off with 503. */
  readonly ready: boolean;
  /** How far its clock is ahead, milliseconds. */
  readonly clockOffsetMs: number;
  /** The list of what to collect, whatever it may be. */
  readonly stateToCollect: unknown;
  /** The upload URL that is given out, made from the right one. */
  readonly uploadUrl: (url: string) => string;
  /** Answers a request in the place of the server; undefined leaves it to it. */
  readonly answer: (request: { readonly method: string; readonly path: string }) => Reply | undefined;
}

export const NO_FAULTS: StateIngestFaults = {
  ready: true,
  clockOffsetMs: 0,
  stateToCollect: DEFAULT_STATE_TO_COLLECT,
  uploadUrl: (url) => url,
  answer: () => undefined,
};
