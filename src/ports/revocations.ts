export type Revocation = {
  readonly tenant: string;
  /** For whoever looks at the table. */
  readonly kind: string;
  readonly key: Uint8Array;
  /** Tokens issued up to then are over; `forever`: what can not come again. */
  readonly before: Date | 'now' | 'forever';
  /** When no token that it concerns is valid any longer. Absent: that is not known. */
  readonly until?: Date;
};

/** What is to count once only, like a logout token, and until when it would be refused for its age. */
export type Once = { readonly id: Uint8Array; readonly until: Date };

/** What was revoked, known to every copy of the service. */
export interface Revocations {
  /** Whether one of these keys was revoked at `since` or later; absent: ever. */
  concern(keys: readonly Uint8Array[], since: Date | undefined): Promise<boolean>;
  /** Whether it was added. */
  hasCome(once: Once): Promise<boolean>;
  /** One transaction. With `once`, false and nothing done where that has come before. */
  add(revocations: readonly Revocation[], once?: Once): Promise<boolean>;
}
