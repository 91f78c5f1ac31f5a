import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { run } from './command.ts';
import { endProcesses } from './processes.ts';

/** An OpenFGA server of our own. */
export const serverSchema = z.object({
  binary: z.string(),
  httpPort: z.int(),
  grpcPort: z.int(),
  token: z.string(),
  /** Absent: in memory. */
  datastoreUri: z.string().optional(),
  /** Its working directory, its alone; holds its log. */
  folder: z.string(),
  /** More settings, `OPENFGA_…`. */
  env: z.record(z.string(), z.string()).optional(),
});
export type Server = z.infer<typeof serverSchema>;

const START_MS = 60_000;
/** A server that is down refuses at once; a busy machine takes its time. */
const PATIENCE_MS = 10_000;

export const serverUrl = (server: Server): string => `http://127.0.0.1:${server.httpPort}`;

/** What `docker-compose.yml` sets, but for the addresses. In the environment, where other users can't see the secrets. */
function settings(server: Server): Record<string, string> {
  return {
    ...(server.datastoreUri === undefined
      ? { OPENFGA_DATASTORE_ENGINE: 'memory' }
      : { OPENFGA_DATASTORE_ENGINE: 'postgres', OPENFGA_DATASTORE_URI: server.datastoreUri }),
    OPENFGA_AUTHN_METHOD: 'preshared',
    OPENFGA_AUTHN_PRESHARED_KEYS: server.token,
    OPENFGA_LOG_LEVEL: 'warn',
    OPENFGA_PLAYGROUND_ENABLED: 'false',
    OPENFGA_METRICS_ENABLED: 'false',
    ...server.env,
  };
}

const logFile = (server: Server): string => join(server.folder, 'openfga.log');

/** Starts the server in a session of its own, so that it outlives this process, and waits until it answers. */
export async function startServer(server: Server): Promise<void> {
  const env = settings(server);
  if (server.datastoreUri !== undefined) await run(server.binary, ['migrate'], { env });
  const log = openSync(logFile(server), 'a', 0o600);
  const addresses = [`--http-addr=127.0.0.1:${server.httpPort}`, `--grpc-addr=127.0.0.1:${server.grpcPort}`];
  const child = spawn(server.binary, ['run', ...addresses], {
    env: { ...process.env, ...env },
    cwd: server.folder,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  child.on('error', () => {});
  const end = Date.now() + START_MS;
  while (!(await serverAnswers(server))) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > end) {
      child.kill('SIGKILL');
      throw new Error(`OpenFGA did not start. Its log: ${logFile(server)}`);
    }
    await sleep(50);
  }
}

export async function stopServer(server: Server, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  await endProcesses(server.folder, signal);
}

export async function serverAnswers(server: Server): Promise<boolean> {
  try {
    const response = await fetch(`${serverUrl(server)}/healthz`, {
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return response.ok && (await response.text()).includes('SERVING');
  } catch {
    return false;
  }
}
