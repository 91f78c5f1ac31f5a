import type { Presented } from '../types/presented.ts';
import type { Credentials } from '../types/principal.ts';

/** Turns a token into who is asking. Throws `unauthenticated`, saying what is wrong with the token, or `identity_unavailable`. */
export interface Identity {
  verify(presented: Presented): Promise<Credentials>;
}
