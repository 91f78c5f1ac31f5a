import type { Tuple, TupleKey } from '../types/tuple.ts';

/** One question to the engine. */
export type Check = {
  /** Echoed in the response; matches `^[\w-]{1,36}$`, so it can't be a document id. */
  readonly correlationId: string;
  readonly user: string;
  readonly relation: string;
  readonly object: string;
};

export type BatchCheck = {
  readonly tenant: string;
  /** At most 50. */
  readonly checks: readonly Check[];
  /** Values for the model's conditions, the same for every check. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly contextualTuples?: readonly Tuple[];
  /** Aborted at the caller's deadline; an answer after that is not read. */
  readonly signal: AbortSignal;
};

export type ListQuestion = {
  readonly tenant: string;
  readonly user: string;
  readonly relation: string;
  readonly type: string;
  /** By this relation an object that is not there is made one of the list: an answer without it is to another question. */
  readonly mark: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
};

/**
 * What came back for one check. A result is reported as the engine gave it: it is the enforcement
 * step, not the engine, that decides what a missing, duplicate or failed one means.
 */
export type CheckResult = {
  readonly correlationId: string;
  readonly allowed: boolean;
  /** Present where the engine could not decide; `allowed` is then worth nothing. */
  readonly error?: string;
};

/** Answers checks, always at the newest state of the relationships (OpenFGA's HIGHER_CONSISTENCY). */
export interface Engine {
  /** Rejects where the whole call failed; a failed single check is a result with `error`. */
  batchCheck(batch: BatchCheck): Promise<readonly CheckResult[]>;
  /** Objects of a type that someone has a relation to: perhaps not all, but no others. Absent where there is no such call. */
  listObjects?(question: ListQuestion): Promise<readonly string[]>;
}

export const MAX_CHECKS_A_BATCH = 50;

/** What conditions are told in every check of a request. */
export function contextNow(): Readonly<Record<string, unknown>> {
  return { current_time: new Date().toISOString() };
}

export type TupleChanges = {
  readonly writes: readonly Tuple[];
  readonly deletes: readonly TupleKey[];
};

/** Where relationships are kept: the engine's own store. */
export interface Relationships {
  /**
   * Applies both lists, all or nothing, at most 100 tuples together. A write of what is there and a
   * delete of what is not are no errors. Throws `invalid_relationship` for one that is there with another
   * condition. That the model allows each has been checked before.
   */
  write(tenant: string, changes: TupleChanges): Promise<{ written: number; deleted: number }>;
  /** Every tuple whose object is `object`. */
  ofObject(tenant: string, object: string): Promise<readonly Tuple[]>;
  /** Tuples of one relation of an object, `limit` of them at most: reading stops there, and with the signal. */
  ofRelation(
    tenant: string,
    of: Pick<Tuple, 'object' | 'relation'>,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly Tuple[]>;
  /** Every tuple whose user is `object` itself or a userset of it. */
  mentioning(tenant: string, object: string): Promise<readonly Tuple[]>;
  /** Grows with every change; opaque. */
  watermark(tenant: string): Promise<string>;
}

export const MAX_TUPLES_A_WRITE = 100;
