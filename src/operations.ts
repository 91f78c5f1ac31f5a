import { randomUUID } from 'node:crypto';
import { openFgaClient } from './adapters/openfga/client.ts';
import { openFgaFeed } from './adapters/openfga/feed.ts';
import { openFgaGenerations } from './adapters/openfga/generations.ts';
import { openFgaRelationships } from './adapters/openfga/relationships.ts';
import { findOrCreateStore, makeBookkeeping } from './adapters/openfga/stores.ts';
import { postgresAuditLog } from './adapters/postgres/audit.ts';
import type { Database } from './adapters/postgres/database.ts';
import { postgresDocuments } from './adapters/postgres/documents.ts';
import { reembed } from './adapters/postgres/embedding-space.ts';
import { type PinnedStore, postgresEngineStores } from './adapters/postgres/engine-stores.ts';
import { postgresHolding } from './adapters/postgres/holding.ts';
import { postgresLedger } from './adapters/postgres/ledger.ts';
import { setUpServer } from './adapters/postgres/set-up.ts';
import { type Reconciliation, reconcile } from './agreement/reconcile.ts';
import type { Config } from './config.ts';
import { modelFromJson } from './evaluator/model.ts';
import {
  chooseEmbeddings,
  loadModel,
  modelHash,
  openStore,
  requireGuarded,
  requireReadAlike,
} from './parts.ts';
import { MAX_TUPLES_A_WRITE } from './ports/engine.ts';
import type { LedgerState } from './ports/ledger.ts';
import { StartupError } from './types/errors.ts';

/** What an operator does to the parts, beside running the service. */

type OpenFga = NonNullable<Config['openfga']>;
type Say = (line: string) => void;

/** Brings the database and the OpenFGA server up to date, as often as one likes. Changes a pinned model only where told to. */
export async function migrateParts(
  config: Config,
  tenant: string,
  changeModel: boolean,
  say: Say,
): Promise<void> {
  if (config.database !== undefined) {
    await setUpServer(config.database.migrationUrl, await chooseEmbeddings(config));
    say('Database: the schema and the service role are up to date.');
  }
  if (config.openfga !== undefined) {
    const store = await openStore(config, true);
    try {
      await setUpOpenFga(config, config.openfga, store.database, tenant, changeModel, say);
    } finally {
      await store.close();
    }
  }
  if (config.database === undefined && config.openfga === undefined) {
    say('Nothing to do: the embedded store and engine bring themselves up to date.');
  }
}

async function setUpOpenFga(
  config: Config,
  openfga: OpenFga,
  database: Database,
  tenant: string,
  changeModel: boolean,
  say: Say,
): Promise<void> {
  const client = openFgaClient(openfga);
  const stores = postgresEngineStores(database);
  if ((await stores.bookkeeping()) === undefined) {
    await stores.pinBookkeeping(await makeBookkeeping(client, storeName('own')));
  }

  const before = await stores.find(tenant);
  if (before !== undefined && openfga.storeId !== undefined && openfga.storeId !== before.storeId) {
    throw new StartupError(
      `OPENFGA_STORE_ID is ${openfga.storeId}, and this database belongs to store ${before.storeId}. Unset it, or use a database of its own.`,
    );
  }
  const storeId = before?.storeId ?? openfga.storeId ?? (await findOrCreateStore(client, storeName(tenant)));
  const wanted = await wantedModel(config, openfga, before);
  if (before !== undefined && wanted !== undefined && !changeModel) {
    throw new StartupError(
      `The authorization model configured is not the one that is pinned (${before.modelId}). To change it, which changes who may read what: clearance migrate --model`,
    );
  }
  const modelId =
    wanted === undefined
      ? (before?.modelId ?? '')
      : (wanted.id ?? (await client.writeModel(storeId, wanted.json)));
  const model = modelFromJson(await client.readModel(storeId, modelId));
  requireGuarded(config, model);
  requireReadAlike(model);
  await stores.pin(tenant, { storeId, modelId, modelHash: wanted?.hash ?? before?.modelHash ?? '' });
  say(
    `OpenFGA, tenant ${tenant}: store ${storeId}, model ${modelId}${wanted === undefined ? ', as before' : ''}.`,
  );

  if (before === undefined) {
    const copied = await copyRelationships(database, openfga, tenant);
    if (copied > 0)
      say(`OpenFGA, tenant ${tenant}: ${copied} relationships that the database held were written to it.`);
  }
}

/** Another installation on the same server must never find it. OpenFGA takes at most 64 characters. */
function storeName(of: string): string {
  return `clearance-${of.slice(0, 16)}-${randomUUID()}`;
}

/** The model to pin in the place of what is pinned; undefined where that is it. */
async function wantedModel(
  config: Config,
  { modelId }: OpenFga,
  pinned: PinnedStore | undefined,
): Promise<{ id?: string; json: object; hash: string } | undefined> {
  if (modelId !== undefined) {
    return modelId === pinned?.modelId ? undefined : { id: modelId, json: {}, hash: modelId };
  }
  // A file that nobody named may come with a new version of the program: it changes nobody's rights.
  if (pinned !== undefined && config.authorizationModel === undefined) return undefined;
  const model = await loadModel(config);
  const hash = modelHash(model);
  return hash === pinned?.modelHash ? undefined : { json: model.json, hash };
}

/** Of a database that was used with the embedded engine before. */
async function copyRelationships(database: Database, openfga: OpenFga, tenant: string): Promise<number> {
  const stores = postgresEngineStores(database);
  const relationships = openFgaRelationships(openFgaClient(openfga), stores);
  const tuples = await postgresLedger(database).tuples(tenant);
  for (let i = 0; i < tuples.length; i += MAX_TUPLES_A_WRITE) {
    await relationships.write(tenant, { writes: tuples.slice(i, i + MAX_TUPLES_A_WRITE), deletes: [] });
  }
  return tuples.length;
}

export type Status = {
  readonly pending: { readonly steps: number; readonly oldestSeconds: number };
  readonly engines: readonly (PinnedStore & LedgerState & { readonly tenant: string })[];
};

/** From the database alone: whatever else is down, this can be asked. */
export async function statusOf(config: Config): Promise<Status> {
  const store = await openStore(config);
  try {
    const [stores, ledger] = [postgresEngineStores(store.database), postgresLedger(store.database)];
    const engines: Status['engines'][number][] = [];
    for (const tenant of await ledger.tenants()) {
      const pinned = await stores.find(tenant);
      if (pinned !== undefined) engines.push({ tenant, ...pinned, ...(await ledger.state(tenant)) });
    }
    return { pending: await postgresDocuments(store.database).pending(), engines };
  } finally {
    await store.close();
  }
}

export async function reconcileParts(
  config: Config,
  dryRun: boolean,
): Promise<readonly (Reconciliation & { readonly tenant: string })[]> {
  if (config.openfga === undefined) {
    throw new StartupError(
      'There is nothing to reconcile: the embedded engine keeps its relationships in the store.',
    );
  }
  const store = await openStore(config);
  try {
    const { database } = store;
    const client = openFgaClient(config.openfga);
    const stores = postgresEngineStores(database);
    const bookkeeping = await stores.bookkeeping();
    if (bookkeeping === undefined)
      throw new StartupError('The database knows no OpenFGA store: run "clearance migrate".');
    const parts = {
      ledger: postgresLedger(database),
      feed: openFgaFeed(client, stores),
      generations: openFgaGenerations(client, bookkeeping),
      relationships: openFgaRelationships(client, stores),
      documents: postgresHolding(database),
      audit: postgresAuditLog(database),
      guarded: config.guarded,
    };
    const outcomes: (Reconciliation & { tenant: string })[] = [];
    for (const tenant of await parts.ledger.tenants()) {
      outcomes.push({ tenant, ...(await reconcile(parts, tenant, dryRun)) });
    }
    return outcomes;
  } finally {
    await store.close();
  }
}

/** Embeds every passage again with the configured model, whatever the store was made with. */
export async function reembedStore(
  config: Config,
  onProgress: (done: number, total: number) => void,
): Promise<{ passages: number; model: string }> {
  const embeddings = await chooseEmbeddings(config);
  const store = await openStore(config, true);
  try {
    return { passages: await reembed(store.database, embeddings, onProgress), model: embeddings.model };
  } finally {
    await store.close();
  }
}
