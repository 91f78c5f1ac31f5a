import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WritePath } from '../../ingest/ingest.ts';
import { auditKeys } from '../../src/adapters/audit-keys.ts';
import { embeddedEngine } from '../../src/adapters/embedded-engine/embedded-engine.ts';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { permissionIndex } from '../../src/adapters/permission-index/permission-index.ts';
import { openEmbeddedStore } from '../../src/adapters/pglite/embedded-store.ts';
import { postgresAgents } from '../../src/adapters/postgres/agents.ts';
import { postgresDecisions, postgresTrail } from '../../src/adapters/postgres/audit.ts';
import { type Database, openDatabase } from '../../src/adapters/postgres/database.ts';
import { postgresDocuments } from '../../src/adapters/postgres/documents.ts';
import { useEmbeddingSpace } from '../../src/adapters/postgres/embedding-space.ts';
import { postgresHandOvers } from '../../src/adapters/postgres/hand-overs.ts';
import { postgresLabels } from '../../src/adapters/postgres/labels.ts';
import { migrate } from '../../src/adapters/postgres/migrate.ts';
import { postgresPassages } from '../../src/adapters/postgres/passages.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { postgresRevocations } from '../../src/adapters/postgres/revocations.ts';
import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { postgresSessionWatch } from '../../src/adapters/postgres/session-watch.ts';
import { postgresSessions } from '../../src/adapters/postgres/sessions.ts';
import { postgresSources } from '../../src/adapters/postgres/sources.ts';
import { postgresUsedProofs } from '../../src/adapters/postgres/used-proofs.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import { membersBy } from '../../src/audience/members.ts';
import { queryHasher } from '../../src/audit/keys.ts';
import { openTrail } from '../../src/audit/trail.ts';
import { readConfig } from '../../src/config.ts';
import { requireDelegated } from '../../src/delegation/delegated-identity.ts';
import type { Exchange } from '../../src/delegation/exchange.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { tupleProblem } from '../../src/evaluator/validate.ts';
import { developmentToken } from '../../src/operator.ts';
import { chooseTokens } from '../../src/parts.ts';
import type { SecurityEvents } from '../../src/ports/security-events.ts';
import { type Registries, vocabularyOf } from '../../src/registry/registries.ts';
import { SETTLED_MS } from '../../src/retrieve/hand-over.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import { openSessionStreams, type SessionStreams } from '../../src/retrieve/session-streams.ts';
import type { Revoking } from '../../src/revocation/revoke.ts';

import { knowAgentsOf } from './service.ts';

export type Parts = {
  readonly read: ReadPath;
  readonly write: WritePath;
  readonly registry: Registries;
  readonly exchange: Exchange;
  readonly revoking: Revoking;
  readonly issuerEvents: SecurityEvents;
  readonly streams: SessionStreams;
  readonly database: Database;
  token(subject: string, more?: Partial<TokenRequest>): Promise<string>;
  close(): Promise<void>;
};

/** The embedded parts without the outbox's worker, so that a test alone decides who carries out a step. */
export async function openParts(dsl?: string): Promise<Parts> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clearance-parts-'));
  const config = readConfig({ CLEARANCE_DATA_DIR: dataDir });
  const store = await openEmbeddedStore(dataDir);
  await migrate(store.connection);
  const database = openDatabase(store.connection);
  const embeddings = await staticEmbeddings();
  await useEmbeddingSpace(database, embeddings);
  const defaultModel = join(import.meta.dirname, '../../models/default.fga');
  const model = modelFromDsl(dsl ?? (await readFile(defaultModel, 'utf8')));
  const relationships = postgresRelationships(database);
  const keys = await auditKeys(undefined, dataDir);
  const trail = openTrail(postgresTrail(database), keys, () => {});
  const permissions = permissionIndex(model, config.guarded, relationships);
  const shared = { audit: trail, relationships, guarded: config.guarded };
  const agents = postgresAgents(database);
  const registry = {
    agents,
    sources: postgresSources(database),
    audit: shared.audit,
    vocabulary: vocabularyOf(config.guarded.type, async () => model),
  };
  const { identity, events, loginName } = await chooseTokens(config, postgresUsedProofs(database));
  const delegations = {
    engine: embeddedEngine(model, relationships),
    defines: (type: string, relation: string) => model.types.get(type)?.has(relation) === true,
  };
  const read: ReadPath = {
    ...shared,
    identity,
    sessions: postgresSessions(database),
    handOvers: postgresHandOvers(database),
    index: postgresCandidateIndex(database, embeddings, permissions),
    engine: embeddedEngine(model, relationships),
    rules: { agents, labels: postgresLabels(database) },
    passages: postgresPassages(database),
    evidence: {
      queryHash: queryHasher(keys),
      modelId: async () => 'model',
      chains: (tenant, claims) => permissions.reasons.chains(tenant, claims),
    },
    decisions: postgresDecisions(database),
    members: membersBy(model, config.guarded.type, relationships),
  };
  const streams = openSessionStreams(
    read,
    {
      watch: postgresSessionWatch(database),
      agents,
      requireDelegated: (credentials) => requireDelegated(delegations, credentials),
    },
    () => {},
  );
  return {
    database,
    registry,
    exchange: { subjects: identity, actors: identity, delegations, audit: shared.audit },
    revoking: {
      revocations: postgresRevocations(database),
      sessions: read.sessions,
      agents,
      audit: shared.audit,
      loginName,
      settledMs: SETTLED_MS,
    },
    issuerEvents: events,
    streams,
    read,
    write: {
      ...shared,
      documents: postgresDocuments(database),
      embeddings,
      sources: registry.sources,
      unregisteredSources: 'own documents',
      copy: relationships,
      onError: () => {},
      removalMayWiden: model.types.get(config.guarded.type)?.get(config.guarded.relation)?.mayExclude ?? true,
      tupleProblem: (tuple) => tupleProblem(model, tuple),
    },
    async token(subject, more = {}) {
      await knowAgentsOf(registry, { ...more, subject });
      return developmentToken(config, { subject, scopes: ['retrieve'], lifetime: 3_600, ...more });
    },
    async close() {
      await streams.close();
      await trail.close();
      await database.close();
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Another pool on a running service's store, as another process would open it. */
export async function joinStore(dataDir: string): Promise<Database> {
  const store = await openEmbeddedStore(dataDir);
  const database = openDatabase({ ...store.connection, max: 2 });
  return {
    ...database,
    async close() {
      await database.close();
      // Else it would take over the store when the service ends.
      await store.close();
    },
  };
}
