import type { OwnRelationship } from '../src/ports/documents.ts';
import { type Tuple, type TupleKey, tupleKey } from '../src/types/tuple.ts';

export function ownTuples(object: string, relationships: readonly OwnRelationship[]): readonly Tuple[] {
  return relationships.map((relationship) => ({ ...relationship, object }));
}

/** What must be taken away and added for `wanted` to be the whole set. A changed condition is both, in this order. */
export function difference(
  current: readonly Tuple[],
  wanted: readonly Tuple[],
): { readonly deletes: readonly TupleKey[]; readonly writes: readonly Tuple[] } {
  const have = new Set(current.map(whole));
  const want = new Set(wanted.map(whole));
  return {
    deletes: current
      .filter((tuple) => !want.has(whole(tuple)))
      .map(({ user, relation, object }) => ({ user, relation, object })),
    writes: wanted.filter((tuple) => !have.has(whole(tuple))),
  };
}

function whole(tuple: Tuple): string {
  return `${tupleKey(tuple)} ${tuple.condition === undefined ? '' : canonical(tuple.condition)}`;
}

/** JSON with sorted keys: a database doesn't keep their order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
