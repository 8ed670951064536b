import { expect, test } from 'vitest';
import { parseEapiEndpoint } from '../../../src/collector/eapi/http.ts';

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
