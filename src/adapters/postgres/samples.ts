import type { Queryable } from './database.ts';

/** Some of the people that relationships name, at random. */
export async function samplePeople(
  database: Queryable,
  tenant: string,
  count: number,
): Promise<readonly string[]> {
  const { rows } = await database.query<{ user: string }>(
    `SELECT "user" FROM (
       SELECT DISTINCT "user" FROM relationships
       WHERE tenant = $1 AND "user" LIKE 'user:%' AND "user" NOT LIKE '%#%' AND "user" <> 'user:*'
     ) AS people ORDER BY random() LIMIT $2`,
    [tenant, count],
  );
  return rows.map(({ user }) => user);
}

/** The numbers of those of these documents that can be found, by id. */
export async function publishedAmong(
  database: Queryable,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await database.query<{ id: string; no: number }>(
    `SELECT id, no FROM documents WHERE tenant = $1 AND chunks > 0 AND id = ANY($2::text[])`,
    [tenant, ids],
  );
  return new Map(rows.map(({ id, no }) => [id, no]));
}

export async function tenantsWithRelationships(database: Queryable): Promise<readonly string[]> {
  const { rows } = await database.query<{ tenant: string }>(
    `SELECT tenant FROM relationship_versions ORDER BY tenant`,
  );
  return rows.map(({ tenant }) => tenant);
}
