import { describe, expect, it } from 'vitest';
import {
  reembed,
  requireEmbeddingSpace,
  useEmbeddingSpace,
} from '../../../src/adapters/postgres/embedding-space.ts';
import { postgresCandidateIndex } from '../../../src/adapters/postgres/search/candidate-index.ts';
import { hasVectorIndex } from '../../../src/adapters/postgres/search/vector-index.ts';
import type { Embeddings } from '../../../src/ports/embeddings.ts';
import { everywhere } from '../../search/scopes.ts';
import { newTenant, publish, type Store } from './stores.ts';

const letters: Embeddings = {
  model: 'letters',
  dimension: 3,
  denseWeight: 0.5,
  embed: async (texts) =>
    texts.map((text) => Float32Array.from(['a', 'b', 'c'], (letter) => (text.includes(letter) ? 1 : 0))),
};

export function embeddingSpaceContract(opened: () => Store): void {
  describe('vectors of one space', () => {
    it('and of another only once all have been made anew', async () => {
      const { database, owner, embeddings } = opened();
      const tenant = newTenant();
      await publish(opened(), tenant, 'a', ['abc']);
      await requireEmbeddingSpace(database, embeddings);
      await useEmbeddingSpace(owner, embeddings);
      await expect(requireEmbeddingSpace(database, letters)).rejects.toThrow('clearance reembed');

      await reembed(owner, letters, () => {});
      await requireEmbeddingSpace(database, letters);
      await expect(useEmbeddingSpace(owner, embeddings)).rejects.toThrow('clearance reembed');
      // Its vectors were of the former dimension.
      expect(await hasVectorIndex(database)).toBe(false);
      const index = postgresCandidateIndex(database, letters, everywhere);
      const search = await index.open({ tenant, query: 'b', readers: [] }, AbortSignal.timeout(10_000));
      expect((await search.next(5)).documents).toMatchObject([{ documentId: 'a' }]);
    });
  });
}
