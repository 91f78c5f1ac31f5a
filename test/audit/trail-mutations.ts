import { randomUUID } from 'node:crypto';
import { hashOf } from '../../src/audit/canonical.ts';
import { type AuditKeys, signHash, signValue } from '../../src/audit/keys.ts';
import type { StoredRecord } from '../../src/ports/audit-store.ts';
import type { TrailRecord } from '../../src/types/audit-trail.ts';
import type { Rows } from './memory-archive.ts';
import { pick } from './random.ts';

type Random = () => number;
type Records = readonly StoredRecord[];
type Kind = (rows: Rows, random: Random, stranger: AuditKeys) => Rows;

/** What an owner of the database can do to the trail, who knows all about it but has no key. */
const kinds: Readonly<Record<string, Kind>> = {
  'a record is changed': ({ records, ...rest }, random) => ({
    ...rest,
    records: changed(records, pick(records, random), { details: { released: [] } }),
  }),
  'another agent': ({ records, ...rest }, random) => ({
    ...rest,
    records: changed(records, pick(records, random), { chain: ['agent:nobody'] }),
  }),
  'a record is changed, and all that follows with it': (rows, random) => ({
    ...rows,
    records: relinked(changed(rows.records, pick(rows.records, random), { subject: 'person:somebody' })),
  }),
  'only what it is looked up by': ({ records, ...rest }, random) => ({
    ...rest,
    records: records.map((record, i) =>
      i === Math.floor(random() * records.length) || i === 0
        ? { ...record, columns: { ...record.columns, agent: !record.columns.agent } }
        : record,
    ),
  }),
  'a record is gone': ({ records, ...rest }, random) => ({
    ...rest,
    records: records.filter((record) => record !== notLast(records, random)),
  }),
  'a record is gone, and the rest closed up': ({ records, ...rest }, random) => {
    const gone = notLast(records, random);
    return { ...rest, records: relinked(records.filter((record) => record !== gone)) };
  },
  'the first records of a segment are gone': (rows, random) => {
    const segment = pick(rows.records, random).columns.segment;
    const records = rows.records.filter(({ columns }) => columns.segment !== segment || columns.position > 1);
    return { ...rows, records };
  },
  'the end of a segment is cut off where it was signed': (rows, random) => {
    const segment = pick(coveredSegments(rows), random);
    const signed = rows.records.filter((each) => each.columns.segment === segment && each.signature !== null);
    const keep = pick(signed.slice(0, -1), random).columns.position;
    return {
      ...rows,
      records: rows.records.filter(({ columns }) => columns.segment !== segment || columns.position <= keep),
    };
  },
  'a segment is gone': (rows, random) => {
    const segment = pick(coveredSegments(rows), random);
    return { ...rows, records: rows.records.filter(({ columns }) => columns.segment !== segment) };
  },
  'a segment is gone, and its head from the checkpoints': (rows, random) => {
    const segment = pick(coveredSegments(rows), random);
    return {
      records: rows.records.filter(({ columns }) => columns.segment !== segment),
      checkpoints: rows.checkpoints.map((signed) => ({
        ...signed,
        value: { ...signed.value, closed: signed.value.closed.filter((head) => head.segment !== segment) },
      })),
    };
  },
  'a segment is there twice': (rows, random) => {
    const segment = pick(rows.records, random).columns.segment;
    return {
      ...rows,
      records: [...rows.records, ...rows.records.filter((each) => each.columns.segment === segment)],
    };
  },
  'two records are swapped': ({ records, ...rest }, random) => {
    const [a, b] = [pick(records, random), pick(records, random)];
    return { ...rest, records: records.map((each) => (each === a ? b : each === b ? a : each)) };
  },
  'a record is there twice': ({ records, ...rest }, random) => ({
    ...rest,
    records: records.toSpliced(Math.floor(random() * records.length), 0, pick(records, random)),
  }),
  'a segment that nobody wrote, signed by a stranger': (rows, random, stranger) => {
    const model = pick(rows.records, random);
    const record = { ...model.record, segment: randomUUID(), position: 1, previous: null };
    return { ...rows, records: [...rows.records, restored({ ...model, record }, stranger)] };
  },
  'a record more at an end, signed by a stranger': (rows, random, stranger) => {
    const last = pick(rows.records.filter(isLast), random);
    const record = { ...last.record, position: last.record.position + 1, previous: hashOf(last.record) };
    const at = rows.records.indexOf(last) + 1;
    return { ...rows, records: rows.records.toSpliced(at, 0, restored({ ...last, record }, stranger)) };
  },
  'a signature of another record': ({ records, ...rest }, random) => {
    const signed = records.filter(({ signature }) => signature !== null);
    const [a, b] = [pick(signed, random), pick(signed, random)];
    return {
      ...rest,
      records: records.map((each) => (each === a ? { ...a, signature: b.signature } : each)),
    };
  },
  'a last signature is gone': ({ records, ...rest }, random) => {
    const last = pick(records.filter(isLast), random);
    return {
      ...rest,
      records: records.map((each) => (each === last ? { ...last, key: null, signature: null } : each)),
    };
  },
  'another tenant': ({ records, ...rest }, random) => ({
    ...rest,
    records: changed(records, pick(records, random), { tenant: 'other' }),
  }),
  'a checkpoint is gone': (rows, random) => ({
    ...rows,
    checkpoints: rows.checkpoints.toSpliced(Math.floor(random() * (rows.checkpoints.length - 1)), 1),
  }),
  'the last checkpoint is gone': (rows) => ({ ...rows, checkpoints: rows.checkpoints.slice(0, -1) }),
  'two checkpoints are swapped': ({ checkpoints, ...rest }, random) => {
    const [a, b] = [pick(checkpoints, random), pick(checkpoints, random)];
    return { ...rest, checkpoints: checkpoints.map((each) => (each === a ? b : each === b ? a : each)) };
  },
  'a checkpoint says another time': ({ checkpoints, ...rest }, random) => {
    const at = new Date(Math.floor(random() * 2_000_000_000_000)).toISOString();
    const one = pick(checkpoints, random);
    return {
      ...rest,
      checkpoints: checkpoints.map((each) => (each === one ? { ...one, value: { ...one.value, at } } : each)),
    };
  },
  'a checkpoint signed by a stranger': ({ checkpoints, ...rest }, random, stranger) => {
    const one = pick(checkpoints, random);
    return {
      ...rest,
      checkpoints: checkpoints.map((each) =>
        each === one ? signValue(stranger, 'checkpoint', one.value) : each,
      ),
    };
  },
};

export function trailMutations(rows: Rows, count: number, random: Random, stranger: AuditKeys) {
  const names = Object.keys(kinds);
  const mutations: { readonly name: string; readonly mutated: Rows }[] = [];
  while (mutations.length < count) {
    const name = pick(names, random);
    const mutated = kinds[name]?.(rows, random, stranger) ?? rows;
    if (hashOf(mutated) !== hashOf(rows)) mutations.push({ name, mutated });
  }
  return mutations;
}

/** With columns that fit, and the signature as it was. */
function changed(records: Records, one: StoredRecord, patch: Partial<TrailRecord>): Records {
  return records.map((each) =>
    each === one ? fitted({ ...one, record: { ...one.record, ...patch } }) : each,
  );
}

function fitted(stored: StoredRecord): StoredRecord {
  const { tenant, segment, position, decision: decisionId, at, agent } = stored.record;
  const hash = hashOf(stored.record);
  return { ...stored, columns: { tenant, segment, position, decisionId, at, agent, hash } };
}

/** Positions and links as if nothing had been taken away or changed. */
function relinked(records: Records): Records {
  const done: StoredRecord[] = [];
  for (const each of records) {
    const last = done.at(-1);
    const before = last?.record.segment === each.record.segment ? last : undefined;
    const position = (before?.record.position ?? 0) + 1;
    done.push(
      fitted({ ...each, record: { ...each.record, position, previous: before?.columns.hash ?? null } }),
    );
  }
  return done;
}

function restored(stored: StoredRecord, stranger: AuditKeys): StoredRecord {
  const fits = fitted(stored);
  return { ...fits, ...signHash(stranger, 'record', fits.columns.hash) };
}

function isLast(record: StoredRecord, _: number, records: Records): boolean {
  return records.findLast(({ columns }) => columns.segment === record.columns.segment) === record;
}

function notLast(records: Records, random: Random): StoredRecord {
  return pick(
    records.filter((record, i) => !isLast(record, i, records)),
    random,
  );
}

/** A cut in any other is not to be found. */
function coveredSegments({ checkpoints }: Rows): readonly string[] {
  return checkpoints.flatMap(({ value }) => value.closed.map(({ segment }) => segment));
}
