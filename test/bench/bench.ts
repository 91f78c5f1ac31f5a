// Prints tables; asserts nothing. Speed on a small shared machine is read as ratios within one run.
import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { importDocuments } from '../../ingest/import.ts';
import { importRelationships } from '../../ingest/import-relationships.ts';
import { openService, type Service } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { httpServer } from '../../src/doors/http/server.ts';
import { developmentToken, operatorOf } from '../../src/operator.ts';
import { loadOrganisation } from '../k8s-acl/data.ts';
import { durations, table } from './table.ts';

const organisation = loadOrganisation();
if (organisation === undefined) process.exit(0);
const { folder, documents, queries, reads } = organisation;
const REQUESTS = Number(process.argv[2] ?? 200);
const K = 5;

const dataDir = await mkdtemp(join(tmpdir(), 'clearance-bench-'));
const config = readConfig({ CLEARANCE_DATA_DIR: dataDir, RATE_LIMIT_PER_MINUTE: '1000000' });
console.log(`${cpus().length} cores, Node ${process.version}, k8s-acl, k = ${K}, embedded parts\n`);

let started = performance.now();
const service = await openService(config, console.error);
const boot = performance.now() - started;
const app = await httpServer(service, 'silent');
try {
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await benchIngest(service);
  await benchChecks(service);
  await benchRetrieve(url);
} finally {
  await app.close();
  await service.close();
}
started = performance.now();
const again = await openService(config, console.error);
console.log(`Opened again with all of it in ${seconds(performance.now() - started)}.`);
await again.close();
await rm(dataDir, { recursive: true, force: true });

async function benchIngest({ write }: Service): Promise<void> {
  const operator = await operatorOf(config);
  const begin = performance.now();
  for await (const outcome of importRelationships(
    write,
    operator,
    createReadStream(join(folder, 'tuples.ndjson')),
  )) {
    if (outcome.rejected.length > 0) throw new Error(JSON.stringify(outcome.rejected[0]));
  }
  const related = performance.now();
  let passages = 0;
  const input = createReadStream(join(folder, 'documents.ndjson.gz')).pipe(createGunzip());
  for await (const outcome of importDocuments(write, operator, input)) {
    if (outcome.status !== 'published') throw new Error(JSON.stringify(outcome));
    passages += outcome.chunks;
  }
  console.log(
    table(
      ['step', 'time', ''],
      [
        ['first start', seconds(boot), ''],
        ['12,466 relationships', seconds(related - begin), ''],
        ['1,635 documents', seconds(performance.now() - related), `${passages} passages`],
        ['memory, service', megabytes(process.memoryUsage().rss), 'resident'],
        ['memory, store', megabytes(childMemory()), 'resident'],
      ],
    ),
  );
}

async function benchChecks({ read }: Service): Promise<void> {
  const users = [...reads.keys()];
  const times: number[] = [];
  for (let i = 0; i < 200; i += 1) {
    const user = users[(i * 7) % users.length] ?? '';
    const checks = Array.from({ length: 50 }, (_, n) => ({
      correlationId: `c${n}`,
      user,
      relation: 'can_read',
      object: `document:${documents[(i * 50 + n) % documents.length]}`,
    }));
    const begin = performance.now();
    await read.engine.batchCheck({ tenant: 'default', checks, signal: AbortSignal.timeout(10_000) });
    times.push(performance.now() - begin);
  }
  const { p50, p95 } = durations(times);
  console.log(table(['50 checks, evaluator', 'p50', 'p95'], [['with the version compared', p50, p95]]));
}

async function benchRetrieve(url: string): Promise<void> {
  const share = (user: string) => (reads.get(user)?.size ?? 0) / documents.length;
  const groups: [string, (share: number) => boolean][] = [
    ['nothing', (s) => s === 0],
    ['under 1 %', (s) => s > 0 && s < 0.01],
    ['1 to 10 %', (s) => s >= 0.01 && s < 0.1],
    ['10 to 50 %', (s) => s >= 0.1 && s < 0.5],
    ['over 50 %', (s) => s >= 0.5],
  ];
  const rows: string[][] = [];
  for (const [name, within] of groups) {
    const users = [...reads.keys()].filter((user) => within(share(user)));
    const tokens = await Promise.all(users.slice(0, 40).map((user) => tokenFor(user)));
    for (const callers of name === 'nothing' || name === 'under 1 %' ? [1] : [1, 4, 16]) {
      const begin = performance.now();
      const times = await asCallers(callers, REQUESTS, async (i) => {
        const response = await fetch(`${url}/v1/retrieve`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${tokens[i % tokens.length]}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify({ query: queries[(i * 13) % queries.length], k: K }),
        });
        if (response.status !== 200) throw new Error(await response.text());
        await response.arrayBuffer();
      });
      const rate = (REQUESTS / (performance.now() - begin)) * 1_000;
      const { p50, p95 } = durations(times);
      rows.push([name, String(callers), p50, p95, rate.toFixed(0)]);
    }
  }
  console.log(table(['readable', 'callers', 'p50', 'p95', 'requests/s'], rows));
}

async function asCallers(
  callers: number,
  requests: number,
  work: (i: number) => Promise<void>,
): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < requests) {
        const i = next;
        next += 1;
        const begin = performance.now();
        await work(i);
        times.push(performance.now() - begin);
      }
    }),
  );
  return times;
}

function tokenFor(user: string): Promise<string> {
  return developmentToken(config, {
    subject: user.replace(/^user:/, ''),
    scopes: ['retrieve'],
    lifetime: 3_600,
  });
}

/** Bytes resident in the processes that this one has started: the store's. */
function childMemory(): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return Math.max(0, ...stdout.split('\n').map((line) => Number(line.trim()) * 1_024));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
