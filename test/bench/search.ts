// Search under permissions, side by side with what others do: recall against the exact authorised top 10, and time.
// `npm run bench:search -- --queries 50 --generated 50000 --plot docs/bench-search.svg`; needs `npm run parts`. Prints tables,
// and fails only where a document came that may not be read.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readAddresses } from '../../scripts/parts/addresses.ts';
import { measureTuning } from '../../src/adapters/postgres/search/measure-tuning.ts';
import { readConfig } from '../../src/config.ts';
import { loadModel } from '../../src/parts.ts';
import { machine } from './machine.ts';
import { type Caller, permissionsOf, shapes } from './search/callers.ts';
import { clearance } from './search/clearance.ts';
import { type Collection, openCollection } from './search/collection.ts';
import { addRowLevelSecurity, competitors, efforts } from './search/competitors.ts';
import { type Asked, measure, reaches } from './search/measure.ts';
import { type Panel, type Point, plot } from './search/plot.ts';
import { randomFrom } from './search/random.ts';
import { type Cell, LEAST_RECALL, percent, report } from './search/report.ts';
import type { Strategy } from './search/strategy.ts';
import { queryAt, truthOf } from './search/truth.ts';
import { generatedVectors, type Vectors, wordVectors } from './search/vectors.ts';

const { values: options } = parseArgs({
  options: {
    queries: { type: 'string', default: '50' },
    /** How many of 768 dimensions are made; the words can be left out. */
    generated: { type: 'string', default: '50000' },
    words: { type: 'boolean', default: true },
    plot: { type: 'string' },
  },
  allowNegative: true,
});
const permissions = { random: 'permissions at random', topics: 'permissions by topic' };
/** Others than those measured: by these the effort of approximate search is chosen. Of fewer, chance decides. */
const TUNED_ON = 200;
/** Below this share exact search is so quick that no approximate scan comes near. */
const APPROXIMATE_FROM = 0.01;
/** Above this one, sending a list of all rows takes longer than to scan the table. */
const BY_INDEX_TO = 0.1;

const parts = readAddresses();
if (parts === undefined) {
  console.error('There are no real parts to search in: start them with "npm run parts".');
  process.exit(1);
}
const model = await loadModel(readConfig({}));

const panels: Panel[] = [];
const sets = [
  ...(options.words ? [wordVectors] : []),
  ...(options.generated === '0' ? [] : [() => generatedVectors(Number(options.generated), 768)]),
];
for (const make of sets) {
  const vectors = make();
  const { callers, tuples } = permissionsOf(vectors);
  const collection = await openCollection(parts.postgres, vectors, tuples);
  try {
    await addRowLevelSecurity(collection.database, callers);
    await compare(vectors, callers, tuples.length, collection);
  } finally {
    await collection.close();
  }
}
if (options.plot !== undefined) writeFileSync(options.plot, plot(panels, 'Median time of a search'));

async function compare(
  vectors: Vectors,
  callers: readonly Caller[],
  tuples: number,
  collection: Collection,
): Promise<void> {
  const { database, indexed } = collection;
  const random = randomFrom(11);
  const draw = (length: number) =>
    Array.from({ length }, () => {
      const query = queryAt(vectors, Math.floor(random() * vectors.count));
      return { query, truths: truthOf(vectors, query, callers) };
    });
  const [queries, others] = [draw(Number(options.queries)), draw(TUNED_ON)];
  const askedBy = (caller: Caller, drawn: typeof queries): Asked[] =>
    drawn.flatMap(({ query, truths }) => {
      const truth = truths.get(caller);
      return truth === undefined ? [] : [{ query, truth }];
    });
  const title = `${vectors.count.toLocaleString('en')} ${vectors.dimension}-d vectors, ${vectors.name}`;
  console.log(`## ${title}\n\n${await machine(database)} k = 10.`);
  console.log(
    `${tuples.toLocaleString('en')} relationships; HNSW built in ${indexed.toFixed(0)} s; ${queries.length} queries a cell.\n`,
  );
  // As an operator does: `clearance tune --questions FILE`. The rival is tuned on the same ones.
  const tuning = await measureTuning(
    database,
    vectors.dimension,
    others.map(({ query }) => query.vector),
  );
  const figures = Object.entries(tuning).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  console.log(`Tuned: ${figures.join(', ')}.\n`);
  const ours = clearance(collection, model, tuning);
  for (const shape of shapes) {
    const cells: Cell[] = [];
    for (const caller of callers.filter((each) => each.shape === shape)) {
      console.error(`${shape}, ${percent(caller.share)} …`);
      const asked = { measured: askedBy(caller, queries), tuned: askedBy(caller, others) };
      cells.push(await cellOf(vectors, collection, caller, asked, ours));
    }
    console.log(`### ${title}, ${permissions[shape]}\n\n${report(cells)}`);
    panels.push(panelOf(`${title}; ${permissions[shape]}`, cells));
  }
}

async function cellOf(
  vectors: Vectors,
  { database }: Collection,
  caller: Caller,
  asked: { readonly measured: readonly Asked[]; readonly tuned: readonly Asked[] },
  ours: ReturnType<typeof clearance>,
): Promise<Cell> {
  const { approximate, exactByIndex, exactByScan, listed, ...others } = competitors(
    database,
    vectors.dimension,
    vectors.count,
  );
  let enough: Strategy | undefined;
  for (const effort of caller.share < APPROXIMATE_FROM ? [] : efforts) {
    const strategy = approximate(effort);
    if (!(await reaches(strategy, vectors, caller, asked.tuned, LEAST_RECALL))) continue;
    enough = strategy;
    break;
  }
  const rivals = [
    listed,
    ...(caller.share > BY_INDEX_TO ? [] : [exactByIndex]),
    exactByScan,
    ...(enough === undefined ? [] : [enough]),
  ];
  const strategies = [...Object.values(others), ...rivals, ours.strategy];
  const measured = await measure(database, vectors, caller, asked.measured, strategies);
  return {
    shape: caller.shape,
    share: caller.share,
    readable: caller.readable.size,
    measured: new Map([...measured].map(([{ name }, found]) => [name, found])),
    rivals: rivals.map(({ name }) => name),
    route: ours.routeOf(caller.user),
  };
}

/** The two plans of exact search are one line: the lower of them. */
function panelOf(title: string, cells: readonly Cell[]): Panel {
  const lines = new Map<string, Point[]>();
  for (const { share, measured } of cells) {
    const best = new Map<string, Point>();
    for (const [strategy, { p50, recall }] of measured) {
      const name = strategy.startsWith('exact') ? 'exact, better plan' : strategy;
      if (p50 < (best.get(name)?.p50 ?? Number.POSITIVE_INFINITY)) best.set(name, { share, p50, recall });
    }
    for (const [name, point] of best) lines.set(name, [...(lines.get(name) ?? []), point]);
  }
  return { title, lines: [...lines].map(([name, points]) => ({ name, points })) };
}
