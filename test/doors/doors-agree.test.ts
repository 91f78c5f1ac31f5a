import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, type Service } from '../../src/compose.ts';
import type { Config } from '../../src/config.ts';
import { remoteRetrieve } from '../../src/doors/langchain/index.ts';
import { developmentToken } from '../../src/operator.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import { freshFolder, run, type Served, serve } from '../support/cli.ts';
import { expected, ingestCorpus } from '../support/corpus.ts';
import {
  type Comparable,
  comparable,
  foundOf,
  inProcess,
  throughRetriever,
  throughTool,
} from '../support/doors.ts';

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

let config: Config;
let served: Served;
let service: Service;

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

describe('every door', () => {
  beforeAll(async () => {
    served = await serve(config.dataDir);
    service = await openService(config, () => undefined);
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

    const asked = { token: await tokenOf(asker), query: question, k: K };
    for (const way of [inProcess(service.read), remoteRetrieve(served.url)]) {
      expect(comparable(await throughTool(way, asked))).toEqual(same);
      expect(await throughRetriever(way, asked)).toEqual(foundOf(same));
    }

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
    const viaHttp: Comparable[] = [];
    for (const { asker, question } of some) {
      const answer = comparable(await throughCommandLine(asker, question));
      expect(answer).toEqual(comparable(await throughHttp(asker, question)));
      viaHttp.push(answer);
    }
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });

    const straight: Comparable[] = [];
    for (const { asker, question } of some)
      straight.push(comparable(await throughCommandLine(asker, question)));
    expect(straight).toEqual(viaHttp);
    expect(new Set(straight.map(({ results }) => results[0]?.document_id)).size).toBeGreaterThan(2);
  });
});
