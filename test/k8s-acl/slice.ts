import { join } from 'node:path';
import type { Tuple } from '../../src/types/tuple.ts';
import { readNdjson } from '../support/shared-data.ts';
import type { Organisation } from './data.ts';

export type Slice = {
  readonly documents: readonly { readonly id: string }[];
  readonly relationships: readonly Tuple[];
  /** For each user, the lines of these documents that they may read. */
  readonly reads: ReadonlyMap<string, ReadonlySet<number>>;
};

/** Every nth document and the relationships that bear on them; of 1, all of both. */
export function everyNth({ folder, reads }: Organisation, n: number): Slice {
  const isIn = (line: number) => line % n === 0;
  const documents = readNdjson<{ id: string }>(join(folder, 'documents.ndjson.gz')).filter((_, line) =>
    isIn(line),
  );
  const tuples = readNdjson<Tuple>(join(folder, 'tuples.ndjson'));
  const objects = documents.map(({ id }) => `document:${id}`);
  return {
    documents,
    relationships: n === 1 ? tuples : bearingOn(objects, tuples),
    reads: new Map([...reads].map(([user, lines]) => [user, new Set([...lines].filter(isIn))])),
  };
}

/** The relationships of these objects, of those that they name, and so on. */
function bearingOn(objects: readonly string[], tuples: readonly Tuple[]): Tuple[] {
  const byObject = Map.groupBy(tuples, ({ object }) => object);
  const seen = new Set(objects);
  const found: Tuple[] = [];
  for (const object of seen) {
    for (const tuple of byObject.get(object) ?? []) {
      found.push(tuple);
      seen.add(tuple.user.split('#')[0] ?? '');
    }
  }
  return found;
}
