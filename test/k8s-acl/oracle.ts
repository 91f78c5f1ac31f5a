import type { Database } from '../../src/adapters/postgres/database.ts';
import { forStemmer } from '../../src/adapters/postgres/search/bm25.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import type { Embeddings } from '../../src/ports/embeddings.ts';
import { joinStore } from '../support/parts.ts';

type Chunk = {
  readonly id: string;
  readonly document: string;
  readonly ordinal: number;
  readonly embedding: Float64Array;
  readonly weights: readonly (readonly [dimension: number, weight: number])[];
};

const K1 = 1.2;

/** The brute-force answer: every passage held in memory and scored one by one, in this file's own words. */
export class Oracle {
  readonly #chunks: readonly Chunk[];
  readonly #embeddings: Embeddings;
  readonly #database: Database;

  static async load(dataDir: string): Promise<Oracle> {
    const database = await joinStore(dataDir);
    return new Oracle(await loadChunks(database), await staticEmbeddings(), database);
  }

  constructor(chunks: readonly Chunk[], embeddings: Embeddings, database: Database) {
    this.#chunks = chunks;
    this.#embeddings = embeddings;
    this.#database = database;
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** The ids of the best k passages of these documents. */
  async top(query: string, documents: ReadonlySet<string>, k: number): Promise<string[]> {
    const [embedded = new Float32Array()] = await this.#embeddings.embed([query]);
    // In multiples of 2^-11, as passages are kept.
    const vector = embedded.map((x) => Math.round(x * 2_048) / 2_048);
    const idf = await this.#idf(query);
    const bound = [...idf.values()].reduce((sum, value) => sum + value * (K1 + 1), 0);
    const w = this.#embeddings.denseWeight;
    return this.#chunks
      .filter(({ document }) => documents.has(document))
      .map((chunk) => {
        const dense = chunk.embedding.reduce((sum, x, i) => sum + x * (vector[i] ?? 0), 0);
        const lexical = chunk.weights.reduce(
          (sum, [dimension, weight]) => sum + weight * (idf.get(dimension) ?? 0),
          0,
        );
        return { ...chunk, score: w * dense + (bound === 0 ? 0 : ((1 - w) * lexical) / bound) };
      })
      .toSorted((a, b) => b.score - a.score || compare(a.document, b.document) || a.ordinal - b.ordinal)
      .slice(0, k)
      .map(({ id }) => id);
  }

  async #idf(query: string): Promise<Map<number, number>> {
    const { rows } = await this.#database.query<{ dimension: number; df: number; n: number }>(
      `SELECT lexeme_dimension(q.lexeme) AS dimension, coalesce(f.chunks, 0) AS df, (SELECT chunks FROM collections) AS n
       FROM unnest(to_tsvector('english', $1)) q
       LEFT JOIN lexeme_frequencies f ON f.dimension = lexeme_dimension(q.lexeme)`,
      [forStemmer(query)],
    );
    return new Map(
      rows.map(({ dimension, df: counted, n }) => {
        // What is rarer weighs no more: it would tell of documents that one may not read.
        const df = Math.max(counted, Math.min(10, Math.sqrt(n)));
        return [dimension, Math.log(1 + (n - df + 0.5) / (df + 0.5))];
      }),
    );
  }
}

async function loadChunks(database: Database): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (;;) {
    const { rows } = await database.query<{
      id: number;
      document: string;
      ordinal: number;
      embedding: string;
      weights: string;
    }>(
      `SELECT c.id, d.id AS document, c.ordinal, c.embedding::text, c.weights::text FROM documents d
       JOIN chunks c ON c.document_no = d.no AND c.version = d.version WHERE c.id > $1 ORDER BY c.id LIMIT 2000`,
      [Number(chunks.at(-1)?.id ?? 0)],
    );
    if (rows.length === 0) return chunks;
    chunks.push(
      ...rows.map(({ id, embedding, weights, ...chunk }) => ({
        ...chunk,
        id: String(id),
        embedding: Float64Array.from(embedding.slice(1, -1).split(','), Number),
        weights: entries(weights),
      })),
    );
  }
}

function entries(literal: string): [number, number][] {
  const inner = literal.slice(1, literal.indexOf('}'));
  return inner === ''
    ? []
    : inner.split(',').map((entry) => {
        const [dimension = '', weight = ''] = entry.split(':');
        return [Number(dimension), Number(weight)];
      });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
