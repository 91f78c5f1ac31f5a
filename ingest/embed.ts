import { createHash } from 'node:crypto';
import type { Documents, StoredChunk } from '../src/ports/documents.ts';
import type { Embeddings } from '../src/ports/embeddings.ts';
import { ClearanceError } from '../src/types/errors.ts';

/** A vector for each chunk. What the tenant already holds a vector of, in this or in another document, is not embedded again. */
export async function embed(
  { documents, embeddings }: { documents: Documents; embeddings: Embeddings },
  tenant: string,
  title: string,
  texts: readonly string[],
): Promise<readonly StoredChunk[]> {
  const chunks = texts.map((text) => {
    const embedded = `${title}\n${text}`;
    return { text, embedded, hash: createHash('sha256').update(embedded).digest() };
  });
  const known = await documents.embeddingsOf(
    tenant,
    chunks.map(({ hash }) => hash),
  );
  const missing = chunks.filter(({ hash }) => !known.has(hash.toString('hex')));
  const fresh = missing.length === 0 ? [] : await embeddings.embed(missing.map(({ embedded }) => embedded));
  const vectors = new Map([
    ...known,
    ...missing.map(({ hash }, i) => [hash.toString('hex'), fresh[i]] as const),
  ]);
  return chunks.map(({ text, hash }) => {
    const embedding = vectors.get(hash.toString('hex'));
    if (embedding === undefined) {
      throw new ClearanceError(
        'embeddings_unavailable',
        'The embedding model returned fewer vectors than texts. Try again.',
      );
    }
    return { text, hash, embedding };
  });
}
