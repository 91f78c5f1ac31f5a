import { join } from 'node:path';
import { addressesOf, type NativeParts, type RealParts } from '../../scripts/parts/addresses.ts';
import {
  type Cluster,
  caFile,
  killCluster,
  planCluster,
  secret,
  startCluster,
  stopCluster,
} from '../../scripts/parts/cluster.ts';
import { freePort } from '../../scripts/parts/free-port.ts';
import { type Server, serverUrl, startServer, stopServer } from '../../scripts/parts/openfga.ts';
import { ownFolder, removeOwnFolder } from './own-folder.ts';
import { needRealParts } from './real-parts.ts';

/**
 * Parts of a test's own, to be stopped, killed and restored. They are made from the native parts' programs: skip the suite
 * where `realParts()?.native` is undefined.
 */
type OwnPart = {
  /** In good order, as an operator does. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Stops it if it runs, and starts it at the same address with the same data. */
  restart(): Promise<void>;
  /** Stops it and removes what it held. */
  close(): Promise<void>;
};

export type OwnPostgres = OwnPart & {
  readonly postgres: RealParts['postgres'];
  readonly caFile: string;
  readonly cluster: Cluster;
};

/** A Postgres with the roles and databases of `deploy/postgres-init.sql`. Takes about 3 s. */
export async function ownPostgres(): Promise<OwnPostgres> {
  const { cluster: shared, server } = native();
  const folder = ownFolder();
  const cluster = planCluster(shared.binDir, join(folder, 'postgres'), await freePort());
  await startCluster(cluster);
  return {
    postgres: addressesOf(cluster, server).postgres,
    caFile: caFile(cluster),
    cluster,
    stop: () => stopCluster(cluster),
    kill: () => killCluster(cluster),
    async restart() {
      await stopCluster(cluster);
      await startCluster(cluster);
    },
    close: () => removeOwnFolder(folder),
  };
}

export type OwnOpenFga = OwnPart & { readonly openfga: RealParts['openfga'] };

type OpenFgaOptions = {
  /** Settings, `OPENFGA_…`: each flag of `openfga run` has one. */
  readonly env?: Readonly<Record<string, string>>;
  /** A Postgres database; absent: in memory, so that `restart` loses everything. */
  readonly datastoreUri?: string;
};

export async function ownOpenFga(options: OpenFgaOptions = {}): Promise<OwnOpenFga> {
  const folder = ownFolder();
  const server: Server = {
    binary: native().server.binary,
    httpPort: await freePort(),
    grpcPort: await freePort(),
    token: secret(),
    folder,
    ...options,
  };
  await startServer(server);
  return {
    openfga: { apiUrl: serverUrl(server), token: server.token },
    stop: () => stopServer(server),
    kill: () => stopServer(server, 'SIGKILL'),
    async restart() {
      await stopServer(server);
      await startServer(server);
    },
    close: () => removeOwnFolder(folder),
  };
}

function native(): NativeParts {
  const parts = needRealParts().native;
  if (parts === undefined)
    throw new Error('Only native parts can be started: skip this suite where there are none.');
  return parts;
}
