import type { Link } from '../types/link.ts';
import type { TupleKey } from '../types/tuple.ts';

/**
 * Why someone may read a document: a chain of relationships from one to the other, or undefined. It grants nothing, and may be
 * stale, wrong or lying: what it says is held against the model, and then asked.
 */
export interface Reasons {
  chains(tenant: string, claims: readonly TupleKey[]): readonly (readonly Link[] | undefined)[];
  /** About how many documents someone may read; undefined where that is not known. */
  size(tenant: string, user: string): number | undefined;
  /** Told that what it says of a tenant is out of date. */
  stale(tenant: string): void;
}

/** What makes verdicts cheap where the engine's checks are dear. */
export type Proofs = {
  readonly reasons: Reasons;
  /**
   * Questions to the engine that prove `claim`, each of whose links follows from those before by a rule of the pinned model, if
   * all of them are allowed at one time; undefined where only the whole claim may be asked.
   */
  readonly questionsOf: (claim: TupleKey, chain: readonly Link[]) => readonly TupleKey[] | undefined;
  /** For `ListQuestion.mark`; undefined where the list of what this user may read can't be believed. */
  readonly markOf: (user: string) => string | undefined;
};
