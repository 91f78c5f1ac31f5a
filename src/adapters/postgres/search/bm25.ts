/** A lexeme of the query and in how many of the tenant's chunks it stands, which may be none. */
export type QueryLexeme = { readonly lexeme: string; readonly dimension: number; readonly chunks: number };

export type LexicalQuery = {
  /** The query as a `sparsevec`: its inner product with a chunk's weights is that chunk's BM25 score. */
  readonly sparse: string;
  /** No chunk can score higher: the sum over the lexemes of idf (k1 + 1). */
  readonly bound: number;
  /** The rarest lexemes, as a `tsquery`: where candidates come from. */
  readonly rarest: string;
  /** No chunk without any of `rarest` can score higher. */
  readonly boundWithoutRarest: number;
};

/** Chunks that the rarest lexemes may bring in together; more cost time and no quality (measured, design). */
const MAX_CANDIDATES = 2_000;
const K1 = 1.2;
/**
 * A lexeme in fewer chunks, or in none, weighs as if it were in so many (in a small collection, in the square root of all): else
 * the scores of what one may read would tell whether a rare word stands in what one may not.
 */
const LEAST_CHUNKS = 10;
/** Dimensions of `weights`: see migration 1, `lexeme_dimension`. */
const DIMENSIONS = 536_870_912;

/** Whole words, as Postgres sees them: an underscore ends one. */
const DOUBLED = /(?<![\p{L}\p{N}])([aeo](?:bb|dd|ff|gg|mm|nn|pp|rr|tt))(?:ed|ing)(?![\p{L}\p{N}])/giu;

/**
 * A text as the stemmer is given it. Postgres 18 leaves the double letter in "add" and "err" when it takes away -ed and
 * -ing, and older ones don't; so that each passage scores alike on all of them, we take those away ourselves.
 */
export function forStemmer(text: string): string {
  return text.replaceAll(DOUBLED, '$1');
}

/** Returns `undefined` where there is no lexeme, as for "of the". */
export function lexicalQuery(lexemes: readonly QueryLexeme[], chunks: number): LexicalQuery | undefined {
  if (lexemes.length === 0) return undefined;
  const weighted = lexemes
    .map((lexeme) => ({ ...lexeme, idf: inverseDocumentFrequency(lexeme.chunks, chunks) }))
    .toSorted((a, b) => a.chunks - b.chunks || a.dimension - b.dimension);

  let candidates = 0;
  const rarest = weighted.filter((lexeme) => {
    const none = candidates === 0;
    candidates += lexeme.chunks;
    return none || candidates <= MAX_CANDIDATES;
  });
  const idfOf = new Map(weighted.map(({ dimension, idf }) => [dimension, idf]));
  const bound = (part: typeof weighted) => part.reduce((sum, { idf }) => sum + idf * (K1 + 1), 0);

  return {
    sparse: `{${[...idfOf].map(([dimension, idf]) => `${dimension}:${idf}`).join(',')}}/${DIMENSIONS}`,
    bound: bound(weighted),
    rarest: rarest.map(({ lexeme }) => quoteLexeme(lexeme)).join(' | '),
    boundWithoutRarest: bound(weighted.slice(rarest.length)),
  };
}

/** Always above 0. A frequency counted while chunks come and go may exceed their number for a moment. */
function inverseDocumentFrequency(counted: number, chunks: number): number {
  const frequency = Math.max(counted, Math.min(LEAST_CHUNKS, Math.sqrt(chunks)));
  return Math.log(1 + (Math.max(chunks, frequency) - frequency + 0.5) / (frequency + 0.5));
}

function quoteLexeme(lexeme: string): string {
  return `'${lexeme.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
