import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { openParts, type Parts } from '../support/parts.ts';

/** Tables of no tenant, and why that tells none of them anything of another. */
const ofNobody: Readonly<Record<string, string>> = {
  schema_migrations: 'which migrations have run',
  embedding_space: 'one row: the embedding model of the store',
  engine_server: 'one row: where the engine keeps what is not a tenant’s',
  search_tuning: 'one row: what searching costs on this machine',
  used_proofs: 'hashes of proofs by the key that made them: nobody without that key can name one',
};

/** Keys without the tenant that are none of ours, and why none of them is a name that two tenants could want. */
const givenOut: Readonly<Record<string, string>> = {
  'engine_stores (store_id)': 'given out by OpenFGA',
};

type Table = { name: string; tenant: boolean };
type Reference = { table: string; to: string };
type Key = { table: string; columns: string[]; counted: boolean };

/** What is wrong with the catalogue: a sentence each. */
async function problemsOf(database: Database): Promise<readonly string[]> {
  const ours = `c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'`;
  const tables = await database.query<Table>(
    `SELECT c.relname AS name, EXISTS (
       SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND a.attnotnull) AS tenant
     FROM pg_class c WHERE ${ours}`,
  );
  const references = await database.query<Reference>(
    `SELECT c.relname AS table, t.relname AS to FROM pg_constraint k
     JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
     WHERE ${ours} AND k.contype = 'f' AND NOT EXISTS (
       SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(k.conkey) AND NOT a.attnotnull)`,
  );
  const keys = await database.query<Key>(
    `SELECT c.relname AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       bool_or(a.attidentity <> '') AS counted
     FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
     WHERE ${ours} AND i.indisunique GROUP BY c.relname, i.indexrelid`,
  );
  const withTenant = new Set(tables.rows.filter(({ tenant }) => tenant).map(({ name }) => name));
  const hangs = (name: string): boolean =>
    withTenant.has(name) || references.rows.some(({ table, to }) => table === name && hangs(to));
  return [
    ...tables.rows.flatMap(({ name }) =>
      hangs(name) || ofNobody[name] !== undefined ? [] : [`${name} belongs to no tenant`],
    ),
    ...Object.keys(ofNobody).flatMap((name) =>
      tables.rows.some((table) => table.name === name && !hangs(name)) ? [] : [`${name} needs no reason`],
    ),
    ...keys.rows.flatMap(({ table, columns, counted }) => {
      const name = `${table} (${columns.join(', ')})`;
      const fine =
        !withTenant.has(table) || counted || columns.includes('tenant') || givenOut[name] !== undefined;
      return fine ? [] : [`${name} is a key without its tenant`];
    }),
  ];
}

describe('every table', () => {
  let parts: Parts;
  beforeAll(async () => {
    parts = await openParts();
  });
  afterAll(() => parts.close());

  it('is of one tenant row by row, and so is every key, or there is a reason', async () => {
    expect(await problemsOf(parts.database)).toEqual([]);
  });

  it.each([
    ['of no tenant', 'CREATE TABLE notes (id bigint PRIMARY KEY)', ['notes belongs to no tenant']],
    [
      'whose tenant may be missing',
      'CREATE TABLE notes (tenant text, id bigint)',
      ['notes belongs to no tenant'],
    ],
    [
      'that may hang by nothing',
      'CREATE TABLE notes (document_no bigint REFERENCES documents (no))',
      ['notes belongs to no tenant'],
    ],
    [
      'whose key two tenants share',
      'CREATE TABLE notes (tenant text NOT NULL, name text PRIMARY KEY)',
      ['notes (name) is a key without its tenant'],
    ],
  ])('would be found if it were one %s', async (_, create, problems) => {
    await parts.database.query(create);
    const found = await problemsOf(parts.database);
    await parts.database.query('DROP TABLE notes');
    expect(found).toEqual(problems);
  });
});
