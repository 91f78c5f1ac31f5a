import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { table } from '../bench/table.ts';
import { realParts } from '../support/real-parts.ts';
import { type Deployment, deploy } from './deployment.ts';
import { type Hits, killOften } from './kills.ts';
import { startObservers } from './observers.ts';
import { KillableCopy } from './service-copy.ts';
import { differences, outboxDrained } from './settled.ts';
import { tokensOf } from './tokens.ts';
import { newWorld, type World } from './world.ts';
import { startWriters } from './writers.ts';

/** `npm run test:crash` sets it. */
const RANDOM = Number(process.env.CRASH_KILLS ?? 8);
const LONG = RANDOM >= 100;
const kills = { random: RANDOM, aimed: LONG ? 40 : 4 };
const load = { writers: 6, documents: LONG ? 120 : 30 };
const OBSERVERS = 2;
/** Two to be running while a third one starts. */
const COPIES = ['a', 'b', 'c'];

describe.skipIf(realParts() === undefined)(
  'kill -9 under load, copies of the service on one Postgres and OpenFGA',
  () => {
    let deployment: Deployment;
    let copies: readonly KillableCopy[] = [];

    beforeAll(async () => {
      deployment = await deploy();
    });
    afterAll(async () => {
      for (const copy of copies) await copy.kill();
      await deployment?.close();
    });

    it('loses nothing, and shows nothing early', { timeout: LONG ? 7_200_000 : 300_000 }, async () => {
      copies = COPIES.map((name) => new KillableCopy(name, deployment));
      const world = newWorld(copies, await tokensOf(deployment));
      await Promise.all(copies.map((copy) => copy.start()));

      const writers = startWriters(world, load);
      const observers = startObservers(world, OBSERVERS);
      const began = performance.now();
      const hits = await killOften(deployment, world, copies, kills);
      const lasted = performance.now() - began;
      const stopped = Promise.all([writers.stop(), observers.stop()]);
      // A writer that waits for a lease of the dead ends with the copy that it waits at.
      await Promise.all(copies.map((copy) => copy.kill()));
      await stopped;

      // Nobody is left who holds a lease: the half minute of the last ones need not pass.
      await deployment.database.query('UPDATE outbox SET leased_until = NULL');
      await Promise.all(copies.map((copy) => copy.start()));
      await outboxDrained(world);
      const wrong = await differences(deployment, world);
      console.log(report(world, hits, lasted, copies));
      expect({ faults: world.faults, wrong }).toEqual({ faults: [], wrong: [] });
      expect(world.decisions.size).toBeGreaterThan(0);
      if (LONG) for (const [stage, times] of hits) expect(times, stage).toBeGreaterThan(0);
    });
  },
);

function report(
  { documents, counts, decisions }: World,
  hits: Hits,
  lasted: number,
  copies: readonly KillableCopy[],
): string {
  const again = copies.reduce((sum, { failedStarts }) => sum + failedStarts.length, 0);
  return [
    `${kills.random} kills at random moments and ${kills.aimed} aimed in ${(lasted / 1_000).toFixed(0)} s, ${documents.length} documents\n`,
    table(
      ['a killed change was at', 'times'],
      [...hits].map(([stage, n]) => [stage, String(n)]),
    ),
    table(
      ['what', 'times'],
      [...counts, ['starts tried again', again] as const, ['answers with a record', decisions.size] as const]
        .toSorted()
        .map(([what, n]) => [what, String(n)]),
    ),
  ].join('\n');
}
