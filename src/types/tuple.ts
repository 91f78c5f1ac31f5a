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

/** For the audit trail: a tuple with its condition, from which it could be written again. Each text of a context stays one by itself. */
export function toldTuple(tuple: Tuple): string | { tuple: string; condition: TupleCondition } {
  const { condition } = tuple;
  return condition === undefined ? tupleKey(tuple) : { tuple: tupleKey(tuple), condition };
}

/** What must be taken away and added for `wanted` to be the whole set. A changed condition is both, in this order. */
export function difference(
  current: readonly Tuple[],
  wanted: readonly Tuple[],
): { readonly deletes: readonly TupleKey[]; readonly writes: readonly Tuple[] } {
  const have = new Set(current.map(content));
  const want = new Set(wanted.map(content));
  return {
    deletes: current
      .filter((tuple) => !want.has(content(tuple)))
      .map(({ user, relation, object }) => ({ user, relation, object })),
    writes: wanted.filter((tuple) => !have.has(content(tuple))),
  };
}

/** Equal for tuples that are the same in everything. A condition without context and one with an empty context are. */
export function content(tuple: Tuple): string {
  const { name = '', context = {} } = tuple.condition ?? {};
  return `${tupleKey(tuple)} ${name} ${canonical(context)}`;
}

/** JSON with sorted keys: a database doesn't keep their order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
