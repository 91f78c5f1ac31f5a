import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the endpoint received. */
export type Asked = {
  readonly input: string[];
  readonly model: string;
  readonly encoding_format?: 'base64' | 'float';
  readonly dimensions?: number;
};

/** Answers one request in place of the endpoint's normal answer. */
export type Answer = (response: ServerResponse, asked: Asked) => void;

export type Endpoint = {
  readonly baseUrl: string;
  readonly asked: Asked[];
  readonly authorizations: Set<string | undefined>;
  /** For the requests to come, one each; then it answers normally again. */
  readonly next: Answer[];
  [Symbol.asyncDispose](): Promise<void>;
};

export type EndpointOptions = {
  readonly dimension?: number;
  /** Refuse `dimensions`, as models without shortening do. */
  readonly fixed?: boolean;
  /** Some servers refuse base64, some don't know of it. */
  readonly base64?: 'given' | 'refused' | 'ignored';
};

/** An embeddings endpoint on this machine that speaks OpenAI's wire format, its data in reverse order. */
export async function startEndpoint(options: EndpointOptions = {}): Promise<Endpoint> {
  const { dimension = 64, fixed = false, base64 = 'given' } = options;
  const asked: Asked[] = [];
  const authorizations = new Set<string | undefined>();
  const next: Answer[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as Asked;
    asked.push(body);
    authorizations.add(request.headers.authorization);
    const answer = next.shift();
    if (answer !== undefined) return answer(response, body);
    if (request.url !== '/v1/embeddings' || request.method !== 'POST') return fails(404)(response, body);
    // As OpenAI: at most 2,048 texts, none of them empty.
    if (body.input.length > 2_048 || body.input.includes('')) return fails(400)(response, body);
    if (fixed && body.dimensions !== undefined) return fails(400)(response, body);
    if (base64 === 'refused' && body.encoding_format === 'base64') return fails(400)(response, body);
    const shown = base64 === 'ignored' ? { ...body, encoding_format: 'float' as const } : body;
    return gives(embeddingList(shown, body.dimensions ?? dimension))(response, body);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    authorizations,
    next,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type EmbeddingList = { data: { index: number; embedding: string | number[] }[] };

export function embeddingList({ input, encoding_format }: Asked, dimension: number): EmbeddingList {
  const data = input.map((text, index) => {
    const vector = bagOfWords(text, dimension);
    const embedding =
      encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  return { data: data.toReversed() };
}

export function gives(list: EmbeddingList): Answer {
  return (response, { model }) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ object: 'list', model, usage: { prompt_tokens: 1, total_tokens: 1 }, ...list }),
    );
  };
}

/** The request's key and texts come back in the error, as endpoints do. */
export function fails(status: number, headers: Record<string, string> = {}): Answer {
  return (response, { input }) => {
    const authorization = String(response.req.headers.authorization);
    const said = `${authorization} ${input.join(' ')}`;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message: said, type: said, param: said, code: said } }));
  };
}

/** Each word adds a direction of its own; of any length, for it is the adapter that normalises. */
function bagOfWords(text: string, dimension: number): Float32Array {
  const vector = new Float32Array(dimension);
  for (const word of text.split(/\s+/)) {
    for (let i = 0; i < dimension; i += 32) {
      const bytes = createHash('sha256').update(`${i} ${word}`).digest();
      for (let j = i; j < Math.min(i + 32, dimension); j++)
        vector[j] = (vector[j] ?? 0) + bytes.readInt8(j - i) / 64;
    }
  }
  return vector;
}
