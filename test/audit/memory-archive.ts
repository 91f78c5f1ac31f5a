import type { FoundRecord, Pseudonym, StoredRecord, TrailArchive } from '../../src/ports/audit-store.ts';
import type { Checkpoint, Signed } from '../../src/types/audit-trail.ts';
import type { Person } from '../../src/types/people.ts';

/** What a tampered archive is made of, and put together again. */
export type Rows = {
  /** By segment, then position. */
  readonly records: readonly StoredRecord[];
  readonly checkpoints: readonly Signed<Checkpoint>[];
};

/** An archive in memory, of one tenant, whose rows can be tampered with; `postgresArchive` is held to the same by its contract. */
export class MemoryArchive implements TrailArchive {
  rows: Rows = { records: [], checkpoints: [] };
  readonly #people = new Map<string, Person>();

  async add(records: readonly StoredRecord[], people: readonly Pseudonym[]): Promise<boolean> {
    await Promise.resolve();
    const pseudonyms = people.map(({ pseudonym }) => pseudonym);
    if ((await this.known('', pseudonyms)).length !== pseudonyms.length) return false;
    const all = [...this.rows.records, ...structuredClone(records)];
    this.rows = { ...this.rows, records: all.toSorted(bySegment) };
    return true;
  }

  async people(proposed: readonly Person[]): Promise<readonly Person[]> {
    return proposed.map(({ name, pseudonym, salt }) => {
      const person = this.#people.get(name) ?? { name, pseudonym, salt };
      this.#people.set(name, person);
      return person;
    });
  }

  async lastCheckpoint(): Promise<Signed<Checkpoint> | undefined> {
    return structuredClone(this.rows.checkpoints.at(-1));
  }

  async addCheckpoint(signed: Signed<Checkpoint>): Promise<boolean> {
    if (this.rows.checkpoints.some(({ value }) => value.number === signed.value.number)) return false;
    this.rows = { ...this.rows, checkpoints: [...this.rows.checkpoints, structuredClone(signed)] };
    return true;
  }

  async tip(_tenant: string, segment: string) {
    const last = this.rows.records.findLast(({ columns }) => columns.segment === segment);
    return last && { ...last.columns, key: last.key, signature: last.signature };
  }

  async tenants(): Promise<readonly string[]> {
    return [...new Set(this.rows.records.map(({ columns }) => columns.tenant))];
  }

  async *checkpoints(_tenant: string, above = -1): AsyncGenerator<Signed<Checkpoint>> {
    yield* structuredClone(this.rows.checkpoints.filter(({ value }) => value.number > above));
  }

  async *records(): AsyncGenerator<FoundRecord> {
    yield* structuredClone(this.rows.records);
  }

  async segments() {
    return [...Map.groupBy(this.rows.records, ({ columns }) => columns.segment)].map(([segment, those]) => {
      const times = those.map(({ columns }) => new Date(columns.at));
      return {
        segment,
        records: those.length,
        first: times[0] ?? new Date(),
        last: times.at(-1) ?? new Date(),
      };
    });
  }

  async known(_tenant: string, pseudonyms: readonly string[]): Promise<readonly Person[]> {
    return [...this.#people.values()].filter(({ pseudonym }) => pseudonyms.includes(pseudonym));
  }

  async *everyone(): AsyncGenerator<Person> {
    yield* this.#people.values();
  }

  /** As an owner of the database can. */
  rename(name: string, other: string): void {
    const person = this.#people.get(name);
    if (person !== undefined) this.#people.set(name, { ...person, name: other });
  }

  async pseudonymOf(_tenant: string, name: string): Promise<string | undefined> {
    return this.#people.get(name)?.pseudonym;
  }

  async forget(_tenant: string, pseudonym: string): Promise<void> {
    for (const [name, known] of this.#people) if (known.pseudonym === pseudonym) this.#people.delete(name);
  }

  async removeSegments(_tenant: string, segments: readonly string[]): Promise<void> {
    const records = this.rows.records.filter(({ columns }) => !segments.includes(columns.segment));
    this.rows = { ...this.rows, records };
  }

  async role(): Promise<string> {
    return 'owner';
  }
}

function bySegment({ columns: a }: StoredRecord, { columns: b }: StoredRecord): number {
  if (a.segment === b.segment) return a.position - b.position;
  return a.segment < b.segment ? -1 : 1;
}
