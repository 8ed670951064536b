import { z } from 'zod';
import { type About, about, NOT_AS_EXPECTED, settings } from './setting.ts';

/** The local eAPI listener of EOS, reachable from every network namespace because it is a path. */
export const EOS_COMMAND_API_SOCKET = 'unix:///var/run/command-api.sock';

/** The room for a path in `sockaddr_un`, less its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107;

/** The schemes of an eAPI address. */
export type EapiScheme = 'https' | 'http' | 'unix' | 'grpc';

/** Which scheme the address has, or undefined when it is no eAPI address. */
export function eapiScheme(url: string): EapiScheme | undefined {
  if (/^unix:\/\/\/\S+$/.test(url)) return Buffer.byteLength(url) - 'unix://'.length <= MAX_SOCKET_PATH_BYTES ? 'unix' : undefined;
  if (url.startsWith('grpc://')) return isHostAndPort(url.slice('grpc://'.length), false) ? 'grpc' : undefined;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['', '/', '/command-api'].includes(parsed.pathname) || `${parsed.search}${parsed.hash}` !== '')
    return undefined;
  return parsed.protocol === 'https:' ? 'https' : parsed.protocol === 'http:' ? 'http' : undefined;
}

export function eapiUrl(options: About) {
  return z
    .string()
    .refine((url) => eapiScheme(url) !== undefined, { error: NOT_AS_EXPECTED, abort: true })
    .refine((url) => !hasCredentials(url), { error: 'must not hold a user or password; use username and passwordFile' })
    .register(settings, {
      ...about(options),
      expects: 'an address such as "https://127.0.0.1", "unix:///var/run/command-api.sock" or "grpc://127.0.0.1:9543"',
      form: 'text',
      guess: eapiUrlMeant,
    });
}

function eapiUrlMeant(text: string): string | undefined {
  if (/^\/\S+$/.test(text)) return `"unix://${text}"`;
  return /^[\w.-]+(?::\d{1,5})?\/?$/.test(text) && /[.:]|localhost/.test(text) ? `"https://${text}"` : undefined;
}

/** `host:port`, an IPv6 address in brackets. */
export function hostAndPort(options: About & { readonly default: string }) {
  return z
    .string()
    .refine((value) => isHostAndPort(value, true), { error: NOT_AS_EXPECTED })
    .prefault(options.default)
    .register(settings, { ...about(options), expects: `a host and a port such as "${options.default}"`, form: 'text' });
}

function isHostAndPort(value: string, withPort: boolean): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?\/?$/.exec(value) ?? [];
  if (port === undefined) return !withPort && /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)\/?$/.test(value);
  return Number(port) >= 1 && Number(port) <= 65_535;
}

/** Ledger endpoints in order of preference; they may carry an access token and are printed without it. */
export function rpcUrls(options: About) {
  const url = z.string().refine((text) => text.length <= 2_048 && isHttp(text), { error: NOT_AS_EXPECTED });
  const many = z.array(url).min(1).max(8);
  return many
    .refine((urls) => new Set(urls).size === urls.length, { error: 'names an endpoint twice' })
    .register(settings, { ...about(options), expects: 'a list of one to eight https:// or http:// addresses', form: 'urls' });
}

/**
 * The address without anything that may be a token: user, path, query. Enough to tell endpoints apart in a log.
 * Text that is no address at all is hidden altogether.
 */
export function redactUrl(url: string): string {
  if (url.startsWith('unix://')) return url;
  if (!URL.canParse(url)) return '[hidden]';
  const { protocol, host, username, password, pathname, search } = new URL(url);
  const hidden = `${username}${password}${search}` !== '' || pathname.length > 1;
  return `${protocol}//${host}${hidden ? '/[hidden]' : ''}`;
}

/** Whether the address leads to this host itself, so that nobody listens in between. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ['https:', 'http:'].includes(new URL(text).protocol);
}

function hasCredentials(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return `${username}${password}` !== '';
}
