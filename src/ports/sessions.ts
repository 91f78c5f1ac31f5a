import type { Principal } from '../types/principal.ts';

export type Session = {
  readonly id: string;
  readonly principal: Principal;
  readonly expiresAt: Date;
  /** What it is revoked by. */
  readonly keys: readonly Uint8Array[];
  /** A revocation of then or later concerns it, as it does the token that started it; absent: any does. */
  readonly since: Date | undefined;
};

/** A version of a document that was released in a session. */
export type RememberedDocument = {
  readonly documentId: string;
  readonly version: number;
  /** To whom, beside the session's own principal. */
  readonly audience: readonly string[];
  /** Whether it is still the published one. */
  readonly current: boolean;
};

export type Remembered = { readonly expiresAt: Date; readonly documents: readonly RememberedDocument[] };

export interface Sessions {
  create(session: Session): Promise<void>;
  /** Whether a session of this id belongs to exactly this principal, has not expired and was not revoked. */
  isOpen(id: string, principal: Principal, now: Date): Promise<boolean>;
  /** What was released in such a session; undefined where there is none. */
  remembered(id: string, principal: Principal, now: Date): Promise<Remembered | undefined>;
  /** Whether there was one to end. */
  end(id: string, principal: Principal): Promise<boolean>;
  /** The same, whosever it is. */
  endAnyones(tenant: string, id: string): Promise<boolean>;
}
