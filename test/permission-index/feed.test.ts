import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type InMemoryIndex, permissionIndex } from '../../src/adapters/permission-index/permission-index.ts';
import { postgresDocuments } from '../../src/adapters/postgres/documents.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { DocumentLog, TupleLog } from '../../src/ports/tuple-log.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { UpToDate } from '../../src/types/up-to-date.ts';
import { newTenant, publish, SOURCE, type Store, serverStore } from '../contract/store/stores.ts';
import { realParts } from '../support/real-parts.ts';

const model = modelFromDsl(`model
  schema 1.1
type user
type document
  relations
    define viewer: [user]`);
const guarded = { type: 'document', relation: 'viewer' };
const views = (id: string, name = 'anne'): Tuple => ({
  user: `user:${name}`,
  relation: 'viewer',
  object: `document:${id}`,
});

type Log = TupleLog & DocumentLog;

describe.skipIf(realParts() === undefined)('a copy of the permission index', () => {
  let store: Store;
  let log: Log;
  /** As another process writes: by connections of its own. */
  let other: ReturnType<typeof postgresRelationships>;
  let tenant: string;
  const numbers = new Map<string, number>();

  beforeAll(async () => {
    store = await serverStore();
    log = postgresRelationships(store.database);
    other = postgresRelationships(store.owner);
  });
  afterAll(() => store.close());
  beforeEach(async () => {
    tenant = newTenant();
    for (const id of ['a', 'b']) numbers.set(id, (await publish(store, tenant, id, [id])).no);
    await grant('a');
  });

  const grant = (id: string) => other.write(tenant, { writes: [views(id)], deletes: [] });
  const withdraw = (id: string) => other.write(tenant, { writes: [], deletes: [views(id)] });
  const indexOn = (of: Log) => permissionIndex(model, guarded, of);

  async function found(index: InMemoryIndex): Promise<readonly string[]> {
    const scope = await index.scope(tenant, ['user:anne']);
    if (scope.kind === 'everywhere') throw new Error(scope.why);
    return [...numbers].filter(([, no]) => scope.documents.has(no)).map(([id]) => id);
  }

  it('knows at its next question what another process has written, published and hidden', async () => {
    const index = indexOn(log);
    expect(await found(index)).toEqual(['a']);
    await grant('b');
    expect(await found(index)).toEqual(['a', 'b']);
    await withdraw('a');
    expect(await found(index)).toEqual(['b']);
    numbers.set('c', (await publish(store, tenant, 'c', ['c'])).no);
    await grant('c');
    expect(await found(index)).toEqual(['b', 'c']);
    await postgresDocuments(store.owner).enqueueDelete({ no: numbers.get('b') ?? 0, source: SOURCE });
    expect(await found(index)).toEqual(['c']);
    expect(await found(indexOn(log))).toEqual(['c']);
  });

  describe('that fails half-way stays what it was, and the next question is answered rightly:', () => {
    const failure = new Error('the connection is gone');
    const fails = () => Promise.reject(failure);

    it.each<[string, Partial<Log>]>([
      ['reading the version', { version: fails }],
      ['reading the changes', { changesSince: fails }],
      ['reading the documents, after the changes', { documentsSince: fails }],
    ])('%s', async (_, failing) => {
      let fault: Partial<Log> = {};
      const index = indexOn(switching(log, () => fault));
      expect(await found(index)).toEqual(['a']);
      await grant('b');
      await withdraw('a');
      fault = failing;
      await expect(found(index)).rejects.toBe(failure);
      fault = {};
      expect(await found(index)).toEqual(['b']);
    });

    it.each<[string, (of: Log) => Partial<Log>]>([
      ['the first reading of the relationships', (of) => ({ pages: (t) => torn(of.pages(t), failure) })],
      [
        'the first reading of the documents',
        (of) => ({ documentPages: (t) => torn(of.documentPages(t), failure) }),
      ],
    ])('%s', async (_, faultOf) => {
      let fault = faultOf(log);
      const index = indexOn(switching(log, () => fault));
      await expect(found(index)).rejects.toBe(failure);
      fault = {};
      expect(await found(index)).toEqual(['a']);
    });

    it('what is held then is as it was before', async () => {
      let fault: Partial<Log> = {};
      const index = indexOn(switching(log, () => fault));
      const before = await index.held(tenant);
      const { version } = before;
      await grant('b');
      fault = { documentsSince: fails };
      await expect(found(index)).rejects.toBe(failure);
      fault = { version: () => Promise.resolve(version) };
      expect(await found(index)).toEqual(['a']);
    });
  });

  it('takes in what is written while it reads everything for the first time', async () => {
    const index = indexOn({
      ...log,
      async *pages(of) {
        yield* log.pages(of);
        await grant('b');
        await withdraw('a');
      },
      async *documentPages(of) {
        yield* log.documentPages(of);
        numbers.set('c', (await publish(store, of, 'c', ['c'])).no);
        await grant('c');
      },
    });
    expect(await found(index)).toEqual(['b', 'c']);
  });

  it('catches up once for all who ask at the same time', async () => {
    let readings = 0;
    const counted = {
      ...log,
      changesSince(of: string, version: number) {
        readings += 1;
        return log.changesSince(of, version);
      },
    };
    const index = indexOn(counted);
    await found(index);
    await grant('b');
    readings = 0;
    const answers = await Promise.all(Array.from({ length: 50 }, () => found(index)));
    expect(answers).toEqual(answers.map(() => ['a', 'b']));
    expect(readings).toBe(1);
  });

  it('is never older than what was committed before the question began, while another process writes', async () => {
    const index = indexOn(log);
    let committed = await log.version(tenant);
    const writing = (async () => {
      for (let i = 0; i < 20; i += 1) {
        await (i % 2 === 0 ? grant('b') : withdraw('b'));
        committed += 1;
      }
    })();
    const ask = async () => {
      for (let i = 0; i < 20; i += 1) {
        const least = committed;
        const { watermark } = await index.scope(tenant, ['user:anne']);
        expect(Number(watermark)).toBeGreaterThanOrEqual(least);
      }
    };
    await Promise.all(Array.from({ length: 10 }, ask));
    await writing;
    expect(committed).toBe(await log.version(tenant));
  });

  describe('asked while a catch-up runs that has read already', () => {
    type Current = new (catchUp: () => Promise<number>) => { current(): Promise<number> };

    /** The fault: whoever comes is given what is under way. */
    class HandsOutRunning {
      readonly #catchUp: () => Promise<number>;
      #running: Promise<number> | undefined;

      constructor(catchUp: () => Promise<number>) {
        this.#catchUp = catchUp;
      }

      current(): Promise<number> {
        this.#running ??= this.#catchUp().finally(() => {
          this.#running = undefined;
        });
        return this.#running;
      }
    }

    /** What the second of two who ask gets, and the version that was committed before it asked. */
    async function secondAsked(ask: (gate: Log['version']) => () => Promise<number>) {
      const read = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      let held = true;
      const asked = ask(async (of) => {
        const version = await log.version(of);
        read.resolve();
        if (held) await released.promise;
        return version;
      });
      const first = asked();
      await read.promise;
      await grant('b');
      const committed = await log.version(tenant);
      const second = asked();
      held = false;
      released.resolve();
      await first;
      return { got: await second, committed };
    }
    const versions = (Copy: Current) => (version: Log['version']) => {
      const copy = new Copy(() => version(tenant));
      return () => copy.current();
    };

    it('gives the newcomer what the next one reads', async () => {
      const { got, committed } = await secondAsked((version) => {
        const index = indexOn({ ...log, version });
        return async () => Number((await index.scope(tenant, ['user:anne'])).watermark);
      });
      expect(got).toBe(committed);
    });

    it('would give an older version, were the running one handed out', async () => {
      const guarded = await secondAsked(versions(UpToDate));
      expect(guarded.got).toBe(guarded.committed);
      await withdraw('b');
      const faulty = await secondAsked(versions(HandsOutRunning));
      expect(faulty.got).toBeLessThan(faulty.committed);
    });
  });
});

/** The log, with what `fault` has at the moment of each call in its place. */
function switching(log: Log, fault: () => Partial<Log>): Log {
  const now = () => ({ ...log, ...fault() });
  return {
    version: (tenant) => now().version(tenant),
    pages: (tenant) => now().pages(tenant),
    changesSince: (tenant, version) => now().changesSince(tenant, version),
    documentsSince: (tenant, version) => now().documentsSince(tenant, version),
    documentPages: (tenant) => now().documentPages(tenant),
  };
}

/** The first page, and then a failure. */
async function* torn<T>(pages: AsyncIterable<T>, failure: Error): AsyncGenerator<T> {
  for await (const page of pages) {
    yield page;
    throw failure;
  }
}
