import type { Tuple, TupleKey } from '../types/tuple.ts';

export type TupleChange =
  | { readonly kind: 'written'; readonly tuple: Tuple }
  | { readonly kind: 'deleted'; readonly key: TupleKey };

export function changedKey(change: TupleChange): TupleKey {
  return change.kind === 'written' ? change.tuple : change.key;
}

/** A tenant's relationships, as the database keeps them. Each change has a version, committed in order. */
export interface TupleLog {
  version(tenant: string): Promise<number>;
  /** Everything, a page at a time; what changes meanwhile may be in it or not. */
  pages(tenant: string): AsyncIterable<readonly Tuple[]>;
  /** What has changed after `version`, oldest first, and the version that this leads to. */
  changesSince(
    tenant: string,
    version: number,
  ): Promise<{ readonly version: number; readonly changes: readonly TupleChange[] }>;
}

export type DocumentState = {
  readonly number: number;
  readonly id: string;
  /** The published one, or null. */
  readonly version: number | null;
  /** How many are published; 0 while it is hidden or deleted. */
  readonly chunks: number;
};

/** Which documents can be found. Publishing and hiding one raises the version of the relationships too. */
export interface DocumentLog {
  /** Documents that were published or hidden after `version`, as they are now. */
  documentsSince(tenant: string, version: number): Promise<readonly DocumentState[]>;
  /** All of them, a page at a time; what changes meanwhile may be in it or not. */
  documentPages(tenant: string): AsyncIterable<readonly DocumentState[]>;
}
