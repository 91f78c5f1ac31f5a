import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { AuditLog, AuditRecord } from '../ports/audit.ts';
import type { StoredRecord, TrailStore } from '../ports/audit-store.ts';
import type { Head, TrailRecord } from '../types/audit-trail.ts';
import { ClearanceError } from '../types/errors.ts';
import { withoutPeople } from '../types/people.ts';
import { repeatedly } from '../types/repeatedly.ts';
import { hashOf } from './canonical.ts';
import { Checkpoints } from './checkpoints.ts';
import { type AuditKeys, signHash } from './keys.ts';
import { CHECKPOINT_MS, MAX_SEGMENT_RECORDS, SEGMENT_GRACE_MS, SEGMENT_MS } from './limits.ts';
import { Names } from './names.ts';

/** Records in one insert. */
const MOST_AT_ONCE = 200;
const TRIES = 3;

export type Trail = AuditLog & {
  /** Ends its segments with a signed checkpoint. */
  close(): Promise<void>;
};

type Waiting = {
  readonly record: AuditRecord;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * Writes the trail as one copy of the service: a segment for each tenant, so that copies don't wait for each other. What comes in
 * while an insert is under way is written by the next one together.
 */
export function openTrail(store: TrailStore, keys: AuditKeys, onError: (error: unknown) => void): Trail {
  const segments = new Map<string, Head>();
  const names = new Names(store);
  const checkpoints = new Checkpoints(store, keys);
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;

  function append(record: AuditRecord): Promise<void> {
    return new Promise((done, failed) => {
      waiting.push({ record, done, failed });
      // To make a record takes longer than to send what its caller asks the store beside it: that goes first.
      writing ??= setImmediate().then(writeAll);
    });
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const some = waiting.slice(0, MOST_AT_ONCE);
      waiting = waiting.slice(MOST_AT_ONCE);
      await writeTogether(some);
    }
    writing = undefined;
  }

  async function writeTogether(some: readonly Waiting[]): Promise<void> {
    try {
      await write(some.map(({ record }) => record));
      for (const { done } of some) done();
    } catch (error) {
      // Whether it was written is not known, so nothing may come after it.
      for (const { record } of some) segments.delete(record.tenant);
      const outage = error instanceof ClearanceError && error.code === 'store_unavailable';
      // One that can't be kept must not take the others along.
      if (some.length > 1 && !outage) for (const one of some) await writeTogether([one]);
      else for (const { failed } of some) failed(unavailable(error));
    }
  }

  async function write(records: readonly AuditRecord[]): Promise<void> {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const people = await names.of(records);
      const known = new Map<string, number>();
      for (const { tenant } of records) known.set(tenant, await checkpoints.numberOf(tenant));
      const now = new Date();
      const next = new Map<string, Head>();
      const rows = records.map((record) => {
        const before = next.get(record.tenant) ?? current(record.tenant, now);
        const row = rowOf(record, before, {
          people: people.get(record.tenant) ?? new Map(),
          checkpoint: known.get(record.tenant) ?? 0,
          now,
        });
        const { segment, position, hash } = row.columns;
        next.set(record.tenant, { segment, position, hash, begun: before?.begun ?? now.toISOString() });
        return row;
      });
      const begun = Math.min(...[...next.values()].map(({ begun }) => Date.parse(begun)));
      const used = [...people].flatMap(([tenant, those]) =>
        Array.from(those.values(), (pseudonym) => ({ tenant, pseudonym })),
      );
      if (await store.add(signed(rows, next), used, new Date(begun + SEGMENT_MS + SEGMENT_GRACE_MS))) {
        for (const [tenant, head] of next) {
          segments.set(tenant, head);
          checkpoints.note(tenant, { head, ended: false });
        }
        return;
      }
      // Somebody's name was erased, or the segment is over: both are looked up again.
      names.forget(records);
      for (const { tenant } of records) segments.delete(tenant);
    }
    throw new Error(
      'no record could be added: the clocks of this machine and of the database differ by an hour',
    );
  }

  /** Undefined where the next record begins one. */
  function current(tenant: string, now: Date): Head | undefined {
    const segment = segments.get(tenant);
    if (segment === undefined) return undefined;
    const age = now.getTime() - Date.parse(segment.begun);
    if (segment.position < MAX_SEGMENT_RECORDS && age < SEGMENT_MS) return segment;
    checkpoints.note(tenant, { head: segment, ended: true });
    segments.delete(tenant);
    return undefined;
  }

  /** The last one of each segment carries a signature, so no record is ever without one that covers it. */
  function signed(rows: readonly StoredRecord[], next: ReadonlyMap<string, Head>): readonly StoredRecord[] {
    return rows.map((row) =>
      next.get(row.columns.tenant)?.position === row.columns.position
        ? { ...row, ...signHash(keys, 'record', row.columns.hash) }
        : row,
    );
  }

  const loop = repeatedly(CHECKPOINT_MS, () => checkpoints.write(onError), onError);
  return {
    append,
    async close() {
      await loop.stop();
      for (let last = writing; last !== undefined; last = writing) await last;
      for (const [tenant, head] of segments) checkpoints.note(tenant, { head, ended: true });
      // What comes later begins a segment of its own: it would be found after the end of this one.
      segments.clear();
      await checkpoints.write(onError);
    },
  };
}

function rowOf(
  { tenant, decisionId, event, issuer, subject, chain, details }: AuditRecord,
  before: Head | undefined,
  {
    people,
    checkpoint,
    now,
  }: {
    readonly people: ReadonlyMap<string, string>;
    readonly checkpoint: number;
    readonly now: Date;
  },
): StoredRecord {
  const agent = chain.length > 0 || subject.startsWith('agent:');
  const said = { event, issuer, subject, chain, details };
  const record = {
    ...(withoutPeople(said, people) as Pick<TrailRecord, keyof typeof said>),
    version: 1,
    tenant,
    segment: before?.segment ?? randomUUID(),
    position: (before?.position ?? 0) + 1,
    previous: before?.hash ?? null,
    checkpoint,
    at: now.toISOString(),
    decision: decisionId,
    agent,
  } satisfies TrailRecord;
  const { segment, position, at } = record;
  const columns = { tenant, segment, position, decisionId, at, agent, hash: hashOf(record) };
  return { record, columns, key: null, signature: null };
}

function unavailable(cause: unknown): ClearanceError {
  return new ClearanceError(
    'audit_unavailable',
    'The audit trail can not be written, so nothing was released or changed. Try again.',
    { cause },
  );
}
