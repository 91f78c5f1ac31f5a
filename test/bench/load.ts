// 1,000 clients as 200 people on real parts. Prints tables; fails only where an answer crossed from one to another.
// `npm run bench:load -- [seconds] [clients]`; settings of the service are taken from the environment.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAddresses } from '../../scripts/parts/addresses.ts';
import { openService } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import { Client } from '../real/clients.ts';
import { Crossings } from '../real/crossings.ts';
import { worldOf } from '../real/people.ts';
import { seed } from '../real/seed.ts';
import { install } from '../support/real-service.ts';
import { memoryOf, pidsOf } from './load-memory.ts';
import { type Patience, phase, type Tally } from './load-phase.ts';
import { table } from './table.ts';

const [seconds = 60, most = 1_000] = process.argv.slice(2).map(Number);
const BASE_SECONDS = 10;
const REST_MS = 3_000;
const phases: readonly (readonly [clients: number, patience: Patience, seconds: number])[] = [
  [1, 'as told', BASE_SECONDS],
  [16, 'as told', BASE_SECONDS],
  [64, 'as told', BASE_SECONDS],
  [most, 'as told', seconds],
  [most, 'none', Math.ceil(seconds / 3)],
];

const parts = readAddresses();
if (parts?.native === undefined) {
  console.error('There are no real parts to load: start them with "npm run parts".');
  process.exit(1);
}
const { native } = parts;
const world = worldOf({ people: 200, own: 3, shared: 2 });
const installation = await install({ RATE_LIMIT_PER_MINUTE: '1000000' }, parts);
const config = readConfig({ ...process.env, ...installation.env });
try {
  await fill(config);
  const service = await serve();
  try {
    process.exitCode = await load(service);
  } finally {
    service.child.kill('SIGTERM');
    await service.ended;
  }
} finally {
  await installation.close();
}

async function fill(config: Config): Promise<void> {
  const service = await openService(config, console.error);
  await seed(service.write, config, world);
  await service.close();
}

async function load({ url, child }: Awaited<ReturnType<typeof serve>>): Promise<number> {
  const crossings = new Crossings();
  const clients = await Promise.all(
    Array.from({ length: most }, async (_, n) => {
      const person = world.people[n % world.people.length];
      if (person === undefined) throw new Error('a world without people');
      const token = await developmentToken(config, {
        subject: person.name,
        scopes: ['retrieve'],
        lifetime: 7_200,
      });
      return new Client(`client ${n}`, person, { people: world.people, url, token, crossings });
    }),
  );
  console.log(
    `${cpus().length} cores for clients, service, Postgres and OpenFGA; Node ${process.version}. ${world.people.length} people, ${world.documents.length} documents; at most ${config.maxRequestsInFlight} requests in flight.\n`,
  );
  const memory = [memoryRow('before', child.pid)];
  const rows: string[][] = [];
  for (const [count, patience, length] of phases) {
    const name = `${count}${patience === 'none' ? ', asking again at once' : ''}`;
    rows.push(rowOf(name, await phase(clients.slice(0, count), patience, length * 1_000), length));
    memory.push(memoryRow(name, child.pid));
    await sleep(REST_MS);
  }
  for (const client of clients) client.close();

  const headings = ['answered/s', 'p50', 'p95', 'p99', 'shed/s', 'p50', 'p99', 'without Retry-After'];
  console.log(table(['clients', ...headings, 'other errors'], rows));
  console.log(table(['memory', 'service', 'Postgres', 'OpenFGA', 'clients'], memory));
  console.log(`${crossings.answers} answers, each looked at: ${crossings.found.length} crossed.`);
  for (const what of crossings.found.slice(0, 20)) console.log(what);
  return crossings.found.length === 0 && crossings.answers > 0 ? 0 : 1;
}

/** `clearance serve` as its users run it. */
async function serve() {
  const program = join(import.meta.dirname, '../../src/doors/cli/main.ts');
  const child = spawn(process.execPath, [program, 'serve'], {
    env: { ...process.env, ...installation.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  child.once('close', () => end());
  let said = '';
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    const [, url] = /^Clearance listens on (\S+) /m.exec(said) ?? [];
    if (url !== undefined) return { url, child, ended };
  }
  throw new Error(`The service did not start:\n${said}`);
}

function rowOf(name: string, { answered, shed, errors, withoutRetryAfter }: Tally, length: number): string[] {
  const rate = (count: number) => (count / length).toFixed(1);
  const others = [...errors].map(([code, count]) => `${count} ${code}`).join(', ');
  return [
    name,
    rate(answered.length),
    ...[0.5, 0.95, 0.99].map((share) => at(answered, share)),
    rate(shed.length),
    ...[0.5, 0.99].map((share) => at(shed, share)),
    String(withoutRetryAfter),
    others === '' ? 'none' : others,
  ];
}

function at(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  const time = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return time === undefined ? '' : `${time.toFixed(0)} ms`;
}

function memoryRow(name: string, service = 0): string[] {
  const { postgres, openfga } = pidsOf(native);
  const megabytes = (pid: number) => `${Math.round(memoryOf(pid) / 1_048_576)} MB`;
  return [
    name,
    ...[service, postgres, openfga].map(megabytes),
    `${Math.round(process.memoryUsage().rss / 1_048_576)} MB`,
  ];
}
