import type { Checkpoint, Signed, TrailRecord } from '../types/audit-trail.ts';
import type { Person } from '../types/people.ts';

/** A record beside what the store keeps apart from it, to look it up by. */
export type StoredRecord = Signature & { readonly record: TrailRecord; readonly columns: StoredColumns };

/** Of the last record of each segment that is added together. */
type Signature = { readonly key: string | null; readonly signature: string | null };

export type StoredColumns = {
  readonly tenant: string;
  readonly segment: string;
  readonly position: number;
  readonly decisionId: string;
  readonly at: string;
  readonly agent: boolean;
  readonly hash: string;
};

/** As a store or a file has them: what they are has to be found out. */
export type FoundRecord = Signature & { readonly record: unknown; readonly columns?: StoredColumns };
export type FoundCheckpoint = Signed<unknown>;

export type Pseudonym = { readonly tenant: string; readonly pseudonym: string };

/** What keeps the trail, as far as a service needs it: it adds, and reads no record. */
export interface TrailStore {
  /**
   * All of them or none, durable once it has resolved. False, and none, where one of `people` is nobody any more, or where it is
   * later than `until`.
   */
  add(records: readonly StoredRecord[], people: readonly Pseudonym[], until: Date): Promise<boolean>;
  /** Each as they are known, in their order; who is not is known as proposed from now on. */
  people(proposed: readonly (Person & { readonly tenant: string })[]): Promise<readonly Person[]>;
  lastCheckpoint(tenant: string): Promise<Signed<Checkpoint> | undefined>;
  /** False where there is one of that number. */
  addCheckpoint(signed: Signed<Checkpoint>): Promise<boolean>;
  /** The last record of a segment, without what is in it. */
  tip(
    tenant: string,
    segment: string,
  ): Promise<(Signature & { readonly position: number; readonly hash: string }) | undefined>;
}

/** For who may read all of it, and take from it: the owner of the tables. */
export interface TrailArchive extends TrailStore {
  tenants(): Promise<readonly string[]>;
  /** By their numbers, those above `after` only. */
  checkpoints(tenant: string, after?: number): AsyncIterable<FoundCheckpoint>;
  /** By segment and position. */
  records(tenant: string): AsyncIterable<FoundRecord>;
  segments(tenant: string): Promise<readonly SegmentSum[]>;
  /** Those among them who are still known. */
  known(tenant: string, pseudonyms: readonly string[]): Promise<readonly Person[]>;
  /** Everyone who is still known, by name. */
  everyone(tenant: string): AsyncIterable<Person>;
  pseudonymOf(tenant: string, name: string): Promise<string | undefined>;
  forget(tenant: string, pseudonym: string): Promise<void>;
  removeSegments(tenant: string, segments: readonly string[]): Promise<void>;
  /** Who it is that may do this, as the store knows them. */
  role(): Promise<string>;
}

/** Times of its first and last record. */
export type SegmentSum = {
  readonly segment: string;
  readonly records: number;
  readonly first: Date;
  readonly last: Date;
};
