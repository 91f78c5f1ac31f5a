import type { Tuple } from '../search/callers.ts';
import { randomFrom, shuffled } from '../search/random.ts';

const DOCUMENTS_A_FOLDER = 100;
const SHARE = 0.01;
const NESTED_FOLDERS = 10_000;
const GROUP = 10_000;
export const READER = 'anne';
export const MEMBER = 'member-5';

/** Documents by chance in folders of a hundred; one person reads a hundredth of the folders. */
export function hundredth(count: number): Tuple[] {
  const folders = Math.ceil(count / DOCUMENTS_A_FOLDER);
  const tuples = Array.from(
    shuffled(count, randomFrom(5)),
    (i, place): Tuple => [`document:d${i + 1}`, 'parent', `folder:f${place % folders}`],
  );
  for (let n = 0; n < Math.max(1, Math.round(folders * SHARE)); n += 1) {
    tuples.push([`folder:f${n}`, 'viewer', `user:${READER}`]);
  }
  return tuples;
}

/** One relationship, and how many documents it gives or takes. */
export type Change = { readonly name: string; readonly reader: string; readonly tuple: Tuple };

/**
 * Folders over the first `size` documents: one with all of them in it, and one with all of them spread over 10,000 folders
 * nested in it, each the parent of ten others. And a group of 10,000 that is to become part of another one.
 */
export function changesOf(sizes: readonly number[]): {
  readonly tuples: readonly Tuple[];
  readonly changes: readonly Change[];
} {
  const tuples: Tuple[] = [];
  const changes: Change[] = [];
  for (const size of sizes) {
    const nested = (n: number) => `folder:nested-${size}-${n}`;
    for (let n = 1; n < NESTED_FOLDERS; n += 1) {
      tuples.push([nested(n), 'parent', nested(Math.floor((n - 1) / 10))]);
    }
    for (let i = 0; i < size; i += 1) {
      tuples.push([`document:d${i + 1}`, 'parent', `folder:flat-${size}`]);
      tuples.push([`document:d${i + 1}`, 'parent', nested(i % NESTED_FOLDERS)]);
    }
    const documents = `${size.toLocaleString('en')} documents`;
    for (const [name, folder] of [
      [`${documents}, flat`, `folder:flat-${size}`],
      [`${documents}, nested`, nested(0)],
    ] as const) {
      changes.push({ name, reader: READER, tuple: [folder, 'viewer', `user:${READER}`] });
    }
    tuples.push([`folder:flat-${size}`, 'viewer', `group:readers-${size}#member`]);
    changes.push({
      name: `a group of ${GROUP.toLocaleString('en')}, ${documents}`,
      reader: MEMBER,
      tuple: [`group:readers-${size}`, 'member', 'group:team#member'],
    });
  }
  for (let n = 0; n < GROUP; n += 1) tuples.push(['group:team', 'member', `user:member-${n}`]);
  return { tuples, changes };
}
