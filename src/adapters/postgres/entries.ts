import type { Entries } from '../../ports/entries.ts';
import type { Registered } from '../../types/registered.ts';
import type { Database } from './database.ts';

type RegisteredRow = {
  id: string;
  owner: string | null;
  purpose: string;
  state: Registered['state'];
  created_by: string;
  created_at: Date;
  reviewed_by: string | null;
  reviewed_at: Date | null;
  revision: number;
};

/** A registry's table: the columns that all have, and its own. */
export type EntryTable<Entry extends Registered, Row> = {
  readonly name: string;
  /** Of each of its own columns, the value of an entry. */
  readonly columns: Readonly<Record<keyof Row & string, (entry: Entry) => unknown>>;
  readonly fromRow: (known: Registered, row: Row) => Entry;
};

const shared = {
  id: ({ id }: Registered) => id,
  owner: ({ owner }: Registered) => owner ?? null,
  purpose: ({ purpose }: Registered) => purpose,
  state: ({ state }: Registered) => state,
  created_by: ({ createdBy }: Registered) => createdBy,
  created_at: ({ createdAt }: Registered) => createdAt,
  reviewed_by: ({ reviewed }: Registered) => reviewed?.by ?? null,
  reviewed_at: ({ reviewed }: Registered) => reviewed?.at ?? null,
};

export function postgresEntries<Entry extends Registered, Row extends object>(
  database: Database,
  { name, columns, fromRow }: EntryTable<Entry, Row>,
): Entries<Entry> {
  const written: readonly (readonly [string, (entry: Entry) => unknown])[] = Object.entries({
    ...shared,
    ...columns,
  });
  const names = written.map(([column]) => column);
  const select = `SELECT ${names.join(', ')}, revision FROM ${name} WHERE tenant = $1`;
  const places = names.map((_, i) => `$${i + 2}`);
  const insert = `INSERT INTO ${name} (tenant, ${names.join(', ')}, revision)
    VALUES ($1, ${places.join(', ')}, 1) ON CONFLICT DO NOTHING`;
  const update = `UPDATE ${name} SET ${names.map((column, i) => `${column} = ${places[i]}`).join(', ')},
    revision = revision + 1 WHERE tenant = $1 AND id = $2 AND revision = $${names.length + 2}`;
  const toEntry = (row: RegisteredRow & Row) => fromRow(toRegistered(row), row);

  return {
    async find(tenant, ids) {
      const { rows } = await database.prepared<RegisteredRow & Row>(`${select} AND id = ANY($2::text[])`, [
        tenant,
        ids,
      ]);
      return rows.map(toEntry);
    },
    async list(tenant, after, limit) {
      const { rows } = await database.query<RegisteredRow & Row>(
        `${select} AND id > $2 ORDER BY id LIMIT $3`,
        [tenant, after, limit],
      );
      return rows.map(toEntry);
    },
    async put(tenant, entry, revision) {
      const values = [tenant, ...written.map(([, valueOf]) => valueOf(entry))];
      const { rowCount } = await (revision === undefined
        ? database.query(insert, values)
        : database.query(update, [...values, revision]));
      return rowCount === 1;
    },
    async remove(tenant, id, revision) {
      const { rowCount } = await database.query(
        `DELETE FROM ${name} WHERE tenant = $1 AND id = $2 AND revision = $3`,
        [tenant, id, revision],
      );
      return rowCount === 1;
    },
  };
}

function toRegistered(row: RegisteredRow): Registered {
  const { reviewed_by: by, reviewed_at: at } = row;
  return {
    id: row.id,
    owner: row.owner ?? undefined,
    purpose: row.purpose,
    state: row.state,
    createdBy: row.created_by,
    createdAt: row.created_at,
    reviewed: by === null || at === null ? undefined : { by, at },
    revision: row.revision,
  };
}
