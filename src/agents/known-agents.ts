import type { Agents } from '../ports/agents.ts';
import { type Identity, requiring } from '../ports/identity.ts';
import { type Standing, standingOf } from '../types/agent.ts';
import { ClearanceError } from '../types/errors.ts';
import { agentsOf, type Principal } from '../types/principal.ts';

/** Lets nobody in through an agent that is not known and in good standing, nor such an agent itself: here, where every door passes. */
export function knownAgents(identity: Identity, agents: Agents): Identity {
  return requiring(identity, ({ principal }) => requireKnown(agents, principal));
}

/** Throws `agent_not_allowed` unless every agent of the principal is known and in good standing now. */
async function requireKnown(agents: Pick<Agents, 'find'>, principal: Principal): Promise<void> {
  const ids = agentsOf(principal);
  if (ids.length === 0) return;
  const known = new Map((await agents.find(principal.tenant, ids)).map((agent) => [agent.id, agent]));
  const now = new Date();
  for (const id of ids) {
    const standing = standingOf(known.get(id), now);
    if (standing !== 'active') throw notAllowed(id, standing);
  }
}

const reasons: Record<Exclude<Standing, 'active'>, string> = {
  unregistered:
    'is not registered. An administrator does so by PUT /v1/agents/{id} or "clearance agents register"',
  suspended: 'is suspended',
  expired: 'has expired: its owner has to ask for a later end',
  ownerless: 'has no owner: somebody has to answer for it',
};

function notAllowed(id: string, standing: Exclude<Standing, 'active'>): ClearanceError {
  return new ClearanceError(
    'agent_not_allowed',
    `The agent ${id} ${reasons[standing]}. Nothing was released.`,
  );
}
