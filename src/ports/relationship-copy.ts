import type { Tuple, TupleKey } from '../types/tuple.ts';

/** The relationships as the store holds them: its own, or a copy that has all that we have written to the engine. */
export interface RelationshipCopy {
  /** Every tuple whose object is `object`. */
  ofObject(tenant: string, object: string): Promise<readonly Tuple[]>;
  /** Every tuple whose user is `object` itself or a userset of it. */
  mentioning(tenant: string, object: string): Promise<readonly Tuple[]>;
  /** Those of these that there are, with their conditions. */
  among(tenant: string, keys: readonly TupleKey[]): Promise<readonly Tuple[]>;
}
