import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment.ts';
import type { KillableCopy } from './service-copy.ts';
import { STAGES, type Stage, stageOf } from './stages.ts';
import { randomOf, type World } from './world.ts';

/** Milliseconds between the moment two copies are up and a kill. */
const MOST_WAIT_MS = 700;
/** For what a killed copy had asked of Postgres and OpenFGA to end there. */
const QUIET_MS = 50;
/** How long to look for such a stage before any moment will do. */
const AIM_MS = 5_000;

export type Kills = {
  /** At moments that nothing chooses. */
  readonly random: number;
  /** More of them, each while a change is at one of the stages that have been hit least. */
  readonly aimed: number;
};

/** How many changes each kill caught at which stage. */
export type Hits = Map<Stage | 'no change under way', number>;

/** Kills one copy after another, two at least running at that moment, and starts each again. */
export async function killOften(
  deployment: Deployment,
  world: World,
  copies: readonly KillableCopy[],
  kills: Kills,
): Promise<Hits> {
  const hits: Hits = new Map(STAGES.map((stage) => [stage, 0]));
  const starts: Promise<void>[] = [];
  for (let n = 0; n < kills.random + kills.aimed; n += 1) {
    const copy = await oneOfTwo(copies);
    if (n < kills.random) await sleep(Math.random() * MOST_WAIT_MS);
    else await stopAt(deployment, world, copy, leastHit(hits));
    await killAndLook(deployment, world, copy, hits);
    starts.push(copy.start().catch((error: unknown) => void world.faults.push(String(error))));
  }
  await Promise.all(starts);
  return hits;
}

async function oneOfTwo(copies: readonly KillableCopy[]): Promise<KillableCopy> {
  for (;;) {
    const up = copies.filter(({ url }) => url !== undefined);
    const one = randomOf(up);
    if (one !== undefined && up.length >= 2) return one;
    await sleep(10);
  }
}

function underWay(world: World, { name }: KillableCopy) {
  return [...world.writing].filter(({ to }) => to.includes(name));
}

async function killAndLook(
  deployment: Deployment,
  world: World,
  copy: KillableCopy,
  hits: Hits,
): Promise<void> {
  const caught = underWay(world, copy);
  await copy.kill();
  await sleep(QUIET_MS);
  const stages = await Promise.all(caught.map((writing) => stageOf(deployment, writing)));
  for (const stage of stages.length === 0 ? (['no change under way'] as const) : stages)
    hits.set(stage, (hits.get(stage) ?? 0) + 1);
}

/** Stops the copy again and again, until one of its changes is found at such a stage: it is left stopped there. */
async function stopAt(
  deployment: Deployment,
  world: World,
  copy: KillableCopy,
  wanted: readonly Stage[],
): Promise<void> {
  const end = Date.now() + AIM_MS;
  for (;;) {
    copy.signal('SIGSTOP');
    const stages = await Promise.all(underWay(world, copy).map((writing) => stageOf(deployment, writing)));
    if (stages.some((stage) => wanted.includes(stage)) || Date.now() > end) return;
    copy.signal('SIGCONT');
    await sleep(Math.random() * 20);
  }
}

function leastHit(hits: Hits): readonly Stage[] {
  const least = Math.min(...STAGES.map((stage) => hits.get(stage) ?? 0));
  return STAGES.filter((stage) => hits.get(stage) === least);
}
