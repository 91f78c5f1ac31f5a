import { z } from 'zod';
import { isStorable, UNSTORABLE } from './text.ts';

/** What an engine id holds once it is encoded. */
export const ENGINE_NAME = '[\\w.~@+=/|%!-]';

/** What everything in a registry has: somebody who answers for it, and whether it may do anything at the moment. */
export const registration = {
  owner: z
    .string()
    .regex(
      new RegExp(`^user:${ENGINE_NAME}{1,500}$`),
      'must be a person as relationships name them: user:anne',
    ),
  purpose: z.string().trim().min(1, 'is empty').max(500).refine(isStorable, UNSTORABLE),
  state: z.enum(['active', 'suspended']),
};

export const registrationChange = {
  ...registration,
  /** Null: nobody answers for it any longer, so it may do nothing. */
  owner: registration.owner.nullable(),
  /** Somebody has looked at all this, and found it right. */
  reviewed: z.literal(true),
};

export type Registered = {
  readonly id: string;
  /** The person who answers for it: `user:anne`. */
  readonly owner: string | undefined;
  readonly purpose: string;
  readonly state: z.infer<typeof registration.state>;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly reviewed: { readonly by: string; readonly at: Date } | undefined;
  /** Grows with each change. */
  readonly revision: number;
};

export const registeredResponse = {
  id: z.string(),
  owner: z.string().nullable(),
  purpose: z.string(),
  state: registration.state,
  created_by: z.string(),
  created_at: z.iso.datetime(),
  reviewed_by: z.string().nullable(),
  reviewed_at: z.iso.datetime().nullable(),
};

export function toldRegistered(entry: Registered) {
  const { id, owner = null, purpose, state, createdBy, createdAt, reviewed } = entry;
  return {
    id,
    owner,
    purpose,
    state,
    created_by: createdBy,
    created_at: createdAt.toISOString(),
    reviewed_by: reviewed?.by ?? null,
    reviewed_at: reviewed?.at.toISOString() ?? null,
  };
}

export const changesSomething = [
  (change: object) => Object.keys(change).length > 0,
  'changes nothing',
] as const;
