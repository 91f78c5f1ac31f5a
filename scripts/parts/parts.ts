// `npm run parts`: installs and starts a Postgres and an OpenFGA server for the tests, natively. `npm run parts -- stop`
// ends them and removes their data; what was installed stays.
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from '../../src/types/errors.ts';
import {
  addressesOf,
  type NativeParts,
  readAddresses,
  removeAddresses,
  writeAddresses,
} from './addresses.ts';
import { clusterAnswers, clusterUrl, planCluster, secret, startCluster, stopCluster } from './cluster.ts';
import { freePort } from './free-port.ts';
import { installOpenFga } from './install-openfga.ts';
import { installPostgres } from './install-postgres.ts';
import { serverAnswers, startServer, stopServer } from './openfga.ts';

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof StartupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (rest.length > 0 || (command !== undefined && command !== 'stop')) {
    throw new StartupError('Usage: npm run parts, or: npm run parts -- stop');
  }
  await (command === 'stop' ? stop() : start());
}

async function start(): Promise<void> {
  const known = readAddresses()?.native;
  const native = known !== undefined && existsSync(known.server.folder) ? known : await plan();
  if (!(await clusterAnswers(native.cluster))) {
    console.error('Starting Postgres …');
    await startCluster(native.cluster);
  }
  if (!(await serverAnswers(native.server))) {
    console.error('Starting OpenFGA …');
    await stopServer(native.server, 'SIGKILL');
    await startServer(native.server);
  }
  console.error(
    'Postgres and OpenFGA run. Addresses and secrets: .parts/addresses.json. End: npm run parts -- stop',
  );
}

/** Everything that is chosen once: written before anything starts, so that what was started can be found again. */
async function plan(): Promise<NativeParts> {
  const [binDir, binary] = await Promise.all([installPostgres(), installOpenFga()]);
  // Not in the checkout, which Postgres's user may not be able to reach.
  const folder = mkdtempSync('/var/tmp/clearance-parts-');
  chmodSync(folder, 0o711);
  const cluster = planCluster(binDir, join(folder, 'postgres'), await freePort());
  const addresses = addressesOf(cluster, {
    binary,
    httpPort: await freePort(),
    grpcPort: await freePort(),
    token: secret(),
    datastoreUri: `${clusterUrl(cluster, 'openfga', 'openfga')}?sslmode=disable`,
    folder,
  });
  writeAddresses(addresses);
  return addresses.native;
}

async function stop(): Promise<void> {
  const native = readAddresses()?.native;
  if (native === undefined) return console.error('Nothing runs.');
  await stopServer(native.server);
  await stopCluster(native.cluster);
  rmSync(native.server.folder, { recursive: true, force: true });
  removeAddresses();
  console.error('Stopped.');
}
