import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { clearanceClient } from '../../src/client/client.ts';
import { ask } from '../../src/doors/cli/ask.ts';
import { ClearanceRetriever, type Retrieve, remoteRetrieve } from '../../src/doors/langchain/index.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import { allowsAll } from '../support/engines.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

let service: TestService;
/** Without the permission index, which alone would keep people from finding what they may not read. */
let wide: Awaited<ReturnType<typeof unnarrowed>>;
let http: Http;
const query = 'harvest';
const k = 3;

beforeAll(async () => {
  service = await openTestService();
  wide = await unnarrowed(service);
  http = await serveHttp(service);
  const as = await writer(service);
  await put(service.write, as, 'wheat', 'The wheat harvest.', ['user:anne', 'agent:bot']);
  await put(service.write, as, 'rye', 'The rye harvest.', ['user:anne', 'user:bob']);
  await put(service.write, as, 'hops', 'The hops harvest.', ['user:carl']);
});
afterAll(async () => {
  await wide.close();
  await http.close();
  await service.close();
});

const people = [
  { as: 'anne', expected: ['rye', 'wheat'] },
  { as: 'anne', agent: 'bot', expected: ['wheat'] },
  { as: 'bob', expected: ['rye'] },
  { as: 'stranger', expected: [] },
];
type Person = { readonly as: string; readonly agent?: string };
type Seen = {
  readonly ids: readonly string[];
  readonly scores: readonly number[];
  readonly complete: boolean;
};

const tokenOf = ({ as, agent }: Person) => service.token(as, agent === undefined ? {} : { actor: agent });
const toSeen = ({ results, complete }: RetrieveResponse): Seen => ({
  ids: results.map((result) => result.document_id),
  scores: results.map((result) => result.score),
  complete,
});

async function throughLangChain(way: Retrieve, person: Person): Promise<Seen> {
  const token = await tokenOf(person);
  const documents = await new ClearanceRetriever({ retrieve: way, k }).invoke(query, {
    configurable: { clearance_token: () => token },
  });
  return {
    ids: documents.map(({ metadata }) => String(metadata.document_id)),
    scores: documents.map(({ metadata }) => Number(metadata.score)),
    // Every document carries it; where there is none, there is nothing to carry it.
    complete: documents.every(({ metadata }) => metadata.complete === true),
  };
}

/** `clearance ask … --json`, as a second command on the same data folder. */
async function throughCli({ as, agent }: Person): Promise<Seen> {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  const who = { as: { subject: as }, ...(agent === undefined ? {} : { agent: [agent] }) };
  await ask(service.config, query, { ...who, k, json: true });
  const [printed] = print.mock.calls.at(-1) ?? [];
  print.mockRestore();
  return toSeen(JSON.parse(String(printed)) as RetrieveResponse);
}

const inProcess =
  (read: ReadPath): Retrieve =>
  ({ token, ...request }) =>
    retrieve(read, token, request);

const doors: Record<string, (person: Person) => Promise<Seen>> = {
  HTTP: async (person) => {
    const answer = await http.send('POST', '/v1/retrieve', {
      token: await tokenOf(person),
      json: { query, k },
    });
    return toSeen(answer.body as RetrieveResponse);
  },
  client: async (person) =>
    toSeen(await clearanceClient({ url: http.url, token: await tokenOf(person) }).retrieve({ query, k })),
  'LangChain in this process': (person) => throughLangChain(inProcess(service.read), person),
  'LangChain over HTTP': (person) => throughLangChain(remoteRetrieve(http.url), person),
  'command line': throughCli,
};

it.each(people)('every door gives $as $agent the same', async ({ expected, ...person }) => {
  const own = toSeen(await retrieve(service.read, await tokenOf(person), { query, k }));
  expect(own.ids.toSorted()).toEqual(expected);
  // A door that goes round the enforcement shows.
  const round = await throughLangChain(
    inProcess({ ...service.read, index: wide.index, engine: allowsAll }),
    person,
  );
  expect(round).not.toEqual(own);
  for (const [door, answer] of Object.entries(doors)) expect(await answer(person), door).toEqual(own);
});
