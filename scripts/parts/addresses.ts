import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Cluster, caFile, clusterSchema, clusterUrl } from './cluster.ts';
import { type Server, serverSchema, serverUrl } from './openfga.ts';

/** A Postgres and an OpenFGA server, however they were started. */
const realPartsSchema = z.object({
  postgres: z.object({
    /** As superuser, who may make databases. */
    adminUrl: z.string(),
    /** As `clearance_owner`, to the database `clearance`. */
    ownerUrl: z.string(),
    /** As `clearance_app`, to the database `clearance`. */
    serviceUrl: z.string(),
  }),
  openfga: z.object({ apiUrl: z.string(), token: z.string() }),
  /** Absent where the parts run in containers. */
  native: z.object({ caFile: z.string(), cluster: clusterSchema, server: serverSchema }).optional(),
});
export type RealParts = z.infer<typeof realPartsSchema>;
export type NativeParts = NonNullable<RealParts['native']>;

/** In the checkout; not committed. */
export const partsFolder = join(import.meta.dirname, '../../.parts');
const addressesFile = join(partsFolder, 'addresses.json');

export function readAddresses(): RealParts | undefined {
  if (!existsSync(addressesFile)) return undefined;
  return realPartsSchema.safeParse(JSON.parse(readFileSync(addressesFile, 'utf8'))).data;
}

export function addressesOf(cluster: Cluster, server: Server): RealParts & { native: NativeParts } {
  return {
    postgres: {
      adminUrl: clusterUrl(cluster, 'postgres', 'postgres'),
      ownerUrl: clusterUrl(cluster, 'clearance_owner', 'clearance'),
      serviceUrl: clusterUrl(cluster, 'clearance_app', 'clearance'),
    },
    openfga: { apiUrl: serverUrl(server), token: server.token },
    native: { caFile: caFile(cluster), cluster, server },
  };
}

export function writeAddresses(addresses: RealParts): void {
  mkdirSync(partsFolder, { recursive: true, mode: 0o700 });
  writeFileSync(addressesFile, `${JSON.stringify(addresses, null, 2)}\n`, { mode: 0o600 });
}

export function removeAddresses(): void {
  rmSync(addressesFile, { force: true });
}
