import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Certificate } from './certificates.ts';

export type Asked = { readonly method: string; readonly path: string; readonly body: string };
export type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type AnswerFault = {
  /** What the server is asked instead. */
  readonly ask?: (asked: Asked) => Asked;
  /** What is answered without asking the server. */
  readonly instead?: Answered;
  /** What is answered in the place of what the server said. */
  readonly answer?: (answered: Answered, asked: Asked) => Answered;
  /** The connection ends after half of the body. */
  readonly cut?: true;
};

/** An HTTP proxy that changes what is asked and what is answered. */
export type AnswerProxy = {
  readonly port: number;
  /** Until it is told another one, or `undefined`. */
  set(fault: AnswerFault | undefined): void;
  /** Told of every exchange as the server meant it. */
  watch(see: (asked: Asked, answered: Answered) => void): void;
  close(): Promise<void>;
};

/** Speaks TLS where it has a certificate. */
export async function openAnswerProxy(target: URL, certificate?: Certificate): Promise<AnswerProxy> {
  let fault: AnswerFault | undefined;
  let seen: (asked: Asked, answered: Answered) => void = () => {};

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = 'GET', url: path = '/' } = incoming;
    const sent: Asked = { method, path, body: await text(incoming) };
    const asked = fault?.ask?.(sent) ?? sent;
    const answered = fault?.instead ?? (await ask(target, asked, incoming.headers.authorization));
    seen(asked, answered);
    const { status, headers, body } = fault?.answer?.(answered, asked) ?? answered;
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    if (fault?.cut === undefined) outgoing.end(body);
    else outgoing.write(body.slice(0, Math.floor(body.length / 2)), () => outgoing.socket?.destroy());
  };
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  };
  const server = certificate ? createSecureServer(certificate, listener) : createServer(listener);
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  return {
    port: (server.address() as AddressInfo).port,
    set(next) {
      fault = next;
    },
    watch(see) {
      seen = see;
    },
    async close() {
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await closed;
    },
  };
}

function ask(target: URL, { method, path, body }: Asked, authorization?: string): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(authorization === undefined ? {} : { authorization }),
  };
  // A connection of its own: one kept alive may be closed by the server at the very moment it is used again.
  const options = { method, path, headers, agent: false };
  const outgoing = request(target, options, (response) => {
    const type = response.headers['content-type'];
    text(response).then(
      (answer) =>
        resolve({
          status: response.statusCode ?? 502,
          headers: type === undefined ? {} : { 'content-type': type },
          body: answer,
        }),
      reject,
    );
  });
  outgoing.on('error', reject).end(body);
  return promise;
}
