import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';

export interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
  readonly scripts: boolean;
}

export interface Page {
  open(url: string): Promise<void>;
  /** Evaluates an expression in the page; it works where the page's own scripts do not. */
  evaluate(expression: string): Promise<unknown>;
  /** Until the expression is true. Rejects after `withinMs`, with what the page shows then. */
  until(expression: string, withinMs?: number): Promise<void>;
  /** The text of the page as a reader sees it. */
  text(): Promise<string>;
  /** The whole page, not only what fits the window. */
  screenshot(): Promise<Buffer>;
  /** Roles of the accessibility tree, as a screen reader gets them. */
  roles(): Promise<ReadonlySet<string>>;
  /** What the browser complained of: breaches of the content security policy, scripts that threw. */
  readonly complaints: readonly string[];
}

export interface Browser extends AsyncDisposable {
  page(view: View): Promise<Page>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const START_MS = 20_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a headless Chromium of its own, with a profile of its own. Throws one line that says what is missing. */
export async function startBrowser(): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'dzd-page-'));
  const child = spawn(
    findChromium(),
    ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--remote-debugging-port=0', `--user-data-dir=${folder}`],
    { stdio: 'ignore', detached: true },
  );
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    const connection = await connect(await debuggingUrl(folder, child));
    return {
      page: (view) => openPage(connection, view),
      [Symbol.asyncDispose]: async () => {
        connection.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function findChromium(): string {
  const folders = (process.env.PATH ?? '').split(':');
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  if (found === undefined) throw new Error('there is no Chromium here. As root: apt-get install --no-install-recommends chromium');
  return found;
}

/** The browser is a group of processes; it ends as one. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await exited;
}

/** Chromium writes the port that it took, and the path, into its profile. */
async function debuggingUrl(folder: string, child: ChildProcess): Promise<string> {
  const file = join(folder, 'DevToolsActivePort');
  for (let waited = 0; waited < START_MS; waited += 100) {
    const [port, path] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (port !== undefined && path !== undefined && path !== '') return `ws://127.0.0.1:${port}${path}`;
    if (child.exitCode !== null) throw new Error(`Chromium ended with ${child.exitCode}`);
    await pause(100);
  }
  throw new Error(`Chromium did not start within ${START_MS / 1_000} s`);
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

interface Connection {
  call(method: string, params?: Fields, session?: string): Promise<Fields>;
  onEvent(listener: (session: unknown, method: unknown, params: Fields) => void): void;
  close(): void;
}

/** The DevTools protocol: JSON-RPC over one WebSocket, a session a page. */
async function connect(url: string): Promise<Connection> {
  const socket = new WebSocket(url, { maxPayload: 64 * 1024 * 1024 });
  await once(socket, 'open');
  const waiting = new Map<number, { readonly resolve: (result: Fields) => void; readonly reject: (error: Error) => void }>();
  const listeners: ((session: unknown, method: unknown, params: Fields) => void)[] = [];
  let last = 0;
  socket.on('message', (data: Buffer) => {
    const { id, result, error, method, params, sessionId } = fieldsOf(JSON.parse(data.toString('utf8')));
    if (typeof id !== 'number') {
      for (const listener of listeners) listener(sessionId, method, fieldsOf(params));
      return;
    }
    const caller = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) caller?.resolve(fieldsOf(result));
    else caller?.reject(new Error(`the browser refused: ${JSON.stringify(error)}`));
  });
  return {
    call: (method, params = {}, session) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        socket.send(JSON.stringify({ id: last, method, params, ...(session === undefined ? {} : { sessionId: session }) }));
      }),
    onEvent: (listener) => void listeners.push(listener),
    close: () => socket.terminate(),
  };
}

async function openPage(connection: Connection, { width, height, scheme, scripts }: View): Promise<Page> {
  // Each page has its own window: a tab behind another one draws seconds later.
  const { targetId } = await connection.call('Target.createTarget', { url: 'about:blank', newWindow: true });
  const { sessionId } = await connection.call('Target.attachToTarget', { targetId, flatten: true });
  const call = (method: string, params: Fields = {}): Promise<Fields> => connection.call(method, params, String(sessionId));
  const complaints: string[] = [];
  connection.onEvent((session, method, params) => {
    if (session !== sessionId) return;
    const { level, text, url } = fieldsOf(params.entry);
    // A browser asks for an icon by itself, and a server that has gone is a part of the test.
    if (method === 'Log.entryAdded' && level === 'error' && !/favicon|ERR_CONNECTION/.test(`${text} ${url}`)) complaints.push(String(text));
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params.exceptionDetails));
  });
  await call('Page.enable');
  await call('Log.enable');
  await call('Runtime.enable');
  await call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  await call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  await call('Emulation.setScriptExecutionDisabled', { value: !scripts });

  async function evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails !== undefined) throw new Error(`the page threw: ${JSON.stringify(exceptionDetails)}`);
    return fieldsOf(result).value;
  }
  const page: Page = {
    complaints,
    evaluate,
    async open(url) {
      const { errorText } = await call('Page.navigate', { url });
      if (errorText !== undefined) throw new Error(`${url} cannot be opened: ${errorText}`);
      await page.until("document.readyState === 'complete' && document.querySelector('#live') !== null");
    },
    async until(expression, withinMs = 10_000) {
      for (let waited = 0; waited < withinMs; waited += 100) {
        // While the browser goes to another page there is nothing that could be asked.
        if ((await evaluate(expression).catch(() => false)) === true) return;
        await pause(100);
      }
      throw new Error(`within ${withinMs} ms it did not come true: ${expression}\n${await page.text()}`);
    },
    text: async () => String(await evaluate('document.body.innerText')),
    async screenshot() {
      const { data } = await call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
      return Buffer.from(String(data), 'base64');
    },
    async roles() {
      const { nodes } = await call('Accessibility.getFullAXTree');
      const list: readonly unknown[] = Array.isArray(nodes) ? nodes : [];
      return new Set(list.map((node) => String(fieldsOf(fieldsOf(node).role).value)));
    },
  };
  return page;
}
