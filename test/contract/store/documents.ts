import { describe, expect, it } from 'vitest';
import { postgresDocuments } from '../../../src/adapters/postgres/documents.ts';
import { postgresPassages } from '../../../src/adapters/postgres/passages.ts';
import { vectorLiteral } from '../../../src/adapters/postgres/vector.ts';
import type { OutboxStep } from '../../../src/ports/documents.ts';
import { newTenant, publish, SOURCE, type Store, staged } from './stores.ts';

export function documentsContract(opened: () => Store): void {
  const documents = () => postgresDocuments(opened().database);

  describe('documents', () => {
    it('which belong to who claims their id first', async () => {
      const tenant = newTenant();
      const first = await documents().claim(tenant, 'a', SOURCE);
      expect(first).toMatchObject({ source: SOURCE, version: 0, chunks: 0 });
      expect(await documents().claim(tenant, 'a', 'another')).toEqual(first);
      expect((await documents().claim(newTenant(), 'a', 'another')).no).not.toBe(first.no);

      const stolen = { no: first.no, source: 'another' };
      const document = await staged(opened(), 'a', ['text']);
      for (const change of [
        () => documents().stage(tenant, stolen, document, undefined),
        () => documents().enqueueNarrow(stolen, []),
        () => documents().enqueueDelete(stolen),
      ])
        await expect(change()).rejects.toMatchObject({ code: 'store_unavailable' });
    });

    it('hidden until their step publishes them, then by version', async () => {
      const tenant = newTenant();
      const { no } = await documents().claim(tenant, 'a', SOURCE);
      const document = await staged(opened(), 'a', ['one', 'two']);
      const relationships = [
        { user: 'user:anne', relation: 'viewer', condition: { name: 'now', context: { at: 1 } } },
      ];
      expect(await documents().stage(tenant, { no, source: SOURCE }, document, relationships)).toBe(1);
      const row = { no, source: SOURCE, version: 1, hash: document.hash, chunks: 2 };
      expect(await documents().find(tenant, 'a')).toEqual(row);
      const step = await documents().lease(no);
      expect(step).toMatchObject({ tenant, documentId: 'a', step: 'publish', version: 1, relationships });
      await documents().publish(step as OutboxStep);
      expect(await documents().find(tenant, 'a')).toEqual({ ...row, publishedVersion: 1 });
      expect(await documents().lease(no)).toBeUndefined();
    });

    it('with their text, which only a published version gives away, and only to its tenant', async () => {
      const tenant = newTenant();
      const { no } = await publish(opened(), tenant, 'a', ['one', 'two'], { team: 'x' });
      const { rows } = await opened().database.query<{ id: string; version: number }>(
        `SELECT id::text, version FROM chunks WHERE document_no = $1 ORDER BY ordinal`,
        [no],
      );
      const chunks = rows.map(({ id, version }) => ({ chunkId: id, version }));
      const passages = postgresPassages(opened().database);
      const expected = { documentId: 'a', version: 1, title: 'a', metadata: { team: 'x' } };
      const read = (await passages.read(tenant, chunks)).toSorted((a, b) => (a.text < b.text ? -1 : 1));
      expect(read).toEqual(
        ['one', 'two'].map((text, i) => ({ ...expected, text, chunkId: chunks[i]?.chunkId })),
      );
      expect(await passages.read(newTenant(), chunks)).toEqual([]);
      const wrong = chunks.map(({ chunkId }) => ({ chunkId, version: 2 }));
      expect(await passages.read(tenant, wrong)).toEqual([]);
      await publish(opened(), tenant, 'a', ['three']);
      expect(await passages.read(tenant, chunks)).toEqual([]);
    });

    it('with their vectors, to be used again', async () => {
      const tenant = newTenant();
      await publish(opened(), tenant, 'a', ['one', 'two']);
      const { chunks } = await staged(opened(), 'a', ['one', 'two', 'three']);
      const held = await documents().embeddingsOf(
        tenant,
        chunks.map(({ hash }) => hash),
      );
      expect(held).toEqual(
        new Map(
          chunks.slice(0, 2).map(({ hash, embedding }) => {
            const kept = Float32Array.from(JSON.parse(vectorLiteral(embedding)) as number[]);
            return [hash.toString('hex'), kept];
          }),
        ),
      );
      expect(
        (
          await documents().embeddingsOf(
            newTenant(),
            chunks.map(({ hash }) => hash),
          )
        ).size,
      ).toBe(0);
    });

    it('whose version numbers outlive a deletion, unlike anything else', async () => {
      const tenant = newTenant();
      const { no } = await publish(opened(), tenant, 'a', ['one']);
      await documents().enqueueNarrow({ no, source: SOURCE }, []);
      await documents().enqueueDelete({ no, source: SOURCE });
      expect(await documents().find(tenant, 'a')).not.toHaveProperty('publishedVersion');
      const step = await documents().lease(no);
      // What was waiting is void.
      expect(step).toMatchObject({ step: 'delete' });
      await documents().remove(step as OutboxStep);
      expect(await documents().find(tenant, 'a')).toEqual({ no, version: 1, chunks: 0 });
      expect((await documents().claim(tenant, 'a', 'another')).source).toBe('another');
    });
  });
}
