/** A relationship as OpenFGA writes it: `user` has `relation` to `object`. */
export type Tuple = {
  /** `user:anne`, `user:*` or `group:eng#member`. */
  readonly user: string;
  readonly relation: string;
  /** `document:handbook`. */
  readonly object: string;
  readonly condition?: TupleCondition;
};

export type TupleCondition = {
  readonly name: string;
  readonly context?: Readonly<Record<string, unknown>>;
};

/** The part of a tuple that identifies it; one tuple may exist for each. */
export type TupleKey = Pick<Tuple, 'user' | 'relation' | 'object'>;

/** One string for each tuple key; a space can be part of none of the three. */
export function tupleKey(tuple: TupleKey): string {
  return `${tuple.object} ${tuple.relation} ${tuple.user}`;
}
