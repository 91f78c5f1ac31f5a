import { DELEGABLE, ExchangeRefused } from '../types/delegation.ts';
import { type Credentials, type Granted, MAX_CHAIN, throughAgent } from '../types/principal.ts';
import { inheritedFrom } from '../types/revocation.ts';

/** Of a token that is given in exchange, at most. */
export const LIFETIME_SECONDS = 300;

/**
 * What a person's token and an agent's own give together: the person through the agent. In nothing wider than either: not its
 * scope, tenant, time or key. Throws `ExchangeRefused`. Whether the agent may act for the person is for the engine to say.
 */
export function grantOf(
  subject: Credentials,
  actor: Credentials,
  requestedScope: string | undefined,
  provenKey: string | undefined,
  now: Date,
): Granted {
  const agent = agentOf(actor);
  const { principal } = subject;
  if (actor.principal.tenant !== principal.tenant) {
    throw new ExchangeRefused('invalid_request', 'The two tokens are of different tenants.');
  }
  if (agent === principal.subject || principal.chain.includes(agent)) {
    throw new ExchangeRefused(
      'invalid_request',
      'The agent of the actor_token is in the subject_token already.',
    );
  }
  if (subject.onlyActor !== undefined && subject.onlyActor !== agent) {
    throw new ExchangeRefused(
      'invalid_request',
      'The subject_token names another agent that may act ("may_act").',
    );
  }
  if (principal.chain.length === MAX_CHAIN) {
    throw new ExchangeRefused(
      'invalid_request',
      `The subject_token is through ${MAX_CHAIN} agents already, and more may not stand between a person and a passage.`,
    );
  }
  const latest = now.getTime() + LIFETIME_SECONDS * 1_000;
  const expiresAt = new Date(Math.min(latest, subject.expiresAt.getTime(), actor.expiresAt.getTime()));
  if (expiresAt <= now)
    throw new ExchangeRefused('invalid_request', 'One of the tokens has expired ("exp").');
  requireScope(subject, actor, requestedScope);
  return {
    principal: throughAgent(principal, agent),
    scopes: new Set([DELEGABLE]),
    expiresAt,
    inherited: inheritedFrom(subject, actor),
    // A token that is bound was presented with a proof of its key, so what comes of it is bound to the same.
    ...(provenKey === undefined ? {} : { boundTo: provenKey }),
    exchanged: true,
  };
}

/** The agent whose own token this is: it says that the agent asks for itself, and so that the agent asks here. */
function agentOf({ principal: { subject, chain }, exchanged }: Credentials): string {
  if (subject.startsWith('agent:') && chain.length === 0 && exchanged !== true) return subject;
  throw new ExchangeRefused(
    'invalid_request',
    'The actor_token is not an agent\'s own: one in which the agent asks for itself ("sub" is its "client_id").',
  );
}

function requireScope(subject: Credentials, actor: Credentials, requested: string | undefined): void {
  const wanted = requested?.split(' ').filter((word) => word !== '') ?? [];
  if (!wanted.every((word) => word === DELEGABLE)) {
    throw new ExchangeRefused('invalid_scope', `Only the scope "${DELEGABLE}" can be handed on.`);
  }
  for (const [name, { scopes }] of Object.entries({ subject_token: subject, actor_token: actor })) {
    if (!scopes.has(DELEGABLE)) {
      throw new ExchangeRefused('invalid_scope', `The ${name} lacks the scope "${DELEGABLE}".`);
    }
  }
}
