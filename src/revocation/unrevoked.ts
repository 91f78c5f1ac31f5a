import { type Identity, requiring } from '../ports/identity.ts';
import type { Revocations } from '../ports/revocations.ts';
import { revocableSince, revokedToken, tokenKeys } from '../types/revocation.ts';

/** Takes no token that was revoked, nor one of a person, agent or login that was: here, where every door passes. */
export function unrevoked(identity: Identity, revocations: Revocations): Identity {
  return requiring(identity, async (credentials) => {
    if (await revocations.concern(tokenKeys(credentials), revocableSince(credentials))) throw revokedToken();
  });
}
