import type { EngineStore } from '../../ports/engine-stores.ts';
import { bookkeepingModel, loopModel } from './bookkeeping-model.ts';
import type { OpenFgaClient } from './client.ts';
import { OpenFgaUnusable } from './unusable.ts';

/**
 * The store of this name, made where there is none: whoever made one and died before noting it finds it again, and of
 * two who made one at the same time both get the older. OpenFGA itself lets names repeat, so it has to hold something
 * that is this installation's alone; 3 to 64 letters, digits and `. - / ^ _ & @`.
 */
export async function findOrCreateStore(client: OpenFgaClient, name: string): Promise<string> {
  const [found] = await client.storesNamed(name);
  if (found !== undefined) return found;
  const created = await client.createStore(name);
  const [oldest] = await client.storesNamed(name);
  if (oldest === undefined)
    throw new OpenFgaUnusable(`it does not show the store ${created} that it has made`);
  return oldest;
}

/** The store of generations and of the probe, under its own model. Safe to repeat, as `findOrCreateStore` is. */
export async function makeBookkeeping(client: OpenFgaClient, name: string): Promise<EngineStore> {
  const storeId = await findOrCreateStore(client, name);
  await client.writeModel(storeId, loopModel);
  return { storeId, modelId: await client.writeModel(storeId, bookkeepingModel) };
}
