import { createGrpcChannel } from '../grpc/index.ts';
import { createAuthentication, type EapiCredentials } from './authentication.ts';
import { createEapiClient, type EapiClient } from './client.ts';
import type { EapiEndpoint } from './endpoint.ts';
import { createGrpcEapiClient } from './grpc-client.ts';
import type { EapiTls } from './tls.ts';
import { createEapiTransport } from './transport.ts';

export interface OpenEapiClientOptions {
  /** Not used on a Unix socket and over gRPC, where the switch asks for none. */
  readonly credentials?: EapiCredentials;
  /** By the system's authorities when absent. */
  readonly tls?: EapiTls;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  /** 1, when absent. */
  readonly modelVersion?: 1 | 'latest';
  /** Whether results carry the switch's time, where the transport can; they do when absent. */
  readonly timestamps?: boolean;
}

export interface OpenEapiClient {
  readonly client: EapiClient;
  /** Ends its session on the switch and its connection. */
  end(): Promise<void>;
}

/** A client with a connection of its own, by the transport that the endpoint names. Nothing is opened before the first command. */
export function openEapiClient(endpoint: EapiEndpoint, options: OpenEapiClientOptions): OpenEapiClient {
  return endpoint.grpcAddress === undefined ? overHttp(endpoint, options) : overGrpc(endpoint, endpoint.grpcAddress, options);
}

function overHttp(endpoint: EapiEndpoint, options: OpenEapiClientOptions): OpenEapiClient {
  const { timeoutMs, maxAnswerBytes, modelVersion = 1, timestamps = true, tls = { kind: 'system' } } = options;
  const credentials = endpoint.socketPath === undefined ? options.credentials : undefined;
  const transport = createEapiTransport({ endpoint, tls, timeoutMs, maxAnswerBytes });
  const authentication = createAuthentication({ endpoint: endpoint.text, credentials, transport });
  const username = credentials?.username ?? '(none)';
  return {
    client: createEapiClient({ endpoint: endpoint.text, username, transport, authentication, modelVersion, timestamps }),
    async end() {
      await authentication.end();
      await transport.close();
    },
  };
}

function overGrpc(endpoint: EapiEndpoint, address: string, { timeoutMs, maxAnswerBytes }: OpenEapiClientOptions): OpenEapiClient {
  const channel = createGrpcChannel({ endpoint: endpoint.text, address, timeoutMs, maxAnswerBytes });
  return { client: createGrpcEapiClient({ endpoint: endpoint.text, channel }), end: () => channel.close() };
}
