import type { Credentials } from '../types/principal.ts';

/** Turns a bearer token into who is asking. Throws `unauthenticated`, saying what is wrong with the token, or `identity_unavailable`. */
export interface Identity {
  verify(token: string): Promise<Credentials>;
}
