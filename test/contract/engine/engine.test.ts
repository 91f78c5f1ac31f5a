import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedEngine } from '../../../src/adapters/embedded-engine/embedded-engine.ts';
import { openFgaEngine } from '../../../src/adapters/openfga/engine.ts';
import { openFgaRelationships } from '../../../src/adapters/openfga/relationships.ts';
import { postgresRelationships } from '../../../src/adapters/postgres/relationships.ts';
import { modelFromDsl } from '../../../src/evaluator/model.ts';
import type { BatchCheck, Check, Engine, Relationships, TupleChanges } from '../../../src/ports/engine.ts';
import type { Tuple } from '../../../src/types/tuple.ts';
import { freshStore } from '../../openfga/fresh-store.ts';
import { realParts } from '../../support/real-parts.ts';
import { embeddedStore } from '../store/stores.ts';

const MODEL = `
model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member]
type folder
  relations
    define viewer: [user, group#member]
type document
  relations
    define parent: [folder]
    define viewer: [user, user:*, group#member, user with before]
    define blocked: [user, group#member]
    define can_read: (viewer or viewer from parent) but not blocked
    define related: [document]
condition before(current_time: timestamp, end: timestamp) {
  current_time < end
}
`;

type Parts = {
  readonly engine: Engine;
  readonly relationships: Omit<Relationships, 'watermark'>;
  close(): Promise<void>;
};

async function embedded(): Promise<Parts> {
  const store = await embeddedStore();
  const relationships = postgresRelationships(store.database);
  const engine = embeddedEngine(modelFromDsl(MODEL), relationships);
  return { engine, relationships, close: () => store.close() };
}

async function openFga(): Promise<Parts> {
  const { client, stores } = await freshStore(MODEL);
  return {
    engine: openFgaEngine(client, stores),
    relationships: openFgaRelationships(client, stores),
    close: async () => {},
  };
}

const engines = [
  { name: 'embedded', open: embedded, there: true },
  { name: 'an OpenFGA server', open: openFga, there: realParts() !== undefined },
];

describe.each(engines)('the engine: $name', ({ open, there }) => {
  let parts: Parts;
  beforeAll(async () => {
    if (there) parts = await open();
  });
  afterAll(() => parts?.close());

  describe.skipIf(!there)('the port', () => {
    it('gives each check its verdict under its own id', async () => {
      const [own, shared, nobody] = [newDocument(), newDocument(), newDocument()];
      const group = `group:${randomUUID()}`;
      await write({
        writes: [
          tuple('user:anne', 'viewer', own),
          tuple(`${group}#member`, 'viewer', shared),
          tuple('user:anne', 'member', group),
        ],
      });
      const documents = [own, shared, nobody];
      const checks = Array.from({ length: 50 }, (_, i) => check(`c${i}`, documents[i % 3] ?? ''));
      const results = await ask(checks);
      expect(new Map(results.map(({ correlationId, allowed }) => [correlationId, allowed]))).toEqual(
        new Map(checks.map(({ correlationId }, i) => [correlationId, i % 3 !== 2])),
      );
    });

    it('says of a check that it can not decide that it can not, and decides the others', async () => {
      const document = newDocument();
      await write({ writes: [tuple('user:anne', 'viewer', document)] });
      const results = await ask([
        check('c0', document),
        { ...check('c1', document), relation: 'no_such_relation' },
        { ...check('c2', document), object: 'nothing:of-the-kind' },
      ]);
      const byId = new Map(results.map((result) => [result.correlationId, result]));
      expect(byId.get('c0')).toEqual({ correlationId: 'c0', allowed: true });
      for (const id of ['c1', 'c2']) {
        expect(byId.get(id)).toEqual({
          correlationId: id,
          allowed: false,
          error: expect.any(String) as string,
        });
      }
    });

    it('sees every change at once', async () => {
      const document = newDocument();
      const anne = tuple('user:anne', 'viewer', document);
      for (let i = 0; i < 20; i += 1) {
        await write({ writes: [anne] });
        expect(await ask([check('c0', document)])).toEqual([{ correlationId: 'c0', allowed: true }]);
        await write({ deletes: [anne] });
        expect(await ask([check('c0', document)])).toEqual([{ correlationId: 'c0', allowed: false }]);
      }
    });

    it('takes a context and tuples of the request alone', async () => {
      const document = newDocument();
      const until = (end: string): Tuple => ({
        ...tuple('user:anne', 'viewer', document),
        condition: { name: 'before', context: { end } },
      });
      await write({ writes: [until('2026-06-01T00:00:00Z')] });
      const at = (current_time: string) => ask([check('c0', document)], { context: { current_time } });
      expect(await at('2026-05-31T23:59:59Z')).toMatchObject([{ allowed: true }]);
      expect(await at('2026-06-01T00:00:00Z')).toMatchObject([{ allowed: false }]);
      const [undecided] = await ask([check('c0', document)]);
      expect(undecided?.error).toBeTypeOf('string');

      const other = newDocument();
      const contextualTuples = [tuple('user:anne', 'viewer', other)];
      expect(await ask([check('c0', other)], { contextualTuples })).toMatchObject([{ allowed: true }]);
      expect(await ask([check('c0', other)])).toMatchObject([{ allowed: false }]);
    });

    it('applies both lists or nothing, and counts what has changed', async () => {
      const document = newDocument();
      const [anne, bob, carl] = ['anne', 'bob', 'carl'].map((name) =>
        tuple(`user:${name}`, 'viewer', document),
      ) as [Tuple, Tuple, Tuple];
      expect(await write({ writes: [anne, bob] })).toEqual({ written: 2, deleted: 0 });
      expect(await write({ writes: [bob, carl], deletes: [anne] })).toEqual({ written: 1, deleted: 1 });
      expect(await write({ writes: [bob], deletes: [anne] })).toEqual({ written: 0, deleted: 0 });
      const conditional = { ...bob, condition: { name: 'before', context: {} } };
      await expect(write({ writes: [anne, conditional] })).rejects.toMatchObject({
        code: 'invalid_relationship',
        message: `"user:bob viewer ${document}" is there with another condition. Delete it first.`,
      });
      expect(users(await parts.relationships.ofObject('default', document))).toEqual([
        'user:bob',
        'user:carl',
      ]);
    });

    it('takes a condition without a context for one with an empty context', async () => {
      const document = newDocument();
      const bare: Tuple = { ...tuple('user:anne', 'viewer', document), condition: { name: 'before' } };
      const empty: Tuple = { ...bare, condition: { name: 'before', context: {} } };
      expect(await write({ writes: [bare] })).toEqual({ written: 1, deleted: 0 });
      expect(await write({ writes: [empty] })).toEqual({ written: 0, deleted: 0 });
      expect(await parts.relationships.ofObject('default', document)).toEqual([bare]);
    });

    it('finds every tuple that mentions an object, as itself or as a userset', async () => {
      const group = `group:${randomUUID()}`;
      const [folder, document] = [`folder:${randomUUID()}`, newDocument()];
      const mentions = [
        tuple(`${group}#member`, 'viewer', folder),
        tuple(`${group}#member`, 'viewer', document),
        tuple(`${group}#member`, 'blocked', document),
        tuple(`${group}#member`, 'member', `group:${randomUUID()}`),
      ];
      const others = [tuple('user:anne', 'member', group), tuple(`${group}x#member`, 'viewer', folder)];
      await write({ writes: [...mentions, ...others] });
      const found = await parts.relationships.mentioning('default', group);
      expect(found.map(keyOf).toSorted()).toEqual(mentions.map(keyOf).toSorted());
      expect(await parts.relationships.mentioning('default', `group:${randomUUID()}`)).toEqual([]);
    });

    it('gives as many tuples of one relation as are asked for, and none once that is given up', async () => {
      const [document, empty] = [newDocument(), newDocument()];
      const viewers = Array.from({ length: 230 }, (_, i) => tuple(`user:u${i}`, 'viewer', document));
      const blocked = [tuple('user:bob', 'blocked', document)];
      for (let i = 0; i < 230; i += 99) await write({ writes: [...viewers.slice(i, i + 99), ...blocked] });
      const of = (object: string, relation: string, limit: number, signal = AbortSignal.timeout(5_000)) =>
        parts.relationships.ofRelation('default', { object, relation }, limit, signal);
      const all = await of(document, 'viewer', 300);
      expect(all.map(keyOf).toSorted()).toEqual(viewers.map(keyOf).toSorted());
      for (const limit of [1, 100, 150, 201]) {
        const some = await of(document, 'viewer', limit);
        expect(new Set(some.map(keyOf)).size).toBe(limit);
        expect(some.every(({ relation }) => relation === 'viewer')).toBe(true);
      }
      expect(await of(document, 'blocked', 1)).toEqual(blocked);
      expect(await of(empty, 'viewer', 1)).toEqual([]);
      await expect(of(document, 'viewer', 1, AbortSignal.abort())).rejects.toThrow(/abort|gave it up/);
    });

    it('gives all of more tuples than a page of any server holds', async () => {
      const document = newDocument();
      const many = Array.from({ length: 230 }, (_, i) => tuple(`user:u${i}`, 'viewer', document));
      for (let i = 0; i < many.length; i += 100) await write({ writes: many.slice(i, i + 100) });
      expect(users(await parts.relationships.ofObject('default', document))).toEqual(
        many.map(({ user }) => user).toSorted(),
      );
    });
  });

  function ask(checks: readonly Check[], more: Partial<BatchCheck> = {}) {
    return parts.engine.batchCheck({
      tenant: 'default',
      checks,
      signal: AbortSignal.timeout(5_000),
      ...more,
    });
  }

  function write(changes: Partial<TupleChanges>) {
    return parts.relationships.write('default', { writes: [], deletes: [], ...changes });
  }
});

function newDocument(): string {
  return `document:${randomUUID()}`;
}

function tuple(user: string, relation: string, object: string): Tuple {
  return { user, relation, object };
}

function check(correlationId: string, object: string): Check {
  return { correlationId, user: 'user:anne', relation: 'can_read', object };
}

function keyOf({ user, relation, object }: Tuple): string {
  return `${user} ${relation} ${object}`;
}

function users(tuples: readonly Tuple[]): readonly string[] {
  return tuples.map(({ user }) => user).toSorted();
}
