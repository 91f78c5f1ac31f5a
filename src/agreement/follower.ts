import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedEntry, Ledger, LedgerState } from '../ports/ledger.ts';
import { ClearanceError } from '../types/errors.ts';
import { compare, readBoth, type Sides } from './compare.ts';

/** Milliseconds between two comparisons, and how long one counts where the next fails to come. */
const EVERY_MS = 1_000;
const COUNTS_MS = 10_000;

const reasons = {
  engine_older:
    'the OpenFGA server no longer knows a change that it had told of: it was restored from an older backup',
  store_older:
    'the OpenFGA server has seen writes that this database knows nothing of: the database was restored from an older backup',
} as const;

/** `at`: of the comparison, 0 after a doubt. */
type Known = { readonly closed?: string; readonly at: number };

export type Follower = {
  /** Throws where the two sides are not known to agree: it compares first, after any doubt. */
  confirm(tenant: string): Promise<void>;
  /** Throws only where they are known not to. */
  refuseIfClosed(tenant: string): void;
  /** After a failure: the server that answers next may be another, or a restored one. */
  doubt(tenant: string): void;
  /** Every tenant that is closed, with the reason. */
  closed(): ReadonlyMap<string, string>;
  stop(): Promise<void>;
};

/** Keeps the ledger up to date, and the service closed where the engine and the store are not of one history. */
export async function startFollower(sides: Sides, onError: (error: unknown) => void): Promise<Follower> {
  const known = new Map<string, Known>();
  const underWay = new Map<string, Promise<void>>();
  const upcoming = new Map<string, Promise<void>>();
  const applied = new Map<string, string>();
  const stopped = new AbortController();

  async function pass(tenant: string): Promise<void> {
    const at = Date.now();
    const closed = await followOnce(sides, tenant, applied);
    known.set(tenant, { at, ...(closed === undefined ? {} : { closed }) });
  }
  /**
   * A comparison that began before `confirm` was called proves nothing to its caller. Who comes while one runs shares the
   * next: in an outage there are many, and each comparison takes until its deadline.
   */
  function next(tenant: string): Promise<void> {
    const shared = upcoming.get(tenant);
    if (shared !== undefined) return shared;
    const turn = (underWay.get(tenant) ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        upcoming.delete(tenant);
        return pass(tenant);
      });
    upcoming.set(tenant, turn);
    underWay.set(tenant, turn);
    return turn;
  }
  async function passAll(): Promise<void> {
    for (const tenant of await sides.ledger.tenants()) {
      await next(tenant).catch((error: unknown) => {
        doubt(tenant);
        onError(error);
      });
    }
  }
  function doubt(tenant: string): void {
    const state = known.get(tenant);
    if (state !== undefined) known.set(tenant, { ...state, at: 0 });
  }
  function refuseIfClosed(tenant: string): void {
    const reason = known.get(tenant)?.closed;
    if (reason !== undefined)
      throw new ClearanceError('engine_unavailable', closedMessage, { cause: new Error(reason) });
  }

  for (const tenant of await sides.ledger.tenants()) await next(tenant);
  const loop = (async () => {
    for (;;) {
      await sleep(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) return;
      await passAll().catch(onError);
    }
  })();

  return {
    async confirm(tenant) {
      if (Date.now() - (known.get(tenant)?.at ?? 0) > COUNTS_MS) await next(tenant);
      refuseIfClosed(tenant);
    },
    refuseIfClosed,
    doubt,
    closed: () =>
      new Map([...known].flatMap(([tenant, { closed }]) => (closed === undefined ? [] : [[tenant, closed]]))),
    async stop() {
      stopped.abort();
      await loop;
    },
  };
}

const closedMessage =
  'Closed: the database and the OpenFGA server are of different moments. An operator has to run "clearance reconcile".';

/** One comparison, and what is new goes into the ledger. Says why the tenant is closed, if it is. */
async function followOnce(
  sides: Sides,
  tenant: string,
  applied: Map<string, string>,
): Promise<string | undefined> {
  let reading = await readBoth(sides, tenant);
  // Only what is found twice closes the service: each side is read more than once, and servers may change in between.
  if (reading.state.closed === undefined && compare(reading) !== 'agree') {
    reading = await readBoth(sides, tenant);
  }
  const { state, log } = reading;
  if (state.closed !== undefined) return state.closed;
  const comparison = compare(reading);
  if (comparison !== 'agree') {
    await sides.ledger.close(tenant, reasons[comparison]);
    return reasons[comparison];
  }
  await applyNew(sides.ledger, tenant, state, log, applied);
  return undefined;
}

/**
 * The overlap comes again at every turn, and is worth a transaction only where it has something new, or where the copy
 * has changed since: a write of ours may have been confirmed after somebody else's later one was applied.
 */
async function applyNew(
  ledger: Ledger,
  tenant: string,
  { last: from, version }: LedgerState,
  log: readonly FeedEntry[],
  applied: Map<string, string>,
): Promise<void> {
  const last = log.at(-1);
  const content = JSON.stringify([version, log]);
  if (last === undefined || applied.get(tenant) === content) return;
  if (await ledger.apply(tenant, from, log, last)) applied.set(tenant, content);
}
