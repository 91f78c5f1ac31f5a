// Whether what is forbidden can be told from what is not there: by status, size, headers, number of results, scores and time of the
// answers. `npm run bench:observable -- [--pairs 500] [--times 100]`; on real parts, which `npm run parts` starts, else on embedded ones.
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { readAddresses } from '../../scripts/parts/addresses.ts';
import { openService, type Service } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import type { CandidateIndex } from '../../src/ports/search.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import { seed } from '../real/seed.ts';
import { serveHttp } from '../support/http.ts';
import { install } from '../support/real-service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';
import { areaUnderCurve, crossValidated, type Sample } from './observable/classify.ts';
import { type Named, worldOf } from './observable/world.ts';
import { randomFrom, shuffled } from './search/random.ts';
import { table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '500' },
    times: { type: 'string', default: '100' },
    seed: { type: 'string', default: '20261127' },
  },
});
const [PAIRS, TIMES, SEED] = [Number(options.pairs), Number(options.times), Number(options.seed)];
/** With the guard out a difference shows at once. */
const FEWER = 10;
const K = 5;

type Seen = {
  readonly status: number;
  readonly headers: string;
  readonly size: number;
  readonly count: number;
  readonly best: number;
  readonly mean: number;
  readonly milliseconds: number;
};
/** One side of a pair, each time it was asked. */
type Side = { readonly named: Named; readonly forbidden: boolean; readonly seen: Seen[] };
type Door = readonly [name: string, ask: (url: string, token: string, named: Named) => Promise<Seen>];

const world = worldOf(PAIRS, SEED);
const keepAlive = new Agent({ keepAlive: true });
const doors: readonly Door[] = [
  ['GET /v1/documents/{id}', (url, token, { id }) => ask(url, 'GET', `/v1/documents/${id}`, token)],
  [
    'POST /v1/retrieve',
    (url, token, { question }) => ask(url, 'POST', '/v1/retrieve', token, { query: question, k: K }),
  ],
];
const features: readonly (readonly [name: string, of: (seen: readonly Seen[]) => number])[] = [
  ['status', (seen) => median(seen.map(({ status }) => status))],
  ['headers', (seen) => Number(seen.every(({ headers }) => headers === usualHeaders))],
  ['size', (seen) => median(seen.map(({ size }) => size))],
  ['count', (seen) => median(seen.map(({ count }) => count))],
  ['best score', (seen) => median(seen.map(({ best }) => best))],
  ['mean score', (seen) => median(seen.map(({ mean }) => mean))],
  ['median time', (seen) => median(seen.map(({ milliseconds }) => milliseconds))],
  ['mean time', (seen) => mean(seen.map(({ milliseconds }) => milliseconds))],
  ['least time', (seen) => Math.min(...seen.map(({ milliseconds }) => milliseconds))],
];
let usualHeaders = '';

const limits = { RATE_LIMIT_PER_MINUTE: '1000000000', MAX_REQUESTS_IN_FLIGHT: '1000' };
const parts = readAddresses();
const dataDir = await mkdtemp(join(tmpdir(), 'clearance-bench-'));
const installation = parts === undefined ? undefined : await install(limits, parts);
const config = readConfig(installation?.env ?? { CLEARANCE_DATA_DIR: dataDir, ...limits });
const service = await openService(config, console.error);
console.error('writing …');
await seed(service.write, config, world);
const token = await developmentToken(config, { subject: 'bob', scopes: ['retrieve'], lifetime: 86_400 });
const wide = await unnarrowed({ config });
console.log(
  `${PAIRS} pairs, each side asked ${TIMES} times, on ${parts === undefined ? 'embedded parts' : 'Postgres and OpenFGA'}. Area under the curve of telling one side from the other: 0.5 is a guess.\n`,
);
const rows: string[][] = [];
for (const door of doors) {
  rows.push([door[0], ...(await measure(door, service.read, TIMES))]);
  const faulty = { ...service.read, index: filteredAfterwards(wide.index) };
  rows.push([`${door[0]}, guard out`, ...(await measure(door, faulty, Math.min(FEWER, TIMES)))]);
}
console.log(
  table(['door', 'all together', ...features.map(([name]) => name), 'p50 absent', 'p50 forbidden'], rows),
);
console.log(
  '"Guard out": the permission index narrows nothing, and of the best k documents those that may not be read are left out.',
);
keepAlive.destroy();
await wide.close();
await service.close();
await installation?.close();
await rm(dataDir, { recursive: true, force: true });

/** As most retrievers do it: the best k are found, and then the engine is asked about them. */
function filteredAfterwards(index: CandidateIndex): CandidateIndex {
  return {
    ...index,
    async open(question, signal) {
      const search = await index.open(question, signal);
      return { ...search, next: async () => ({ ...(await search.next(K)), exhausted: true }) };
    },
  };
}

async function measure([name, ask]: Door, read: ReadPath, times: number): Promise<readonly string[]> {
  const http = await serveHttp({ ...service, read } satisfies Service);
  const sides = world.pairs.flatMap(({ absent, forbidden }): Side[] => [
    { named: absent, forbidden: false, seen: [] },
    { named: forbidden, forbidden: true, seen: [] },
  ]);
  const random = randomFrom(SEED);
  // The first time is for the caches, and not counted. Each time in another order, so that no side has the better moments.
  for (let time = 0; time <= times; time += 1) {
    console.error(`${name}: ${time} of ${times} …`);
    for (const at of shuffled(sides.length, random)) {
      const side = sides[at];
      if (side === undefined) continue;
      const seen = await ask(http.url, token, side.named);
      if (time > 0) side.seen.push(seen);
    }
  }
  await http.close();
  usualHeaders = sides[0]?.seen[0]?.headers ?? '';
  const samples = sides.map(
    ({ forbidden, seen }): Sample => ({ forbidden, features: features.map(([, of]) => of(seen)) }),
  );
  const single = features.map((_, i) =>
    areaUnderCurve(
      samples.map((sample) => ({ score: sample.features[i] ?? 0, forbidden: sample.forbidden })),
    ),
  );
  const p50 = (which: boolean) =>
    median(
      sides
        .filter(({ forbidden }) => forbidden === which)
        .flatMap(({ seen }) => seen.map((each) => each.milliseconds)),
    );
  return [
    ...[crossValidated(samples), ...single].map((area) => area.toFixed(3)),
    ...[p50(false), p50(true)].map((time) => `${time.toFixed(2)} ms`),
  ];
}

async function ask(url: string, method: string, path: string, bearer: string, json?: object): Promise<Seen> {
  const { hostname, port } = new URL(url);
  const payload = json === undefined ? undefined : JSON.stringify(json);
  const headers = {
    authorization: `Bearer ${bearer}`,
    ...(payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }),
  };
  const { promise: answered, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const begun = performance.now();
  const outgoing = request({ hostname, port, method, path, headers, agent: keepAlive }, resolve);
  outgoing.on('error', reject);
  outgoing.end(payload);
  const response = await answered;
  const text = (await buffer(response)).toString('utf8');
  const milliseconds = performance.now() - begun;
  const { results = [] } = JSON.parse(text) as { results?: readonly { score: number }[] };
  const scores = results.map(({ score }) => score);
  return {
    status: response.statusCode ?? 0,
    headers: Object.keys(response.headers).join(),
    size: Buffer.byteLength(text),
    count: results.length,
    best: scores[0] ?? 0,
    mean: scores.length === 0 ? 0 : mean(scores),
    milliseconds,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
