import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../support/http.ts';
import { problemOf } from '../support/problem.ts';
import {
  idOf,
  lacking,
  type Operation,
  type OperationName,
  operations,
  seed,
  TEXT,
  watch,
} from './operations.ts';
import type { World } from './world.ts';

export type Fault = {
  readonly name: string;
  /** Status and code, or status, of each operation while it lasts. */
  readonly expected: Partial<Record<OperationName, string>>;
  begin(world: World, slug: string): Promise<void>;
  /** While the operations are under way. */
  during?(world: World): Promise<void>;
  end(world: World): Promise<void>;
};

export type Cell = { readonly said: string; readonly ms: number; readonly recoveredMs: number };
/** By the operation's name. */
export type Row = ReadonlyMap<string, Cell>;

/** A service that runs on must be itself again within this, and have carried out what it kept. */
const RECOVERY_MS = 45_000;
const PAUSE_MS = 500;

/** Every operation under one fault, all at the same time, and again after it. Throws at what must never be. */
export async function runFault(world: World, fault: Fault): Promise<Row> {
  const slug = fault.name.replaceAll(/\W+/g, '-').toLowerCase();
  await seed(world, slug);
  await fillPool(world);
  const names = Object.keys(operations).filter((name): name is OperationName => name in fault.expected);

  await fault.begin(world, slug);
  let first: readonly Timed[];
  try {
    [first] = await Promise.all([
      Promise.all(names.map((name) => timed(operations[name], world, slug))),
      fault.during?.(world),
    ]);
  } finally {
    await fault.end(world);
  }

  const ended = Date.now();
  const row = new Map<string, Cell>();
  const watching = new AbortController();
  const watched = watchUntil(watching.signal, world, slug);
  try {
    await Promise.all(
      names.map(async (name, i) => {
        const { answer, ms } = first[i] ?? unasked(name);
        requireNoText(name, answer);
        await recover(operations[name], world, slug, answer.status);
        row.set(name, { said: saidBy(answer), ms, recoveredMs: Date.now() - ended });
      }),
    );
  } finally {
    watching.abort();
    await watched;
  }
  const { text } = await operations.retrieve.run(world, slug);
  if (!text.includes(idOf(slug, 'kept')))
    throw new Error(`after ${fault.name} what was there is not found: ${text}`);
  return row;
}

/** So that no operation is spared the fault, or meets another, by having to wait for a connection first. */
async function fillPool(world: World): Promise<void> {
  const size = world.config.database?.poolSize ?? 0;
  await Promise.all(Array.from({ length: size }, () => operations['start a session'].run(world)));
}

type Timed = { readonly answer: Answer; readonly ms: number };

async function timed(operation: Operation, world: World, slug: string): Promise<Timed> {
  const start = Date.now();
  const answer = await operation.run(world, slug);
  return { answer, ms: Date.now() - start };
}

function unasked(name: OperationName): never {
  throw new Error(`${name} was not asked`);
}

function requireNoText(name: OperationName, answer: Answer): void {
  const mayHaveText = answer.status === 200 && name !== 'retrieve without rights';
  if (!mayHaveText && TEXT.test(answer.text))
    throw new Error(`${name} was answered with text: ${answer.text}`);
  // Throws at what tells of the inside.
  if (answer.status >= 400) problemOf(answer);
}

/** `503 engine_unavailable`, `202 pending`, `200`. */
function saidBy({ status, body }: Answer): string {
  const more = typeof body.code === 'string' ? body.code : body.status;
  return status === 202 || status >= 400 ? `${status} ${String(more)}` : String(status);
}

/**
 * What was acknowledged takes effect without being sent again; what was refused can be sent again, to a service that was
 * not restarted.
 */
async function recover(operation: Operation, world: World, slug: string, status: number): Promise<void> {
  const { effect, well } = operation;
  const end = Date.now() + RECOVERY_MS;
  if (status >= 400 || effect === undefined) {
    await until(end, async () => {
      const { status } = await operation.run(world, slug);
      return [...well, ...(effect === undefined ? [] : [202])].includes(status) ? undefined : status;
    });
  }
  if (effect === undefined) return;
  await until(end, async () => {
    const left = await lacking(world, slug, effect);
    if (typeof left === 'object' && [200, 201, 204].includes(status)) {
      throw new Error(`acknowledged with ${status}, and not in force: ${JSON.stringify(left)}`);
    }
    return left;
  });
}

/** Asks until there is no more objection. */
async function until(end: number, objection: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const left = await objection();
    if (left === undefined) return;
    if (Date.now() > end) throw new Error(`no recovery: ${JSON.stringify(left)}`);
    await sleep(PAUSE_MS);
  }
}

async function watchUntil(signal: AbortSignal, world: World, slug: string): Promise<void> {
  while (!signal.aborted) {
    await watch(world, slug);
    await sleep(2 * PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}
