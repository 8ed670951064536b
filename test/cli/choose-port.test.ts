import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { choosePort } from '../../localnet/start.ts';

async function takenTcpPort(atEnd: (stop: () => void) => void): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  atEnd(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('the usual port gives way to a free one when it is taken, an asked-for one does not', async ({ onTestFinished }) => {
  const port = await takenTcpPort((stop) => onTestFinished(stop));
  expect(await choosePort({ flag: 'rpc-port', protocol: 'tcp', wanted: undefined, usual: port })).toBe(0);
  await expect(choosePort({ flag: 'rpc-port', protocol: 'tcp', wanted: port, usual: 1 })).rejects.toMatchObject({
    code: 'CONFIG__PORT_IN_USE',
    message: expect.stringContaining(`cannot listen on 127.0.0.1:${port} (--rpc-port)`),
  });
});

test('a free port is taken, over UDP as well, and 0 is left to the system', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  expect(await choosePort({ flag: 'snmp-port', protocol: 'udp', wanted: undefined, usual: port })).toBe(0);
  socket.close();
  await once(socket, 'close');
  expect(await choosePort({ flag: 'snmp-port', protocol: 'udp', wanted: undefined, usual: port })).toBe(port);
  expect(await choosePort({ flag: 'snmp-port', protocol: 'udp', wanted: 0, usual: port })).toBe(0);
});
