import { join } from 'node:path';
import type { Tuple } from '../../src/types/tuple.ts';
import { readNdjson, sharedData } from '../support/shared-data.ts';

/** A real organisation's documents and who may read them: see the data set's own README. */
export type Organisation = {
  readonly folder: string;
  /** Document ids, in the order that `reads` counts them. */
  readonly documents: readonly string[];
  readonly queries: readonly string[];
  /** For each user, the line numbers of the documents they may read now. */
  readonly reads: ReadonlyMap<string, ReadonlySet<number>>;
};

export function loadOrganisation(): Organisation | undefined {
  const folder = sharedData('k8s-acl');
  if (folder === undefined) return undefined;
  return {
    folder,
    documents: readNdjson<{ id: string }>(join(folder, 'documents.ndjson.gz')).map(({ id }) => id),
    queries: readNdjson<{ text: string }>(join(folder, 'queries.ndjson')).map(({ text }) => text),
    reads: readsOf(join(folder, 'expected_reads.ndjson.gz')),
  };
}

export type MonthlyStep = {
  readonly at: string;
  readonly writes: readonly Tuple[];
  readonly deletes: readonly Tuple[];
  readonly lost: Readonly<Record<string, readonly number[]>>;
  readonly gained: Readonly<Record<string, readonly number[]>>;
};

/** Two years of permission changes; replayed on the baseline they lead to the present tuples. */
export function loadHistory({ folder }: Organisation): {
  baselineFile: string;
  baselineReads: Map<string, Set<number>>;
  steps: MonthlyStep[];
} {
  const file = (name: string) => join(folder, 'history', name);
  const expected = readNdjson<MonthlyStep>(file('expected_changes.ndjson.gz'));
  return {
    baselineFile: file('baseline.tuples.ndjson.gz'),
    baselineReads: readsOf(file('baseline.expected_reads.ndjson.gz')),
    steps: readNdjson<MonthlyStep>(file('changes.ndjson.gz')).map((step, i) => ({ ...step, ...expected[i] })),
  };
}

function readsOf(file: string): Map<string, Set<number>> {
  return new Map(
    readNdjson<{ user: string; docs: number[] }>(file).map(({ user, docs }) => [user, new Set(docs)]),
  );
}

/** Users spread over how much they may read, the same ones in every run. */
export function spreadUsers(reads: ReadonlyMap<string, ReadonlySet<number>>, wanted: number): string[] {
  const bands = [0, 1, 5, 20, 100, 500, Number.POSITIVE_INFINITY];
  const groups = bands.map((upTo, i) =>
    [...reads]
      .filter(([, docs]) => docs.size <= upTo && docs.size > (bands[i - 1] ?? -1))
      .map(([user]) => user),
  );
  const picked: string[] = [];
  for (let round = 0; picked.length < wanted; round += 1) {
    const before = picked.length;
    for (const group of groups) {
      // A step through the group, so that neighbours in the alphabet, often of one team, don't fill the sample.
      const user = group[(round * 7) % group.length];
      if (round < group.length && user !== undefined && !picked.includes(user)) picked.push(user);
    }
    if (picked.length === before && groups.every((group) => round >= group.length)) break;
  }
  return picked.slice(0, wanted);
}
