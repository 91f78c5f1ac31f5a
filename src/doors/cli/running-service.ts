import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const file = (dataDir: string) => join(dataDir, 'service.json');
const record = z.object({ url: z.url() });

/** Leaves the address where a second command finds it. */
export async function announceService(dataDir: string, url: string): Promise<{ withdraw(): Promise<void> }> {
  await writeFile(file(dataDir), JSON.stringify({ url }), { mode: 0o600 });
  return { withdraw: () => rm(file(dataDir), { force: true }) };
}

/** The address of a service that runs on this data folder and answers; a stale one is as good as none. */
export async function findService(dataDir: string): Promise<string | undefined> {
  try {
    const { url } = record.parse(JSON.parse(await readFile(file(dataDir), 'utf8')));
    const health = await fetch(new URL('healthz', `${url}/`), { signal: AbortSignal.timeout(2_000) });
    return health.ok ? url : undefined;
  } catch {
    return undefined;
  }
}
