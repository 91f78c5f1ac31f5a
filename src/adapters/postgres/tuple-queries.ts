import type { Tuple, TupleKey } from '../../types/tuple.ts';
import type { Queryable } from './database.ts';
import { keyColumns, selectTuples, type TupleRow, toTuple } from './tuples.ts';

/** Tuples of one page. */
const PAGE = 1_000;

export async function all(from: Queryable, tenant: string): Promise<readonly Tuple[]> {
  const { rows } = await from.query<TupleRow>(`${selectTuples} WHERE tenant = $1`, [tenant]);
  return rows.map(toTuple);
}

/** By key, from the last one of the page before. */
export async function* pages(from: Queryable, tenant: string): AsyncGenerator<readonly Tuple[]> {
  let last: TupleKey = { object: '', relation: '', user: '' };
  for (;;) {
    const { rows } = await from.query<TupleRow>(
      `${selectTuples} WHERE tenant = $1 AND (object, relation, "user") > ($2, $3, $4)
       ORDER BY object, relation, "user" LIMIT ${PAGE}`,
      [tenant, last.object, last.relation, last.user],
    );
    const end = rows.at(-1);
    if (end === undefined) return;
    yield rows.map(toTuple);
    last = end;
  }
}

export async function among(
  tx: Queryable,
  tenant: string,
  keys: readonly TupleKey[],
): Promise<readonly Tuple[]> {
  const { rows } = await tx.query<TupleRow>(
    `${selectTuples} WHERE tenant = $1
     AND (object, relation, "user") IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]))`,
    [tenant, ...keyColumns(keys)],
  );
  return rows.map(toTuple);
}

export async function changedSince(
  tx: Queryable,
  tenant: string,
  version: number,
): Promise<readonly TupleKey[]> {
  const { rows } = await tx.query<TupleRow>(
    `SELECT object, relation, "user" FROM relationship_changes WHERE tenant = $1 AND version > $2`,
    [tenant, version],
  );
  return rows;
}
