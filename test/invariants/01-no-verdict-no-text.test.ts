import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteDocument } from '../../ingest/ingest.ts';
import type { Engine } from '../../src/ports/engine.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { readDocument } from '../../src/retrieve/read-document.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { allowsAll, engineOf, spoiled } from '../support/engines.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

let service: TestService;
/** The read path without the permission index, which alone would keep people from finding what they may not read. */
let path: ReadPath;
let wide: Awaited<ReturnType<typeof unnarrowed>>;
const request = { query: 'salary review', k: 10 };

beforeAll(async () => {
  service = await openTestService();
  wide = await unnarrowed(service);
  path = { ...service.read, index: wide.index };
  const as = await writer(service);
  await put(service.write, as, 'salaries', 'The salary review of every person.', ['user:anne']);
  await put(service.write, as, 'handbook', 'When the salary review happens.', [
    'user:anne',
    'user:bob',
    'agent:bot',
  ]);
});
afterAll(async () => {
  await wide.close();
  await service.close();
});

const found = async (read: ReadPath, token: string) =>
  (await retrieve(read, token, request)).results.map((result) => result.document_id).toSorted();

describe('no verdict, no text', () => {
  it('holds for the person', async () => {
    const bob = await service.token('bob');
    expect(await found({ ...path, engine: allowsAll }, bob)).toContain('salaries');
    expect(await found(path, bob)).toEqual(['handbook']);
    expect(await found(path, await service.token('anne'))).toEqual(['handbook', 'salaries']);
  });

  it('holds for the agent as well', async () => {
    const anneByBot = await service.token('anne', { actor: 'bot' });
    const trustsAgents = spoiled(path.engine, (results, { checks }) =>
      results.map((result, i) =>
        checks[i]?.user.startsWith('agent:') ? { ...result, allowed: true } : result,
      ),
    );
    expect(await found({ ...path, engine: trustsAgents }, anneByBot)).toContain('salaries');
    expect(await found(path, anneByBot)).toEqual(['handbook']);
  });

  it('holds for every agent through which it comes, and not only for the one that asks', async () => {
    const as = await writer(service);
    await put(service.write, as, 'bonus', 'The salary review of the bonus.', ['user:anne', 'agent:bot']);
    const token = await service.token('anne', { actor: ['bot', 'planner'] });
    // May ask, for this test: what its own relationships let it read is another matter.
    const identity = service.exchange.subjects;
    const onlyOneThatAsks: Identity = {
      ...identity,
      async verify(presented) {
        const { principal, ...rest } = await identity.verify(presented);
        return { ...rest, principal: { ...principal, chain: principal.chain.slice(0, 1) } };
      },
    };
    expect(await found({ ...path, identity: onlyOneThatAsks }, token)).toEqual(['bonus', 'handbook']);
    expect(await found({ ...path, identity }, token)).toEqual([]);
    await deleteDocument(service.write, as, 'bonus');
  });

  it('holds for the person behind an agent that may read it', async () => {
    const trustsPeople = engineOf(() => true);
    const carlByBot = await service.token('carl', { actor: 'bot' });
    expect(await found({ ...path, engine: trustsPeople }, carlByBot)).toContain('handbook');
    expect(await found(path, carlByBot)).toEqual([]);
  });

  it('holds for a whole document', async () => {
    const bob = await service.token('bob');
    const leaked = await readDocument({ ...path, engine: allowsAll }, bob, 'salaries');
    expect(leaked.passages[0]?.text).toContain('every person');
    await expect(readDocument(path, bob, 'salaries')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is asked in this request, for every principal and every released document', async () => {
    const { engine, verdicts } = recording(service.read.engine);
    const token = await service.token('anne', { actor: 'bot' });
    const { results } = await retrieve({ ...path, engine }, token, request);
    expect(results).toHaveLength(1);
    for (const { document_id } of results) {
      expect(verdicts.get(`user:anne can_read document:${document_id}`)).toBe(true);
      expect(verdicts.get(`agent:bot can_read document:${document_id}`)).toBe(true);
    }
  });
});

describe('nothing else lets text through', () => {
  it('not a search that slips in passages of a denied document', async () => {
    const bob = await service.token('bob');
    const { index } = path;
    const careless: ReadPath['index'] = {
      ...index,
      async open(question, signal) {
        const all = await (await index.open(question, signal)).next(100);
        const search = await index.open(question, signal);
        return { ...search, within: (_, k) => search.within(all.documents, k) };
      },
    };
    expect(await found({ ...path, index: careless, engine: allowsAll }, bob)).toContain('salaries');
    expect(await found({ ...path, index: careless }, bob)).toEqual(['handbook']);
  });

  it('not a store that answers with the text of another document', async () => {
    const salaries = await retrieve(service.read, await service.token('anne'), {
      query: 'every person',
      k: 1,
    });
    const secret = salaries.results[0];
    const swapped: ReadPath['passages'] = {
      async read(tenant, chunks) {
        const texts = await service.read.passages.read(tenant, chunks);
        return texts.map((text) => ({ ...text, documentId: 'salaries', text: secret?.text ?? '' }));
      },
    };
    const answer = await retrieve({ ...path, passages: swapped }, await service.token('bob'), request);
    expect(secret?.document_id).toBe('salaries');
    expect(answer).toMatchObject({ results: [], complete: false, certified: false });
  });
});

function recording(engine: Engine): { engine: Engine; verdicts: Map<string, boolean> } {
  const verdicts = new Map<string, boolean>();
  return {
    verdicts,
    engine: spoiled(engine, (results, { checks }) => {
      for (const [i, { user, relation, object }] of checks.entries()) {
        verdicts.set(`${user} ${relation} ${object}`, results[i]?.allowed === true);
      }
      return results;
    }),
  };
}
