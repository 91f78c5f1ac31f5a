import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { z } from 'zod';
import { run, type User } from './command.ts';
import { endProcesses, processesIn } from './processes.ts';

/** A Postgres of our own in one folder: its data, certificate and log. */
export const clusterSchema = z.object({
  binDir: z.string(),
  folder: z.string(),
  port: z.int(),
  passwords: z.object({ postgres: z.string(), owner: z.string(), app: z.string(), openfga: z.string() }),
});
export type Cluster = z.infer<typeof clusterSchema>;

export const dataDir = (cluster: Cluster): string => join(cluster.folder, 'data');
export const caFile = (cluster: Cluster): string => join(cluster.folder, 'ca.crt');

/** A server that is down refuses at once; a busy machine takes its time. */
const PATIENCE_MS = 10_000;

const initSql = join(import.meta.dirname, '../../deploy/postgres-init.sql');

export const secret = (): string => randomBytes(24).toString('base64url');

export function planCluster(binDir: string, folder: string, port: number): Cluster {
  return {
    binDir,
    folder,
    port,
    passwords: { postgres: secret(), owner: secret(), app: secret(), openfga: secret() },
  };
}

const passwordOf = {
  postgres: 'postgres',
  clearance_owner: 'owner',
  clearance_app: 'app',
  openfga: 'openfga',
} as const;

export function clusterUrl(cluster: Cluster, role: keyof typeof passwordOf, database: string): string {
  return `postgres://${role}:${cluster.passwords[passwordOf[role]]}@127.0.0.1:${cluster.port}/${database}`;
}

/** Starts the cluster, making it first where there is none. */
export async function startCluster(cluster: Cluster): Promise<void> {
  const made = join(cluster.folder, 'made');
  if (existsSync(made)) return control(cluster, 'start');
  await killCluster(cluster);
  rmSync(cluster.folder, { recursive: true, force: true });
  await initialise(cluster);
  await control(cluster, 'start');
  await run(
    join(cluster.binDir, 'psql'),
    ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', initSql, clusterUrl(cluster, 'postgres', 'postgres')],
    {
      env: {
        CLEARANCE_OWNER_PASSWORD: cluster.passwords.owner,
        CLEARANCE_APP_PASSWORD: cluster.passwords.app,
        OPENFGA_DATABASE_PASSWORD: cluster.passwords.openfga,
      },
    },
  );
  writeFileSync(made, '');
}

export async function stopCluster(cluster: Cluster): Promise<void> {
  if (processesIn(dataDir(cluster)).length > 0) await control(cluster, 'stop', '-m', 'fast');
}

/** kill -9 of all its processes at once, as a machine's crash but for what the kernel has yet to write. */
export async function killCluster(cluster: Cluster): Promise<void> {
  await endProcesses(dataDir(cluster), 'SIGKILL');
}

export async function clusterAnswers(cluster: Cluster): Promise<boolean> {
  const client = new pg.Client({
    connectionString: clusterUrl(cluster, 'postgres', 'postgres'),
    connectionTimeoutMillis: PATIENCE_MS,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function control(cluster: Cluster, ...command: readonly string[]): Promise<void> {
  const log = join(cluster.folder, 'postgres.log');
  const args = [...command, '-w', '-D', dataDir(cluster), ...(command[0] === 'start' ? ['-l', log] : [])];
  try {
    await run(join(cluster.binDir, 'pg_ctl'), args, { as: await serverUser(), cwd: cluster.folder });
  } catch (cause) {
    throw new Error(`Postgres did not ${command[0]}. Its log: ${log}`, { cause });
  }
}

/** Postgres refuses to run as root. */
async function serverUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid), gid: Number(gid) };
}

async function initialise(cluster: Cluster): Promise<void> {
  const as = await serverUser();
  const { folder, binDir, port } = cluster;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, cluster.passwords.postgres, { mode: 0o600 });
  if (as !== undefined) for (const path of [folder, passwordFile]) chownSync(path, as.uid, as.gid);

  const options = '--username=postgres --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync';
  await run(
    join(binDir, 'initdb'),
    [...options.split(' '), `--pwfile=${passwordFile}`, '-D', dataDir(cluster)],
    { as, cwd: folder },
  );
  rmSync(passwordFile);
  await makeCertificate(folder, as);
  writeFileSync(
    join(dataDir(cluster), 'postgresql.conf'),
    `listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
max_connections = 200
ssl = on
ssl_cert_file = '${join(folder, 'server.crt')}'
ssl_key_file = '${join(folder, 'server.key')}'
`,
  );
}

/** A CA of its own and a certificate for localhost, so that `sslmode=verify-full` can be shown. */
async function makeCertificate(folder: string, as: User | undefined): Promise<void> {
  const openssl = (options: string): Promise<string> =>
    run(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 ${options}`.split(' '),
      { as, cwd: folder },
    );
  await openssl(
    '-subj /CN=clearance-parts-ca -keyout ca.key -out ca.crt -addext keyUsage=critical,keyCertSign,cRLSign',
  );
  await openssl(
    '-CA ca.crt -CAkey ca.key -subj /CN=localhost -keyout server.key -out server.crt -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE',
  );
}
