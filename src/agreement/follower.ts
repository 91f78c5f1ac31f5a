import type { FeedEntry, LedgerState } from '../ports/ledger.ts';
import { ClearanceError } from '../types/errors.ts';
import { repeatedly } from '../types/repeatedly.ts';
import { eachUpToDate } from '../types/up-to-date.ts';
import { compare, readBoth, type Sides, sameEntry } from './compare.ts';

/** Milliseconds between two comparisons, and how long one counts where the next fails to come. */
const EVERY_MS = 1_000;
const COUNTS_MS = 10_000;
/** Milliseconds of disagreement before it is written down, and only `clearance reconcile` ends it: a lagging replica is over by then. */
const LASTS_MS = 5_000;

const reasons = {
  engine_older:
    'the OpenFGA server no longer knows a change that it had told of: it was restored from an older backup',
  store_older:
    'the OpenFGA server has seen writes that this database knows nothing of: the database was restored from an older backup',
} as const;

/** `at`: when the comparison began, 0 where something failed meanwhile. `failures`: how many there were then. */
type Known = {
  readonly closed?: string;
  /** Since when, by this copy. */
  readonly closedSince?: number;
  readonly at: number;
  readonly failures: number;
};

export type Follower = {
  /** Throws where the two sides are not known to agree: it compares first, after any doubt. */
  confirm(tenant: string): Promise<void>;
  /** Throws where they are known not to, or were never compared. */
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
  const doubts = new Map<string, number>();
  const applied = new Map<string, string>();

  async function pass(tenant: string): Promise<void> {
    const [began, failures] = [Date.now(), failuresOf(tenant)];
    const closedSince = known.get(tenant)?.closedSince ?? began;
    const closed = await followOnce(sides, tenant, applied, began - closedSince >= LASTS_MS);
    // Of what failed meanwhile this comparison may have read only what was before.
    const at = failuresOf(tenant) === failures ? began : 0;
    known.set(tenant, { at, failures, ...(closed === undefined ? {} : { closed, closedSince }) });
  }
  /**
   * A comparison that began before `confirm` was called proves nothing to its caller. Who comes while one runs shares the
   * next: in an outage there are many, and each comparison takes until its deadline.
   */
  const next = eachUpToDate<void>(pass);
  async function passAll(): Promise<void> {
    for (const tenant of await sides.ledger.tenants()) {
      await next(tenant).catch((error: unknown) => {
        doubt(tenant);
        onError(error);
      });
    }
  }
  /** Of the engine by its calls for this tenant, of the store by any call. */
  function failuresOf(tenant: string): number {
    return (doubts.get(tenant) ?? 0) + sides.storeFailures();
  }
  function doubt(tenant: string): void {
    doubts.set(tenant, (doubts.get(tenant) ?? 0) + 1);
  }
  function refuseIfClosed(tenant: string): void {
    const state = known.get(tenant);
    if (state === undefined) throw new ClearanceError('engine_unavailable', notComparedMessage);
    if (state.closed !== undefined) {
      throw new ClearanceError('engine_unavailable', closedMessage, { cause: new Error(state.closed) });
    }
  }

  await passAll();
  const loop = repeatedly(EVERY_MS, passAll, onError);

  return {
    async confirm(tenant) {
      const state = known.get(tenant);
      const counts = state?.failures === failuresOf(tenant) && Date.now() - state.at <= COUNTS_MS;
      if (!counts) await next(tenant);
      refuseIfClosed(tenant);
    },
    refuseIfClosed,
    doubt,
    closed: () =>
      new Map([...known].flatMap(([tenant, { closed }]) => (closed === undefined ? [] : [[tenant, closed]]))),
    stop: () => loop.stop(),
  };
}

const closedMessage =
  'Closed: the database and the OpenFGA server are of different moments. An operator has to run "clearance reconcile".';

const notComparedMessage =
  'The authorization engine has not answered since the start. Nothing was done; try again.';

/** One comparison, and what is new goes into the ledger. Says why the tenant is closed, if it is. */
async function followOnce(
  sides: Sides,
  tenant: string,
  applied: Map<string, string>,
  lasting: boolean,
): Promise<string | undefined> {
  const reading = await readBoth(sides, tenant);
  const { state, log } = reading;
  if (state.closed !== undefined) return state.closed;
  const comparison = compare(reading);
  if (comparison !== 'agree') {
    if (lasting) await sides.ledger.close(tenant, reasons[comparison]);
    return reasons[comparison];
  }
  await applyNew(sides, tenant, state, log, applied);
  return undefined;
}

/**
 * The overlap comes again at every turn, and is worth a transaction only where it has something new, or where the copy
 * has changed since: a write of ours may have been confirmed after somebody else's later one was applied.
 */
async function applyNew(
  { ledger, generations }: Sides,
  tenant: string,
  state: LedgerState,
  log: readonly FeedEntry[],
  applied: Map<string, string>,
): Promise<void> {
  const last = log.at(-1);
  const content = JSON.stringify([state.version, log]);
  if (last === undefined || applied.get(tenant) === content) return;
  // A database that was restored to a moment before this has to be noticed too where nothing is written through us.
  if (state.last === undefined || !sameEntry(last, state.last)) {
    const { generation, confirmed } = await ledger.nextGeneration(tenant);
    await generations.raise(tenant, generation, confirmed);
  }
  if (await ledger.apply(tenant, state, log, last)) applied.set(tenant, content);
}
