/** What a caller presents: a bearer token, or one that is bound to a key, with the proof of holding that key (RFC 9449). */
export type Presented = string | BoundToken;

export type BoundToken = {
  readonly token: string;
  /** A JWT, made for this one request. */
  readonly proof: string;
  readonly method: string;
  /** Of the request, as it was sent, without its query. */
  readonly path: string;
};
