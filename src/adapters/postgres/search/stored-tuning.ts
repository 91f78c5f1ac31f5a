import { z } from 'zod';
import type { Queryable } from '../database.ts';
import { DEFAULT_TUNING, type Tuning } from './choose-route.ts';

const cost = z.number().positive();
const tuning = z.object({ listed: cost, scanned: cost, scored: cost, visited: cost });

/** As `clearance tune` has measured it last; before that, the defaults. */
export async function storedTuning(database: Queryable): Promise<Tuning> {
  const { rows } = await database.query<{ tuning: unknown }>(`SELECT tuning FROM search_tuning`);
  return rows[0] === undefined ? DEFAULT_TUNING : tuning.parse(rows[0].tuning);
}

export async function storeTuning(database: Queryable, measured: Tuning): Promise<void> {
  await database.query(
    `INSERT INTO search_tuning (tuning) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET tuning = excluded.tuning`,
    [JSON.stringify(measured)],
  );
}
