import type { Embeddings } from '../../ports/embeddings.ts';
import { StartupError } from '../../types/errors.ts';
import type { Database } from './database.ts';
import { useEmbeddingSpace } from './embedding-space.ts';
import { createServiceRole, grantService } from './grants.ts';
import { migrate } from './migrate.ts';
import { reached, requireServer } from './ready.ts';
import { measureTuning } from './search/measure-tuning.ts';
import { storeTuning } from './search/stored-tuning.ts';
import { ensureVectorIndex } from './search/vector-index.ts';
import { openServer, serverConnection } from './server.ts';

/** Makes a database ready for services, or brings it up to date: as its owner, and as often as one likes. */
export async function setUpServer(url: string, embeddings: Embeddings): Promise<void> {
  const database = openServer(url, { poolSize: 2, unhurried: true });
  try {
    await reached(createExtension(database));
    await requireServer(database);
    await createServiceRole(database);
    try {
      await migrate(serverConnection(url, { unhurried: true }));
    } catch (error) {
      throw new StartupError(
        `The schema could not be brought up to date: ${error instanceof Error ? error.message : ''}`,
        { cause: error },
      );
    }
    await useEmbeddingSpace(database, embeddings);
    const built = await ensureVectorIndex(database, embeddings.dimension, { concurrently: true });
    if (built) await storeTuning(database, await measureTuning(database, embeddings.dimension));
    await grantService(database);
  } finally {
    await database.close();
  }
}

/** Where it may not be made, or is not installed, `requireServer` says so. */
async function createExtension(database: Database): Promise<void> {
  await database.query(`DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS vector;
  EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN NULL;
  END $$`);
}

/** Of several who set up the same database at once, each does so after the other. */
export function oneAtATime<T>(database: Database, work: () => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('clearance migrate'))`);
    return work();
  });
}
