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

/** Splits `type:id` at its first colon; an id may hold further colons only where OpenFGA lets it. */
export function splitObject(object: string): { type: string; id: string } {
  const colon = object.indexOf(':');
  return { type: object.slice(0, colon), id: object.slice(colon + 1) };
}

/** Splits `group:eng#member` into its object and, for a userset, its relation. */
export function splitUser(user: string): { object: string; relation?: string } {
  const hash = user.indexOf('#');
  return hash < 0 ? { object: user } : { object: user.slice(0, hash), relation: user.slice(hash + 1) };
}

/** One string for each tuple key; a space can be part of none of the three. */
export function tupleKey(tuple: TupleKey): string {
  return `${tuple.object} ${tuple.relation} ${tuple.user}`;
}
