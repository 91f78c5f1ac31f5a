import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { deleteDocument, putDocument, type WritePath } from '../../ingest/ingest.ts';
import { parseDocument } from '../../ingest/parse.ts';
import { settle, startOutboxWorker } from '../../ingest/publish.ts';
import type { Writer } from '../../ingest/writer.ts';
import { MAX_TUPLES_A_WRITE } from '../../src/ports/engine.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { put, writer } from '../support/seed.ts';

const OLD = 'The merger is off.';
const NEW = 'The merger is on, at nine.';
const tenant = 'default';
const model = `model
  schema 1.1
type user
type agent
type folder
  relations
    define viewer: [user, document#viewer]
type document
  relations
    define blocked: [user, user:*]
    define viewer: [user, agent]
    define can_read: viewer but not blocked`;

let parts: Parts;
let as: Writer;
let composed: boolean;
let tokens: Record<'anne' | 'bob' | 'both', string>;
let id: string;
let made = 0;

beforeAll(async () => {
  const opened = await openParts(model);
  composed = opened.write.removalMayWiden;
  // Hiding first, as this model asks for, would make the order of the other steps invisible.
  parts = { ...opened, write: { ...opened.write, removalMayWiden: false } };
  as = await writer(parts);
  tokens = {
    anne: await parts.token('anne'),
    bob: await parts.token('bob'),
    both: await parts.token('both'),
  };
});
afterAll(() => parts.close());

/** Before: OLD, for anne and both. The update: NEW, for bob and both. */
beforeEach(async () => {
  id = `merger-${made++}`;
  await put(parts.write, as, id, OLD, ['user:anne', 'user:both']);
});

const update = (path: WritePath) => put(path, as, id, NEW, ['user:bob', 'user:both']);
const rowOf = async (of = id) => parts.write.documents.find(tenant, of);
const object = () => `document:${id}`;

async function textFor(token: string): Promise<string | undefined> {
  const { results } = await retrieve(parts.read, token, { query: 'merger', k: 50 });
  return results.find((result) => result.document_id === id)?.text;
}
const seen = async () => ({
  anne: await textFor(tokens.anne),
  bob: await textFor(tokens.bob),
  both: await textFor(tokens.both),
});
type Seen = Awaited<ReturnType<typeof seen>>;
const leaks = ({ anne, bob }: Seen) => bob === OLD || anne === NEW;

/** The write path, with `at` called (and waited for) before and after each of its steps. */
function stepwise(path: WritePath, at: (step: string) => Promise<void>): WritePath {
  const around = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    await at(`before ${step}`);
    const result = await work();
    await at(`after ${step}`);
    return result;
  };
  const { documents, relationships, embeddings } = path;
  return {
    ...path,
    relationships: {
      ...relationships,
      write: (on, changes) =>
        around(changes.deletes.length > 0 ? 'take away' : 'add', () => relationships.write(on, changes)),
    },
    embeddings: { ...embeddings, embed: (texts) => around('embed', () => embeddings.embed(texts)) },
    documents: {
      ...documents,
      stage: (...staged) => around('stage', () => documents.stage(...staged)),
      hide: (step) => around('hide', () => documents.hide(step)),
      publish: (step) => around('publish', () => documents.publish(step)),
      remove: (step) => around('remove', () => documents.remove(step)),
      // Due again at once, so that no test waits for a retry.
      postpone: (step) => documents.postpone(step, 0),
    },
  };
}

const STEPS = ['take away', 'embed', 'stage', 'hide', 'add', 'publish'];

async function observed(path: WritePath, change: (stepwisePath: WritePath) => Promise<unknown>) {
  const history: (Seen & { step: string })[] = [];
  await change(stepwise(path, async (step) => void history.push({ step, ...(await seen()) })));
  return history;
}

describe('an update takes away, hides, adds, publishes', () => {
  it('in this order, and at no step is a text readable under the other relationships', async () => {
    const history = await observed(parts.write, update);
    expect(history.map(({ step }) => step)).toEqual(
      STEPS.flatMap((step) => [`before ${step}`, `after ${step}`]),
    );
    expect(history.filter(leaks)).toEqual([]);
    // Whoever may read both versions reads the old one until it is hidden.
    expect(history.filter(({ both }) => both === OLD).at(-1)?.step).toBe('before hide');
    expect(await seen()).toEqual({ anne: undefined, bob: NEW, both: NEW });
  });

  it('and the test sees it where nothing is hidden', async () => {
    const documents = { ...parts.write.documents, hide: async () => {} };
    const history = await observed({ ...parts.write, documents }, update);
    expect(history.filter(leaks)).toContainEqual(expect.objectContaining({ step: 'after add', bob: OLD }));
  });

  it('and the test sees it where the new is added before the old is taken away', async () => {
    const { relationships } = parts.write;
    const early: WritePath['relationships'] = {
      ...relationships,
      write: (on, changes) =>
        relationships.write(on, {
          ...changes,
          writes: [{ user: 'user:bob', relation: 'viewer', object: object() }],
        }),
    };
    const history = await observed({ ...parts.write, relationships: early }, update);
    expect(history.filter(leaks)).toContainEqual(
      expect.objectContaining({ step: 'after take away', bob: OLD }),
    );
  });

  it('and the test sees it where the text is swapped before the relationships', async () => {
    const { documents } = parts.write;
    const hasty: WritePath['documents'] = {
      ...documents,
      enqueueNarrow: async () => {},
      async stage(on, owned, document) {
        const version = await documents.stage(on, owned, document, undefined);
        await settle(parts.write, owned.no);
        return version;
      },
    };
    const history = await observed({ ...parts.write, documents: hasty }, update);
    expect(history.filter(leaks)).toContainEqual(expect.objectContaining({ step: 'after stage', anne: NEW }));
  });

  it('a change of text alone swaps in one step', async () => {
    const history = await observed(parts.write, (path) => put(path, as, id, NEW));
    expect(history.map(({ step }) => step)).not.toContain('before hide');
    for (const { step, anne, both } of history)
      expect([anne, both]).toEqual(step === 'after publish' ? [NEW, NEW] : [OLD, OLD]);
  });

  it('a change of relationships alone touches no embedding', async () => {
    const history = await observed(parts.write, (path) => put(path, as, id, OLD, ['user:bob']));
    expect(history.map(({ step }) => step)).not.toContain('before embed');
    expect(await seen()).toEqual({ anne: undefined, bob: OLD, both: undefined });
  });
});

describe('an exclusion', () => {
  const relationships = (blocked: boolean) => [
    { user: 'user:bob', relation: 'viewer' },
    ...(blocked ? [{ user: 'user:bob', relation: 'blocked' }] : []),
  ];
  const document = (text: string, blocked: boolean) =>
    parseDocument(`${id}-excluding`, { title: id, text, relationships: relationships(blocked) });
  const seenByBob = async () => {
    const { results } = await retrieve(parts.read, tokens.bob, { query: 'merger', k: 50 });
    return results.find((result) => result.document_id === `${id}-excluding`)?.text;
  };

  it('that is added hides the old text before the new is there', async () => {
    await putDocument(parts.write, as, document(OLD, false));
    const history: unknown[] = [];
    const path = stepwise(parts.write, async (step) => void history.push({ step, bob: await seenByBob() }));
    await putDocument(path, as, document(NEW, true));
    expect(history).not.toContainEqual(expect.objectContaining({ bob: NEW }));
  });

  it('that is taken away does not show the old text', async () => {
    const bobDuring = async (write: WritePath) => {
      await putDocument(parts.write, as, document(OLD, true));
      const history: unknown[] = [];
      const path = stepwise(write, async (step) => void history.push({ step, bob: await seenByBob() }));
      await putDocument(path, as, document(NEW, false));
      expect(await seenByBob()).toBe(NEW);
      return history;
    };
    expect(await bobDuring(parts.write)).toContainEqual(expect.objectContaining({ bob: OLD }));
    const asComposed = { ...parts.write, removalMayWiden: composed };
    expect(await bobDuring(asComposed)).not.toContainEqual(expect.objectContaining({ bob: OLD }));
  });

  it('that gives way to another, with the text as it was, lets nobody through between them', async () => {
    const excluding = (blocked: string) =>
      parseDocument(`${id}-excluding`, {
        title: id,
        text: OLD,
        relationships: [
          { user: 'user:bob', relation: 'viewer' },
          { user: blocked, relation: 'blocked' },
        ],
      });
    const bobDuring = async (write: WritePath) => {
      await putDocument(parts.write, as, excluding('user:bob'));
      const history: unknown[] = [];
      const path = stepwise(write, async (step) => void history.push({ step, bob: await seenByBob() }));
      expect(await putDocument(path, as, excluding('user:*'))).toMatchObject({ status: 'published' });
      expect((await rowOf(`${id}-excluding`))?.publishedVersion).toBe(1);
      return history;
    };
    expect(await bobDuring(parts.write)).toContainEqual(expect.objectContaining({ bob: OLD }));
    const asComposed = { ...parts.write, removalMayWiden: composed };
    expect(await bobDuring(asComposed)).not.toContainEqual(expect.objectContaining({ bob: OLD }));
  });

  it('that is taken away with more than one write takes lets nobody through between two of them', async () => {
    const bobDuring = async (write: WritePath) => {
      await putDocument(parts.write, as, document(OLD, true));
      // In the order of their keys bob's exclusion is among the first, and his right among the last.
      const readers = Array.from({ length: MAX_TUPLES_A_WRITE }, (_, i) => `user:a${i}`);
      const writes = readers.map((user) => ({
        user,
        relation: 'viewer',
        object: `document:${id}-excluding`,
      }));
      await parts.write.relationships.write(tenant, { writes, deletes: [] });
      const history: unknown[] = [];
      const path = stepwise(write, async (step) => void history.push({ step, bob: await seenByBob() }));
      await putDocument(
        path,
        as,
        parseDocument(`${id}-excluding`, { title: id, text: OLD, relationships: [] }),
      );
      return history;
    };
    expect(await bobDuring(parts.write)).toContainEqual(expect.objectContaining({ bob: OLD }));
    const asComposed = { ...parts.write, removalMayWiden: composed };
    expect(await bobDuring(asComposed)).not.toContainEqual(expect.objectContaining({ bob: OLD }));
  });
});

describe('a narrowing', () => {
  it('is in force before embeddings are asked for', async () => {
    const waitsForEmbeddings: WritePath['documents'] = {
      ...parts.write.documents,
      enqueueNarrow: async () => {},
    };
    const during = (history: Awaited<ReturnType<typeof observed>>) =>
      history.find(({ step }) => step === 'before embed');

    const faulty = await observed({ ...parts.write, documents: waitsForEmbeddings }, update);
    expect(during(faulty)).toMatchObject({ anne: OLD });
    id = `${id}-again`;
    await put(parts.write, as, id, OLD, ['user:anne', 'user:both']);
    expect(during(await observed(parts.write, update))).toMatchObject({ anne: undefined, both: OLD });
  });

  it('stays in force where embeddings fail', async () => {
    const embeddings = { ...parts.write.embeddings, embed: () => Promise.reject(new Error('no model')) };
    await expect(update({ ...parts.write, embeddings })).rejects.toThrow('no model');
    expect(await seen()).toEqual({ anne: undefined, bob: undefined, both: OLD });
  });
});

describe('a failure half-way', () => {
  const points = ['take away', 'hide', 'add', 'publish'].flatMap((step) => [
    `before ${step}`,
    `after ${step}`,
  ]);

  it.each(points)(
    '%s leaves nothing readable that should not be, and is retried until published',
    async (point) => {
      let broken = true;
      const path = stepwise(parts.write, async (step) => {
        if (broken && step === point) throw new Error(`failed ${point}`);
      });
      const outcome = await update(path);
      // What was taken away is found gone when the step is tried again, within the same request.
      expect(outcome.status).toBe(point === 'after take away' ? 'published' : 'pending');
      const then = await seen();
      expect(leaks(then)).toBe(false);
      if (/after hide|add|before publish/.test(point))
        expect(then).toEqual({ anne: undefined, bob: undefined, both: undefined });

      broken = false;
      const worker = startOutboxWorker(path);
      await vi.waitFor(async () => expect((await rowOf())?.publishedVersion).toBe(2), { timeout: 20_000 });
      await worker.stop();
      expect(await seen()).toEqual({ anne: undefined, bob: NEW, both: NEW });
    },
  );
});

describe('a deletion', () => {
  const outsider = () => writer(parts, { source: 'another' });
  const mention = () => ({ user: `${object()}#viewer`, relation: 'viewer', object: 'folder:of-another' });

  beforeEach(async () => {
    await parts.write.relationships.write(tenant, { writes: [mention()], deletes: [] });
  });
  const left = async () => [
    ...(await parts.write.relationships.ofObject(tenant, object())),
    ...(await parts.write.relationships.mentioning(tenant, object())),
  ];

  it('takes away every relationship on it and every mention before its id is free', async () => {
    expect(await left()).toHaveLength(3);
    const history: number[] = [];
    const path = stepwise(parts.write, async (step) => {
      expect(await seen()).toEqual({ anne: undefined, bob: undefined, both: undefined });
      if (step === 'before remove') history.push((await left()).length);
      await expect(put(parts.write, await outsider(), `x${id}`, 'Mine.')).resolves.toBeDefined();
      expect((await rowOf())?.source).toBe(step === 'after remove' ? undefined : 'wiki');
    });
    expect(await deleteDocument(path, as, id)).toBe('deleted');
    expect(history).toEqual([0]);
  });

  it("gives the id's next owner none of the old readers, and never an old version number", async () => {
    const { relationships } = parts.write;
    const forgetful = { ...relationships, ofObject: async () => [], mentioning: async () => [] };
    await deleteDocument({ ...parts.write, relationships: forgetful }, as, id);
    const before = await put(parts.write, await outsider(), id, NEW);
    expect(await textFor(tokens.anne)).toBe(NEW);

    await deleteDocument(parts.write, await outsider(), id);
    const after = await put(parts.write, await outsider(), id, NEW);
    expect(await seen()).toEqual({ anne: undefined, bob: undefined, both: undefined });
    expect(after.version).toBeGreaterThan(before.version);
  });

  it.each(['before take away', 'after take away', 'before remove'])(
    'that fails %s is hidden at once, keeps the id, and is retried',
    async (point) => {
      let broken = true;
      const path = stepwise(parts.write, async (step) => {
        if (broken && step === point) throw new Error(`failed ${point}`);
      });
      expect(await deleteDocument(path, as, id)).toBe('pending');
      expect(await seen()).toEqual({ anne: undefined, bob: undefined, both: undefined });
      await expect(put(parts.write, await outsider(), id, NEW, ['user:bob'])).rejects.toMatchObject({
        code: 'forbidden',
      });

      broken = false;
      const worker = startOutboxWorker(path);
      await vi.waitFor(async () => expect((await rowOf())?.source).toBeUndefined(), { timeout: 20_000 });
      await worker.stop();
      expect(await left()).toEqual([]);
    },
  );

  it.each([
    { failures: 1, wanted: undefined, forBob: undefined },
    { failures: 1, wanted: ['user:bob'], forBob: OLD },
    { failures: 2, wanted: undefined, forBob: undefined },
    { failures: 2, wanted: ['user:bob'], forBob: OLD },
  ])(
    'that fails $failures times is done before the same text, put again for $wanted, is published',
    async (row) => {
      let { failures } = row;
      const path = stepwise(parts.write, async (step) => {
        if (step === 'before remove' && failures-- > 0) throw new Error('failed');
      });
      expect(await deleteDocument(path, as, id)).toBe('pending');
      const { status, version } = await put(path, as, id, OLD, row.wanted);
      expect(status).toBe('published');
      expect(await rowOf()).toMatchObject({ publishedVersion: version, source: 'wiki', chunks: 1 });
      expect(await seen()).toEqual({ anne: undefined, bob: row.forBob, both: undefined });
    },
  );

  it.each([OLD, NEW])(
    'that the worker does in the middle of a PUT leaves no document without an owner: %s',
    async (text) => {
      const failing = stepwise(parts.write, async (step) => {
        if (step === 'before remove') throw new Error('failed');
      });
      await deleteDocument(failing, as, id);
      const byWorker = async () => void (await settle(parts.write, (await rowOf())?.no ?? 0));
      const { documents } = failing;
      const overtaken: WritePath = {
        ...failing,
        documents: {
          ...documents,
          stage: async (...staged) => (await byWorker(), documents.stage(...staged)),
          enqueuePublish: async (...asked) => (await byWorker(), documents.enqueuePublish(...asked)),
        },
      };
      await expect(put(overtaken, as, id, text)).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(await put(parts.write, as, id, text)).toMatchObject({ status: 'published' });
      expect(await rowOf()).toMatchObject({ source: 'wiki' });
    },
  );
});

describe('a version that is replaced while a request is under way', () => {
  /** As a store reads that goes by the passage's id alone. */
  const anyVersion: typeof parts.read.passages = {
    async read(_, chunks) {
      const { rows } = await parts.database.query<{ chunk_id: number; version: number; text: string }>(
        `SELECT c.id AS chunk_id, c.version, t.text FROM chunks c JOIN chunk_texts t ON t.chunk_id = c.id WHERE c.id = ANY($1::bigint[])`,
        [chunks.map(({ chunkId }) => chunkId)],
      );
      return rows.map((row) => ({
        chunkId: String(row.chunk_id),
        documentId: id,
        version: row.version,
        title: id,
        text: row.text,
        metadata: {},
      }));
    },
  };

  it('is not released, and the answer says that something is missing', async () => {
    const hidesBefore = (passages: typeof anyVersion): typeof anyVersion => ({
      async read(...asked) {
        await parts.database.query(`UPDATE documents SET published_version = NULL WHERE id = $1`, [id]);
        return passages.read(...asked);
      },
    });
    const request = { query: 'merger', filter: { of: { eq: id } } };
    await put(parts.write, as, id, OLD, ['user:anne'], { of: id });
    const published = (await rowOf())?.publishedVersion;
    const leak = await retrieve({ ...parts.read, passages: hidesBefore(anyVersion) }, tokens.anne, request);
    expect(leak.results).toHaveLength(1);

    await parts.database.query(`UPDATE documents SET published_version = $2 WHERE id = $1`, [id, published]);
    const answer = await retrieve(
      { ...parts.read, passages: hidesBefore(parts.read.passages) },
      tokens.anne,
      request,
    );
    expect(answer).toMatchObject({ results: [], complete: false, certified: false });
  });
});
