import type { Revocable } from '../types/revocation.ts';
import type { Once } from './revocations.ts';

/** What an issuer has said of its own: that someone, or a session of theirs, is logged out. */
export type LoggedOut = {
  readonly issuer: string;
  /** Those that it speaks for; absent: any. */
  readonly tenants?: ReadonlySet<string>;
  readonly what: readonly Revocable[];
  /** When it said so: what was issued up to then is over. */
  readonly at: Date;
  readonly once: Once;
};

/** Signed statements of the issuers whose tokens are taken. Both throw a `SecurityEventRefusal`, or `identity_unavailable`. */
export interface SecurityEvents {
  /** OpenID Connect Back-Channel Logout 1.0, section 2.6. */
  logoutToken(token: string): Promise<LoggedOut>;
  /** A security event token (RFC 8417). Undefined: verified, and of nothing that is acted on. */
  eventToken(token: string): Promise<LoggedOut | undefined>;
}
