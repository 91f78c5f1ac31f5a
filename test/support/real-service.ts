import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RealParts } from '../../scripts/parts/addresses.ts';
import { readConfig } from '../../src/config.ts';
import { migrateParts } from '../../src/operations.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import type { Env } from './cli.ts';
import { type FreshDatabase, freshDatabase, needRealParts } from './real-parts.ts';

export type Installation = {
  /** What `clearance serve` and every other command need to run on it. */
  readonly env: Env;
  readonly database: FreshDatabase;
  close(): Promise<void>;
};

/** A database and an OpenFGA store of a test's own on the real parts, brought up to date as `clearance migrate` does. */
export async function install(
  more: Env = {},
  { postgres, openfga }: Pick<RealParts, 'postgres' | 'openfga'> = needRealParts(),
): Promise<Installation> {
  const database = await freshDatabase(postgres);
  const dataDir = await mkdtemp(join(tmpdir(), 'clearance-real-'));
  const env = {
    CLEARANCE_DATA_DIR: dataDir,
    PORT: '0',
    DATABASE_URL: database.serviceUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    OPENFGA_API_URL: openfga.apiUrl,
    OPENFGA_API_TOKEN: openfga.token,
    ...more,
  };
  await migrateParts(readConfig(env), DEFAULT_TENANT, false, () => {});
  return {
    env,
    database,
    async close() {
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
