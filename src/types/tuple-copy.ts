import type { TupleChange, TupleLog } from '../ports/tuple-log.ts';
import type { Tuple, TupleKey } from './tuple.ts';

/** Tuples held in memory, however they are arranged. Both do nothing where it is so already. */
export type TupleCopy = { add(tuple: Tuple): void; delete(key: TupleKey): void };

/** Takes in every tuple there is. What changes meanwhile may be in it or not: it is in the log from the version returned. */
export async function readInto(copy: TupleCopy, log: TupleLog, tenant: string): Promise<number> {
  const version = await log.version(tenant);
  for await (const page of log.pages(tenant)) {
    for (const tuple of page) copy.add(tuple);
  }
  return version;
}

export function applyChanges(copy: TupleCopy, changes: readonly TupleChange[]): void {
  for (const change of changes) {
    if (change.kind === 'written') copy.add(change.tuple);
    else copy.delete(change.key);
  }
}
