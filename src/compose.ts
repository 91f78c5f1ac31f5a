import type { WritePath } from '../ingest/ingest.ts';
import { startOutboxWorker } from '../ingest/publish.ts';
import { auditKeys } from './adapters/audit-keys.ts';
import { postgresAgents } from './adapters/postgres/agents.ts';
import { postgresDecisions, postgresTrail } from './adapters/postgres/audit.ts';
import { postgresDocuments } from './adapters/postgres/documents.ts';
import { requireEmbeddingSpace, useEmbeddingSpace } from './adapters/postgres/embedding-space.ts';
import { postgresHandOvers } from './adapters/postgres/hand-overs.ts';
import { postgresLabels } from './adapters/postgres/labels.ts';
import { postgresPassages } from './adapters/postgres/passages.ts';
import { postgresRelationships } from './adapters/postgres/relationships.ts';
import { postgresRevocations } from './adapters/postgres/revocations.ts';
import { postgresCandidateIndex } from './adapters/postgres/search/candidate-index.ts';
import { storedTuning } from './adapters/postgres/search/stored-tuning.ts';
import { ensureVectorIndex, lacksVectorIndex } from './adapters/postgres/search/vector-index.ts';
import { postgresSessionWatch } from './adapters/postgres/session-watch.ts';
import { postgresSessions } from './adapters/postgres/sessions.ts';
import { postgresSources } from './adapters/postgres/sources.ts';
import { postgresUsedProofs } from './adapters/postgres/used-proofs.ts';
import { knownAgents } from './agents/known-agents.ts';
import { repairLine } from './agreement/repair.ts';
import { membersBy } from './audience/members.ts';
import { queryHasher } from './audit/keys.ts';
import { openTrail } from './audit/trail.ts';
import type { Config } from './config.ts';
import { delegatedIdentity, requireDelegated } from './delegation/delegated-identity.ts';
import type { Exchange } from './delegation/exchange.ts';
import { chooseEngine } from './engine-parts.ts';
import { tupleProblem } from './evaluator/validate.ts';
import { type Gates, openGates } from './limits/gate.ts';
import { limitedIdentity, limitedTokens } from './limits/limited-identity.ts';
import { measuredEmbeddings } from './metrics/measured.ts';
import { measuredEngine } from './metrics/measured-engine.ts';
import { measuredRead, measuredWrite } from './metrics/measured-paths.ts';
import { type Meter, openMeter } from './metrics/meter.ts';
import type { Sources } from './metrics/scrape.ts';
import { chooseEmbeddings, chooseTokens, openStore, unprotected } from './parts.ts';
import type { Plan } from './permission-index/plan.ts';
import type { Engine } from './ports/engine.ts';
import type { SecurityEvents } from './ports/security-events.ts';
import { type Registries, vocabularyOf } from './registry/registries.ts';
import { SETTLED_MS } from './retrieve/hand-over.ts';
import type { ReadPath } from './retrieve/retrieve.ts';
import { openSessionStreams, type SessionStreams } from './retrieve/session-streams.ts';
import { shortCutsBy } from './retrieve/short-cuts.ts';
import { type ProofWatch, watchProofs } from './retrieve/watch-proofs.ts';
import type { Revoking } from './revocation/revoke.ts';
import { unrevoked } from './revocation/unrevoked.ts';

/** Everything a door needs. */
export type Service = {
  readonly read: ReadPath;
  readonly write: WritePath;
  readonly registry: Registries;
  readonly exchange: Exchange;
  readonly revoking: Revoking;
  readonly issuerEvents: SecurityEvents;
  readonly streams: SessionStreams;
  readonly meter: Meter;
  readonly gates: Gates;
  /** What a scrape of the metrics looks up. */
  readonly sources: Sources;
  /** What was found at start, a line each, for the operator. */
  readonly found: readonly string[];
  /** Rejects where the service could not answer a request now. */
  ready(): Promise<{ readonly pendingSteps: number; readonly oldestSeconds: number }>;
  close(): Promise<void>;
};

/** What the permission index makes of the model, for the operator. */
function planFindings({ wider }: Plan): readonly string[] {
  return wider.length === 0
    ? []
    : [
        `The permission index proposes more than the engine will allow, which takes more checks: ${wider.join('; ')}.`,
      ];
}

function watchOf(
  { proofsWatched }: Config,
  engine: Engine,
  meter: Meter,
  onError: (error: unknown) => void,
): ProofWatch {
  return watchProofs(engine, proofsWatched, (outcome, count, decisionId) => {
    meter.watched(outcome, count);
    if (outcome !== 'differed') return;
    onError(
      `PROOF DIFFERS: the engine allows everything that proves what decision ${decisionId} released, and denies the whole. Set CLEARANCE_PROOFS=off, and report it with "clearance explain".`,
    );
  });
}

/** The one place that wires the parts. */
export async function openService(config: Config, onError: (error: unknown) => void): Promise<Service> {
  const meter = openMeter();
  const gates = openGates(config.maxRequestsInFlight);
  // Measured here, because search and the write path share it.
  const embeddings = measuredEmbeddings(await chooseEmbeddings(config), meter);
  const openEngine = await chooseEngine(config, onError, (repair) => {
    meter.repaired(repair);
    const line = repairLine(repair);
    if (line !== undefined) onError(line);
  });
  const { database, ...store } = await openStore(config);
  // After the store, which says best why nothing can be written in the data folder.
  const keys = await auditKeys(config.auditSigningKey, config.dataDir).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const trail = openTrail(postgresTrail(database), keys, onError);
  try {
    const agents = postgresAgents(database);
    const sources = postgresSources(database);
    const tokens = await chooseTokens(config, postgresUsedProofs(database));
    const revocations = postgresRevocations(database);
    const perMinute = config.rateLimitPerMinute;
    // A token is counted before it is looked up: a flood of one costs no look-ups. Its principal after that: who has one that was
    // revoked uses up nothing of whom it was stolen from.
    const current = unrevoked(limitedTokens(tokens.identity, perMinute), revocations);
    const known = knownAgents(limitedIdentity(current, perMinute), agents);
    const found = unprotected(config).map((problem) => `WARNING: ${problem}`);
    if (config.database === undefined) {
      await useEmbeddingSpace(database, embeddings);
      await ensureVectorIndex(database, embeddings.dimension);
    } else {
      await requireEmbeddingSpace(database, embeddings);
      if (await lacksVectorIndex(database)) {
        found.push(
          'WARNING: searches scan every passage, for the vector index is missing. Run "clearance migrate".',
        );
      }
    }
    const engine = await openEngine(database);
    const documents = engine.documents(postgresDocuments(database));
    const delegations = {
      engine: measuredEngine(engine.engine, meter),
      defines: (type: string, relation: string) => engine.model.types.get(type)?.has(relation) === true,
    };
    const shared = {
      audit: trail,
      relationships: engine.relationships,
      guarded: config.guarded,
    };
    const read = measuredRead(
      {
        ...shared,
        identity: delegatedIdentity(known, delegations),
        sessions: postgresSessions(database),
        handOvers: postgresHandOvers(database),
        index: engine.index(
          postgresCandidateIndex(
            database,
            embeddings,
            engine.permissions,
            await storedTuning(database, embeddings.dimension),
          ),
        ),
        engine: engine.engine,
        rules: { agents, labels: postgresLabels(database) },
        ...(engine.proofs === undefined
          ? {}
          : {
              shortCuts: shortCutsBy(engine.proofs),
              watch: watchOf(config, engine.engine, meter, onError),
            }),
        passages: postgresPassages(database),
        evidence: {
          queryHash: queryHasher(keys),
          modelId: (tenant) => engine.modelId(tenant),
          chains: (tenant, claims) => engine.permissions.reasons.chains(tenant, claims),
        },
        decisions: postgresDecisions(database),
        members: membersBy(engine.model, config.guarded.type, engine.relationships),
      },
      meter,
    );
    const { type, relation } = config.guarded;
    const write = measuredWrite(
      {
        ...shared,
        documents,
        embeddings,
        sources,
        unregisteredSources: config.mode === 'production' ? 'nothing' : 'own documents',
        copy: postgresRelationships(database),
        onError,
        removalMayWiden: engine.model.types.get(type)?.get(relation)?.mayExclude ?? true,
        tupleProblem: (tuple) => tupleProblem(engine.model, tuple),
      },
      meter,
    );
    const worker = startOutboxWorker(write);
    const streams = openSessionStreams(
      read,
      {
        watch: postgresSessionWatch(database),
        agents,
        requireDelegated: (credentials) => requireDelegated(delegations, credentials),
      },
      onError,
    );
    return {
      read,
      write,
      registry: {
        agents,
        sources,
        audit: shared.audit,
        vocabulary: vocabularyOf(type, async () => engine.model),
      },
      exchange: {
        subjects: known,
        actors: knownAgents(unrevoked(tokens.identity, revocations), agents),
        delegations,
        audit: shared.audit,
        ...(tokens.own === undefined ? {} : { tokens: tokens.own }),
      },
      revoking: {
        revocations,
        sessions: read.sessions,
        agents,
        audit: shared.audit,
        loginName: tokens.loginName,
        settledMs: SETTLED_MS,
      },
      issuerEvents: tokens.events,
      streams,
      meter,
      gates,
      sources: {
        pending: () => documents.pending(),
        connections: () => database.connections(),
        inFlight: () => ({
          reads: gates.reads.inFlight,
          writes: gates.writes.inFlight,
          revocations: gates.revocations.inFlight,
          imports: gates.imports.inFlight,
        }),
        closedTenants: () => engine.closed(),
      },
      found: [...found, ...engine.found, ...planFindings(engine.permissions.plan)],
      async ready() {
        await engine.ready();
        const { steps, oldestSeconds } = await documents.pending();
        return { pendingSteps: steps, oldestSeconds };
      },
      async close() {
        await streams.close();
        await worker.stop();
        await engine.close();
        await trail.close();
        await store.close();
      },
    };
  } catch (error) {
    await trail.close();
    await store.close();
    throw error;
  }
}
