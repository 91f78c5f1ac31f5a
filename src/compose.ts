import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WritePath } from '../ingest/ingest.ts';
import { startOutboxWorker } from '../ingest/publish.ts';
import { embeddedEngine } from './adapters/embedded-engine/embedded-engine.ts';
import { developmentIdentity } from './adapters/jwt/development-issuer.ts';
import { developmentKeys } from './adapters/jwt/development-keys.ts';
import { oidcIdentity } from './adapters/jwt/oidc.ts';
import { openAiEmbeddings } from './adapters/openai-embeddings/openai-embeddings.ts';
import { type EmbeddedStore, openEmbeddedStore } from './adapters/pglite/embedded-store.ts';
import { postgresAuditLog } from './adapters/postgres/audit.ts';
import { type Database, openDatabase } from './adapters/postgres/database.ts';
import { postgresDocuments } from './adapters/postgres/documents.ts';
import { reembed, useEmbeddingSpace } from './adapters/postgres/embedding-space.ts';
import { migrate } from './adapters/postgres/migrate.ts';
import { postgresPassages } from './adapters/postgres/passages.ts';
import { postgresRelationships } from './adapters/postgres/relationships.ts';
import { postgresCandidateIndex } from './adapters/postgres/search/candidate-index.ts';
import { ensureVectorIndex } from './adapters/postgres/search/vector-index.ts';
import { postgresSessions } from './adapters/postgres/sessions.ts';
import { staticEmbeddings } from './adapters/static-embeddings/static-embeddings.ts';
import type { Config } from './config.ts';
import { type Model, modelFromDsl } from './evaluator/model.ts';
import { tupleProblem } from './evaluator/validate.ts';
import type { Embeddings } from './ports/embeddings.ts';
import type { Identity } from './ports/identity.ts';
import type { ReadPath } from './retrieve/retrieve.ts';
import { StartupError } from './types/errors.ts';

/** Everything a door needs. */
export type Service = {
  readonly read: ReadPath;
  readonly write: WritePath;
  /** Rejects where the service could not answer a request now. */
  ready(): Promise<{ readonly pendingSteps: number; readonly oldestSeconds: number }>;
  close(): Promise<void>;
};

/** The one place that chooses and wires the parts. */
export async function openService(config: Config, onError: (error: unknown) => void): Promise<Service> {
  const model = await loadModel(config);
  const embeddings = await chooseEmbeddings(config);
  const identity = await chooseIdentity(config);
  const store = await openStore(config);
  try {
    await useEmbeddingSpace(store.database, embeddings);
    await ensureVectorIndex(store.database, embeddings.dimension);

    const relationships = postgresRelationships(store.database);
    const documents = postgresDocuments(store.database);
    const shared = {
      audit: postgresAuditLog(store.database),
      relationships,
      guarded: config.guarded,
    };
    const read: ReadPath = {
      ...shared,
      identity,
      sessions: postgresSessions(store.database),
      index: postgresCandidateIndex(store.database, embeddings),
      engine: embeddedEngine(model, relationships),
      passages: postgresPassages(store.database),
    };
    const write: WritePath = {
      ...shared,
      documents,
      embeddings,
      onError,
      removalMayWiden: model.types.get(config.guarded.type)?.get(config.guarded.relation)?.mayExclude ?? true,
      tupleProblem: (tuple) => tupleProblem(model, tuple),
    };
    const worker = startOutboxWorker(write);
    return {
      read,
      write,
      async ready() {
        const { steps, oldestSeconds } = await documents.pending();
        return { pendingSteps: steps, oldestSeconds };
      },
      async close() {
        await worker.stop();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Embeds every passage again with the configured model, whatever the store was made with. */
export async function reembedStore(
  config: Config,
  onProgress: (done: number, total: number) => void,
): Promise<{ passages: number; model: string }> {
  const embeddings = await chooseEmbeddings(config);
  const store = await openStore(config);
  try {
    return { passages: await reembed(store.database, embeddings, onProgress), model: embeddings.model };
  } finally {
    await store.close();
  }
}

async function openStore(
  config: Pick<Config, 'dataDir'>,
): Promise<{ database: Database; close(): Promise<void> }> {
  const store = await openEmbeddedStore(config.dataDir);
  try {
    await migrateTogether(store);
  } catch (error) {
    await store.close();
    throw new StartupError(`The store's schema could not be brought up to date: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const database = openDatabase(store.connection);
  return {
    database,
    async close() {
      await database.close();
      await store.close();
    },
  };
}

const MIGRATION_TRIES = 10;
const MIGRATION_PAUSE_MS = 300;

/** Another command's store may be getting its schema at this moment, and an embedded store has no lock between them. */
async function migrateTogether({ connection, owned }: EmbeddedStore): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await migrate(connection);
      return;
    } catch (error) {
      if (owned || tries === MIGRATION_TRIES) throw error;
      await sleep(MIGRATION_PAUSE_MS);
    }
  }
}

async function chooseEmbeddings({ openai }: Config): Promise<Embeddings> {
  return openai === undefined ? staticEmbeddings() : openAiEmbeddings(openai);
}

async function chooseIdentity({ oidc, dataDir }: Config): Promise<Identity> {
  return oidc === undefined ? developmentIdentity(await developmentKeys(dataDir)) : oidcIdentity(oidc);
}

async function loadModel({ authorizationModel, guarded }: Config): Promise<Model> {
  const path = authorizationModel ?? fileURLToPath(new URL('../models/default.fga', import.meta.url));
  let model: Model;
  try {
    model = modelFromDsl(await readFile(path, 'utf8'));
  } catch (error) {
    throw new StartupError(`The authorization model ${path} can not be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (model.types.get(guarded.type)?.has(guarded.relation) !== true) {
    throw new StartupError(
      `GUARDED_RELATION is ${guarded.type}#${guarded.relation}, which the model ${path} does not define. Its types: ${[...model.types.keys()].join(', ')}.`,
    );
  }
  return model;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
