import type { EngineStores } from '../../ports/engine-stores.ts';
import type { TupleFeed } from '../../ports/ledger.ts';
import type { OpenFgaClient } from './client.ts';

/**
 * Milliseconds by which an OpenFGA server's clock may be behind its database's. A server that is further behind hides
 * its last changes, and then looks like one that was restored.
 */
const CLOCKS_DIFFER_MS = 5_000;

/**
 * OpenFGA's log of changes. It is filtered and ordered by when a server began with the write, by that server's clock,
 * in milliseconds; `at` is when the transaction began, by the database's, and so a little later. Changes are put in the
 * order of `at`: two servers whose clocks differ would show a tuple's deletion before its writing.
 */
export function openFgaFeed(client: OpenFgaClient, stores: EngineStores): TupleFeed {
  return {
    async changesSince(tenant, since) {
      const { storeId } = await stores.of(tenant);
      const from =
        since === undefined ? undefined : new Date(Date.parse(since) - CLOCKS_DIFFER_MS).toISOString();
      const [changes] = await Promise.all([client.readChanges(storeId, from), client.requireStore(storeId)]);
      // Stable: what one transaction wrote stays in its order.
      return changes.toSorted((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
    },

    async all(tenant) {
      const { storeId } = await stores.of(tenant);
      return client.read(storeId, {});
    },

    async *pages(tenant) {
      const { storeId } = await stores.of(tenant);
      yield* client.readPages(storeId);
    },

    async one(tenant, { user, relation, object }) {
      const { storeId } = await stores.of(tenant);
      return (await client.read(storeId, { user, relation, object }))[0];
    },
  };
}
