import { type Identity, requiring } from '../ports/identity.ts';
import type { Credentials } from '../types/principal.ts';
import { type Delegations, requireMayAct } from './may-act.ts';

/**
 * Lets nobody in through agents that may not act for them: what has been taken away since the token was given out counts from
 * the next request on.
 */
export function delegatedIdentity(identity: Identity, delegations: Delegations): Identity {
  return requiring(identity, (credentials) => requireDelegated(delegations, credentials));
}

/** Throws `delegation_not_allowed` where the agents of a token act by delegation, and may not now. */
export async function requireDelegated(delegations: Delegations, credentials: Credentials): Promise<void> {
  if (isDelegation(credentials)) await requireMayAct(delegations, credentials.principal);
}

/**
 * An issuer that names one agent has seen the person and the agent itself, and answers for it, as it does for the person. An agent
 * that has handed on what it was given was seen by nobody.
 */
function isDelegation({ principal, exchanged }: Credentials): boolean {
  return exchanged === true || principal.chain.length > 1;
}
