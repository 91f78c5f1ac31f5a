import { auditKeys } from './adapters/audit-keys.ts';
import { loginNames } from './adapters/jwt/engine-user.ts';
import { openFgaClient } from './adapters/openfga/client.ts';
import { openFgaFeed } from './adapters/openfga/feed.ts';
import { openFgaGenerations } from './adapters/openfga/generations.ts';
import { openFgaRelationships } from './adapters/openfga/relationships.ts';
import { postgresAgents } from './adapters/postgres/agents.ts';
import { postgresTrail } from './adapters/postgres/audit.ts';
import type { Database } from './adapters/postgres/database.ts';
import { postgresDocuments } from './adapters/postgres/documents.ts';
import { reembed, requireEmbeddingSpace } from './adapters/postgres/embedding-space.ts';
import { type PinnedStore, postgresEngineStores } from './adapters/postgres/engine-stores.ts';
import { postgresHolding } from './adapters/postgres/holding.ts';
import { postgresLedger } from './adapters/postgres/ledger.ts';
import { postgresRevocations } from './adapters/postgres/revocations.ts';
import type { Tuning } from './adapters/postgres/search/choose-route.ts';
import { JUDGED, measureTuning } from './adapters/postgres/search/measure-tuning.ts';
import { storeTuning } from './adapters/postgres/search/stored-tuning.ts';
import { postgresSessions } from './adapters/postgres/sessions.ts';
import { oneAtATime, setUpServer } from './adapters/postgres/set-up.ts';
import { postgresSources } from './adapters/postgres/sources.ts';
import type { Sides } from './agreement/compare.ts';
import { type Reconciliation, reconcile } from './agreement/reconcile.ts';
import { openTrail } from './audit/trail.ts';
import type { Config } from './config.ts';
import { type Model, modelFromJson } from './evaluator/model.ts';
import { chooseEmbeddings, loadModel, openStore, trustedIssuers } from './parts.ts';
import type { AuditLog } from './ports/audit.ts';
import type { LedgerState } from './ports/ledger.ts';
import { type Registries, vocabularyOf } from './registry/registries.ts';
import { SETTLED_MS } from './retrieve/hand-over.ts';
import type { Revoking } from './revocation/revoke.ts';
import { setUpOpenFga } from './set-up-openfga.ts';
import { StartupError } from './types/errors.ts';
import { DEFAULT_TENANT } from './types/principal.ts';

/** What an operator does to the parts, beside running the service. */

/** Brings the database and the OpenFGA server up to date, as often as one likes. Changes a pinned model only where told to. */
export async function migrateParts(
  config: Config,
  tenant: string,
  changeModel: boolean,
  say: (line: string) => void,
): Promise<void> {
  if (config.database !== undefined) {
    await setUpServer(config.database.migrationUrl, await chooseEmbeddings(config));
    say('Database: the schema and the service role are up to date.');
  }
  if (config.openfga !== undefined) {
    const store = await openStore(config, true);
    try {
      const { openfga } = config;
      const setUp = () => setUpOpenFga(config, openfga, store.database, tenant, changeModel, say);
      // An embedded store has one session, and one command at a time.
      await (config.database === undefined ? setUp() : oneAtATime(store.database, setUp));
    } finally {
      await store.close();
    }
  }
  if (config.database === undefined && config.openfga === undefined) {
    say('Nothing to do: the embedded store and engine bring themselves up to date.');
  }
}

/** What the store has of agents and sources, for as long as `work` takes. */
export async function withRegistries<T>(
  config: Config,
  work: (registries: Registries) => Promise<T>,
): Promise<T> {
  const store = await openStore(config);
  try {
    const agents = postgresAgents(store.database);
    const sources = postgresSources(store.database);
    const vocabulary = vocabularyOf(config.guarded.type, () => modelInUse(config, store.database));
    return await withTrail(config, store.database, (audit) => work({ agents, sources, audit, vocabulary }));
  } finally {
    await store.close();
  }
}

/** The one that is pinned, where an OpenFGA server has it. */
async function modelInUse(config: Config, database: Database): Promise<Model> {
  if (config.openfga === undefined) return loadModel(config);
  const pinned = await postgresEngineStores(database).find(DEFAULT_TENANT);
  if (pinned === undefined)
    throw new StartupError('The database knows no OpenFGA store: run "clearance migrate".');
  return modelFromJson(await openFgaClient(config.openfga).readModel(pinned.storeId, pinned.modelId));
}

/** The trail of a command, which ends with its own checkpoint. */
export async function withTrail<T>(
  config: Config,
  database: Database,
  work: (audit: AuditLog) => Promise<T>,
): Promise<T> {
  const keys = await auditKeys(config.auditSigningKey, config.dataDir);
  const trail = openTrail(postgresTrail(database), keys, console.error);
  try {
    return await work(trail);
  } finally {
    await trail.close();
  }
}

/** What revokes, for as long as `work` takes. */
export async function withRevoking<T>(config: Config, work: (revoking: Revoking) => Promise<T>): Promise<T> {
  const store = await openStore(config);
  try {
    const { database } = store;
    const parts = {
      revocations: postgresRevocations(database),
      sessions: postgresSessions(database),
      agents: postgresAgents(database),
      loginName: loginNames(await trustedIssuers(config)),
      settledMs: SETTLED_MS,
    };
    return await withTrail(config, database, (audit) => work({ ...parts, audit }));
  } finally {
    await store.close();
  }
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

/** Fewer tell only what a statement costs by itself. */
const MIN_TUNED_PASSAGES = 5_000;

/** Measures the routes of the search on the store's own passages and on `questions`, if there are any, and keeps what they cost. */
export async function tuneSearch(config: Config, questions: readonly string[] = []): Promise<Tuning> {
  if (questions.length > 0 && questions.length < JUDGED) {
    throw new StartupError(
      `Give at least ${JUDGED} questions, one a line: of ${questions.length}, chance decides.`,
    );
  }
  const store = await openStore(config, true);
  try {
    const { rows } = await store.database.query<{ passages: number; dimension: number }>(
      `SELECT coalesce(sum(chunks), 0)::bigint AS passages, (SELECT dimension FROM embedding_space) AS dimension FROM collections`,
    );
    const { passages = 0, dimension = 0 } = rows[0] ?? {};
    if (passages < MIN_TUNED_PASSAGES) {
      throw new StartupError(
        `The store has ${passages} passages. From ${MIN_TUNED_PASSAGES} on there is something to measure; until then the defaults serve.`,
      );
    }
    const asked = await vectorsOf(config, store.database, questions);
    const tuning = await measureTuning(store.database, dimension, asked);
    await storeTuning(store.database, tuning);
    return tuning;
  } finally {
    await store.close();
  }
}

async function vectorsOf(
  config: Config,
  database: Database,
  questions: readonly string[],
): Promise<readonly Float32Array[]> {
  if (questions.length === 0) return [];
  const embeddings = await chooseEmbeddings(config);
  await requireEmbeddingSpace(database, embeddings);
  return embeddings.embed(questions);
}

/** What has to be of one history, as a command needs it. */
export async function openSides(openfga: NonNullable<Config['openfga']>, database: Database) {
  const client = openFgaClient(openfga);
  const stores = postgresEngineStores(database);
  const bookkeeping = await stores.bookkeeping();
  if (bookkeeping === undefined)
    throw new StartupError('The database knows no OpenFGA store: run "clearance migrate".');
  const sides: Sides = {
    ledger: postgresLedger(database),
    feed: openFgaFeed(client, stores),
    generations: openFgaGenerations(client, bookkeeping),
    storeFailures: () => database.failures(),
  };
  return { client, stores, sides };
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
  const store = await openStore(config, true);
  try {
    const { database } = store;
    const { client, stores, sides } = await openSides(config.openfga, database);
    const parts = {
      ...sides,
      relationships: openFgaRelationships(client, stores),
      documents: postgresHolding(database),
      guarded: config.guarded,
    };
    return await withTrail(config, database, async (audit) => {
      const outcomes: (Reconciliation & { tenant: string })[] = [];
      for (const tenant of await parts.ledger.tenants()) {
        outcomes.push({ tenant, ...(await reconcile({ ...parts, audit }, tenant, dryRun)) });
      }
      return outcomes;
    });
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
