/** What the engine said about one (user, relation, object). Anything but `allowed` is a no. */
export type Verdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'undetermined'; readonly reason: string };

export const allowed: Verdict = { kind: 'allowed' };
export const denied: Verdict = { kind: 'denied' };
export const undetermined = (reason: string): Verdict => ({ kind: 'undetermined', reason });
