/** A lexeme of the query and in how many of the tenant's chunks it stands. */
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

/** Lexemes that no chunk has carry no weight. Returns `undefined` where none is left, as for "of the". */
export function lexicalQuery(lexemes: readonly QueryLexeme[], chunks: number): LexicalQuery | undefined {
  const known = lexemes
    .filter((lexeme) => lexeme.chunks > 0)
    .map((lexeme) => ({ ...lexeme, idf: inverseDocumentFrequency(lexeme.chunks, chunks) }))
    .toSorted((a, b) => a.chunks - b.chunks || a.dimension - b.dimension);
  if (known.length === 0) return undefined;

  let candidates = 0;
  const rarest = known.filter((lexeme, i) => {
    candidates += lexeme.chunks;
    return i === 0 || candidates <= MAX_CANDIDATES;
  });
  const idfOf = new Map(known.map(({ dimension, idf }) => [dimension, idf]));
  const bound = (part: typeof known) => part.reduce((sum, { idf }) => sum + idf * (K1 + 1), 0);

  return {
    sparse: `{${[...idfOf].map(([dimension, idf]) => `${dimension}:${idf}`).join(',')}}/${DIMENSIONS}`,
    bound: bound(known),
    rarest: rarest.map(({ lexeme }) => quoteLexeme(lexeme)).join(' | '),
    boundWithoutRarest: bound(known.slice(rarest.length)),
  };
}

/** Always above 0. A frequency counted while chunks come and go may exceed their number for a moment. */
function inverseDocumentFrequency(frequency: number, chunks: number): number {
  return Math.log(1 + (Math.max(chunks, frequency) - frequency + 0.5) / (frequency + 0.5));
}

function quoteLexeme(lexeme: string): string {
  return `'${lexeme.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
