import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, type Service } from '../../src/compose.ts';
import type { Config } from '../../src/config.ts';
import {
  ClearanceRetriever,
  clearanceTool,
  type Retrieve,
  remoteRetrieve,
} from '../../src/doors/langchain/index.ts';
import { developmentToken } from '../../src/operator.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import { freshFolder, run, type Served, serve } from '../support/cli.ts';
import { expected, ingestCorpus } from '../support/corpus.ts';

const K = 4;

type Asker = { readonly subject: string; readonly actor?: string };
/** As `expected.json` names them: `user:anne+agent:support-bot`. */
const askers: Readonly<Record<string, Asker>> = {
  'user:anne': { subject: 'anne' },
  'user:bo': { subject: 'bo' },
  'user:cleo': { subject: 'cleo' },
  'user:dan': { subject: 'dan' },
  'user:anne+agent:support-bot': { subject: 'anne', actor: 'support-bot' },
};
const table = expected.answers.flatMap(({ question, first }) =>
  Object.entries(askers).map(([who, asker]) => ({ who, asker, question, first: first[who] })),
);

/** What must be equal through every door; ids of sessions and decisions are new each time. */
type Answer = Pick<RetrieveResponse, 'complete' | 'certified' | 'watermark'> & {
  readonly results: readonly Pick<
    RetrieveResponse['results'][number],
    'document_id' | 'chunk_id' | 'score' | 'version' | 'text'
  >[];
};
function comparable({ results, complete, certified, watermark }: RetrieveResponse): Answer {
  return {
    results: results.map(({ document_id, chunk_id, score, version, text }) => ({
      document_id,
      chunk_id,
      score,
      version,
      text,
    })),
    complete,
    certified,
    watermark,
  };
}

let config: Config;
let served: Served;
let service: Service;
let inProcess: Retrieve;

beforeAll(async () => {
  config = await ingestCorpus(join(freshFolder(), 'data'));
});

const tokenOf = (asker: Asker) => developmentToken(config, { ...asker, scopes: ['retrieve'], lifetime: 600 });

async function throughCommandLine({ subject, actor }: Asker, question: string): Promise<RetrieveResponse> {
  const agent = actor === undefined ? [] : ['--agent', `agent:${actor}`];
  const asked = await run(['ask', question, '--as', `user:${subject}`, ...agent, '-k', String(K), '--json'], {
    CLEARANCE_DATA_DIR: config.dataDir,
  });
  expect(asked).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(asked.stdout) as RetrieveResponse;
}

async function throughHttp(asker: Asker, query: string): Promise<RetrieveResponse> {
  const response = await fetch(`${served.url}/v1/retrieve`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokenOf(asker)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, k: K }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as RetrieveResponse;
}

async function throughRetriever(way: Retrieve, asker: Asker, query: string) {
  const clearance_token = await tokenOf(asker);
  const documents = await new ClearanceRetriever({ retrieve: way, k: K }).invoke(query, {
    configurable: { clearance_token },
  });
  return documents.map(({ pageContent: text, metadata }) => {
    const { document_id, chunk_id, score, version, complete } = metadata as Answer['results'][number] & {
      complete: boolean;
    };
    return { document_id, chunk_id, score, version, text, complete };
  });
}

async function throughTool(way: Retrieve, asker: Asker, query: string): Promise<RetrieveResponse> {
  const clearance_token = await tokenOf(asker);
  const call = { type: 'tool_call' as const, id: 'call', name: 'search_documents', args: { query, k: K } };
  const message = await clearanceTool({ retrieve: way }).invoke(call, { configurable: { clearance_token } });
  return (message as { artifact: RetrieveResponse }).artifact;
}

describe('every door', () => {
  beforeAll(async () => {
    served = await serve(config.dataDir);
    service = await openService(config, () => undefined);
    inProcess = ({ token, ...request }) => retrieve(service.read, token, request);
  });
  afterAll(async () => {
    await service.close();
    served.kill('SIGTERM');
    await served.ended;
  });

  it.each(table)('gives $who one answer: $question', async ({ who, asker, question, first }) => {
    const answer = await throughHttp(asker, question);
    const same = comparable(answer);
    expect(same).toMatchObject({ complete: true, certified: true });

    expect(comparable(await throughTool(inProcess, asker, question))).toEqual(same);
    expect(comparable(await throughTool(remoteRetrieve(served.url), asker, question))).toEqual(same);
    const documents = same.results.map((result) => ({ ...result, complete: same.complete }));
    expect(await throughRetriever(inProcess, asker, question)).toEqual(documents);
    expect(await throughRetriever(remoteRetrieve(served.url), asker, question)).toEqual(documents);

    expect(same.results.length).toBeGreaterThan(0);
    expect(expected.readable[who]).toEqual(
      expect.arrayContaining(same.results.map(({ document_id }) => document_id)),
    );
    expect(same.results[0]?.document_id).toBe(first);
  });

  it.each(Object.entries(askers))(
    'lets %s find all that may be read and nothing else',
    async (who, asker) => {
      // k is more than the documents that anyone here may read, and these have a passage each.
      const token = await tokenOf(asker);
      const found = await retrieve(service.read, token, { query: 'Brackmere', k: 50 });
      const documents = [...new Set(found.results.map(({ document_id }) => document_id))];
      expect(found.complete).toBe(true);
      expect(documents.toSorted()).toEqual(expected.readable[who]?.toSorted());
    },
  );
});

describe('the command line', () => {
  // A process for each answer, so three rows: the agent's first question, and a later one of two people.
  const some = table.filter((_, i) => i % (Object.keys(askers).length + 1) === 4);

  it('answers alike through the running service and straight from the folder', async () => {
    const running = await serve(config.dataDir);
    served = running;
    const viaHttp: Answer[] = [];
    for (const { asker, question } of some) {
      const answer = comparable(await throughCommandLine(asker, question));
      expect(answer).toEqual(comparable(await throughHttp(asker, question)));
      viaHttp.push(answer);
    }
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });

    const straight: Answer[] = [];
    for (const { asker, question } of some)
      straight.push(comparable(await throughCommandLine(asker, question)));
    expect(straight).toEqual(viaHttp);
    expect(new Set(straight.map(({ results }) => results[0]?.document_id)).size).toBeGreaterThan(2);
  });
});
