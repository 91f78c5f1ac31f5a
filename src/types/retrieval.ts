import { z } from 'zod';
import { ClearanceError } from './errors.ts';
import { parseInput } from './parse.ts';
import { isStorable, UNSTORABLE } from './text.ts';

/** Largest number of passages one request can ask for. */
export const MAX_K = 50;
export const DEFAULT_K = 5;
/** Characters. */
export const MAX_QUERY_LENGTH = 8_000;

/** Entries of an audience; how many people they may stand for is said where they are looked up. */
const MAX_AUDIENCE_ENTRIES = 100;
const MAX_AUDIENCE_GROUPS = 10;
const audienceEntry = z
  .string()
  .max(512)
  .regex(/^[^\s:#]+:[^\s:#]+(#[^\s:#]+)?$/, 'must look like user:anne or group:support#member')
  .refine((entry) => !entry.endsWith(':*'), 'names everyone: name people, or the members of a group')
  .refine(isStorable, UNSTORABLE);

export const retrieveRequest = z.strictObject({
  query: z
    .string()
    .max(MAX_QUERY_LENGTH, `has more than ${MAX_QUERY_LENGTH} characters`)
    .refine((query) => query.trim() !== '', 'is empty')
    .refine(isStorable, UNSTORABLE),
  k: z.int().min(1).max(MAX_K).default(DEFAULT_K),
  session_id: z.string().min(1).max(100).optional(),
  filter: z.record(z.string(), z.unknown()).optional(),
  /** Who else will see the answer, people and groups: only what each of them may read is given. */
  audience: z
    .array(audienceEntry)
    .min(1)
    .max(MAX_AUDIENCE_ENTRIES)
    .refine(
      (entries) => entries.filter((entry) => entry.includes('#')).length <= MAX_AUDIENCE_GROUPS,
      `names more than ${MAX_AUDIENCE_GROUPS} groups`,
    )
    .optional(),
  /** `certified`: an exact search, whose answer is proved to be the best, also where an approximate one would be sooner. */
  exactness: z.literal('certified').optional(),
  /** How the search went about it. For the scope `admin`: it tells of how much one may read. */
  debug: z.boolean().default(false),
});
export type RetrieveRequest = z.input<typeof retrieveRequest>;

const notBuiltYet = ['mode'];

/** What is not built yet is refused by name, never ignored: who asks for it must not believe they got it. */
export function parseRetrieveRequest(input: unknown): z.output<typeof retrieveRequest> {
  const asked =
    typeof input === 'object' && input !== null ? notBuiltYet.filter((name) => name in input) : [];
  if (asked.length > 0) {
    throw new ClearanceError('not_built_yet', `Not built yet: ${asked.join(', ')}. Leave it out.`);
  }
  return parseInput(retrieveRequest, input);
}

export const passage = z.object({
  document_id: z.string(),
  chunk_id: z.string(),
  title: z.string(),
  text: z.string(),
  /** At most 1; depends on the query, the passage and constants of the tenant. */
  score: z.number(),
  metadata: z.record(z.string(), z.unknown()),
  source_url: z.string().optional(),
  version: z.int(),
});

/**
 * Why an answer may lack something: as many documents were asked about as one request may, one changed meanwhile, or the audience
 * is of more people than can be asked about, or an agent may not use something without approval.
 */
export const shortfall = z.enum([
  'budget_of_checks',
  'document_changed',
  'audience_too_large',
  'approval_required',
]);
export type Shortfall = z.infer<typeof shortfall>;

const debugView = z.object({
  route: z.string(),
  why: z.string(),
  /** What the permission index and the filter left to search; absent where the index could not say. */
  documents: z.int().optional(),
  chunks: z.int().optional(),
  /** Documents that the engine was asked about. */
  checked: z.int(),
  /** Verdicts of who may read what is given: by the links of a proof, by a check of the whole claim, by the engine's list. */
  allowed_by: z.object({ links: z.int(), check: z.int(), list: z.int() }),
  /** What each has cost lately, by which the cheapest is chosen. Absent where only checks are used. */
  milliseconds: z
    .object({ ten_links: z.number(), ten_checks: z.number(), ten_listed: z.number() })
    .optional(),
});

export const retrieveResponse = z.object({
  results: z.array(passage),
  /** Whether `results` holds k passages, or every one there is, as of `watermark`. */
  complete: z.boolean(),
  /** Present where `complete` is false. */
  shortfall: shortfall.optional(),
  /** Whether `results` is proved to be the best k by score of all that may be read. */
  certified: z.boolean(),
  /** The state of the relationships that the answer is as of; opaque. */
  watermark: z.string(),
  session_id: z.string(),
  decision_id: z.string(),
  debug: debugView.optional(),
});
export type RetrieveResponse = z.infer<typeof retrieveResponse>;
