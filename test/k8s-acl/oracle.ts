import { openEmbeddedStore } from '../../src/adapters/pglite/embedded-store.ts';
import { openDatabase } from '../../src/adapters/postgres/database.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import type { TestService } from '../support/service.ts';

const K1 = 1.2;

/** The brute-force answer: every passage of the documents that may be read, scored one by one, in this file's own words. */
export async function authorisedTop(
  { config }: TestService,
  query: string,
  documents: readonly string[],
  k: number,
): Promise<string[]> {
  const { connection } = await openEmbeddedStore(config.dataDir);
  const database = openDatabase({ ...connection, max: 1 });
  try {
    const embeddings = await staticEmbeddings();
    const [vector] = await embeddings.embed([query]);
    const { rows: lexemes } = await database.query<{ dimension: number; df: number; n: number }>(
      `SELECT f.dimension, f.chunks AS df, (SELECT chunks FROM collections) AS n
       FROM unnest(to_tsvector('english', $1)) q JOIN lexeme_frequencies f ON f.dimension = lexeme_dimension(q.lexeme)`,
      [query],
    );
    const idf = new Map(
      lexemes.map(({ dimension, df, n }) => [dimension, Math.log(1 + (n - df + 0.5) / (df + 0.5))]),
    );
    const bound = [...idf.values()].reduce((sum, value) => sum + value * (K1 + 1), 0);
    const { rows } = await database.query<{
      id: number;
      document: string;
      ordinal: number;
      embedding: string;
      weights: string;
    }>(
      `SELECT c.id, d.id AS document, c.ordinal, c.embedding::text, c.weights::text FROM documents d
       JOIN chunks c ON c.document_no = d.no AND c.version = d.published_version WHERE d.id = ANY($1)`,
      [documents],
    );
    return rows
      .map((row) => {
        const dense = numbers(row.embedding).reduce((sum, x, i) => sum + x * (vector?.[i] ?? 0), 0);
        const lexical = entries(row.weights).reduce(
          (sum, [dimension, weight]) => sum + weight * (idf.get(dimension) ?? 0),
          0,
        );
        const w = embeddings.denseWeight;
        return { ...row, score: w * dense + (bound === 0 ? 0 : ((1 - w) * lexical) / bound) };
      })
      .toSorted(
        (a, b) =>
          b.score - a.score ||
          (a.document < b.document ? -1 : a.document > b.document ? 1 : a.ordinal - b.ordinal),
      )
      .slice(0, k)
      .map(({ id }) => String(id));
  } finally {
    await database.close();
  }
}

function numbers(literal: string): number[] {
  return literal.slice(1, -1).split(',').map(Number);
}

function entries(literal: string): [number, number][] {
  const inner = literal.slice(1, literal.indexOf('}'));
  return inner === ''
    ? []
    : inner.split(',').map((entry) => entry.split(':').map(Number) as [number, number]);
}
