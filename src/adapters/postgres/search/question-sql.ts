import type { Filter } from '../../../types/filter.ts';
import type { LexicalQuery } from './bm25.ts';

/** A question made ready for SQL. */
export type PreparedQuestion = {
  readonly tenant: string;
  /** The query's embedding as pgvector receives it. */
  readonly embedding: Buffer;
  readonly dimension: number;
  readonly lexical: LexicalQuery | undefined;
  /** The weight w of the dense signal in the fused score. */
  readonly denseWeight: number;
  readonly filter?: Filter;
};

/** The factor that brings BM25 to at most 1 - w. */
export function lexicalFactor({ lexical, denseWeight }: PreparedQuestion): number {
  return lexical === undefined ? 0 : (1 - denseWeight) / lexical.bound;
}

/** The parts of a search statement over `chunks c`. */
export type SearchSql = {
  /** Adds a parameter and returns its placeholder. */
  readonly bind: (value: unknown) => string;
  readonly values: unknown[];
  readonly dense: string;
  readonly lexical: string;
  /** w * cosine + (1 - w) * bm25 / bound(query): it depends on no other candidate. */
  readonly fused: string;
};

export function searchSql(question: PreparedQuestion): SearchSql {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const dense = `-(c.embedding <#> ${bind(question.embedding)}::vector)`;
  const lexical =
    question.lexical === undefined
      ? '0::float8'
      : `-(c.weights <#> ${bind(question.lexical.sparse)}::sparsevec)`;
  const fused = `${bind(question.denseWeight)}::float8 * ${dense} + ${bind(lexicalFactor(question))}::float8 * ${lexical}`;
  return { bind, values, dense, lexical, fused };
}
