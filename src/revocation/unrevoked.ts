import type { Identity } from '../ports/identity.ts';
import type { Revocations } from '../ports/revocations.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Credentials } from '../types/principal.ts';
import { revocableSince, revokedToken, tokenKeys } from '../types/revocation.ts';

/** Takes no token that was revoked, nor one of a person, agent or login that was: here, where every door passes. */
export function unrevoked(identity: Identity, revocations: Revocations): Identity {
  return {
    async verify(presented) {
      const credentials = await identity.verify(presented);
      await requireUnrevoked(revocations, credentials);
      return credentials;
    },
  };
}

/** For what goes on after its token was verified: throws `unauthenticated` once that has expired or was revoked. */
export async function requireStillValid(revocations: Revocations, credentials: Credentials): Promise<void> {
  if (credentials.expiresAt.getTime() <= Date.now())
    throw new ClearanceError('unauthenticated', 'The token has expired.');
  await requireUnrevoked(revocations, credentials);
}

async function requireUnrevoked(revocations: Revocations, credentials: Credentials): Promise<void> {
  if (await revocations.concern(tokenKeys(credentials), revocableSince(credentials))) throw revokedToken();
}
