import { MAX_TUPLES_A_WRITE } from '../../ports/engine.ts';
import type { EngineStore } from '../../ports/engine-stores.ts';
import type { Generations } from '../../ports/ledger.ts';
import type { TupleKey } from '../../types/tuple.ts';
import type { OpenFgaClient } from './client.ts';
import { OpenFgaUnusable } from './unusable.ts';

const MOST_ATTEMPTS = 5;

/**
 * `tenant:acme of generation:42` in the bookkeeping store; the highest number counts. Raising writes one and takes
 * away the lower ones that this process knows of, in one request: as many are left as there are copies of the service.
 */
export function openFgaGenerations(client: OpenFgaClient, bookkeeping: EngineStore): Generations {
  const tenants = new Map<string, Raiser>();

  return {
    async current(tenant) {
      return Math.max(0, ...(await numbersThere(client, bookkeeping, tenant)));
    },

    raise(tenant, generation, above) {
      let raiser = tenants.get(tenant);
      if (raiser === undefined) tenants.set(tenant, (raiser = new Raiser(client, bookkeeping, tenant)));
      return raiser.raise(generation, above);
    },
  };
}

/** One tenant's, one write at a time: all that is asked for while one runs shares the next. */
class Raiser {
  readonly #client: OpenFgaClient;
  readonly #bookkeeping: EngineStore;
  readonly #tenant: string;
  /** Unknown at first and after a failure. */
  #there: readonly number[] | undefined;
  #wanted = 0;
  #above: number | undefined;
  #upcoming: Promise<void> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(client: OpenFgaClient, bookkeeping: EngineStore, tenant: string) {
    this.#client = client;
    this.#bookkeeping = bookkeeping;
    this.#tenant = tenant;
  }

  raise(generation: number, above: number | undefined): Promise<void> {
    this.#wanted = Math.max(this.#wanted, generation);
    if (above !== undefined) this.#above = Math.max(this.#above ?? 0, above);
    this.#upcoming ??= this.#afterRunning();
    return this.#upcoming;
  }

  #afterRunning(): Promise<void> {
    const turn = this.#running.then(() => {
      this.#upcoming = undefined;
      const [generation, above] = [this.#wanted, this.#above];
      this.#wanted = 0;
      this.#above = undefined;
      return this.#write(generation, above);
    });
    this.#running = turn.catch(() => {});
    return turn;
  }

  async #write(generation: number, above: number | undefined): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      // What was there after our own last write may be behind another copy's.
      const known =
        above !== undefined && Math.max(0, ...(this.#there ?? [])) < above ? undefined : this.#there;
      const there = known ?? (await numbersThere(this.#client, this.#bookkeeping, this.#tenant));
      this.#there = undefined;
      if (above !== undefined && (Math.max(0, ...there) < above || there.includes(generation))) {
        throw new OpenFgaUnusable(
          'it is not at the generation that it was at: it or the database was restored',
        );
      }
      if (there.includes(generation)) return;
      // Strict, and the highest first: a server that was restored since they were read does not have it.
      const lower = there
        .filter((number) => number < generation)
        .toSorted((a, b) => b - a)
        .slice(0, MAX_TUPLES_A_WRITE - 1);
      try {
        await this.#client.write(
          this.#bookkeeping,
          {
            writes: [tupleOf(this.#tenant, generation)],
            deletes: lower.map((number) => tupleOf(this.#tenant, number)),
          },
          'strict',
        );
        this.#there = [...new Set([...there.filter((number) => !lower.includes(number)), generation])];
        return;
      } catch (error) {
        // Another copy took one of them away at the same moment.
        const conflict =
          error instanceof OpenFgaUnusable &&
          (error.httpStatus === 409 || error.reason === 'write_failed_due_to_invalid_input');
        if (!conflict || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }
}

async function numbersThere(
  client: OpenFgaClient,
  { storeId }: EngineStore,
  tenant: string,
): Promise<readonly number[]> {
  const found = await client.read(storeId, {
    user: `tenant:${tenant}`,
    relation: 'of',
    object: 'generation:',
  });
  const numbers = found.map(({ object }) => Number(object.slice('generation:'.length)));
  if (!numbers.every(Number.isSafeInteger)) throw new OpenFgaUnusable('a generation is not a number');
  return numbers;
}

function tupleOf(tenant: string, generation: number): TupleKey {
  return { user: `tenant:${tenant}`, relation: 'of', object: `generation:${generation}` };
}
