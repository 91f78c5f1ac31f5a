import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedEngine } from './adapters/embedded-engine/embedded-engine.ts';
import { openFgaClient } from './adapters/openfga/client.ts';
import { openFgaEngine } from './adapters/openfga/engine.ts';
import { openFgaFeed } from './adapters/openfga/feed.ts';
import { openFgaGenerations } from './adapters/openfga/generations.ts';
import { probeServer } from './adapters/openfga/probe.ts';
import { openFgaRelationships } from './adapters/openfga/relationships.ts';
import { OpenFgaUnusable } from './adapters/openfga/unusable.ts';
import { type InMemoryIndex, permissionIndex } from './adapters/permission-index/permission-index.ts';
import type { Database } from './adapters/postgres/database.ts';
import { postgresEngineStores } from './adapters/postgres/engine-stores.ts';
import { postgresLedger } from './adapters/postgres/ledger.ts';
import { postgresRelationships } from './adapters/postgres/relationships.ts';
import { type Follower, startFollower } from './agreement/follower.ts';
import { agreedDocuments, agreedEngine, agreedIndex, agreedRelationships } from './agreement/gate.ts';
import { type Repair, startRepairs } from './agreement/repair.ts';
import type { Config } from './config.ts';
import { type Model, modelFromJson } from './evaluator/model.ts';
import { loadModel, modelHash, requireGuarded, requireReadAlike } from './parts.ts';
import type { Documents } from './ports/documents.ts';
import type { Engine, Relationships } from './ports/engine.ts';
import type { EngineStore, EngineStores } from './ports/engine-stores.ts';
import type { Proofs } from './ports/proofs.ts';
import type { CandidateIndex } from './ports/search.ts';
import { linksOf } from './proofs/links.ts';
import { markOf } from './proofs/mark.ts';
import { proofRules } from './proofs/rules.ts';
import { StartupError } from './types/errors.ts';
import { DEFAULT_TENANT } from './types/principal.ts';

/** The engine with all that depends on which one it is. */
export type EngineParts = {
  readonly model: Model;
  /** What the engine knows the model as, for the audit trail. */
  modelId(tenant: string): Promise<string>;
  readonly engine: Engine;
  readonly relationships: Relationships;
  /** Absent where they are switched off, or save nothing. */
  readonly proofs?: Proofs;
  /** Of the relationships in the store, its own or the copy of the server's. */
  readonly permissions: InMemoryIndex;
  index(index: CandidateIndex): CandidateIndex;
  documents(documents: Documents): Documents;
  /** What was found at start, a line each. */
  readonly found: readonly string[];
  /** How many tenants are closed until `clearance reconcile`. */
  closed(): number;
  /** Rejects where no verdict could be had now. */
  ready(): Promise<void>;
  close(): Promise<void>;
};

/** Chooses the engine; what can be wrong with its model is found before a store is made. */
export async function chooseEngine(
  config: Config,
  onError: (error: unknown) => void,
  onRepaired: (repair: Repair) => void,
): Promise<(database: Database) => Promise<EngineParts>> {
  const { openfga } = config;
  if (openfga !== undefined) return (database) => openOpenFga(config, openfga, database, onError, onRepaired);
  const model = await loadModel(config);
  requireGuarded(config, model);
  return async (database) => embeddedParts(config, model, database);
}

function embeddedParts({ guarded }: Config, model: Model, database: Database): EngineParts {
  const relationships = postgresRelationships(database);
  const id = `sha256:${modelHash(model)}`;
  return {
    model,
    modelId: async () => id,
    engine: embeddedEngine(model, relationships),
    relationships,
    permissions: permissionIndex(model, guarded, relationships),
    index: (index) => index,
    documents: (documents) => documents,
    found: [],
    closed: () => 0,
    ready: async () => {},
    close: async () => {},
  };
}

async function openOpenFga(
  config: Config,
  openfga: NonNullable<Config['openfga']>,
  database: Database,
  onError: (error: unknown) => void,
  onRepaired: (repair: Repair) => void,
): Promise<EngineParts> {
  const client = openFgaClient(openfga);
  const pins = postgresEngineStores(database);
  const stores = remembered(pins);
  const ledger = postgresLedger(database);
  const bookkeeping = await pins.bookkeeping();
  const pinned = await pins.find(DEFAULT_TENANT);
  if (bookkeeping === undefined || pinned === undefined) {
    throw new StartupError(
      'OPENFGA_API_URL is set, and the database knows no store there yet: run "clearance migrate".',
    );
  }
  await requirePinned(config, openfga, pinned);
  for (const tenant of await ledger.tenants()) {
    if ((await pins.find(tenant))?.modelHash === pinned.modelHash) continue;
    throw new StartupError(
      `The tenant ${tenant} is pinned to another model than the default tenant: run "clearance migrate --model".`,
    );
  }
  const findings = await patiently(() => probeServer(client, bookkeeping));
  if (findings.problems.length > 0) {
    throw new StartupError(`The OpenFGA server can not be relied on: ${findings.problems.join('; ')}.`);
  }
  const model = modelFromJson(await client.readModel(pinned.storeId, pinned.modelId));
  requireGuarded(config, model);
  requireReadAlike(model);

  const sides = {
    ledger,
    feed: openFgaFeed(client, stores),
    generations: openFgaGenerations(client, bookkeeping),
    storeFailures: () => database.failures(),
  };
  const follower = await startFollower(sides, onError);
  try {
    if (!follower.closed().has(DEFAULT_TENANT)) await patiently(() => follower.confirm(DEFAULT_TENANT));
  } catch (error) {
    await follower.stop();
    throw error;
  }
  const repairs = startRepairs(sides, onRepaired, onError);
  const copy = postgresRelationships(database);
  const relationships: Relationships = {
    ...openFgaRelationships(client, stores),
    watermark: (tenant) => copy.watermark(tenant),
  };
  const permissions = permissionIndex(model, config.guarded, copy);
  return {
    model,
    modelId: async (tenant) => (await stores.of(tenant)).modelId,
    engine: agreedEngine(openFgaEngine(client, stores), follower),
    relationships: agreedRelationships(relationships, follower, sides),
    ...(config.proofs ? { proofs: proofsOf(model, permissions, follower) } : {}),
    permissions,
    index: (index) => agreedIndex(index, follower),
    documents: (documents) => agreedDocuments(documents, follower, sides),
    found: [
      `OpenFGA at ${new URL(openfga.apiUrl).origin}: store ${pinned.storeId}, model ${pinned.modelId}.`,
      ...findings.found,
      ...findings.warnings.map((warning) => `WARNING: ${warning}`),
      ...[...follower.closed()].map(
        ([tenant, reason]) => `CLOSED to tenant ${tenant}: ${reason}. Run "clearance reconcile".`,
      ),
    ],
    closed: () => follower.closed().size,
    ready: () => follower.confirm(DEFAULT_TENANT),
    async close() {
      await repairs.stop();
      await follower.stop();
    },
  };
}

/** A way that is no more: the next comparison reads the engine's log of changes at once. */
function proofsOf(model: Model, { reasons, plan }: InMemoryIndex, follower: Follower): Proofs {
  const rules = proofRules(model);
  return {
    reasons: { ...reasons, stale: (tenant) => follower.doubt(tenant) },
    questionsOf: (claim, chain) => linksOf(rules, claim, chain),
    markOf: (user) => markOf(rules, plan.guarded, user),
  };
}

const PATIENCE_MS = 10_000;
const PAUSE_MS = 1_000;

/** A server that starts together with us, or is busy at this moment, is worth waiting for. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const until = Date.now() + PATIENCE_MS; ; ) {
    try {
      return await ask();
    } catch (error) {
      const passing = error instanceof OpenFgaUnusable && (error.httpStatus ?? 500) >= 500;
      if (!passing || Date.now() > until) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** A pin counts for the life of the process: with another model, what is written and in which order would change too. */
function remembered(pins: EngineStores): EngineStores {
  const known = new Map<string, EngineStore>();
  return {
    async of(tenant) {
      const pinned = known.get(tenant) ?? (await pins.of(tenant));
      known.set(tenant, pinned);
      return pinned;
    },
  };
}

/** What is configured must be what `clearance migrate` has pinned: a changed file alone changes nobody's rights. */
async function requirePinned(
  config: Config,
  { storeId, modelId }: NonNullable<Config['openfga']>,
  pinned: { storeId: string; modelId: string; modelHash: string },
): Promise<void> {
  if (storeId !== undefined && storeId !== pinned.storeId) {
    throw new StartupError(
      `OPENFGA_STORE_ID is ${storeId}, and the database belongs to store ${pinned.storeId}. Unset it, or use a database of its own.`,
    );
  }
  const changed =
    modelId === undefined
      ? config.authorizationModel !== undefined && modelHash(await loadModel(config)) !== pinned.modelHash
      : modelId !== pinned.modelId;
  if (changed) {
    throw new StartupError(
      `The authorization model configured is not the one that is pinned (${pinned.modelId}). To change it: clearance migrate --model`,
    );
  }
}
