import { permissionIndex } from '../../../src/adapters/permission-index/permission-index.ts';
import { postgresRelationships } from '../../../src/adapters/postgres/relationships.ts';
import { postgresCandidateIndex } from '../../../src/adapters/postgres/search/candidate-index.ts';
import type { Tuning } from '../../../src/adapters/postgres/search/choose-route.ts';
import type { Model } from '../../../src/evaluator/model.ts';
import { DEFAULT_TENANT } from '../../../src/types/principal.ts';
import type { Collection } from './collection.ts';
import { OURS } from './report.ts';
import type { Strategy } from './strategy.ts';
import { K } from './truth.ts';

const guarded = { type: 'document', relation: 'can_read' };

/** Our own search, as the read path calls it: the permission index, the route, and the first `K` documents. */
export function clearance({ database, embeddings }: Collection, model: Model, tuning: Tuning) {
  const permissions = permissionIndex(model, guarded, postgresRelationships(database));
  const index = postgresCandidateIndex(database, embeddings, permissions, tuning);
  const routes = new Map<string, string>();
  const strategy: Strategy = {
    name: OURS,
    async ask({ text }, { user }) {
      const search = await index.open(
        { tenant: DEFAULT_TENANT, query: text, readers: [user] },
        AbortSignal.timeout(20_000),
      );
      const { documents } = await search.next(K);
      routes.set(user, search.route().name);
      return {
        documents: documents.map(({ documentId }) => Number(documentId.slice(1))),
        checks: documents.length,
      };
    },
  };
  /** Which way the last search of a user went. */
  return { strategy, routeOf: (user: string): string => routes.get(user) ?? '' };
}
