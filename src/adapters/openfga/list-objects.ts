import { z } from 'zod';
import type { EngineStores } from '../../ports/engine-stores.ts';
import type { OpenFgaClient } from './client.ts';
import type { ListRequest } from './requests.ts';
import { OpenFgaUnusable, readJson } from './unusable.ts';

const line = z.object({ result: z.object({ object: z.string() }) });

/**
 * Objects that an OpenFGA server lists for someone. Only what is on the list counts: it ends at the server's deadline, or
 * with an error where one object can't be decided.
 */
export async function listedObjects(
  client: OpenFgaClient,
  stores: EngineStores,
  tenant: string,
  request: ListRequest,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const text = await client.listObjects(await stores.of(tenant), request, signal);
  const lines = text.split('\n').filter((one) => one !== '');
  const found = lines.flatMap((one) => readJson(line, one)?.result.object ?? []);
  if (found.length === 0 && lines.length > 0)
    throw new OpenFgaUnusable('it can not list what someone may read');
  return found;
}
