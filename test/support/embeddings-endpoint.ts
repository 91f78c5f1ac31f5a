import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export type EmbeddingsEndpoint = {
  /** What a child process needs to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Every text it was asked to embed, the adapter's probe for the dimension aside. */
  readonly texts: readonly string[];
  /** From the `count`-th text from now on nothing is answered until `release`; resolves when that text comes. */
  holdAt(count: number): Promise<void>;
  release(): void;
  close(): Promise<void>;
};

const DIMENSION = 8;

/** An OpenAI-compatible endpoint on this machine. */
export async function startEmbeddings(model = 'fake'): Promise<EmbeddingsEndpoint> {
  const texts: string[] = [];
  let hold:
    | {
        readonly at: number;
        readonly reached: () => void;
        readonly until: Promise<void>;
        readonly release: () => void;
      }
    | undefined;

  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const { input } = (await json(request)) as { input: string[] };
    if (input[0] !== 'dimension') texts.push(...input);
    if (hold !== undefined && texts.length >= hold.at) {
      hold.reached();
      await hold.until;
    }
    const data = input.map((text, index) => ({ index, object: 'embedding', embedding: vectorOf(text) }));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', model, data }));
  };
  const server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return {
    env: { OPENAI_API_KEY: 'key', OPENAI_BASE_URL: url, EMBEDDING_MODEL: model },
    texts,
    holdAt(count) {
      const reached = Promise.withResolvers<void>();
      const { promise: until, resolve: release } = Promise.withResolvers<void>();
      hold = { at: texts.length + count, reached: reached.resolve, until, release };
      return reached.promise;
    },
    release() {
      hold?.release();
      hold = undefined;
    },
    async close() {
      hold?.release();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** The same text has the same vector; no two texts are far apart or alike by design. */
function vectorOf(text: string): number[] {
  const bytes = createHash('sha256').update(text).digest();
  return Array.from({ length: DIMENSION }, (_, i) => bytes.readInt16LE(2 * i) + 0.5);
}
