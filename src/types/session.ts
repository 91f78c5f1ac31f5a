import { z } from 'zod';

const version = z.object({ document_id: z.string(), version: z.int() });
export type DocumentVersion = z.infer<typeof version>;

export const revalidateResponse = z.object({
  session_id: z.string(),
  /** May no longer be read by everyone that it was given for: not to be used any more. */
  drop: z.array(version),
  /** May be read, and is no longer what the document says: it was replaced or withdrawn. */
  outdated: z.array(version),
  keep: z.array(version),
  /** The state of the relationships that this is as of; opaque. */
  watermark: z.string(),
  decision_id: z.string(),
});
export type RevalidateResponse = z.infer<typeof revalidateResponse>;

/** What a stream of a session says. */
export type SessionEvent =
  /** All that was given in the session and is not to be used now; said again each time the session was asked about. */
  | { readonly event: 'drop'; readonly documents: readonly DocumentVersion[] }
  /** Each told once, as long as it is. */
  | { readonly event: 'outdated'; readonly documents: readonly DocumentVersion[] }
  /** All else that was given in the session may be used, until the next event. */
  | { readonly event: 'confirmed' }
  /** It can't be told at the moment: nothing that was given is to be used until `confirmed`. */
  | { readonly event: 'undetermined' }
  /** The last one. But for `expired`, nothing that was given is to be used any more. */
  | {
      readonly event: 'ended';
      readonly reason: 'expired' | 'revoked' | 'session_over' | 'agent_not_allowed';
    };
