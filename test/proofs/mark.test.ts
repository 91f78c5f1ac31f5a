import { describe, expect, it } from 'vitest';
import type { OpenFgaClient } from '../../src/adapters/openfga/client.ts';
import { openFgaEngine } from '../../src/adapters/openfga/engine.ts';
import type { ListRequest } from '../../src/adapters/openfga/requests.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { EngineStore } from '../../src/ports/engine-stores.ts';
import { markOf } from '../../src/proofs/mark.ts';
import { proofRules } from '../../src/proofs/rules.ts';
import { Server } from '../differential/server.ts';
import { realParts } from '../support/real-parts.ts';

const model = (viewer: string, more = '') =>
  modelFromDsl(`model
  schema 1.1
type user
type agent
type group
  relations
    define member: [user]
type document
  relations
    define banned: [user, user with in_hours]
    define owner: [user]
    define viewer: ${viewer}
    define can_read: viewer ${more}
condition in_hours(hour: int) {
  hour < 18
}`);

const mark = (of: ReturnType<typeof model>, user = 'user:anne') => {
  const guarded = of.types.get('document')?.get('can_read');
  return guarded && markOf(proofRules(of), guarded, user);
};

describe('a list can be marked by a relation', () => {
  it.each([
    ['that gives it by itself', '[user]', 'viewer'],
    ['that is one of several ways', '[group#member] or owner', 'owner'],
  ])('%s', (_, viewer, relation) => {
    expect(mark(model(viewer))).toBe(relation);
  });

  it.each([
    ['where nobody is named directly', model('[group#member]'), 'user:anne'],
    ['where a condition goes with it', model('[user with in_hours]'), 'user:anne'],
    ['where everybody is named', model('[user:*]'), 'user:anne'],
    ['where more is needed', model('[user] and owner'), 'user:anne'],
    ['where something may be taken away', model('[user]', 'but not banned'), 'user:anne'],
    ['for others than it names', model('[user]'), 'agent:bot'],
  ])('not %s', (_, of, user) => {
    expect(mark(of, user)).toBeUndefined();
  });
});

describe('a list of an OpenFGA server', () => {
  const listed = (lines: (nonce: string) => readonly string[]) => {
    const client = {
      listObjects: async (_: EngineStore, { contextualTuples }: ListRequest) =>
        lines(contextualTuples?.[0]?.object ?? '')
          .map((object) => JSON.stringify({ result: { object } }))
          .join('\n'),
    };
    const engine = openFgaEngine(client as unknown as OpenFgaClient, {
      of: async () => ({ storeId: 'store', modelId: 'model' }),
    });
    return engine.listObjects?.({
      tenant: 'any',
      user: 'user:anne',
      relation: 'can_read',
      type: 'document',
      mark: 'viewer',
      context: {},
      signal: AbortSignal.timeout(1_000),
    });
  };

  it('counts with its mark on it, which is no document', async () => {
    expect(await listed((nonce) => ['document:plan', nonce])).toEqual(['document:plan']);
  });

  it.each<[string, readonly string[]]>([
    ['that is the answer to an earlier question', ['document:plan', 'document:0123456789ab']],
    ['that is empty', []],
  ])('does not count where it lacks the mark, as one %s', async (_, lines) => {
    await expect(listed(() => lines)).rejects.toThrow('not one to this question');
  });
});

const openfga = realParts()?.openfga;

describe.skipIf(openfga === undefined)('the list of a real server', () => {
  if (openfga === undefined) return;

  it('holds what may be read, and not what marks it', async () => {
    const of = model('[user, group#member]');
    const store = await new Server(openfga).openStore(of.json);
    if (store === undefined) throw new Error('the server refused the model');
    await store.write([
      { user: 'user:anne', relation: 'member', object: 'group:eng' },
      { user: 'group:eng#member', relation: 'viewer', object: 'document:plan' },
      { user: 'user:bob', relation: 'viewer', object: 'document:diary' },
    ]);
    const list = (user: string) =>
      store.engine({}).listObjects?.({
        tenant: 'any',
        user,
        relation: 'can_read',
        type: 'document',
        mark: 'viewer',
        context: {},
        signal: AbortSignal.timeout(10_000),
      });
    expect(await list('user:anne')).toEqual(['document:plan']);
    expect(await list('user:bob')).toEqual(['document:diary']);
    expect(await list('user:nobody')).toEqual([]);
    await store.close();
  });
});
