import { randomUUID } from 'node:crypto';
import { type OpenFgaClient, openFgaClient } from '../../src/adapters/openfga/client.ts';
import type { OpenFgaConfig } from '../../src/adapters/openfga/transport.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { EngineStore, EngineStores } from '../../src/ports/engine-stores.ts';
import { needRealParts } from '../support/real-parts.ts';

/** A model with a condition. */
export const IN_HOURS = `
model
  schema 1.1
type user
type document
  relations
    define viewer: [user, user with in_hours]
condition in_hours(hour: int, limit: int) {
  hour < limit
}
`;

/** The server of this run, unless a test has one of its own. */
export function serverConfig({ apiUrl, token } = needRealParts().openfga): OpenFgaConfig {
  return { apiUrl, credentials: { kind: 'token', token } };
}

export type FreshStore = EngineStore & { readonly client: OpenFgaClient; readonly stores: EngineStores };

/** A store of a test's own, pinned under every tenant's name. */
export async function freshStore(dsl: string, config = serverConfig()): Promise<FreshStore> {
  const client = openFgaClient(config);
  const storeId = await client.createStore(`test-${randomUUID()}`);
  const modelId = await client.writeModel(storeId, modelFromDsl(dsl).json);
  return { client, storeId, modelId, stores: pinned({ storeId, modelId }) };
}

export function pinned(store: EngineStore): EngineStores {
  return { of: () => Promise.resolve(store) };
}
