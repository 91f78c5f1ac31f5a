import { join } from 'node:path';
import { GenericContainer, getContainerRuntimeClient, Network, Wait } from 'testcontainers';
import type { RealParts } from '../../scripts/parts/addresses.ts';
import { secret } from '../../scripts/parts/cluster.ts';
import { OPENFGA_VERSION } from '../../scripts/parts/install-openfga.ts';

export const POSTGRES_IMAGE = 'pgvector/pgvector:0.8.0-pg17';
const initSql = join(import.meta.dirname, '../../deploy/postgres-init.sql');

export type Containers = { readonly parts: RealParts; readonly stop: () => Promise<void> };

/** What `docker-compose.yml` has, as containers of this run. Undefined: no Docker engine answers. */
export async function startContainers(): Promise<Containers | undefined> {
  if (!(await dockerAnswers())) return undefined;
  console.error('Starting Postgres and OpenFGA in Docker …');
  const passwords = { postgres: secret(), owner: secret(), app: secret(), openfga: secret() };
  const token = secret();
  const network = await new Network().start();

  const postgres = await new GenericContainer(POSTGRES_IMAGE)
    .withNetwork(network)
    .withNetworkAliases('postgres')
    .withEnvironment({
      POSTGRES_PASSWORD: passwords.postgres,
      CLEARANCE_OWNER_PASSWORD: passwords.owner,
      CLEARANCE_APP_PASSWORD: passwords.app,
      OPENFGA_DATABASE_PASSWORD: passwords.openfga,
    })
    .withCommand(['-c', 'max_connections=200'])
    .withCopyFilesToContainer([
      { source: initSql, target: '/docker-entrypoint-initdb.d/init.sql', mode: 0o644 },
    ])
    .withExposedPorts(5432)
    // It says so once while it runs the init file, and once when it is up.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();

  const image = `openfga/openfga:${OPENFGA_VERSION}`;
  const environment = {
    OPENFGA_DATASTORE_ENGINE: 'postgres',
    OPENFGA_DATASTORE_URI: `postgres://openfga:${passwords.openfga}@postgres:5432/openfga?sslmode=disable`,
    OPENFGA_AUTHN_METHOD: 'preshared',
    OPENFGA_AUTHN_PRESHARED_KEYS: token,
    OPENFGA_LOG_LEVEL: 'warn',
    OPENFGA_PLAYGROUND_ENABLED: 'false',
  };
  await new GenericContainer(image)
    .withNetwork(network)
    .withEnvironment(environment)
    .withCommand(['migrate'])
    .withWaitStrategy(Wait.forOneShotStartup())
    .start();
  const openfga = await new GenericContainer(image)
    .withNetwork(network)
    .withEnvironment(environment)
    .withCommand(['run'])
    .withExposedPorts(8080)
    .withWaitStrategy(Wait.forHttp('/healthz', 8080))
    .start();

  const url = (role: string, password: string, database: string): string =>
    `postgres://${role}:${password}@${postgres.getHost()}:${postgres.getMappedPort(5432)}/${database}`;
  return {
    parts: {
      postgres: {
        adminUrl: url('postgres', passwords.postgres, 'postgres'),
        ownerUrl: url('clearance_owner', passwords.owner, 'clearance'),
        serviceUrl: url('clearance_app', passwords.app, 'clearance'),
      },
      openfga: { apiUrl: `http://${openfga.getHost()}:${openfga.getMappedPort(8080)}`, token },
    },
    async stop() {
      await openfga.stop();
      await postgres.stop();
      await network.stop();
    },
  };
}

async function dockerAnswers(): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
}
