// The whole request on real parts, side by side with what others do: recall, time, and what the engine is asked.
// `npm run bench:retrieve -- [--plot docs/bench-retrieve.svg] [--seconds 6]`; needs `npm run parts`, `k8s-acl` and, for Auth0's
// retriever, a registry. Prints tables; fails only where a passage came that may not be read.
import { writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readAddresses } from '../../scripts/parts/addresses.ts';
import { freePort } from '../../scripts/parts/free-port.ts';
import { type Server, serverUrl, startServer, stopServer } from '../../scripts/parts/openfga.ts';
import { postgresEngineStores } from '../../src/adapters/postgres/engine-stores.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import { openService } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { migrateParts } from '../../src/operations.ts';
import { developmentToken } from '../../src/operator.ts';
import type { Engine } from '../../src/ports/engine.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import { loadOrganisation } from '../k8s-acl/data.ts';
import { everyNth } from '../k8s-acl/slice.ts';
import { seed } from '../real/seed.ts';
import { install } from '../support/real-service.ts';
import { machine } from './machine.ts';
import { auth0 } from './retrieve/auth0.ts';
import { type Cell, measureCell } from './retrieve/measure.ts';
import { panels, report } from './retrieve/report.ts';
import { addRowLevelSecurity, dropRowLevelSecurity, rivals } from './retrieve/rivals.ts';
import type { Strategy } from './retrieve/strategy.ts';
import { scoresOf } from './retrieve/truth.ts';
import { plot } from './search/plot.ts';
import { OURS } from './search/report.ts';

const { values: options } = parseArgs({
  options: {
    /** For each strategy of a cell. */
    seconds: { type: 'string', default: '6' },
    /** Every nth document. */
    every: { type: 'string', default: '1' },
    plot: { type: 'string' },
  },
});
const MOST_QUERIES = 40;
/** A round trip to an engine that has nothing else to do is quicker. */
const QUICK_MS = 25;
const groups: readonly (readonly [name: string, from: number, to: number])[] = [
  ['under 1 %', 0, 0.01],
  ['1 to 10 %', 0.01, 0.1],
  ['10 to 50 %', 0.1, 0.5],
  ['over 50 %', 0.5, 1.01],
];

const organisation = loadOrganisation();
const parts = readAddresses();
if (organisation === undefined) process.exit(1);
if (parts?.native === undefined) {
  console.error('There are no real parts: start them with "npm run parts".');
  process.exit(1);
}
const slice = everyNth(organisation, Number(options.every));
const reads = new Map(
  [...slice.reads].map(([user, lines]) => [
    user,
    new Set([...lines].map((line) => organisation.documents[line] ?? '')),
  ]),
);
const installation = await install(
  { RATE_LIMIT_PER_MINUTE: '1000000', MAX_REQUESTS_IN_FLIGHT: '1000' },
  parts,
);
const config = readConfig(installation.env);
const database = openServer(installation.database.url, { poolSize: 20, unhurried: true });
const embeddings = await staticEmbeddings();
/** The same store without a token, for who can't send one. */
const open: Server = {
  ...parts.native.server,
  httpPort: await freePort(),
  grpcPort: await freePort(),
  folder: await mkdtemp(join(tmpdir(), 'clearance-bench-')),
  env: { ...parts.native.server.env, OPENFGA_AUTHN_METHOD: 'none' },
};
await startServer(open);
console.error('writing …');
const writer = await openService(config, console.error);
await seed(writer.write, config, slice);
await writer.close();
// Builds the vector index, for all who search, and measures it.
await migrateParts(config, DEFAULT_TENANT, false, console.error);
const withProofs = await openService({ ...config, proofsWatched: 0 }, console.error);
const withChecks = await openService({ ...config, proofs: false }, console.error);
try {
  await addRowLevelSecurity(database, reads);
  await database.query('VACUUM ANALYZE');
  await compare();
} finally {
  await stopServer(open);
  await withProofs.close();
  await withChecks.close();
  await dropRowLevelSecurity(database);
  await database.close();
  await installation.close();
}

async function compare(): Promise<void> {
  const pinned = await postgresEngineStores(database).of(DEFAULT_TENANT);
  if (config.openfga === undefined || parts === undefined || organisation === undefined) return;
  const server = { ...pinned, apiUrl: config.openfga.apiUrl, token: parts.openfga.token };
  const { nearest, unprotected, oneCheck, others } = rivals(database, embeddings, server);
  const filtered = auth0(server, serverUrl(open), nearest);
  const strategies = [
    ours(OURS, withProofs),
    ours(`${OURS}, full checks`, withChecks),
    ...[5, 20, 100].map(filtered),
    ...others,
    ...unprotected,
    oneCheck,
  ];
  const queries = organisation.queries.filter((_, i) => i % 17 === 0).slice(0, MOST_QUERIES);
  const scores = new Map<string, Awaited<ReturnType<typeof scoresOf>>>();
  for (const query of queries) scores.set(query, await scoresOf(database, embeddings, query));

  const settled = async () => {
    for (let tries = 0; tries < 100; tries += 1) {
      const begin = performance.now();
      await oneCheck.ask({ user: 'user:nobody', query: '', k: 1 }).catch(() => {});
      if (performance.now() - begin < QUICK_MS) return;
      await sleep(QUICK_MS);
    }
  };
  const cells: Cell[] = [];
  for (const [name, from, to] of groups) {
    const share = (documents: ReadonlySet<string>) => documents.size / slice.documents.length;
    const people = [...reads].filter(([, mine]) => mine.size > 0 && share(mine) >= from && share(mine) < to);
    for (const k of [5, 10]) {
      const asked = queries.flatMap((query, i) => {
        const [user, mayRead] = people[(i * 7) % people.length] ?? [];
        return user === undefined || mayRead === undefined
          ? []
          : [{ user, query, k, mayRead, scores: scores.get(query) ?? [] }];
      });
      for (const callers of [1, 16]) {
        console.error(`${name}, k = ${k}, ${callers} callers …`);
        const seconds = Number(options.seconds);
        const mean = asked.reduce((sum, { mayRead }) => sum + share(mayRead), 0) / asked.length;
        cells.push({
          name,
          share: mean,
          k,
          callers,
          measured: await measureCell(strategies, asked, callers, seconds, settled),
        });
      }
    }
  }
  console.log(await machine(database));
  console.log(
    `${slice.documents.length} documents, ${slice.relationships.length} relationships, ${reads.size} people.\n`,
  );
  console.log(report(cells));
  if (options.plot !== undefined)
    writeFileSync(options.plot, plot(panels(cells), 'Median time of a whole request'));
}

/** From the token to the text, audit included, without HTTP, as the others are. */
function ours(name: string, { read }: Awaited<ReturnType<typeof openService>>): Strategy {
  const tokens = new Map<string, Promise<string>>();
  const tokenOf = (user: string) => {
    const known =
      tokens.get(user) ??
      developmentToken(config, {
        subject: user.slice('user:'.length),
        scopes: ['retrieve'],
        lifetime: 7_200,
      });
    tokens.set(user, known);
    return known;
  };
  return {
    name,
    score: 'fused',
    async ask({ user, query, k }) {
      let checks = 0;
      const engine: Engine = {
        ...read.engine,
        batchCheck(batch) {
          checks += batch.checks.length;
          return read.engine.batchCheck(batch);
        },
      };
      const { results, complete } = await retrieve({ ...read, engine }, await tokenOf(user), { query, k });
      if (!complete) throw new Error('an incomplete answer');
      return {
        found: results.map(({ chunk_id, document_id, text, score }) => ({
          chunkId: chunk_id,
          documentId: document_id,
          text,
          score,
        })),
        checks,
      };
    },
  };
}
