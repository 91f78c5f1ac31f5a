import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openFgaClient } from '../../src/adapters/openfga/client.ts';
import { openFgaEngine } from '../../src/adapters/openfga/engine.ts';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import { batchCheckAnswer } from '../../src/adapters/openfga/wire.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { CheckResult, Engine } from '../../src/ports/engine.ts';
import { reconcile, Verdicts } from '../../src/retrieve/verdicts.ts';
import { collect } from '../support/collect.ts';
import { type AnswerFault, type AnswerProxy, openAnswerProxy } from '../support/fault-proxy/answers.ts';
import { realParts } from '../support/real-parts.ts';
import { type FreshStore, freshStore, pinned, serverConfig } from './fresh-store.ts';

const MODEL = `
model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type document
  relations
    define viewer: [user, user with in_hours, group#member]
condition in_hours(hour: int) {
  hour < 18
}
`;

const hers = { correlationId: 'c0', user: 'user:anne', relation: 'viewer', object: 'document:hers' };
const checks = [
  hers,
  { correlationId: 'c1', user: 'user:anne', relation: 'viewer', object: 'document:secret' },
];

describe.skipIf(realParts() === undefined)('checks on a real server', () => {
  let store: FreshStore;
  let proxy: AnswerProxy;
  /** Through the proxy. */
  let engine: Engine;

  beforeAll(async () => {
    store = await freshStore(MODEL);
    await openFgaRelationships(store.client, store.stores).write('default', {
      writes: [
        { user: 'user:anne', relation: 'viewer', object: 'document:hers' },
        { user: 'user:anne', relation: 'viewer', object: 'document:by-day', condition: { name: 'in_hours' } },
      ],
      deletes: [],
    });
    const config = serverConfig();
    proxy = await openAnswerProxy(new URL(config.apiUrl));
    const apiUrl = `http://127.0.0.1:${proxy.port}`;
    engine = openFgaEngine(openFgaClient({ ...config, apiUrl }), store.stores);
  });
  beforeEach(() => proxy.set(undefined));
  afterAll(() => proxy.close());

  const ask = (more: Partial<Parameters<Engine['batchCheck']>[0]> = {}) =>
    engine.batchCheck({ tenant: 'default', checks, signal: AbortSignal.timeout(4_000), ...more });
  const verdicts = async () => {
    const some = await collect(new Verdicts(engine, 'default', AbortSignal.timeout(8_000)).on(checks));
    return some.flat().map(({ kind }) => kind);
  };

  it('each is answered under its own id', async () => {
    expect(await ask()).toEqual([
      { correlationId: 'c0', allowed: true },
      { correlationId: 'c1', allowed: false },
    ]);
    expect(await verdicts()).toEqual(['allowed', 'denied']);
  });

  it('asks for the newest state, under the pinned model, by ids never used before', async () => {
    const seen: string[] = [];
    proxy.watch(({ body }) => seen.push(body));
    await ask();
    await ask();
    expect(seen).toHaveLength(2);
    for (const body of seen) {
      expect(JSON.parse(body)).toMatchObject({
        consistency: 'HIGHER_CONSISTENCY',
        authorization_model_id: store.modelId,
      });
    }
    const ids = seen.flatMap((body) => body.match(/"correlation_id":"[\w-]{1,36}"/g) ?? []);
    expect(new Set(ids).size).toBe(4);
  });

  it('a newer model changes nothing until it is pinned', async () => {
    const open = MODEL.replace('define viewer: [user,', 'define viewer: [user, user:*,');
    const newer = await store.client.writeModel(store.storeId, modelFromDsl(open).json);
    const wide = pinned({ storeId: store.storeId, modelId: newer });
    const everyone = { user: 'user:*', relation: 'viewer', object: 'document:secret' };
    await openFgaRelationships(store.client, wide).write('default', { writes: [everyone], deletes: [] });
    const results = await openFgaEngine(store.client, wide).batchCheck({
      tenant: 'default',
      checks,
      signal: AbortSignal.timeout(4_000),
    });
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true]);
    expect((await ask()).map(({ allowed }) => allowed)).toEqual([true, false]);
    await openFgaRelationships(store.client, wide).write('default', { writes: [], deletes: [everyone] });
  });

  it('contextual tuples and the context of conditions reach it; a missing one is an error, not a no', async () => {
    const byDay = [{ ...hers, object: 'document:by-day' }];
    expect(await ask({ checks: byDay, context: { hour: 12 } })).toEqual([
      { correlationId: 'c0', allowed: true },
    ]);
    expect(await ask({ checks: byDay, context: { hour: 20 } })).toEqual([
      { correlationId: 'c0', allowed: false },
    ]);
    expect(await ask({ checks: byDay })).toEqual([
      { correlationId: 'c0', allowed: false, error: 'validation_error' },
    ]);
    const lent = [{ user: 'user:anne', relation: 'viewer', object: 'document:secret' }];
    expect((await ask({ contextualTuples: lent })).map(({ allowed }) => allowed)).toEqual([true, true]);
  });

  describe('an answer that is not whole and ours alone decides nothing', () => {
    type Items = Record<string, unknown>;
    /** What becomes of the last item: also when it is asked for once more, alone. */
    const changed = (change: (others: Items, last: string) => string | Items): AnswerFault => ({
      answer: (answered) => {
        const { result } = batchCheckAnswer.parse(JSON.parse(answered.body));
        const last = Object.keys(result).toSorted().at(-1) ?? '';
        const { [last]: _, ...others } = result;
        const body = change(others, last);
        return { ...answered, body: typeof body === 'string' ? body : JSON.stringify({ result: body }) };
      },
    });
    const allowed = { allowed: true };
    let earlier = '';
    const faults: readonly [string, AnswerFault][] = [
      ['nothing in it', changed(() => ({}))],
      ['one is missing', changed((others) => others)],
      [
        'one came twice, the second time allowed',
        changed((others, last) => {
          const before = JSON.stringify({ ...others, [last]: { allowed: false } }).slice(0, -1);
          return `{"result":${before},"${last}":{"allowed":true}}}`;
        }),
      ],
      ['one that was not asked', changed((others, last) => ({ ...others, [last]: allowed, c1: allowed }))],
      ['one swapped for another call’s', changed((others) => ({ ...others, 'f00d-1': allowed }))],
      ['an answer to an earlier question', { answer: (answered) => ({ ...answered, body: earlier }) }],
      [
        'its time was over for one',
        changed((others, last) => ({
          ...others,
          [last]: { error: { internal_error: 'deadline_exceeded', message: 'context deadline exceeded' } },
        })),
      ],
      [
        'an error and a verdict at once',
        changed((others, last) => ({ ...others, [last]: { ...allowed, error: {} } })),
      ],
      ['neither', changed((others, last) => ({ ...others, [last]: {} }))],
      ['a verdict that is a text', changed((others, last) => ({ ...others, [last]: { allowed: 'true' } }))],
      ['half a document', { answer: (answered) => ({ ...answered, body: answered.body.slice(0, -9) }) }],
      ['half a body', { cut: true }],
      ['not OpenFGA', { answer: () => ({ status: 200, headers: {}, body: '<html>' }) }],
    ];
    for (const [name, fault] of faults) {
      it(`${name}: undetermined`, async () => {
        const record: string[] = [];
        proxy.watch((_, { body }) => record.push(body));
        await ask();
        earlier = record[0] ?? '';
        proxy.set(fault);
        expect((await verdicts())[1]).toBe('undetermined');
        proxy.set(undefined);
        expect(await verdicts()).toEqual(['allowed', 'denied']);
      });
    }

    it('without ids of its own and without a look at the text, two of them would allow what is forbidden', () => {
      const naive = (body: string): CheckResult[] =>
        Object.entries(batchCheckAnswer.parse(JSON.parse(body)).result).map(
          ([correlationId, { allowed }]) => ({
            correlationId,
            allowed: allowed ?? false,
          }),
        );
      const twice = '{"result":{"c0":{"allowed":true},"c1":{"allowed":false},"c1":{"allowed":true}}}';
      const anothers = '{"result":{"c0":{"allowed":true},"c1":{"allowed":true}}}';
      for (const body of [twice, anothers]) {
        expect(reconcile(checks, naive(body)).map(({ kind }) => kind)).toEqual(['allowed', 'allowed']);
      }
    });
  });

  it('a store without a pin is a failure', async () => {
    const none = openFgaEngine(store.client, { of: () => Promise.reject(new Error('no pin')) });
    const signal = AbortSignal.timeout(4_000);
    await expect(none.batchCheck({ tenant: 'other', checks, signal })).rejects.toThrow('no pin');
  });
});
