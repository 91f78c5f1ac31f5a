// What the audit trail costs: whole retrievals with it, and with one that writes nothing, by turns in one run.
// `npm run bench:audit -- [--requests 400] [--every 1]`; on embedded parts and, where there are some, on real ones. Needs `k8s-acl`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readAddresses } from '../../scripts/parts/addresses.ts';
import { openService } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { loadOrganisation } from '../k8s-acl/data.ts';
import { everyNth, type Slice } from '../k8s-acl/slice.ts';
import { seed } from '../real/seed.ts';
import { install } from '../support/real-service.ts';
import { durations, table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    /** Of each kind, for each row. */
    requests: { type: 'string', default: '400' },
    /** Every nth document. */
    every: { type: 'string', default: '1' },
  },
});
const REQUESTS = Number(options.requests);
const K = 5;
const PEOPLE = 40;
/** Requests of one kind before it is the other's turn. */
const TURN = 16;

const organisation = loadOrganisation();
if (organisation === undefined) process.exit(0);
const { queries } = organisation;
const slice = everyNth(organisation, Number(options.every));
const limits = { RATE_LIMIT_PER_MINUTE: '1000000', MAX_REQUESTS_IN_FLIGHT: '1000' };

console.log(`${slice.documents.length} documents of k8s-acl, k = ${K}, ${REQUESTS} requests of each kind.\n`);
const dataDir = await mkdtemp(join(tmpdir(), 'clearance-bench-'));
await measureOn('embedded', readConfig({ CLEARANCE_DATA_DIR: dataDir, ...limits }));
await rm(dataDir, { recursive: true, force: true });
const parts = readAddresses();
if (parts !== undefined) {
  const installation = await install(limits, parts);
  await measureOn('Postgres and OpenFGA', readConfig(installation.env));
  await installation.close();
}

async function measureOn(name: string, config: Config): Promise<void> {
  console.error(`${name}: writing …`);
  const service = await openService(config, console.error);
  await seed(service.write, config, slice);
  const tokens = await tokensOf(slice, config);
  const rows: string[][] = [];
  for (const callers of [1, 16]) {
    console.error(`${name}, ${callers} callers …`);
    const kinds = {
      without: { path: { ...service.read, audit: { append: async () => {} } }, times: [] as number[] },
      with: { path: service.read, times: [] as number[] },
    };
    await turn(kinds.without.path, tokens, callers, 0);
    await turn(kinds.with.path, tokens, callers, 0);
    for (let at = 0; at < REQUESTS; at += TURN) {
      // Each begins as often as the other.
      const order = (at / TURN) % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
      for (const kind of order)
        kinds[kind].times.push(...(await turn(kinds[kind].path, tokens, callers, at)));
    }
    const [without, written] = [durations(kinds.without.times), durations(kinds.with.times)];
    const ratio = Number.parseFloat(written.p50) / Number.parseFloat(without.p50);
    rows.push([name, String(callers), without.p50, written.p50, written.p95, ratio.toFixed(2)]);
  }
  await service.close();
  console.log(table(['parts', 'callers', 'without, p50', 'with, p50', 'p95', 'p50, times'], rows));
}

async function turn(
  path: ReadPath,
  tokens: readonly string[],
  callers: number,
  from: number,
): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < TURN) {
        const i = from + next;
        next += 1;
        const begin = performance.now();
        await retrieve(path, tokens[i % tokens.length], {
          query: queries[(i * 13) % queries.length] ?? '',
          k: K,
        });
        times.push(performance.now() - begin);
      }
    }),
  );
  return times;
}

/** Of people who may read something. */
function tokensOf({ reads }: Slice, config: Config): Promise<readonly string[]> {
  const people = [...reads].filter(([, mine]) => mine.size > 0).slice(0, PEOPLE);
  return Promise.all(
    people.map(([user]) =>
      developmentToken(config, {
        subject: user.replace(/^user:/, ''),
        scopes: ['retrieve'],
        lifetime: 7_200,
      }),
    ),
  );
}
