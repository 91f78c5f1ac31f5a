import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type HttpParts, httpServer } from '../../src/doors/http/server.ts';

export type Sent = {
  readonly token?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, with the content type of `headers`. */
  readonly raw?: string | Buffer;
  readonly headers?: Record<string, string>;
};

export type Answer = {
  readonly status: number;
  /** Without `date`, which says nothing of the answer. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Of a JSON answer; empty for any other. */
  readonly body: Readonly<Record<string, unknown>>;
};

export type Http = {
  readonly url: string;
  /** The path goes out exactly as given: a client library would rewrite `..` and `%2e`. */
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  close(): Promise<void>;
};

/** The HTTP door on a port of its own, over the parts given: a faulty one may be among them. */
export async function serveHttp(parts: HttpParts): Promise<Http> {
  const app = await httpServer(parts, 'silent');
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, send: (method, path, sent) => send(url, method, path, sent), close: () => app.close() };
}

export async function send(url: string, method: string, path: string, sent: Sent = {}): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const payload = sent.json === undefined ? sent.raw : JSON.stringify(sent.json);
  const headers = {
    ...(sent.token === undefined ? {} : { authorization: `Bearer ${sent.token}` }),
    ...(sent.json === undefined ? {} : { 'content-type': 'application/json' }),
    ...(payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) }),
    ...sent.headers,
  };
  const outgoing = request({ hostname, port, method, path, headers, agent: false }, (response) => {
    void read(response).then(resolve, reject);
  });
  outgoing.on('error', reject);
  outgoing.end(payload);
  return promise;
}

async function read(response: IncomingMessage): Promise<Answer> {
  const text = (await buffer(response)).toString('utf8');
  const { date: _, ...headers } = response.headers;
  return { status: response.statusCode ?? 0, headers, text, body: bodyOf(text) };
}

function bodyOf(text: string): Answer['body'] {
  try {
    return JSON.parse(text) as Answer['body'];
  } catch {
    return {};
  }
}
