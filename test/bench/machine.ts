import { cpus } from 'node:os';
import type { Database } from '../../src/adapters/postgres/database.ts';

/** What a table was measured on, for its reader. */
export async function machine(database: Database): Promise<string> {
  const { rows } = await database.query<{ postgres: string; vector: string; buffers: string }>(
    `SELECT current_setting('server_version') AS postgres, current_setting('shared_buffers') AS buffers,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector`,
  );
  const [server] = rows;
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim()}), Node ${process.version}, Postgres ${server?.postgres} with shared_buffers ${server?.buffers}, pgvector ${server?.vector}.`;
}
