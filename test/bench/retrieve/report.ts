import type { Panel } from '../search/plot.ts';
import { OURS } from '../search/report.ts';
import { table } from '../table.ts';
import { type Cell, EXACT_SEARCH, type Measured, SEARCH, TRIP, UNJUDGED } from './measure.ts';

/** One table for each group of people, and the targets. */
export function report(cells: readonly Cell[]): string {
  const headings = [
    'strategy',
    'asked',
    'recall',
    'returned',
    'p50',
    'p95',
    'requests/s',
    'questions to the engine',
    'errors',
  ];
  const tables = cells.map(
    ({ name, k, callers, measured }) =>
      `#### ${name} readable, k = ${k}, ${callers === 1 ? '1 caller' : `${callers} callers`}\n\n${table(
        headings,
        [...measured].map(([strategy, each]) => row(strategy, each)),
      )}`,
  );
  return [...tables, '### Against the targets\n', table(targetHeadings, cells.map(targets))].join('\n');
}

function row(
  strategy: string,
  { asked, recall, returned, p50, p95, perSecond, checks, errors }: Measured,
): string[] {
  const judged = !UNJUDGED.has(strategy);
  return [
    strategy,
    String(asked),
    judged ? recall.toFixed(3) : '',
    judged ? returned.toFixed(1) : '',
    `${p50.toFixed(1)} ms`,
    `${p95.toFixed(1)} ms`,
    perSecond.toFixed(1),
    judged ? checks.toFixed(1) : '',
    String(errors),
  ];
}

const targetHeadings = [
  'readable, k, callers',
  'recall',
  'times faster than Auth0, top 20',
  'of 3 × exact search + one round trip',
  'of 3 × search + one round trip',
  'requests/s of those of full checks',
];

function targets({ name, k, callers, measured }: Cell): string[] {
  const of = (strategy: string) => measured.get(strategy);
  const [ours, auth0, exact, search, trip, checks] = [
    of(OURS),
    of('Auth0, top 20'),
    of(EXACT_SEARCH),
    of(SEARCH),
    of(TRIP),
    of('Clearance, full checks'),
  ];
  if (!ours || !auth0 || !exact || !search || !trip || !checks)
    throw new Error('a cell that lacks a strategy');
  return [
    `${name}, ${k}, ${callers}`,
    ours.recall.toFixed(3),
    (auth0.p50 / ours.p50).toFixed(1),
    (ours.p50 / (3 * exact.p50 + trip.p50)).toFixed(2),
    (ours.p50 / (3 * search.p50 + trip.p50)).toFixed(2),
    (ours.perSecond / checks.perSecond).toFixed(1),
  ];
}

/** A panel for each k and number of callers. */
export function panels(cells: readonly Cell[]): readonly Panel[] {
  const kinds = Map.groupBy(
    cells,
    ({ k, callers }) => `k = ${k}, ${callers === 1 ? '1 caller' : `${callers} callers`}`,
  );
  return [...kinds].map(([title, these]) => ({
    title,
    lines: [...(these[0]?.measured.keys() ?? [])]
      .filter((name) => !UNJUDGED.has(name))
      .map((name) => ({
        name,
        points: these.flatMap(({ share, measured }) => {
          const each = measured.get(name);
          return each === undefined ? [] : [{ share, p50: each.p50, recall: each.recall }];
        }),
      })),
  }));
}
