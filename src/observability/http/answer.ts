import type { ServerResponse } from 'node:http';
import { jsonLine } from '../plain-json.ts';
import type { Refusal } from './admission.ts';
import { PAGE_POLICY } from './page/policy.ts';

/** What a request is answered with, before a byte of it is written. */
export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  readonly policy?: string;
}

/** Nothing but the pages is for a browser to show. */
const STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'";

export const text = (code: number, body: string): Answer => ({ code, type: 'text/plain; charset=utf-8', body: `${body}\n` });
export const page = (body: string): Answer => ({ code: 200, type: 'text/html; charset=utf-8', body, policy: PAGE_POLICY });
export const json = (code: number, body: object): Answer => jsonText(code, jsonLine(body));
export const jsonText = (code: number, body: string): Answer => ({ code, type: 'application/json', body });
export const refused = ({ code, why }: Refusal): Answer => text(code, why);

/** Nothing that is answered here is kept by a browser, shown inside of another page, or taken for another type than it is. */
export function writeAnswer(response: ServerResponse, { code, type, body, policy = STRICT_POLICY }: Answer, isHead: boolean): void {
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
    ...(code === 401 ? { 'www-authenticate': ['Bearer', 'Basic realm="dzd-telemetry"'] } : {}),
  });
  response.end(isHead ? undefined : body);
}
