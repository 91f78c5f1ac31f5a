import type { Presented } from '../types/presented.ts';
import type { Credentials } from '../types/principal.ts';

/** Turns a token into who is asking. Throws `unauthenticated`, saying what is wrong with the token, or `identity_unavailable`. */
export interface Identity {
  verify(presented: Presented): Promise<Credentials>;
  /** For what goes on after that: throws as `verify` would now, the token being the same. Counts as no request. */
  requireStanding(credentials: Credentials): Promise<void>;
}

/** As `identity`, and lets nobody in, or go on, for whom `requirement` throws. */
export function requiring(
  identity: Identity,
  requirement: (credentials: Credentials) => Promise<void>,
): Identity {
  return {
    async verify(presented) {
      const credentials = await identity.verify(presented);
      await requirement(credentials);
      return credentials;
    },
    async requireStanding(credentials) {
      await identity.requireStanding(credentials);
      await requirement(credentials);
    },
  };
}
