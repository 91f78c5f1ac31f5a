import type { Database } from '../../../src/adapters/postgres/database.ts';
import { DEFAULT_TENANT } from '../../../src/types/principal.ts';
import { flushCounters, quantile } from '../search/measure.ts';
import { randomFrom } from '../search/random.ts';
import { questionOf } from '../search/vectors.ts';
import type { Change } from './folders.ts';
import type { OpenReadPath } from './read-path.ts';

const TURNS = 5;
const USUAL = 10;
const random = randomFrom(13);

/** Shared and taken back in turn; each time the next retrieval, and then the usual ones under the same permissions. */
export async function changed(
  path: OpenReadPath,
  database: Database,
  { reader, tuple: [object, relation, user] }: Change,
  size: number,
): Promise<{ readonly shared: string[]; readonly takenBack: string[] }> {
  const token = await path.token(reader);
  const tuple = { object, relation, user };
  await timesOf(path, token, size, 3);

  async function timed(changes: Parameters<OpenReadPath['relationships']['write']>[1]) {
    const before = await rowsWritten(database);
    const begin = performance.now();
    await path.relationships.write(DEFAULT_TENANT, changes);
    const write = performance.now() - begin;
    const rows = (await rowsWritten(database)) - before;
    const [first = 0] = await timesOf(path, token, size, 1);
    return { rows, write, first, usual: await timesOf(path, token, size, USUAL) };
  }
  type Timed = Awaited<ReturnType<typeof timed>>;
  const shared: Timed[] = [];
  const takenBack: Timed[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    shared.push(await timed({ writes: [tuple], deletes: [] }));
    takenBack.push(await timed({ writes: [], deletes: [tuple] }));
  }
  const told = (all: readonly Timed[]): string[] => {
    const first = quantile(
      all.map((one) => one.first),
      0.5,
    );
    const usual = quantile(
      all.flatMap((one) => one.usual),
      0.5,
    );
    return [
      String(Math.max(...all.map(({ rows }) => rows))),
      `${quantile(
        all.map(({ write }) => write),
        0.5,
      ).toFixed(1)} ms`,
      `${first.toFixed(1)} ms`,
      `${usual.toFixed(1)} ms`,
      (first / usual).toFixed(1),
    ];
  };
  return { shared: told(shared), takenBack: told(takenBack) };
}

/** Milliseconds of each of some retrievals, for vectors drawn from `size`. */
export async function timesOf(
  path: OpenReadPath,
  token: string,
  size: number,
  queries: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < queries; n += 1) {
    const { ms } = await path.time(token, questionOf(Math.floor(random() * size)));
    times.push(ms);
  }
  return times;
}

/** In every table of the product, as Postgres counts them. */
async function rowsWritten(database: Database): Promise<number> {
  await flushCounters(database);
  const { rows } = await database.query<{ written: number }>(
    `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint AS written FROM pg_stat_user_tables`,
  );
  return rows[0]?.written ?? 0;
}
