import type { RankedDocument } from './search.ts';

/** What an answer is about to give, and in which session. */
export type HandOver = {
  readonly tenant: string;
  readonly keys: readonly Uint8Array[];
  /** A revocation of then or later concerns the token; absent: any does. */
  readonly since: Date | undefined;
  /** Absent: nothing is remembered. */
  readonly session?: {
    readonly id: string;
    /** Who will see it beside the session's own principal. */
    readonly audience: readonly string[];
    readonly documents: readonly Pick<RankedDocument, 'documentId' | 'version'>[];
  };
};

export type HandOverOutcome = 'confirmed' | 'revoked' | 'session_over' | 'session_full';

export interface HandOvers {
  /**
   * One statement: where neither the token was revoked nor the session has ended, as of a moment after this call began, it
   * is remembered what is given.
   */
  confirm(handOver: HandOver): Promise<HandOverOutcome>;
}
