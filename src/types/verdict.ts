import type { TupleKey } from './tuple.ts';

/** What the engine said about one (user, relation, object). Anything but `allowed` is a no. */
export type Verdict =
  | { readonly kind: 'allowed'; readonly by: Grounds }
  | { readonly kind: 'denied' }
  | { readonly kind: 'undetermined'; readonly reason: string };

/** What the engine said: yes to the claim itself, that it is on its list, or yes to all, in one call, that proves the claim. */
export type Grounds = 'check' | 'list' | { readonly links: readonly TupleKey[] };

export const allowed: Verdict = allowedBy('check');
export const denied: Verdict = { kind: 'denied' };
export const undetermined = (reason: string): Verdict => ({ kind: 'undetermined', reason });

export function allowedBy(by: Grounds): Verdict {
  return { kind: 'allowed', by };
}
