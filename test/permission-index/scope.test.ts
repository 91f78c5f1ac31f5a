import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteDocument } from '../../ingest/ingest.ts';
import { type Writer, writerOf } from '../../ingest/writer.ts';
import { permissionIndex } from '../../src/adapters/permission-index/permission-index.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { put } from '../support/seed.ts';

const dsl = `model
  schema 1.1
type user
type agent
type group
  relations
    define member: [user, agent]
type folder
  relations
    define viewer: [user, user:*, agent, group#member, user with is_open]
type document
  relations
    define parent: [folder]
    define viewer: [user, agent, group#member]
    define can_read: viewer or viewer from parent
condition is_open(open: bool) {
  open
}`;
const guarded = { type: 'document', relation: 'can_read' };
const query = 'harbour';

let parts: Parts;
let relationships: ReturnType<typeof postgresRelationships>;
beforeAll(async () => {
  parts = await openParts(dsl);
  relationships = postgresRelationships(parts.database);
});
afterAll(() => parts.close());

/** A tenant with these documents, and with relationships `user relation object`. */
async function tenantWith(tenant: string, ids: readonly string[], tuples: readonly (string | Tuple)[]) {
  const admin = writerOf(
    await parts.read.identity.verify(await parts.token('root', { tenant, scopes: ['admin'] })),
  );
  for (const id of ids) await put(parts.write, admin, id, `The harbour of ${id}.`);
  await relationships.write(tenant, { writes: tuples.map(parsed), deletes: [] });
  return admin;
}

function parsed(tuple: string | Tuple): Tuple {
  if (typeof tuple !== 'string') return tuple;
  const [user = '', relation = '', object = ''] = tuple.split(' ');
  return { user, relation, object };
}

/** How many documents and chunks the index leaves to search, and what an answer then has. */
async function asked(tenant: string, subject: string, actor?: string, maxSteps?: number) {
  const index = permissionIndex(modelFromDsl(dsl), guarded, relationships, maxSteps);
  const readers = [`user:${subject}`, ...(actor === undefined ? [] : [`agent:${actor}`])];
  const scope = await index.scope(tenant, readers);
  const token = await parts.token(subject, { tenant, ...(actor === undefined ? {} : { actor }) });
  const { results, complete } = await retrieve(parts.read, token, { query, k: 50 });
  expect(complete).toBe(true);
  return {
    scope:
      scope.kind === 'documents' ? { documents: scope.documents.size, chunks: scope.chunks } : scope.kind,
    found: results.map(({ document_id }) => document_id).toSorted(),
  };
}

describe('a scope', () => {
  it('of a person and an agent is what both may read', async () => {
    await tenantWith(
      'two-readers',
      ['both', 'hers', 'its', 'public', 'neither'],
      [
        'user:anne viewer document:both',
        'agent:bot viewer document:both',
        'user:anne viewer document:hers',
        'agent:bot viewer document:its',
        'user:* viewer folder:public',
        'folder:public parent document:public',
      ],
    );
    expect(await asked('two-readers', 'anne')).toEqual({
      scope: { documents: 3, chunks: 3 },
      found: ['both', 'hers', 'public'],
    });
    // What is public to people is not so to agents.
    expect(await asked('two-readers', 'anne', 'bot')).toEqual({
      scope: { documents: 1, chunks: 1 },
      found: ['both'],
    });
    expect(await asked('two-readers', 'anne', 'new')).toEqual({
      scope: { documents: 0, chunks: 0 },
      found: [],
    });
    expect(await asked('two-readers', 'bob')).toEqual({
      scope: { documents: 1, chunks: 1 },
      found: ['public'],
    });
  });

  it('holds what a condition alone keeps back', async () => {
    const opened = (open: boolean, folder: string): Tuple => ({
      user: 'user:anne',
      relation: 'viewer',
      object: folder,
      condition: { name: 'is_open', context: { open } },
    });
    await tenantWith(
      'conditions',
      ['open', 'closed', 'other'],
      [
        opened(true, 'folder:one'),
        opened(false, 'folder:two'),
        'folder:one parent document:open',
        'folder:two parent document:closed',
      ],
    );
    expect(await asked('conditions', 'anne')).toEqual({
      scope: { documents: 2, chunks: 2 },
      found: ['open'],
    });
  });

  it('follows a document as it is deleted, and written again by the same id', async () => {
    const tuples = ['user:anne viewer document:a', 'user:anne viewer document:b'];
    const admin: Writer = await tenantWith('changing', ['a', 'b'], tuples);
    expect(await asked('changing', 'anne')).toEqual({
      scope: { documents: 2, chunks: 2 },
      found: ['a', 'b'],
    });
    await deleteDocument(parts.write, admin, 'a');
    expect(await asked('changing', 'anne')).toEqual({ scope: { documents: 1, chunks: 1 }, found: ['b'] });
    await put(parts.write, admin, 'a', 'Another harbour.');
    expect(await asked('changing', 'anne')).toEqual({ scope: { documents: 1, chunks: 1 }, found: ['b'] });
    await put(parts.write, admin, 'a', 'Another harbour.', ['user:anne']);
    const long = Array.from({ length: 3 }, () => 'harbour '.repeat(150)).join('\n\n');
    await put(parts.write, admin, 'b', long);
    const { scope, found } = await asked('changing', 'anne');
    expect(scope).toEqual({ documents: 2, chunks: 4 });
    expect([...new Set(found)]).toEqual(['a', 'b']);
  });

  it('is of one tenant, whatever another one calls its documents, groups and people', async () => {
    const grant = ['user:anne member group:g', 'group:g#member viewer document:same'];
    await tenantWith('first', ['same', 'else'], grant);
    await tenantWith('second', ['same', 'else'], ['user:anne viewer document:else']);
    expect(await asked('first', 'anne')).toMatchObject({ found: ['same'] });
    expect(await asked('second', 'anne')).toMatchObject({ found: ['else'] });
    const index = permissionIndex(modelFromDsl(dsl), guarded, relationships);
    const [one, two] = await Promise.all(['first', 'second'].map((of) => index.scope(of, ['user:anne'])));
    if (one?.kind !== 'documents' || two?.kind !== 'documents') throw new Error('no documents');
    expect([one.documents.size, two.documents.size, one.documents.and(two.documents).size]).toEqual([
      1, 1, 0,
    ]);
  });

  it('is everywhere for whoever has more ways than are followed, and their agent still narrows it', async () => {
    const ids = Array.from({ length: 6 }, (_, i) => `d${i}`);
    await tenantWith('many', ids, [
      ...ids.map((id) => `user:anne viewer document:${id}`),
      'agent:bot viewer document:d3',
    ]);
    expect(await asked('many', 'anne', undefined, 5)).toEqual({ scope: 'everywhere', found: ids });
    expect(await asked('many', 'anne', 'bot', 5)).toEqual({
      scope: { documents: 1, chunks: 1 },
      found: ['d3'],
    });
    expect(await asked('many', 'anne', undefined, 6)).toMatchObject({ scope: { documents: 6 } });
  });

  it('is nothing for nobody', async () => {
    const index = permissionIndex(modelFromDsl(dsl), guarded, relationships);
    expect(await index.scope('first', [])).toMatchObject({ kind: 'documents', chunks: 0 });
    expect(await index.scope('unknown', ['user:anne'])).toMatchObject({
      kind: 'documents',
      chunks: 0,
      watermark: '0',
    });
  });
});
