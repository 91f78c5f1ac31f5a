import type { WritePath } from '../ingest/ingest.ts';
import { startOutboxWorker } from '../ingest/publish.ts';
import { postgresAgents } from './adapters/postgres/agents.ts';
import { postgresAuditLog, postgresDecisions } from './adapters/postgres/audit.ts';
import { postgresDocuments } from './adapters/postgres/documents.ts';
import { requireEmbeddingSpace, useEmbeddingSpace } from './adapters/postgres/embedding-space.ts';
import { postgresHandOvers } from './adapters/postgres/hand-overs.ts';
import { postgresPassages } from './adapters/postgres/passages.ts';
import { postgresRevocations } from './adapters/postgres/revocations.ts';
import { postgresCandidateIndex } from './adapters/postgres/search/candidate-index.ts';
import { storedTuning } from './adapters/postgres/search/stored-tuning.ts';
import { ensureVectorIndex, lacksVectorIndex } from './adapters/postgres/search/vector-index.ts';
import { postgresSessionWatch } from './adapters/postgres/session-watch.ts';
import { postgresSessions } from './adapters/postgres/sessions.ts';
import { postgresUsedProofs } from './adapters/postgres/used-proofs.ts';
import { knownAgents } from './agents/known-agents.ts';
import type { Registry } from './agents/registry.ts';
import { repairLine } from './agreement/repair.ts';
import { membersBy } from './audience/members.ts';
import type { Config } from './config.ts';
import { chooseEngine } from './engine-parts.ts';
import { tupleProblem } from './evaluator/validate.ts';
import { type Gates, openGates } from './limits/gate.ts';
import { limitedIdentity } from './limits/limited-identity.ts';
import { measuredEmbeddings } from './metrics/measured.ts';
import { measuredRead, measuredWrite } from './metrics/measured-paths.ts';
import { type Meter, openMeter } from './metrics/meter.ts';
import type { Sources } from './metrics/scrape.ts';
import { chooseEmbeddings, chooseIdentity, openStore, unprotected } from './parts.ts';
import type { Plan } from './permission-index/plan.ts';
import type { Engine } from './ports/engine.ts';
import type { SecurityEvents } from './ports/security-events.ts';
import { Costs } from './retrieve/costs.ts';
import { SETTLED_MS } from './retrieve/hand-over.ts';
import type { ReadPath } from './retrieve/retrieve.ts';
import { openSessionStreams, type SessionStreams } from './retrieve/session-streams.ts';
import { type ProofWatch, watchProofs } from './retrieve/watch-proofs.ts';
import type { Revoking } from './revocation/revoke.ts';
import { unrevoked } from './revocation/unrevoked.ts';

/** Everything a door needs. */
export type Service = {
  readonly read: ReadPath;
  readonly write: WritePath;
  readonly registry: Registry;
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
  try {
    const agents = postgresAgents(database);
    const { tokens, events } = await chooseIdentity(config, postgresUsedProofs(database));
    const revocations = postgresRevocations(database);
    const limited = limitedIdentity(tokens, config.rateLimitPerMinute);
    const identity = knownAgents(unrevoked(limited, revocations), agents);
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
    const shared = {
      audit: postgresAuditLog(database),
      relationships: engine.relationships,
      guarded: config.guarded,
    };
    const read = measuredRead(
      {
        ...shared,
        identity,
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
        ...(engine.proofs === undefined
          ? {}
          : {
              shortCuts: { proofs: engine.proofs, costs: new Costs() },
              watch: watchOf(config, engine.engine, meter, onError),
            }),
        passages: postgresPassages(database),
        decisions: postgresDecisions(database),
        members: membersBy(engine.model, engine.relationships),
      },
      meter,
    );
    const { type, relation } = config.guarded;
    const write = measuredWrite(
      {
        ...shared,
        documents,
        embeddings,
        onError,
        removalMayWiden: engine.model.types.get(type)?.get(relation)?.mayExclude ?? true,
        tupleProblem: (tuple) => tupleProblem(engine.model, tuple),
      },
      meter,
    );
    const worker = startOutboxWorker(write);
    const streams = openSessionStreams(read, { watch: postgresSessionWatch(database), agents }, onError);
    return {
      read,
      write,
      registry: { agents, audit: shared.audit },
      revoking: { revocations, sessions: read.sessions, agents, audit: shared.audit, settledMs: SETTLED_MS },
      issuerEvents: events,
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
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
