import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Candidate, CandidateIndex, CandidateSearch } from '../../src/ports/search.ts';
import { MAX_CHECKED_DOCUMENTS } from '../../src/retrieve/enforce.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import { engineOf, spoiled } from '../support/engines.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

/** The same three documents for bob in both; `crowded` also has what he may not read, and it fits better. */
const tenants = ['alone', 'crowded'] as const;

let service: TestService;
/** Without the permission index, so that enforcement comes upon what may not be read. */
let wide: Awaited<ReturnType<typeof unnarrowed>>;
let http: Http;

beforeAll(async () => {
  service = await openTestService();
  wide = await unnarrowed(service);
  http = await serveHttp(service);
  for (const tenant of tenants) {
    const as = await writer(service, { tenant });
    await put(service.write, as, 'first', 'A lighthouse stands on the northern shore.', ['user:bob'], {
      year: 2020,
    });
    await put(
      service.write,
      as,
      'second',
      'From the lighthouse one sees the lighthouse keeper.',
      ['user:bob'],
      { year: 2021 },
    );
    await put(service.write, as, 'third', 'Nothing but sand, and far away a lighthouse.', ['user:bob'], {
      year: 2022,
    });
  }
  const as = await writer(service, { tenant: 'crowded' });
  const secrets = Array.from({ length: 51 }, (_, i) => `secret-${i}`);
  await Promise.all(
    secrets.map((id) =>
      put(service.write, as, id, 'Lighthouse lighthouse lighthouse.', ['user:carl'], { year: 2021 }),
    ),
  );
});
afterAll(async () => {
  await wide.close();
  await http.close();
  await service.close();
});

const bobIn = (tenant: string) => service.token('bob', { tenant });

/** What of an answer may differ: names made for this request alone, and the tenant's own clock. */
function comparable({ results, complete, certified }: RetrieveResponse) {
  return {
    complete,
    certified,
    results: results.map((result) => ({ ...result, chunk_id: '', score: Number(result.score.toFixed(5)) })),
  };
}

const both = async (read: ReadPath, request: Parameters<typeof retrieve>[2]) => {
  const [alone, crowded] = await Promise.all(
    tenants.map(async (tenant) => comparable(await retrieve(read, await bobIn(tenant), request))),
  );
  return { alone, crowded };
};

/** The scores of a peer: normalised over whatever the search came by. */
function normalising(index: CandidateIndex): CandidateIndex {
  return {
    ...index,
    async open(question, signal) {
      const seen = await (await index.open(question, signal)).next(1_000);
      const best = Math.max(...seen.documents.map((document) => document.score));
      const search = await index.open(question, signal);
      const within = async (...asked: Parameters<typeof search.within>) =>
        (await search.within(...asked)).map(
          (candidate): Candidate => ({ ...candidate, score: candidate.score / best }),
        );
      return { ...search, within };
    },
  };
}

describe('results, scores, complete and certified', () => {
  // Words that stand in many passages have weights of the tenant's (the residue that the architecture names); a rare one has none.
  it.each([
    { query: 'lighthouse', k: 10 },
    { query: 'lighthouse', k: 2 },
    { query: 'lighthouse', k: 3, filter: { year: { gte: 2021 } } },
  ])('are the same whether or not there is more that may not be read: %j', async (request) => {
    const faulty = await both({ ...service.read, index: normalising(wide.index) }, request);
    expect(faulty.crowded).not.toEqual(faulty.alone);

    for (const index of [wide.index, service.read.index]) {
      const { alone, crowded } = await both({ ...service.read, index }, request);
      expect(alone?.results.length).toBeGreaterThan(0);
      expect(alone).toMatchObject({ complete: true, certified: true });
      expect(crowded).toEqual(alone);
    }
  });

  it('do not tell whether a rare word stands in what may not be read', async () => {
    const scores = async () => {
      const { results } = await retrieve(service.read, await bobIn('crowded'), {
        query: 'lighthouse falkenhorst',
      });
      return results.map(({ score }) => score);
    };
    const before = await scores();
    const as = await writer(service, { tenant: 'crowded' });
    await put(service.write, as, 'codename', 'Falkenhorst is the codename.', ['user:carl']);
    const after = await scores();
    expect(after).toHaveLength(3);
    // One passage more moves a score in so small a tenant by half a hundredth; the word's being known would by tens.
    for (const [i, score] of after.entries()) expect(Math.abs(score - (before[i] ?? 0))).toBeLessThan(0.01);
  });

  it('lack nothing although 51 better documents are denied first', async () => {
    const firstRoundOnly: CandidateIndex = {
      ...wide.index,
      async open(question, signal) {
        const search = await wide.index.open(question, signal);
        return { ...search, next: async (count) => ({ ...(await search.next(count)), exhausted: true }) };
      },
    };
    const faulty = await both({ ...service.read, index: firstRoundOnly }, { query: 'lighthouse', k: 10 });
    expect(faulty.crowded).not.toEqual(faulty.alone);
    for (const index of [wide.index, service.read.index]) {
      const { crowded } = await both({ ...service.read, index }, { query: 'lighthouse', k: 10 });
      expect(crowded?.results).toHaveLength(3);
    }
  });
});

describe('complete', () => {
  const searching = (search: Partial<CandidateSearch>): ReadPath => ({
    ...service.read,
    index: {
      ...service.read.index,
      open: async (question, signal) => ({ ...(await service.read.index.open(question, signal)), ...search }),
    },
  });
  const ask = async (read: ReadPath) => retrieve(read, await bobIn('alone'), { query: 'lighthouse', k: 10 });

  it('is false where the budget was spent and more may be left', async () => {
    let asked = 0;
    const endless = searching({
      async next(count) {
        const documents = Array.from({ length: count }, () => ({
          documentId: `d${asked++}`,
          version: 1,
          score: 1,
        }));
        return { documents, exhausted: false };
      },
    });
    const answer = await ask({ ...endless, engine: engineOf(() => false) });
    expect(asked).toBe(MAX_CHECKED_DOCUMENTS);
    expect(answer).toMatchObject({ results: [], complete: false, certified: false });
  });

  it('is false where an allowed document was replaced before its passages were looked for', async () => {
    expect(await ask(service.read)).toMatchObject({ complete: true });
    expect(await ask(searching({ within: async () => [] }))).toMatchObject({
      complete: false,
      certified: false,
    });
  });
});

describe('an absent and a forbidden document', () => {
  /** The engine of a peer: it fails on what it denies, and says no to what is not there. */
  it('are one answer to GET, byte for byte', async () => {
    const token = await bobIn('crowded');
    const fails = spoiled(service.read.engine, (results, batch) =>
      results.map((result, i) =>
        batch.checks[i]?.object === 'document:secret-1' ? { ...result, error: 'denied' } : result,
      ),
    );
    const faulty = await serveHttp({
      ...service,
      read: { ...service.read, index: wide.index, engine: fails },
    });
    const get = (door: Http, id: string) => door.send('GET', `/v1/documents/${id}`, { token });
    expect((await get(faulty, 'secret-1')).status).not.toBe((await get(faulty, 'secret-x')).status);
    await faulty.close();

    const absent = await get(http, 'secret-x');
    expect(absent).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await get(http, 'secret-1')).toEqual(absent);
    expect(await get(http, 'secret-1%20')).toEqual(absent);
    expect(absent.text).not.toContain('secret');
  });

  it('are one answer where the engine gives no verdict', async () => {
    const token = await bobIn('crowded');
    const silent = spoiled(service.read.engine, () => []);
    for (const { index } of [wide, service.read]) {
      const faulty = await serveHttp({ ...service, read: { ...service.read, index, engine: silent } });
      const get = (id: string) => faulty.send('GET', `/v1/documents/${id}`, { token });
      const forbidden = await get('secret-1');
      expect(forbidden).toMatchObject({ status: 503, body: { code: 'engine_unavailable' } });
      expect(await get('secret-x')).toEqual(forbidden);
      await faulty.close();
    }
  });

  it('are one question to the engine, which takes longer the more there is to look at', async () => {
    const token = await bobIn('crowded');
    const asked = async (index: CandidateIndex, id: string) => {
      const questions: string[] = [];
      const engine = spoiled(service.read.engine, (results, { checks }) => {
        questions.push(...checks.map(({ user, relation, object }) => `${user} ${relation} ${object}`));
        return results;
      });
      const door = await serveHttp({ ...service, read: { ...service.read, index, engine } });
      await door.send('GET', `/v1/documents/${id}`, { token });
      await door.close();
      return questions.map((question) => question.replace(/[\da-f-]{36}$/, 'some'));
    };
    expect(await asked(wide.index, 'secret-1')).toEqual(['user:bob can_read document:secret-1']);
    const absent = ['user:bob can_read document:some'];
    expect(await asked(service.read.index, 'secret-x')).toEqual(absent);
    expect(await asked(service.read.index, 'secret-1')).toEqual(absent);
  });

  it('are one answer to HEAD', async () => {
    const token = await bobIn('crowded');
    const absent = await http.send('HEAD', '/v1/documents/secret-x', { token });
    expect(await http.send('HEAD', '/v1/documents/secret-1', { token })).toEqual(absent);
  });

  it('are one answer for a deleted one and for one of another tenant', async () => {
    const as = await writer(service, { tenant: 'crowded' });
    await put(service.write, as, 'gone', 'Soon gone.', ['user:bob']);
    const asBob = { token: await bobIn('crowded') };
    expect(await http.send('GET', '/v1/documents/gone', asBob)).toMatchObject({ status: 200 });
    const ingest = await service.token('loader', { scopes: ['ingest'], source: 'wiki', tenant: 'crowded' });
    await http.send('DELETE', '/v1/documents/gone', { token: ingest });
    const absent = await http.send('GET', '/v1/documents/never-there', asBob);
    expect(await http.send('GET', '/v1/documents/gone', asBob)).toEqual(absent);
    expect(await http.send('GET', '/v1/documents/first', { token: await bobIn('third-tenant') })).toEqual(
      absent,
    );
  });
});

it('an answer of nothing has the same shape and headers whether all is forbidden or nothing is there', async () => {
  const json = { query: 'lighthouse' };
  const lengthOf = (text: string) => text.replace(/"(watermark|session_id|decision_id)":"[^"]*"/g, '"$1":""');
  const forbidden = await http.send('POST', '/v1/retrieve', {
    token: await service.token('dana', { tenant: 'crowded' }),
    json,
  });
  const empty = await http.send('POST', '/v1/retrieve', {
    token: await service.token('dana', { tenant: 'empty' }),
    json,
  });
  expect(Object.keys(forbidden.headers)).toEqual(Object.keys(empty.headers));
  expect(lengthOf(forbidden.text)).toBe(lengthOf(empty.text));
  expect(forbidden.body).toMatchObject({ results: [], complete: true, certified: true });
});

it('a failure of the engine reads the same whatever it was asked about', async () => {
  const engine = spoiled(service.read.engine, () => Promise.reject(new Error('document:secret-1 is broken')));
  const broken = await serveHttp({ ...service, read: { ...service.read, engine } });
  const token = await bobIn('crowded');
  const { status, text } = await broken.send('POST', '/v1/retrieve', {
    token,
    json: { query: 'lighthouse' },
  });
  await broken.close();
  expect(status).toBe(503);
  expect(text).not.toMatch(/secret|document:/);
});
