import { z } from 'zod';
import type { Queryable } from '../database.ts';
import { type Tuning, usualTuning } from './choose-route.ts';

const cost = z.number().positive();
const costs = { listed: cost, scanned: cost, scored: cost, visited: cost };
const tuningOf = (usual: Tuning) =>
  z.object({ ...costs, least: cost.default(usual.least), forEachRank: cost.default(usual.forEachRank) });

/** As `clearance tune` has measured it last; before that, what is usual. An older build of it has not measured lists. */
export async function storedTuning(database: Queryable, dimension: number): Promise<Tuning> {
  const { rows } = await database.query<{ tuning: unknown }>(`SELECT tuning FROM search_tuning`);
  const usual = usualTuning(dimension);
  return rows[0] === undefined ? usual : tuningOf(usual).parse(rows[0].tuning);
}

export async function storeTuning(database: Queryable, measured: Tuning): Promise<void> {
  await database.query(
    `INSERT INTO search_tuning (tuning) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET tuning = excluded.tuning`,
    [JSON.stringify(measured)],
  );
}
