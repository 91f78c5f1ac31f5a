import { z } from 'zod';
import { isStorable, UNSTORABLE } from './text.ts';

/** What an engine id holds once it is encoded. */
const NAME = '[\\w.~@+=/|%!-]';

/** An agent as tokens and relationships name it, without its type: `support-bot`, `partner!bot`. */
export const agentId = z
  .string()
  .regex(new RegExp(`^${NAME}{1,240}$`), 'must be an agent as relationships name it, without "agent:"');
const owner = z
  .string()
  .regex(new RegExp(`^user:${NAME}{1,500}$`), 'must be a person as relationships name them: user:anne');
const purpose = z.string().trim().min(1, 'is empty').max(500).refine(isStorable, UNSTORABLE);
const riskClass = z.enum(['low', 'medium', 'high']);
const state = z.enum(['active', 'suspended']);
const expiresAt = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .refine((date) => date.getTime() > Date.now(), 'is over');

/** What makes an agent known, or takes the place of what was known of it. */
export const agentRegistration = z.strictObject({
  owner,
  purpose,
  risk_class: riskClass,
  expires_at: expiresAt,
  state: state.default('active'),
});
export type AgentRegistration = z.input<typeof agentRegistration>;

export const agentChange = z
  .strictObject({
    /** Null: nobody answers for it any longer, so it gets nothing. */
    owner: owner.nullable(),
    purpose,
    risk_class: riskClass,
    expires_at: expiresAt,
    state,
    /** Somebody has looked at all this, and found it right. */
    reviewed: z.literal(true),
  })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'changes nothing');
export type AgentChange = z.input<typeof agentChange>;

export type Agent = {
  readonly id: string;
  /** The person who answers for it: `user:anne`. */
  readonly owner: string | undefined;
  readonly purpose: string;
  readonly riskClass: z.infer<typeof riskClass>;
  readonly state: z.infer<typeof state>;
  readonly expiresAt: Date;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly reviewed: { readonly by: string; readonly at: Date } | undefined;
  /** Grows with each change. */
  readonly revision: number;
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
  id: z.string(),
  /** `active`, or why it gets nothing. */
  standing: z.enum(['active', 'suspended', 'expired', 'ownerless']),
  owner: z.string().nullable(),
  purpose: z.string(),
  risk_class: riskClass,
  state,
  expires_at: z.iso.datetime(),
  created_by: z.string(),
  created_at: z.iso.datetime(),
  reviewed_by: z.string().nullable(),
  reviewed_at: z.iso.datetime().nullable(),
});
export type AgentResponse = z.infer<typeof agentResponse>;
