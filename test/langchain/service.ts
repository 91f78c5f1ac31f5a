import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';

export type Received = {
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
};
export type Reply = { status?: number; headers?: Record<string, string>; body: unknown };

/** A server that speaks Clearance's wire format and answers what the test says. */
export async function startService(answer: (received: Received) => Reply | Promise<Reply>) {
  const received: Received[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const { url: path, headers } = request;
    const asked = { path, headers, body: (await json(request)) as Received['body'] };
    received.push(asked);
    const reply = await answer(asked);
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  };
  const server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** An answer whose one passage says whom it is for, so that a mix-up shows. */
export function answerFor(token: string, query: string): RetrieveResponse {
  return {
    results: [
      {
        document_id: 'handbook',
        chunk_id: `handbook-${query}`,
        title: 'Handbook',
        text: `${query} for ${token}`,
        score: 0.5,
        metadata: { team: 'hr', document_id: 'forged', decision_id: 'forged' },
        source_url: 'https://wiki.example.com/handbook',
        version: 3,
      },
    ],
    complete: true,
    certified: false,
    watermark: 'w1',
    session_id: 's1',
    decision_id: `decision-${token}`,
  };
}

export const problem = (status: number, code: string, detail: string): Reply => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: { type: 'about:blank', title: 'Problem', status, code, detail },
});
