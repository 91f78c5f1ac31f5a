import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/ports/engine.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { allowsAll } from '../support/engines.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

let service: TestService;
/** Without the permission index. */
let wide: Awaited<ReturnType<typeof unnarrowed>>;
const request = { query: 'orchard' };

beforeAll(async () => {
  service = await openTestService();
  wide = await unnarrowed(service);
  const as = await writer(service);
  await put(service.write, as, 'orchard', 'The orchard behind the house.', ['user:anne']);
  await put(service.write, as, 'nobody', 'An orchard for nobody.', []);
  await put(service.write, as, 'unsaid', 'An orchard of which nothing was said.');
});
afterAll(async () => {
  await wide.close();
  await service.close();
});

/** A filter made of what someone may read, left out where that is an empty list (as a peer's was). */
function filterByList(mayRead: Readonly<Record<string, readonly string[]>>): Engine {
  return {
    async batchCheck({ checks }) {
      return checks.map(({ correlationId, user, object }) => {
        const list = mayRead[user] ?? [];
        return { correlationId, allowed: list.length === 0 || list.includes(object) };
      });
    },
  };
}

const ids = async (read: ReadPath, subject: string, more = {}) =>
  (await retrieve(read, await service.token(subject, more), request)).results.map(
    (result) => result.document_id,
  );

describe('no permissions means nothing', () => {
  it('for a person of whom nothing is written', async () => {
    const engine = filterByList({ 'user:anne': ['document:orchard'] });
    expect(await ids({ ...service.read, engine }, 'anne')).toEqual(['orchard']);
    expect(await ids({ ...service.read, index: wide.index, engine }, 'stranger')).toHaveLength(3);

    expect(await ids(service.read, 'anne')).toEqual(['orchard']);
    const answer = await retrieve(service.read, await service.token('stranger'), request);
    expect(answer).toMatchObject({ results: [], complete: true, certified: true });
  });

  it('for an agent of which nothing is written, whoever it works for', async () => {
    expect(
      await ids({ ...service.read, index: wide.index, engine: allowsAll }, 'anne', { actor: 'new-bot' }),
    ).toHaveLength(3);
    expect(await ids(service.read, 'anne', { actor: 'new-bot' })).toEqual([]);
  });

  it('for a tenant without a single relationship', async () => {
    await put(service.write, await writer(service, { tenant: 'fresh' }), 'orchard', 'An orchard.', []);
    expect(
      await ids({ ...service.read, index: wide.index, engine: allowsAll }, 'anne', { tenant: 'fresh' }),
    ).toEqual(['orchard']);
    expect(await ids(service.read, 'anne', { tenant: 'fresh' })).toEqual([]);
  });

  it('even where the search takes an empty list of documents for no filter at all', async () => {
    const { index } = wide;
    const noFilter: ReadPath['index'] = {
      ...index,
      async open(question, signal) {
        const every = await (await index.open(question, signal)).next(100);
        const search = await index.open(question, signal);
        return {
          ...search,
          within: (some, k) => search.within(some.length === 0 ? every.documents : some, k),
        };
      },
    };
    const search = await noFilter.open(
      { tenant: 'default', readers: ['user:anne'], query: 'orchard' },
      AbortSignal.timeout(10_000),
    );
    expect(await search.within([], 10)).toHaveLength(3);
    expect(await ids({ ...service.read, index: noFilter }, 'stranger')).toEqual([]);
  });
});
