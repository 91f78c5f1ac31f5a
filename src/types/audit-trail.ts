import { z } from 'zod';

// What the audit trail is made of, as it is hashed, signed, stored and exported.

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const instant = z.iso.datetime();

/** A record as it is hashed: canonical JSON (RFC 8785) of exactly this. People are pseudonyms in it. */
export const trailRecord = z.strictObject({
  version: z.literal(1),
  tenant: z.string(),
  /** What one copy of the service has written for a tenant within an hour. */
  segment: z.uuid(),
  /** From 1 on. */
  position: z.int().min(1),
  /** The hash of the record before it in its segment; null for the first. */
  previous: hash.nullable(),
  /** The last checkpoint that its writer knew of; 0 for none. It can't be taken away while this is there. */
  checkpoint: z.int().min(0),
  at: instant,
  decision: z.string(),
  event: z.string(),
  agent: z.boolean(),
  issuer: z.string(),
  subject: z.string(),
  chain: z.array(z.string()),
  details: z.record(z.string(), z.unknown()),
});
export type TrailRecord = z.infer<typeof trailRecord>;

/** How far a segment goes. */
const head = z.strictObject({
  segment: z.uuid(),
  position: z.int().min(1),
  hash,
  /** By the clock of who writes it. */
  begun: instant,
});
export type Head = z.infer<typeof head>;

export const checkpoint = z.strictObject({
  version: z.literal(1),
  tenant: z.string(),
  /** From 1 on, for each tenant. */
  number: z.int().min(1),
  /** The hash of the checkpoint before it; null for the first. */
  previous: hash.nullable(),
  at: instant,
  /** Segments that may still grow: each is in every checkpoint from its first to the one that closes it. */
  open: z.array(head),
  /** Segments that end here. */
  closed: z.array(head),
  /** Closed segments whose records are taken away. */
  pruned: z
    .strictObject({ by: z.string(), before: instant, segments: z.array(head), records: z.int() })
    .optional(),
});
export type Checkpoint = z.infer<typeof checkpoint>;

/** With the id of the key that signed its hash: the thumbprint (RFC 7638) of the public one. */
export type Signed<T> = { readonly value: T; readonly key: string; readonly signature: string };
