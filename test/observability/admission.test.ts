import { expect, test } from 'vitest';
import { createAdmission } from '../../src/observability/http-server.ts';

const from = (remoteAddress: string | undefined) => ({ headers: { host: 'localhost:50100' }, socket: { remoteAddress } });

test('without a token a change is accepted from this host only; with one, from any host that sends it', () => {
  const open = createAdmission({ host: '0.0.0.0', token: undefined });
  const guarded = createAdmission({ host: '0.0.0.0', token: 'sesame' });
  for (const here of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
    expect([here, open.forChanging(from(here))]).toEqual([here, undefined]);
  for (const there of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::1', '1127.0.0.1', undefined]) {
    expect([there, open.forChanging(from(there))]).toEqual([
      there,
      { code: 403, reason: 'without http.tokenFile this is accepted only from this host, at localhost or a loopback address' },
    ]);
    expect([there, guarded.forChanging(from(there))]).toEqual([there, undefined]);
    expect([there, guarded.forReading(from(there))?.code]).toEqual([there, 401]);
    expect([there, open.forReading(from(there))]).toEqual([there, undefined]);
  }
});
