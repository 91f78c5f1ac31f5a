import { ClearanceError, StartupError } from '../../types/errors.ts';
import type { Database, Queryable } from './database.ts';
import { SERVICE_ROLE } from './grants.ts';
import { migrationNames } from './migrate.ts';

const MIN_SERVER = 15;
/** Iterative index scans, without which a filter under-fills the list. */
const MIN_VECTOR = '0.8.0';

/** Whether this is a server that Clearance can run on at all. Throws a `StartupError` that says what to do. */
export async function requireServer(database: Queryable): Promise<void> {
  const { rows } = await reached(
    database.query<{ server: number; encoding: string; vector: string | null; database: string }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS server,
         current_setting('server_encoding') AS encoding, current_database() AS database,
         (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector`,
    ),
  );
  const [found] = rows;
  if (found === undefined) throw new Error('no answer to a question without FROM');
  if (found.server < MIN_SERVER) {
    throw new StartupError(`Postgres ${found.server} is too old: ${MIN_SERVER} or newer is needed.`);
  }
  if (found.encoding !== 'UTF8') {
    throw new StartupError(
      `The database ${found.database} has the encoding ${found.encoding}. Make one with ENCODING 'UTF8' TEMPLATE template0.`,
    );
  }
  if (found.vector === null) {
    throw new StartupError(
      `The extension pgvector is missing in the database ${found.database}. Install it on the server and, as a superuser in this database: CREATE EXTENSION vector`,
    );
  }
  if (isOlder(found.vector, MIN_VECTOR)) {
    throw new StartupError(
      `pgvector ${found.vector} is too old: ${MIN_VECTOR} or newer is needed. Install it and, as a superuser: ALTER EXTENSION vector UPDATE`,
    );
  }
}

/** Whether a service can run here as it is: it never changes the schema itself. */
export async function requireReadyDatabase(
  database: Database,
  { production }: { readonly production: boolean },
): Promise<void> {
  await requireServer(database);
  await requireSchema(database);
  if (production) await requireLeastPrivilege(database);
}

async function requireSchema(database: Queryable): Promise<void> {
  const { rows } = await database.query<{ present: boolean; readable: boolean; role: string }>(
    `SELECT t.oid IS NOT NULL AS present, coalesce(has_table_privilege(t.oid, 'SELECT'), false) AS readable,
       current_user AS role FROM (SELECT to_regclass('schema_migrations') AS oid) t`,
  );
  if (rows[0]?.present !== true)
    throw new StartupError('The database has no schema yet: run "clearance migrate".');
  if (!rows[0].readable) {
    throw new StartupError(
      `The role ${rows[0].role} may not use the schema. As its owner: GRANT ${SERVICE_ROLE} TO "${rows[0].role}"`,
    );
  }
  const applied = await database.query<{ name: string }>(`SELECT name FROM schema_migrations ORDER BY id`);
  const known = await migrationNames();
  const names = new Set(applied.rows.map(({ name }) => name));
  const missing = known.filter((name) => !names.has(name));
  if (missing.length > 0) {
    throw new StartupError(
      `The schema is older than this program: run "clearance migrate" (${missing.join(', ')}).`,
    );
  }
  const unknown = [...names].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new StartupError(
      `This program is older than the schema, which has ${unknown.join(', ')}: run the version that has made it.`,
    );
  }
}

/** A service that could rewrite its own audit trail, or change its tables, is one that an attacker can make do so. */
async function requireLeastPrivilege(database: Queryable): Promise<void> {
  const { rows } = await database.query<{ role: string; audit: boolean; owner: boolean }>(
    `SELECT current_user AS role,
       bool_or(relname ~ '^audit' AND
         (has_table_privilege(oid, 'DELETE, TRUNCATE, TRIGGER') OR has_any_column_privilege(oid, 'UPDATE'))) AS audit,
       bool_or(pg_has_role(relowner, 'USAGE')) AS owner
     FROM pg_class WHERE relkind = 'r' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'audit'::regclass)`,
  );
  const [found] = rows;
  if (found?.owner === false && !found.audit) return;
  throw new StartupError(
    `The role ${found?.role} ${found?.owner ? 'owns tables' : 'may change rows of the audit trail'}. In production the service logs in as a role whose only membership is ${SERVICE_ROLE}; the owner is for "clearance migrate".`,
  );
}

/** At start, why a server can't be reached is the operator's to know. */
export async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ClearanceError)) throw error;
    throw new StartupError(`The database can not be reached: ${reasonOf(error.cause ?? error)}`, {
      cause: error,
    });
  }
}

/** A host with several addresses fails with an error that has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0;
}
