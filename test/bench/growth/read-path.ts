import { auditKeys } from '../../../src/adapters/audit-keys.ts';
import { embeddedEngine } from '../../../src/adapters/embedded-engine/embedded-engine.ts';
import { developmentIdentity, mintToken } from '../../../src/adapters/jwt/development-issuer.ts';
import { developmentKeys } from '../../../src/adapters/jwt/development-keys.ts';
import { permissionIndex } from '../../../src/adapters/permission-index/permission-index.ts';
import { postgresDecisions, postgresTrail } from '../../../src/adapters/postgres/audit.ts';
import { postgresHandOvers } from '../../../src/adapters/postgres/hand-overs.ts';
import { postgresPassages } from '../../../src/adapters/postgres/passages.ts';
import { postgresRelationships } from '../../../src/adapters/postgres/relationships.ts';
import { postgresCandidateIndex } from '../../../src/adapters/postgres/search/candidate-index.ts';
import { postgresSessions } from '../../../src/adapters/postgres/sessions.ts';
import { membersBy } from '../../../src/audience/members.ts';
import { queryHasher } from '../../../src/audit/keys.ts';
import { openTrail } from '../../../src/audit/trail.ts';
import type { Model } from '../../../src/evaluator/model.ts';
import { contextNow } from '../../../src/ports/engine.ts';
import { type ReadPath, retrieve } from '../../../src/retrieve/retrieve.ts';
import { DEFAULT_TENANT } from '../../../src/types/principal.ts';
import { noAgents } from '../../support/rules.ts';
import type { Collection } from '../search/collection.ts';

const guarded = { type: 'document', relation: 'can_read' };
const K = 10;

/** The whole read path on a collection: token, session, search, verdicts of the embedded engine, audit, text. */
export async function openReadPath({ database, embeddings }: Collection, model: Model, keysFolder: string) {
  const relationships = postgresRelationships(database);
  const permissions = permissionIndex(model, guarded, relationships);
  const keys = await developmentKeys(keysFolder);
  const engine = embeddedEngine(model, relationships);
  const trailKeys = await auditKeys(undefined, keysFolder);
  const trail = openTrail(postgresTrail(database), trailKeys, console.error);
  const path: ReadPath = {
    guarded,
    relationships,
    identity: developmentIdentity(keys),
    sessions: postgresSessions(database),
    handOvers: postgresHandOvers(database),
    index: postgresCandidateIndex(database, embeddings, permissions),
    engine,
    rules: noAgents,
    passages: postgresPassages(database),
    audit: trail,
    evidence: {
      queryHash: queryHasher(trailKeys),
      modelId: async () => 'model',
      chains: (tenant, claims) => permissions.reasons.chains(tenant, claims),
    },
    decisions: postgresDecisions(database),
    members: membersBy(model, guarded.type, relationships),
  };
  return {
    permissions,
    relationships,
    /** The engine's copy of a million relationships takes longer to read than a request may take. */
    async warm(): Promise<void> {
      const question = { user: 'user:nobody', relation: guarded.relation, object: `${guarded.type}:none` };
      const checks = [{ ...question, correlationId: 'warm' }];
      await engine.batchCheck({
        tenant: DEFAULT_TENANT,
        checks,
        context: contextNow(),
        signal: AbortSignal.timeout(600_000),
      });
    },
    close: () => trail.close(),
    token: (subject: string): Promise<string> =>
      mintToken(keys, { subject, scopes: ['retrieve'], lifetime: 7_200 }),
    /** Milliseconds of one retrieval, and how many passages it gave. */
    async time(token: string, query: string): Promise<{ readonly ms: number; readonly passages: number }> {
      const begin = performance.now();
      const { results, complete } = await retrieve(path, token, { query, k: K });
      const ms = performance.now() - begin;
      if (!complete) throw new Error('an answer was not complete');
      return { ms, passages: results.length };
    },
  };
}

export type OpenReadPath = Awaited<ReturnType<typeof openReadPath>>;
