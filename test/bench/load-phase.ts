import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../real/clients.ts';

/** What a client does after a refusal: waits as long as it was told, or asks again at once. */
export type Patience = 'as told' | 'none';

export type Tally = {
  /** Milliseconds, each. */
  readonly answered: readonly number[];
  readonly shed: readonly number[];
  /** How often each code came, but for `overloaded`. */
  readonly errors: ReadonlyMap<string, number>;
  /** Refusals for load that did not say when to come again. */
  readonly withoutRetryAfter: number;
};

/** Each client asks its next question as soon as it has an answer to the last. */
export async function phase(clients: readonly Client[], patience: Patience, ms: number): Promise<Tally> {
  const answered: number[] = [];
  const shed: number[] = [];
  const errors = new Map<string, number>();
  let withoutRetryAfter = 0;
  const end = performance.now() + ms;

  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < end) {
        const { status, code = '', retryAfter, ms } = await client.ask();
        if (status === 200) {
          answered.push(ms);
          continue;
        }
        if (code === 'overloaded') shed.push(ms);
        else errors.set(code, (errors.get(code) ?? 0) + 1);
        if (code === 'overloaded' && retryAfter === undefined) withoutRetryAfter += 1;
        if (patience === 'as told' && retryAfter !== undefined) await sleep(retryAfter * 1_000);
      }
    }),
  );
  return { answered, shed, errors, withoutRetryAfter };
}
