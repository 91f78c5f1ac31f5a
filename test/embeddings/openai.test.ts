import { afterEach, describe, expect, it } from 'vitest';
import { openAiEmbeddings } from '../../src/adapters/openai-embeddings/openai-embeddings.ts';
import type { Embeddings } from '../../src/ports/embeddings.ts';
import { embedOne } from './contract.ts';
import {
  type Answer,
  type EmbeddingList,
  type Endpoint,
  type EndpointOptions,
  embeddingList,
  fails,
  gives,
  startEndpoint,
} from './wire.ts';

const KEY = 'sk-very-secret';
const TEXT = 'salaries of the board';
const open: Endpoint[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint[Symbol.asyncDispose]()));
});

async function start(options: EndpointOptions = {}): Promise<Endpoint> {
  const endpoint = await startEndpoint(options);
  open.push(endpoint);
  return endpoint;
}

const connect = (endpoint: Endpoint, timeoutMs = 20_000): Promise<Embeddings> =>
  openAiEmbeddings({ apiKey: KEY, baseUrl: endpoint.baseUrl, model: 'm', timeoutMs });

/** The error of a call, in which neither the key nor the texts are to be found however deep one looks. */
async function failureOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => expect.unreachable('it should have failed'),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'ClearanceError', code: 'embeddings_unavailable' });
  const { message, stack, cause } = error as Error;
  const all = `${message} ${stack} ${String(cause)} ${JSON.stringify(error)}`;
  expect(all).not.toContain(KEY);
  expect(all).not.toContain(TEXT);
  return message;
}

const repeat = (count: number, answer: Answer): Answer[] => Array.from({ length: count }, () => answer);
const changed =
  (change: (data: EmbeddingList['data']) => EmbeddingList['data']): Answer =>
  (response, asked) =>
    gives({ data: change(embeddingList(asked, 64).data) })(response, asked);

describe('requests', () => {
  it('carry the key, the model and at most 128 texts or 100,000 characters', async () => {
    const endpoint = await start();
    const embeddings = await connect(endpoint);
    endpoint.asked.length = 0;
    await embeddings.embed(Array.from({ length: 300 }, (_, i) => `text ${i}`));
    expect(endpoint.asked.map(({ input }) => input.length)).toEqual([128, 128, 44]);
    endpoint.asked.length = 0;
    await embeddings.embed(['a'.repeat(60_000), 'b'.repeat(40_000), 'c', 'd'.repeat(120_000), 'e']);
    expect(endpoint.asked.map(({ input }) => input.map((text) => text[0]).join(''))).toEqual([
      'ab',
      'c',
      'd',
      'e',
    ]);
    expect(new Set(endpoint.asked.map(({ model }) => model))).toEqual(new Set(['m']));
    expect(endpoint.authorizations).toEqual(new Set([`Bearer ${KEY}`]));
  });

  it('hold no text of white space alone', async () => {
    const endpoint = await start();
    const embeddings = await connect(endpoint);
    endpoint.asked.length = 0;
    await embeddings.embed(['', ' \n']);
    expect(endpoint.asked).toEqual([]);
  });
});

describe('an endpoint in trouble', () => {
  it.each([
    ['429', fails(429, { 'retry-after': '0' })],
    ['500', fails(500)],
    ['a broken connection', ((response) => response.destroy()) satisfies Answer],
    ['a body that breaks off', breaksOff],
  ])('is asked again after %s', async (_, answer) => {
    const endpoint = await start();
    const embeddings = await connect(endpoint);
    const expected = await embedOne(embeddings, TEXT);
    endpoint.asked.length = 0;
    endpoint.next.push(answer, answer);
    expect(await embedOne(embeddings, TEXT)).toEqual(expected);
    expect(endpoint.asked).toHaveLength(3);
  });

  it.each([
    ['500s', fails(500), 'it answered 500'],
    ['429s', fails(429), 'a limit of its own is used up'],
    ['bodies that break off', breaksOff, 'breaks off'],
    ['bodies cut at the end', cutShort, 'breaks off'],
    ['broken connections', ((response) => response.destroy()) satisfies Answer, 'it is not reached'],
  ])('is given up after four %s', async (_, answer, reason) => {
    const endpoint = await start();
    const embeddings = await connect(endpoint);
    endpoint.asked.length = 0;
    endpoint.next.push(...repeat(9, answer));
    expect(await failureOf(embeddings.embed([TEXT]))).toContain(reason);
    expect(endpoint.asked).toHaveLength(4);
  });

  it.each([400, 401, 403, 404, 413])('is not asked again after %i', async (status) => {
    const endpoint = await start();
    const embeddings = await connect(endpoint);
    endpoint.asked.length = 0;
    endpoint.next.push(fails(status));
    expect(await failureOf(embeddings.embed([TEXT]))).toContain(`it answered ${status}`);
    expect(endpoint.asked).toHaveLength(1);
  });

  it.each(['3600', 'Fri, 31 Dec 2100 23:59:59 GMT'])(
    'is not waited for past the deadline: %s',
    async (retryAfter) => {
      const endpoint = await start();
      const embeddings = await connect(endpoint);
      endpoint.asked.length = 0;
      endpoint.next.push(fails(429, { 'retry-after': retryAfter }));
      expect(await failureOf(embeddings.embed([TEXT]))).toContain('429');
      expect(endpoint.asked).toHaveLength(1);
    },
  );

  it.each<[string, Answer]>([
    ['never answers', () => {}],
    [
      'stops in the middle of its answer',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":'),
    ],
  ])('is left when it %s', async (_, answer) => {
    const endpoint = await start();
    const embeddings = await connect(endpoint, 500);
    endpoint.next.push(...repeat(9, answer));
    expect(await failureOf(embeddings.embed([TEXT]))).toContain('no answer within 500 ms');
    expect(await failureOf(embeddings.embed([TEXT], AbortSignal.timeout(50)))).toContain(
      'the caller gave it up',
    );
  });

  it('is left at once by a caller who goes during a wait', { timeout: 15_000 }, async () => {
    const endpoint = await start();
    const embeddings = await connect(endpoint, 120_000);
    endpoint.asked.length = 0;
    endpoint.next.push(fails(429, { 'retry-after': '100' }));
    expect(await failureOf(embeddings.embed([TEXT], AbortSignal.timeout(300)))).toContain(
      'the caller gave it up',
    );
    expect(endpoint.asked).toHaveLength(1);
  });

  it('that is not there fails the start', async () => {
    const endpoint = await startEndpoint();
    await endpoint[Symbol.asyncDispose]();
    expect(await failureOf(connect(endpoint))).toContain('it is not reached');
  });

  it('that takes another key fails the start', async () => {
    const endpoint = await start();
    endpoint.next.push(fails(401));
    expect(await failureOf(connect(endpoint))).toContain('the key is wrong');
  });
});

describe('a wrong answer', () => {
  it.each<[string, Answer, string]>([
    ['too few', changed((data) => data.slice(1)), '2 texts were sent and 1 embeddings came back'],
    ['too many', changed((data) => [...data, { index: 2, embedding: [1] }]), 'and 3 embeddings came back'],
    ['an index twice', changed((data) => data.map((item) => ({ ...item, index: 0 }))), 'index 1 is missing'],
    [
      'another dimension',
      (response, asked) => gives(embeddingList(asked, 32))(response, asked),
      '32 dimensions where the model has 64',
    ],
    [
      'zeros',
      changed((data) => data.map((item) => ({ ...item, embedding: Array<number>(64).fill(0) }))),
      'no length',
    ],
    [
      'numbers that are none',
      changed((data) =>
        data.map((item) => ({ ...item, embedding: Buffer.alloc(256, 255).toString('base64') })),
      ),
      'no length',
    ],
    [
      'half a number',
      changed((data) =>
        data.map((item) => ({ ...item, embedding: Buffer.alloc(255, 1).toString('base64') })),
      ),
      'cut off',
    ],
    [
      'no list',
      (response) => response.setHeader('content-type', 'application/json').end('{"data":null}'),
      'not a list',
    ],
    [
      'a page of HTML',
      (response) => response.setHeader('content-type', 'text/html').end('<html>'),
      'not a list',
    ],
  ])('with %s is refused', async (_, answer, reason) => {
    const endpoint = await start();
    const embeddings = await connect(endpoint);
    endpoint.next.push(answer);
    expect(await failureOf(embeddings.embed([TEXT, 'another']))).toContain(reason);
  });
});

const at = (endpoint: Endpoint, dimension?: number): Promise<Embeddings> =>
  openAiEmbeddings({
    apiKey: KEY,
    baseUrl: endpoint.baseUrl,
    model: 'm',
    ...(dimension ? { dimension } : {}),
  });

describe('the dimension', () => {
  it("is the model's own, not asked for", async () => {
    const endpoint = await start({ fixed: true, dimension: 2_000 });
    expect(await at(endpoint)).toMatchObject({ model: 'm', dimension: 2_000 });
    expect(await at(endpoint, 2_000)).toMatchObject({ model: 'm', dimension: 2_000 });
    expect(endpoint.asked.filter((asked) => 'dimensions' in asked)).toEqual([]);
  });

  it('of more than pgvector can index is shortened, and names a space of its own', async () => {
    const endpoint = await start({ dimension: 3_072 });
    const embeddings = await at(endpoint);
    expect(embeddings).toMatchObject({ model: 'm@1536', dimension: 1_536 });
    expect(await embedOne(embeddings, TEXT)).toHaveLength(1_536);
  });

  it('is shortened as configured', async () => {
    expect(await at(await start(), 32)).toMatchObject({ model: 'm@32', dimension: 32 });
  });

  it("that the model can't give fails the start", async () => {
    const wide = await start({ fixed: true, dimension: 3_072 });
    await expect(at(wide)).rejects.toMatchObject({ name: 'StartupError' });
    const narrow = await start({ fixed: true });
    await expect(at(narrow, 32)).rejects.toMatchObject({ name: 'StartupError' });
    await expect(at(narrow, 2_001)).rejects.toMatchObject({ name: 'StartupError' });
  });
});

function breaksOff(...[response, asked]: Parameters<Answer>): void {
  const body = JSON.stringify(embeddingList(asked, 64));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.write(body.slice(0, body.length / 2), () => response.destroy());
}

function cutShort(...[response, asked]: Parameters<Answer>): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(embeddingList(asked, 64)).slice(0, -9));
}
