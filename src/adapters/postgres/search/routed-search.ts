import type { CandidateSearch, Question, Route } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import { bestWithin } from './best-within.ts';
import { chooseExactRoute, chooseRoute, type ExactRoute, type Extent, type Tuning } from './choose-route.ts';
import { exactSearch } from './exact-search.ts';
import type { PreparedQuestion } from './question-sql.ts';
import type { Searched } from './searched.ts';
import { thresholdSearch } from './threshold-search.ts';

const reasons: Record<ExactRoute, string> = {
  listed: 'Looking up each of these documents costs least.',
  scan: 'Reading every chunk once costs least.',
};

/** The search by the route that costs least for so many documents. */
export function routedSearch(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  size: Omit<Extent, 'listable'>,
  tuning: Tuning,
  exactness?: Question['exactness'],
): CandidateSearch {
  const { documents, chunks, narrowed, watermark } = searched;
  const counted =
    documents === undefined || chunks === undefined ? {} : { documents: documents.size, chunks };
  const told = (name: Route['name'], why: string): Route => ({
    name,
    why: `${searched.why} ${why}`,
    ...counted,
  });
  const common: Pick<CandidateSearch, 'narrowed' | 'watermark' | 'within'> = {
    narrowed,
    watermark,
    within: (documents, k) => bestWithin(database, question, documents, k),
  };

  if (documents?.size === 0) {
    return {
      ...common,
      exact: () => true,
      next: () => Promise.resolve({ documents: [], exhausted: true }),
      route: () => told('nothing', 'Nothing is left to search.'),
    };
  }
  const extent = { ...size, listable: documents !== undefined };
  const certified = exactness === 'certified';
  const route = certified ? chooseExactRoute(extent, tuning) : chooseRoute(extent, tuning);
  if (route !== 'approximate') {
    return {
      ...common,
      ...exactSearch(database, question, searched, route),
      exact: () => true,
      route: () => told(route, `${certified ? 'A certified answer was asked for. ' : ''}${reasons[route]}`),
    };
  }
  const search = thresholdSearch(database, question, searched, extent, tuning);
  return {
    ...common,
    next: search.next,
    exact: search.exact,
    route() {
      const gaveUp = search.gaveUp();
      return gaveUp === undefined
        ? told('approximate', 'They are so many that the vector index finds the nearest of them soonest.')
        : told(gaveUp.route, `The vector index was tried first: ${gaveUp.why}. ${reasons[gaveUp.route]}`);
    },
  };
}
