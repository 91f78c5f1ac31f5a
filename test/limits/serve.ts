import { type HttpParts, httpServer } from '../../src/doors/http/server.ts';
import type { Answer } from '../support/http.ts';

export type Served = {
  readonly url: string;
  readonly ask: (method: string, path: string, sent: Sent) => Promise<Answer>;
  close(): Promise<void>;
};

type Sent = { readonly token: string; readonly json?: unknown; readonly signal?: AbortSignal };

/** The HTTP door with gates and a meter, asked by a client that can leave. */
export async function serve(parts: HttpParts): Promise<Served> {
  const app = await httpServer(parts, 'silent');
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    async ask(method, path, { token, json, signal }) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(signal === undefined ? {} : { signal }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
      const body = isJson ? (JSON.parse(text) as Answer['body']) : {};
      return { status: response.status, headers: Object.fromEntries(response.headers), text, body };
    },
    close: () => app.close(),
  };
}
