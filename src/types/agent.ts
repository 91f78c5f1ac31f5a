import { z } from 'zod';
import { type AgentAccess, agentAccess } from './access.ts';
import {
  changesSomething,
  ENGINE_NAME,
  type Registered,
  registeredResponse,
  registration,
  registrationChange,
} from './registered.ts';

/** An agent as tokens and relationships name it, without its type: `support-bot`, `partner!bot`. */
export const agentId = z
  .string()
  .regex(
    new RegExp(`^${ENGINE_NAME}{1,240}$`),
    'must be an agent as relationships name it, without "agent:"',
  );
const riskClass = z.enum(['low', 'medium', 'high']);
const expiresAt = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .refine((date) => date.getTime() > Date.now(), 'is over');

/** What makes an agent known, or takes the place of what was known of it. */
export const agentRegistration = z.strictObject({
  ...registration,
  state: registration.state.default('active'),
  risk_class: riskClass,
  expires_at: expiresAt,
  /** Left out, the rules that there are stay; of a new agent: it may use all that it may read. */
  access: agentAccess.optional(),
});
export type AgentRegistration = z.input<typeof agentRegistration>;

export const agentChange = z
  .strictObject({ ...registrationChange, risk_class: riskClass, expires_at: expiresAt, access: agentAccess })
  .partial()
  .refine(...changesSomething);
export type AgentChange = z.input<typeof agentChange>;

export type Agent = Registered & {
  readonly riskClass: z.infer<typeof riskClass>;
  readonly expiresAt: Date;
  /** What it may use of what it may read. */
  readonly access: AgentAccess;
};

/** Whether an agent may ask for anything at all, or why not. */
export type Standing = 'active' | 'unregistered' | 'suspended' | 'expired' | 'ownerless';

export function standingOf(agent: Agent | undefined, now: Date): Standing {
  if (agent === undefined) return 'unregistered';
  if (agent.state === 'suspended') return 'suspended';
  if (agent.expiresAt <= now) return 'expired';
  return agent.owner === undefined ? 'ownerless' : 'active';
}

export const agentResponse = z.object({
  ...registeredResponse,
  /** `active`, or why it gets nothing. */
  standing: z.enum(['active', 'suspended', 'expired', 'ownerless']),
  risk_class: riskClass,
  expires_at: z.iso.datetime(),
  access: agentAccess,
});
export type AgentResponse = z.infer<typeof agentResponse>;
