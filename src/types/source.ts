import { z } from 'zod';
import { ADMIN_SOURCE } from './principal.ts';
import {
  changesSomething,
  type Registered,
  registeredResponse,
  registration,
  registrationChange,
} from './registered.ts';

/** A source as the claim `source` of its tokens names it. */
export const sourceId = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u, 'must be 1 to 200 characters without control characters')
  .refine(
    (source) => source !== ADMIN_SOURCE,
    `must not be "${ADMIN_SOURCE}", which is the administrators' own`,
  );

const name = z.string().regex(/^[^\s:#@*]{1,254}$/, 'must be a name of the authorization model');

/** Relationships that a source may write and delete beside those of its documents: of every object of a type. */
const grants = z
  .array(z.strictObject({ type: name, relations: z.array(name).min(1).max(50) }))
  .max(50)
  .refine(
    (all) => new Set(all.map(({ type }) => type)).size === all.length,
    'name a type twice: give its relations together',
  );
export type Grants = z.output<typeof grants>;

/** What makes a source known, or takes the place of what was known of it. */
export const sourceRegistration = z.strictObject({
  ...registration,
  state: registration.state.default('active'),
  grants: grants.default([]),
});
export type SourceRegistration = z.input<typeof sourceRegistration>;

export const sourceChange = z
  .strictObject({ ...registrationChange, grants })
  .partial()
  .refine(...changesSomething);
export type SourceChange = z.input<typeof sourceChange>;

export type Source = Registered & { readonly grants: Grants };

/** Whether a source may write anything at all, or why not. */
export type SourceStanding = 'active' | 'unregistered' | 'suspended' | 'ownerless';

export function sourceStandingOf(source: Source | undefined): SourceStanding {
  if (source === undefined) return 'unregistered';
  if (source.state === 'suspended') return 'suspended';
  return source.owner === undefined ? 'ownerless' : 'active';
}

export const sourceResponse = z.object({
  ...registeredResponse,
  /** `active`, or why it may write nothing. */
  standing: z.enum(['active', 'suspended', 'ownerless']),
  grants,
});
export type SourceResponse = z.infer<typeof sourceResponse>;
