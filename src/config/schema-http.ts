import { z } from 'zod';
import { about, filePath, NOT_AS_EXPECTED, section, settings, yesOrNo } from './setting.ts';

const MAX_PORT = 65_535;

/** `host:port` or `[v6]:port`, read into its two halves. */
const listen = z
  .string()
  .transform((text, context) => {
    const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
    const port = Number(digits);
    const host = bracketed ?? plain;
    if (host !== undefined && port <= MAX_PORT) return { host, port };
    context.addIssue({ code: 'custom', message: NOT_AS_EXPECTED });
    return z.NEVER;
  })
  .prefault('127.0.0.1:50100')
  .register(settings, {
    ...about({
      reloadable: false,
      description: 'Address to listen on; EOS leaves TCP 50000 to 50100 open in its control-plane ACL. Port 0 takes any that is free.',
    }),
    expects: 'an address and a port, such as "127.0.0.1:50100" or "[::1]:50100"',
    form: 'text',
    guess: listenMeant,
  });

function listenMeant(text: string): string | undefined {
  if (/^:?\d{1,5}$/.test(text)) return Number(text.replace(':', '')) <= MAX_PORT ? `"127.0.0.1:${text.replace(':', '')}"` : undefined;
  const [, host, port = ':50100'] = /^(?:https?:\/\/)?([\w.-]+)(:\d{1,5})?\/?$/.exec(text) ?? [];
  return host === undefined || Number(port.slice(1)) > MAX_PORT ? undefined : `"${host}${port}"`;
}

/** The agent's window: health, metrics, status. */
export const httpSection = z
  .strictObject({
    enabled: yesOrNo({
      default: true,
      reloadable: false,
      description: 'Serve /metrics, /status and the like. A dry run and --once never do.',
    }),
    tokenFile: z.exactOptional(
      filePath({
        reloadable: false,
        description:
          'File that holds a token, asked for on everything but /-/healthy and /-/ready: as bearer token, or as the password that a browser asks for.',
      }),
    ),
    listen,
  })
  .prefault({})
  .register(settings, section('Health, metrics and status over HTTP.'));
