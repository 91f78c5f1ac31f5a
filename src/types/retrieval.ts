import { z } from 'zod';

/** Largest number of passages one request can ask for. */
export const MAX_K = 50;
export const DEFAULT_K = 5;
/** Characters. */
export const MAX_QUERY_LENGTH = 8_000;

const scalar = z.union([z.string().max(1_000), z.number(), z.boolean()]);
const comparison = z.union([
  z.strictObject({ eq: scalar }),
  z.strictObject({ in: z.array(scalar).min(1).max(100) }),
  z.strictObject({ gte: z.union([z.string().max(1_000), z.number()]) }),
  z.strictObject({ lte: z.union([z.string().max(1_000), z.number()]) }),
]);

/** A condition on metadata: `{field: {eq | in | gte | lte: value}}`, joined by `and`, `or` and `not`. */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly [field: string]: z.infer<typeof comparison> };

export const retrieveRequest = z.strictObject({
  query: z.string().trim().min(1).max(MAX_QUERY_LENGTH),
  k: z.int().min(1).max(MAX_K).default(DEFAULT_K),
  session_id: z.string().min(1).max(100).optional(),
  filter: z.record(z.string(), z.unknown()).optional(),
});
export type RetrieveRequest = z.infer<typeof retrieveRequest>;

export const passage = z.object({
  document_id: z.string(),
  chunk_id: z.string(),
  title: z.string(),
  text: z.string(),
  /** 0 to 1; depends on the query and the passage alone. */
  score: z.number(),
  metadata: z.record(z.string(), z.unknown()),
  source_url: z.string().optional(),
  version: z.int(),
});

export const retrieveResponse = z.object({
  results: z.array(passage),
  /** Whether `results` holds k passages, or every one there is, as of `watermark`. */
  complete: z.boolean(),
  /** Whether `results` is proved to be the best k by score of all that may be read. */
  certified: z.boolean(),
  /** The state of the relationships that the answer is as of; opaque. */
  watermark: z.string(),
  session_id: z.string(),
  decision_id: z.string(),
});
export type RetrieveResponse = z.infer<typeof retrieveResponse>;
