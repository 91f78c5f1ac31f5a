import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { importDocuments, type LineOutcome } from '../../ingest/import.ts';
import { importRelationships } from '../../ingest/import-relationships.ts';
import { putDocument, type WritePath } from '../../ingest/ingest.ts';
import { type documentBody, parseDocument } from '../../ingest/parse.ts';
import type { Writer } from '../../ingest/writer.ts';
import { operatorOf } from '../../src/operator.ts';
import type { Embeddings } from '../../src/ports/embeddings.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { collect } from '../support/collect.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let operator: Writer;
let write: WritePath;
/** Every text that was embedded since the test began. */
let embedded: string[];

beforeAll(async () => {
  service = await openTestService();
  operator = await operatorOf(service.config);
});
afterAll(() => service.close());
beforeEach(() => {
  embedded = [];
  write = { ...service.write, embeddings: watched(service.write.embeddings) };
});

function watched(embeddings: Embeddings): Embeddings {
  return {
    ...embeddings,
    embed(texts, signal) {
      embedded.push(...texts);
      return embeddings.embed(texts, signal);
    },
  };
}

async function* bytes(...lines: readonly unknown[]): AsyncGenerator<Buffer> {
  for (const line of lines) yield Buffer.from(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
}

const importAll = (...lines: readonly unknown[]): Promise<LineOutcome[]> =>
  collect(importDocuments(write, operator, bytes(...lines)));

async function grant(...tuples: readonly unknown[]) {
  const outcomes = await collect(importRelationships(write, operator, bytes(...tuples)));
  return {
    written: outcomes.reduce((sum, { written }) => sum + written, 0),
    rejected: outcomes.flatMap(({ rejected }) => rejected),
  };
}

const put = (id: string, body: z.input<typeof documentBody>) =>
  putDocument(write, operator, parseDocument(id, body));
const reader = (user: string) => ({ user: `user:${user}`, relation: 'viewer' });

async function found(subject: string, query = 'text') {
  const { results, complete } = await retrieve(service.read, await service.token(subject), { query, k: 50 });
  expect(complete).toBe(true);
  return results;
}
const readable = async (subject: string) =>
  (await found(subject)).map(({ document_id }) => document_id).toSorted();

describe('an import', () => {
  it('reports what is wrong by its line and takes the rest in', async () => {
    const outcomes = await importAll(
      { id: 'one', title: 'One', text: 'text one', relationships: [reader('lin')] },
      '{"id": "two", "title": ',
      '',
      { id: 'has space', title: 'x', text: 'x' },
      { id: 'empty', title: 'Empty', text: ' ' },
      { id: 'forbidden', title: 'x', text: 'x', relationships: [{ user: 'user:lin', relation: 'enemy' }] },
      { id: 'nul', title: 'x', text: 'a\0b' },
      { id: 'last', title: 'Last', text: 'text last', relationships: [reader('lin')] },
    );
    expect(outcomes).toMatchObject([
      { line: 1, document_id: 'one', status: 'published', version: 1, chunks: 1 },
      {
        line: 2,
        status: 'rejected',
        error: { code: 'invalid_document', detail: expect.stringMatching(/JSON/) },
      },
      {
        line: 4,
        document_id: 'has space',
        status: 'rejected',
        error: { detail: expect.stringMatching(/^id: holds a space/) },
      },
      { line: 5, status: 'rejected', error: { detail: expect.stringMatching(/^text: is empty/) } },
      {
        line: 6,
        status: 'rejected',
        error: { code: 'invalid_relationship', detail: expect.stringMatching(/enemy/) },
      },
      { line: 7, status: 'rejected', error: { detail: expect.stringMatching(/^text: holds a NUL/) } },
      { line: 8, document_id: 'last', status: 'published' },
    ]);
    expect(await readable('lin')).toEqual(['last', 'one']);
  });

  it('keeps fields that it does not know as metadata, under those that the line itself calls so', async () => {
    await importAll({
      id: 'export',
      title: 'Export',
      text: 'text',
      author: 'Mo',
      tags: ['a', { b: 1 }],
      year: 2025,
      metadata: { year: 2026 },
      relationships: [reader('mo')],
    });
    const [result] = await found('mo');
    expect(result?.metadata).toEqual({ author: 'Mo', tags: ['a', { b: 1 }], year: 2026 });
  });

  it('ends with the outage, and does not call the lines after it wrong', async () => {
    const outage = new ClearanceError('embeddings_unavailable', 'out of order');
    const texts: string[] = [];
    write = {
      ...service.write,
      embeddings: {
        ...service.write.embeddings,
        embed(batch) {
          texts.push(...batch);
          return Promise.reject(outage);
        },
      },
    };
    const lines = Array.from({ length: 40 }, (_, i) => ({
      id: `outage-${i}`,
      title: 'x',
      text: `text ${i}`,
    }));
    await expect(importAll(...lines)).rejects.toBe(outage);
    expect(texts.length).toBeLessThan(20);
  });
});

describe('relationships', () => {
  it('are written from a file; what is wrong is reported by its line', async () => {
    const tuple = { user: 'user:pat', relation: 'viewer', object: 'folder:shared' };
    const many = Array.from({ length: 250 }, (_, i) => ({
      user: `user:many-${i}`,
      relation: 'member',
      object: 'group:many',
    }));
    const outcome = await grant(
      tuple,
      '{"user":',
      { ...tuple, relation: 'enemy' },
      { ...tuple, user: 'pat' },
      { ...tuple, extra: 1 },
      tuple,
      ...many,
    );
    expect(outcome.rejected).toMatchObject([
      { line: 2, detail: expect.stringMatching(/JSON/) },
      { line: 3, detail: expect.stringMatching(/enemy/) },
      { line: 4, detail: expect.stringMatching(/'user' field/) },
      { line: 5, detail: expect.stringMatching(/extra/) },
    ]);
    expect(outcome.written).toBe(1 + many.length);
    expect((await grant(tuple, ...many)).written).toBe(0);
  });

  it('may come before their documents or after them', async () => {
    const parent = (id: string) => ({ user: 'folder:wiki', relation: 'parent', object: `document:${id}` });
    await grant({ user: 'user:quin', relation: 'viewer', object: 'folder:wiki' }, parent('before'));
    await importAll({ id: 'before', title: 'x', text: 'text' }, { id: 'after', title: 'x', text: 'text' });
    expect(await readable('quin')).toEqual(['before']);
    await grant(parent('after'));
    expect(await readable('quin')).toEqual(['after', 'before']);
  });
});

describe('a document written again', () => {
  const body = { title: 'Title', text: 'text of a document' };

  it('keeps its relationships where it names none, changes them as a whole where it does', async () => {
    await put('set', { ...body, relationships: [reader('a'), reader('b')] });
    const readers = async () => {
      const lists = await Promise.all(
        ['a', 'b', 'c'].map(async (user) => ((await readable(user)).includes('set') ? user : '')),
      );
      return lists.join('');
    };
    expect(await readers()).toBe('ab');

    await put('set', { ...body, text: 'text, changed' });
    expect(await readers()).toBe('ab');
    await put('set', { ...body, relationships: [reader('b'), reader('c')] });
    expect(await readers()).toBe('bc');
    await put('set', { ...body, relationships: [] });
    expect(await readers()).toBe('');
    await put('set', body);
    expect(await readers()).toBe('');
    await put('set', { ...body, relationships: [reader('a')] });
    expect(await readers()).toBe('a');
  });

  it('loses and keeps relationships that were written one by one, too', async () => {
    await put('loose', body);
    await grant({ ...reader('dee'), object: 'document:loose' });
    await put('loose', { ...body, text: 'text, changed' });
    expect(await readable('dee')).toEqual(['loose']);
    await put('loose', { ...body, text: 'text, changed', relationships: [reader('someone')] });
    expect(await readable('dee')).toEqual([]);
  });

  it('is not embedded again where its text is the same, and stays at its version', async () => {
    const first = await put('same', {
      ...body,
      text: 'text that is embedded once',
      relationships: [reader('e')],
    });
    expect(embedded).toEqual(['Title\ntext that is embedded once']);
    const again = await put('same', {
      ...body,
      text: 'text that is embedded once',
      relationships: [reader('e')],
    });
    expect(again).toEqual({ ...first, created: false });
    expect(embedded).toHaveLength(1);
  });

  it('touches no embedding where only relationships or metadata change', async () => {
    const text = { ...body, text: 'text whose readers change' };
    const first = await put('moved', { ...text, relationships: [reader('f')] });
    embedded.length = 0;
    write = {
      ...write,
      embeddings: { ...write.embeddings, embed: () => Promise.reject(new Error('not to be called')) },
    };
    expect(await put('moved', { ...text, relationships: [reader('g')] })).toMatchObject({
      version: first.version,
    });
    expect(await put('moved', { ...text, metadata: { year: 2026 } })).toMatchObject({
      version: first.version + 1,
    });
    expect(await readable('f')).toEqual([]);
    expect((await found('g')).map(({ document_id, metadata }) => [document_id, metadata])).toEqual([
      ['moved', { year: 2026 }],
    ]);
  });

  it('embeds only those of its passages that nobody has written before', async () => {
    const passage = (n: number) => `Passage ${n}. ${'word '.repeat(300)}`;
    const long = { title: 'Long', text: [1, 2, 3].map(passage).join('\n\n') };
    expect(await put('long', { ...long, relationships: [reader('h')] })).toMatchObject({ chunks: 3 });
    embedded.length = 0;
    await put('long', { ...long, text: [1, 4, 3].map(passage).join('\n\n') });
    expect(embedded.map((text) => text.slice(0, 15))).toEqual(['Long\nPassage 4.']);
    await put('copy-of-long', { ...long, text: [4, 1].map(passage).join('\n\n') });
    expect(embedded).toHaveLength(1);
  });
});
