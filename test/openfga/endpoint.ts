import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Certificate } from '../support/fault-proxy/certificates.ts';

export type Asked = {
  readonly path: string;
  readonly body: string;
  readonly authorization: string | undefined;
};

export type Endpoint = {
  readonly url: string;
  readonly asked: Asked[];
  /** How it answers from now on. */
  answer: (response: ServerResponse, asked: Asked) => void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** An HTTP server on this machine that does what a real one never should. */
export async function startEndpoint(
  answer: Endpoint['answer'],
  certificate?: Certificate,
): Promise<Endpoint> {
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const asked = {
      path: request.url ?? '',
      body: await text(request),
      authorization: request.headers.authorization,
    };
    endpoint.asked.push(asked);
    endpoint.answer(response, asked);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const server = certificate ? createSecureServer(certificate, listener) : createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const endpoint: Endpoint = {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    asked: [],
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return endpoint;
}

export function gives(
  body: string | object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Accepts the question and never answers. */
export const isSilent: Endpoint['answer'] = () => {};

/** Half a body, then nothing more, or a reset. */
export function breaksOff(how: 'silent' | 'reset'): Endpoint['answer'] {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"tuples":[', () => {
      if (how === 'reset') response.socket?.resetAndDestroy();
    });
  };
}
