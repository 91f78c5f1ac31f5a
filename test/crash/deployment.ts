import { join } from 'node:path';
import { type OpenFgaClient, openFgaClient } from '../../src/adapters/openfga/client.ts';
import { type Database, openDatabase } from '../../src/adapters/postgres/database.ts';
import { postgresEngineStores } from '../../src/adapters/postgres/engine-stores.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import type { EngineStore } from '../../src/ports/engine-stores.ts';
import type { Scope } from '../../src/types/principal.ts';
import { type Env, freshFolder, run } from '../support/cli.ts';
import { freshDatabase, needRealParts } from '../support/real-parts.ts';

/** A database and an OpenFGA store of its own, set up as an operator does it: what copies of the service run on. */
export type Deployment = {
  /** Of each copy. */
  readonly env: Env;
  readonly config: Config;
  /** Past the service, as superuser. */
  readonly database: Database;
  readonly openfga: OpenFgaClient;
  readonly store: EngineStore;
  token(subject: string, scopes?: readonly Scope[]): Promise<string>;
  close(): Promise<void>;
};

export async function deploy(): Promise<Deployment> {
  const { openfga } = needRealParts();
  const fresh = await freshDatabase();
  const folder = freshFolder();
  const env = {
    CLEARANCE_DATA_DIR: join(folder, 'data'),
    // Most of what a run with kills does is to start the service again.
    NODE_COMPILE_CACHE: join(folder, 'code'),
    DATABASE_URL: fresh.serviceUrl,
    OPENFGA_API_URL: openfga.apiUrl,
    OPENFGA_API_TOKEN: openfga.token,
    RATE_LIMIT_PER_MINUTE: '1000000',
    PORT: '0',
  };
  const migrated = await run(['migrate'], { ...env, DATABASE_MIGRATION_URL: fresh.ownerUrl });
  if (migrated.code !== 0) throw new Error(migrated.stderr);
  const config = readConfig(env);
  const database = openDatabase({ connectionString: fresh.url, max: 4 });
  return {
    env,
    config,
    database,
    openfga: openFgaClient({
      apiUrl: openfga.apiUrl,
      credentials: { kind: 'token', token: openfga.token },
    }),
    store: await postgresEngineStores(database).of('default'),
    token: (subject, scopes = ['retrieve']) =>
      developmentToken(config, {
        subject,
        scopes,
        lifetime: 7_200,
        ...(scopes.includes('ingest') ? { source: 'wiki' } : {}),
      }),
    async close() {
      await database.close();
      await fresh.close();
    },
  };
}
