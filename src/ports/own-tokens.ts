import type { KeyProof, ProvenKey } from '../types/presented.ts';
import type { Granted } from '../types/principal.ts';

/** A set of public keys, as RFC 7517 writes it. */
export type PublicKeys = { readonly keys: readonly Readonly<Record<string, unknown>>[] };

/** Tokens that the service signs itself, and takes like any issuer's. */
export interface OwnTokens {
  /** By what names a caller may ask for a token for this service: an audience, and an address where it has one. */
  readonly audiences: readonly string[];
  readonly resources: readonly string[];
  /** With which anyone can verify them. */
  readonly publicKeys: PublicKeys;
  /** The key that a proof was made with, for this request and for the first time. Throws `unauthenticated`, or `identity_unavailable`. */
  provenKey(proof: KeyProof): Promise<ProvenKey>;
  /** A token that says this, under this id. */
  issue(id: string, granted: Granted): Promise<string>;
}
