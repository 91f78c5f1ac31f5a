import type { Branded } from './brand.ts';

/** What a caller presents: a bearer token, or one that is bound to a key, with the proof of holding that key (RFC 9449). */
export type Presented = string | BoundToken | ExchangedToken;

export type KeyProof = {
  /** A JWT, made for this one request. */
  readonly proof: string;
  readonly method: string;
  /** Of the request, as it was sent, without its query. */
  readonly path: string;
};

export type BoundToken = KeyProof & { readonly token: string };

/** The thumbprint of a key that the caller has proved to hold, in this request. Made only by verifying the proof. */
export type ProvenKey = Branded<string, 'ProvenKey'>;

/** One of several in a request, for all of which there is one proof at most. */
export type ExchangedToken = { readonly token: string; readonly provenKey: ProvenKey | undefined };
