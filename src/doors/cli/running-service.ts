import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const file = (dataDir: string) => join(dataDir, 'service.json');
const record = z.object({ url: z.url() });

/** Leaves the address where a second command finds it. */
export async function announceService(dataDir: string, url: string): Promise<{ withdraw(): Promise<void> }> {
  await writeFile(file(dataDir), JSON.stringify({ url }), { mode: 0o600 });
  return {
    async withdraw() {
      // A second service on this folder may have taken its place.
      if ((await announced(dataDir)) === url) await rm(file(dataDir), { force: true });
    },
  };
}

/** The address of a service that runs on this data folder and answers; a stale one is as good as none. */
export async function findService(dataDir: string): Promise<string | undefined> {
  const url = await announced(dataDir);
  if (url === undefined) return undefined;
  try {
    const health = await fetch(new URL('healthz', `${url}/`), { signal: AbortSignal.timeout(2_000) });
    return health.ok ? url : undefined;
  } catch {
    return undefined;
  }
}

async function announced(dataDir: string): Promise<string | undefined> {
  try {
    return record.parse(JSON.parse(await readFile(file(dataDir), 'utf8'))).url;
  } catch {
    return undefined;
  }
}
