import { table } from '../table.ts';
import type { Shape } from './callers.ts';
import type { Measured } from './measure.ts';

export const LEAST_RECALL = 0.99;
const MOST_TIMES = 1.2;
export const OURS = 'Clearance';

export type Cell = {
  readonly shape: Shape;
  readonly share: number;
  readonly readable: number;
  /** By strategy. */
  readonly measured: ReadonlyMap<string, Measured>;
  /** Strategies that search exactly, or approximately with enough recall on other queries. */
  readonly rivals: readonly string[];
  /** Which way ours went. */
  readonly route: string;
};

/** Three tables of the cells of one collection and shape. */
export function report(cells: readonly Cell[]): string {
  const names = [...new Set(cells.flatMap(({ measured }) => [...measured.keys()]))];
  const each = (show: (measured: Measured) => string) =>
    cells.map(({ share, measured }) => [
      percent(share),
      ...names.map((name) => {
        const found = measured.get(name);
        return found === undefined ? '' : show(found);
      }),
    ]);
  return [
    'p50 / p95 in milliseconds, and recall@10:\n',
    table(
      ['readable', ...names],
      each(({ p50, p95, recall }) => `${figure(p50)} / ${figure(p95)}, ${recall.toFixed(3)}`),
    ),
    'Documents that the engine is asked about, and rows fetched:\n',
    table(
      ['readable', ...names],
      each(({ checks, rows }) => `${Math.round(checks)}, ${rows}`),
    ),
    'The claim:\n',
    table(
      [
        'readable',
        'documents',
        'route',
        'p50',
        'recall',
        'better of exact and approximate',
        'more',
        'times',
        'holds',
      ],
      cells.map(claim),
    ),
  ].join('\n');
}

function claim({ share, readable, measured, rivals, route }: Cell): string[] {
  const ours = measured.get(OURS);
  const [rival] = [...measured]
    .filter(([name]) => rivals.includes(name))
    .toSorted(([, a], [, b]) => a.p50 - b.p50);
  if (ours === undefined || rival === undefined) throw new Error('a cell without ours or exact search');
  const [name, better] = rival;
  const times = ours.p50 / better.p50;
  return [
    percent(share),
    String(readable),
    route,
    `${figure(ours.p50)} ms`,
    ours.recall.toFixed(3),
    `${figure(better.p50)} ms, ${name}`,
    `${(ours.p50 - better.p50).toFixed(1)} ms`,
    times.toFixed(2),
    times <= MOST_TIMES && ours.recall >= LEAST_RECALL ? 'yes' : '**no**',
  ];
}

export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function figure(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms.toFixed(1);
}
