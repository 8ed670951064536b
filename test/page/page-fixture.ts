import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import { commandFixture } from '../cli/command-fixture.ts';

export interface PageFixture extends AsyncDisposable {
  readonly url: string;
  /** Of the tunnel with this number, from 0. */
  connect(user: number): void;
  disconnect(user: number): void;
  /** Ends the agent in order. */
  stopAgent(): Promise<void>;
}

/** The real agent, quicker than usual, on a localnet of three connected users, with a second ledger endpoint that never answers. */
export async function pageFixture(token?: string): Promise<PageFixture> {
  const fixture = await commandFixture();
  const life = createAbortController();
  const rpcUrls = [fixture.addresses.rpcUrl, 'http://127.0.0.1:1'];
  const quick = ['--collector.interval', '500ms', '--policy.downGrace', '500ms', '--policy.minWriteInterval', '1s'];
  const tokenFile = join(fixture.folder, 'token');
  if (token !== undefined) writeFileSync(tokenFile, token, { mode: 0o400 });
  const guarded = token === undefined ? [] : ['--http.tokenFile', tokenFile];
  let running: Promise<unknown> = Promise.resolve();
  const url = await new Promise<string>((resolve, reject) => {
    running = fixture.run(['run', '--ledger.rpcUrls', rpcUrls.join(), ...quick, ...guarded], life.signal, (text) => {
      const found = /"url":"(http[^"]+\/status)"/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    running.then((result) => reject(new Error(`the agent ended: ${JSON.stringify(result)}`)), reject);
  });
  const user = (number: number): Address => {
    const found = fixture.users[number];
    if (found === undefined) throw new Error(`there is no user ${number}`);
    return found;
  };
  const stopAgent = async (): Promise<void> => {
    life.abort(new Stopped('the test is over'));
    await running;
  };
  return {
    url,
    connect: (number) => fixture.localnet.connect(user(number)),
    disconnect: (number) => fixture.localnet.disconnect(user(number)),
    stopAgent,
    async [Symbol.asyncDispose]() {
      await stopAgent();
      await fixture[Symbol.asyncDispose]();
    },
  };
}
