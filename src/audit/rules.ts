import type { StoredColumns } from '../ports/audit-store.ts';
import type { Checkpoint, Head, Signed, TrailRecord } from '../types/audit-trail.ts';
import { hashOf } from './canonical.ts';
import { type PublicKeys, signatureProblem } from './keys.ts';

export type CheckedRecord = {
  readonly record: TrailRecord;
  readonly hash: string;
  readonly key: string | null;
  readonly signature: string | null;
  /** Of a store. */
  readonly columns?: StoredColumns;
};

/** Is shown all checkpoints, then all records, as they come, and last the checkpoints that were added meanwhile. */
export type Rule = (context: {
  readonly tenant: string;
  readonly trusted: PublicKeys;
  readonly report: (problem: string) => void;
}) => {
  checkpoint?(signed: Signed<Checkpoint>): void;
  record?(checked: CheckedRecord): void;
  /** One that was added, which may speak of later records than were shown. Absent: as any checkpoint. */
  added?(signed: Signed<Checkpoint>): void;
  end?(): void;
};

export const nameOf = ({ segment, position }: Pick<TrailRecord, 'segment' | 'position'>): string =>
  `record ${position} of segment ${segment}`;

/** What the store looks records up by says the same as they do. */
const columns: Rule = ({ report }) => ({
  record({ record, hash, columns }) {
    if (columns === undefined) return;
    const { tenant, segment, position, decision: decisionId, at, agent } = record;
    if (hashOf(columns) !== hashOf({ tenant, segment, position, decisionId, at, agent, hash }))
      report(`${nameOf(record)} is not what the columns beside it say`);
  },
});

/** Segments one after the other, each from its first record on, without a gap. */
const order: Rule = ({ tenant, report }) => {
  const seen = new Set<string>();
  let before: TrailRecord | undefined;
  return {
    record({ record }) {
      const { segment, position } = record;
      if (record.tenant !== tenant) report(`${nameOf(record)} is of another tenant`);
      const expected = before?.segment === segment ? before.position + 1 : 1;
      if (before?.segment !== segment && seen.has(segment)) report(`${nameOf(record)} is out of order`);
      else if (position !== expected) report(`${nameOf(record)} stands where record ${expected} should be`);
      seen.add(segment);
      before = record;
    },
  };
};

/** Each record names the hash of the one before it. */
const links: Rule = ({ report }) => {
  let before: CheckedRecord | undefined;
  return {
    record(checked) {
      const { record } = checked;
      const expected = before?.record.segment === record.segment ? before.hash : null;
      if (record.previous !== expected) report(`${nameOf(record)} does not follow what is before it`);
      before = checked;
    },
  };
};

/** Each record is signed, or one after it in its segment is. */
const signatures: Rule = ({ trusted, report }) => {
  let before: CheckedRecord | undefined;
  const requireSigned = () => {
    if (before?.signature === null) report(`${nameOf(before.record)} is its last, and is not signed`);
  };
  return {
    record(checked) {
      const { record, hash, key, signature } = checked;
      if (before?.record.segment !== record.segment) requireSigned();
      if (key !== null && signature !== null) {
        const problem = signatureProblem(trusted, 'record', hash, { key, signature });
        if (problem !== undefined) report(`${nameOf(record)} ${problem}`);
      } else if (key !== signature) report(`${nameOf(record)} has half a signature`);
      before = checked;
    },
    end: requireSigned,
  };
};

const checkpointSignatures: Rule = ({ tenant, trusted, report }) => ({
  checkpoint({ value, key, signature }) {
    const problem = signatureProblem(trusted, 'checkpoint', hashOf(value), { key, signature });
    if (problem !== undefined) report(`checkpoint ${value.number} ${problem}`);
    if (value.tenant !== tenant) report(`checkpoint ${value.number} is of another tenant`);
  },
});

/** Numbered, each naming the hash of the one before it; and none drops a segment, or takes one back. */
const checkpointOrder: Rule = ({ report }) => {
  let before: Checkpoint | undefined;
  const over = new Map<string, Head>();
  return {
    checkpoint({ value }) {
      const name = `checkpoint ${value.number}`;
      if (value.number !== (before?.number ?? 0) + 1)
        report(`${name} stands where number ${(before?.number ?? 0) + 1} should be`);
      if (value.previous !== (before === undefined ? null : hashOf(before)))
        report(`${name} does not follow what is before it`);
      const now = new Map([...value.open, ...value.closed].map((head) => [head.segment, head]));
      for (const { segment, position } of before?.open ?? []) {
        if ((now.get(segment)?.position ?? 0) < position) report(`${name} takes back segment ${segment}`);
      }
      for (const segment of now.keys())
        if (over.has(segment)) report(`${name} goes on with a closed segment`);
      for (const head of value.closed) over.set(head.segment, head);
      for (const head of value.pruned?.segments ?? []) {
        if (hashOf(over.get(head.segment) ?? null) !== hashOf(head))
          report(`${name} takes away a segment that was not closed so`);
      }
      before = value;
    },
  };
};

/** No record knows of a checkpoint that is gone. */
const knownCheckpoints: Rule = ({ report }) => {
  let last = 0;
  let furthest: TrailRecord | undefined;
  return {
    checkpoint({ value }) {
      last = Math.max(last, value.number);
    },
    record({ record }) {
      if (record.checkpoint > (furthest?.checkpoint ?? 0)) furthest = record;
    },
    end() {
      if (furthest !== undefined && furthest.checkpoint > last)
        report(`${nameOf(furthest)} knows of checkpoint ${furthest.checkpoint}, which is not there`);
    },
  };
};

/** The records go as far as the checkpoints say, and lead to what was signed there. */
const heads: Rule = ({ report }) => {
  const last = new Map<string, Head>();
  const closed = new Set<string>();
  const pruned = new Set<string>();
  const seen = new Map<string, number>();
  return {
    checkpoint({ value }) {
      for (const head of [...value.open, ...value.closed]) last.set(head.segment, head);
      for (const { segment } of value.closed) closed.add(segment);
      for (const { segment } of value.pruned?.segments ?? []) pruned.add(segment);
    },
    record({ record, hash }) {
      const { segment, position } = record;
      seen.set(segment, position);
      const head = last.get(segment);
      if (head?.position === position && head.hash !== hash)
        report(`${nameOf(record)} is not the one that a checkpoint was signed for`);
      if (closed.has(segment) && position > (head?.position ?? 0))
        report(`${nameOf(record)} comes after the end of its segment`);
    },
    added({ value }) {
      for (const { segment } of value.pruned?.segments ?? []) pruned.add(segment);
    },
    end() {
      for (const { segment, position } of last.values()) {
        const found = seen.get(segment);
        if (found === undefined && pruned.has(segment)) continue;
        if ((found ?? 0) < position)
          report(`segment ${segment} ends at ${found ?? 0} and went to ${position} once`);
      }
    },
  };
};

export const trailRules = {
  columns,
  order,
  links,
  signatures,
  checkpointSignatures,
  checkpointOrder,
  knownCheckpoints,
  heads,
} as const satisfies Record<string, Rule>;
