import { hash, randomBytes } from 'node:crypto';
import type { Ledger, TupleFeed } from '../ports/ledger.ts';
import { content, type Tuple, type TupleKey } from '../types/tuple.ts';

/** Where the copy and the engine differ. A tuple with another condition is in both lists. */
export type Differences = {
  /** How many tuples there are. */
  readonly inEngine: number;
  readonly inLedger: number;
  /** Of the engine alone. */
  readonly missing: readonly Tuple[];
  /** Of the copy alone. */
  readonly surplus: readonly TupleKey[];
};

/**
 * Compares all there is, page by page. Of the copy's tuples only a number each is held, about 40 bytes; a Set takes 16.7
 * million. What changes meanwhile may be told as a difference, and once in 10,000 runs over a million tuples so may two
 * whose numbers are the same: whoever acts on one reads it again.
 */
export async function differences(
  ledger: Pick<Ledger, 'pages'>,
  feed: Pick<TupleFeed, 'pages'>,
  tenant: string,
  betweenPages: () => Promise<void> = async () => {},
): Promise<Differences> {
  const numberOf = numbering();
  const ofLedger = new Set<number>();
  let [inLedger, inEngine] = [0, 0];
  for await (const page of ledger.pages(tenant)) {
    inLedger += page.length;
    for (const tuple of page) ofLedger.add(numberOf(tuple));
  }
  const missing: Tuple[] = [];
  for await (const page of feed.pages(tenant)) {
    inEngine += page.length;
    for (const tuple of page) if (!ofLedger.delete(numberOf(tuple))) missing.push(tuple);
    await betweenPages();
  }
  return { inEngine, inLedger, missing, surplus: await withNumber(ledger, tenant, ofLedger, numberOf) };
}

async function withNumber(
  ledger: Pick<Ledger, 'pages'>,
  tenant: string,
  numbers: ReadonlySet<number>,
  numberOf: (tuple: Tuple) => number,
): Promise<readonly TupleKey[]> {
  if (numbers.size === 0) return [];
  const found: TupleKey[] = [];
  for await (const page of ledger.pages(tenant)) {
    for (const tuple of page) if (numbers.has(numberOf(tuple))) found.push(tuple);
  }
  return found;
}

/** 53 bits, others at each run: what two equal ones hide from this run, the next one sees. */
function numbering(): (tuple: Tuple) => number {
  const seed = randomBytes(16).toString('hex');
  return (tuple) => {
    const bytes = hash('sha256', seed + content(tuple), 'buffer');
    return bytes.readUIntBE(0, 6) * 32 + (bytes.readUInt8(6) % 32);
  };
}
