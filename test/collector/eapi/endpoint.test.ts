import { expect, test } from 'vitest';
import { parseEapiEndpoint } from '../../../src/collector/index.ts';

test.each([
  ['https://10.0.0.1', { text: 'https://10.0.0.1', origin: 'https://10.0.0.1', secure: true }],
  ['https://dz1.example:8443/', { text: 'https://dz1.example:8443', origin: 'https://dz1.example:8443', secure: true }],
  ['https://[2001:db8::1]:443/command-api', { text: 'https://[2001:db8::1]', origin: 'https://[2001:db8::1]', secure: true }],
  ['http://localhost:8080', { text: 'http://localhost:8080', origin: 'http://localhost:8080', secure: false }],
  [
    'unix:///var/run/command-api.sock',
    { text: 'unix:///var/run/command-api.sock', origin: 'http://localhost', secure: false, socketPath: '/var/run/command-api.sock' },
  ],
  ['grpc://127.0.0.1', { text: 'grpc://127.0.0.1:9543', origin: 'http://127.0.0.1:9543', secure: false, grpcAddress: '127.0.0.1:9543' }],
  ['grpc://[::1]:9000/', { text: 'grpc://[::1]:9000', origin: 'http://[::1]:9000', secure: false, grpcAddress: '[::1]:9000' }],
])('eAPI endpoint %s is understood', (text, expected) => {
  expect(parseEapiEndpoint(text)).toEqual(expected);
});

test.each([
  ['10.0.0.1', 'it is not a URL'],
  ['', 'it is not a URL'],
  ['ssh://10.0.0.1', 'the scheme is not https, http, unix or grpc'],
  ['https://admin:secret@10.0.0.1', 'it contains credentials'],
  ['https://10.0.0.1/api', 'the path is not /command-api'],
  ['https://10.0.0.1/?a=b', 'it has a query or a fragment'],
  ['unix://command-api.sock', 'the path of the socket must be absolute'],
  [`unix:///${'x'.repeat(107)}`, 'the path is longer than 107 bytes'],
  ['grpc://admin:secret@127.0.0.1:9543', 'it contains credentials'],
  ['grpc:///var/run/rpc.sock', 'it names no host'],
  ['grpc://127.0.0.1/command-api', 'nothing may follow the port'],
])('eAPI endpoint %s is refused', (text, problem) => {
  expect(() => parseEapiEndpoint(text)).toThrow(
    expect.objectContaining({ code: 'EAPI__ENDPOINT_INVALID', context: expect.objectContaining({ problem }) }),
  );
});

test('an eAPI endpoint is never shown with credentials that were written into it', () => {
  expect(() => parseEapiEndpoint('https://admin:secret@10.0.0.1')).toThrow(
    /^https:\/\/10\.0\.0\.1 is not an eAPI endpoint: it contains credentials$/,
  );
  expect(() => parseEapiEndpoint('admin:secret@10.0.0.1:x')).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('secret') }),
  );
});
