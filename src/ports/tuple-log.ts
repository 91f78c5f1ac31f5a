import type { Tuple, TupleKey } from '../types/tuple.ts';

export type TupleChange =
  | { readonly kind: 'written'; readonly tuple: Tuple }
  | { readonly kind: 'deleted'; readonly key: TupleKey };

/** The embedded engine's relationships, as the database keeps them. Each change has a version, committed in order. */
export interface TupleLog {
  version(tenant: string): Promise<number>;
  /** Everything, and the version it is as of. */
  snapshot(tenant: string): Promise<{ readonly version: number; readonly tuples: readonly Tuple[] }>;
  /** What has changed after `version`, oldest first, and the version that this leads to. */
  changesSince(
    tenant: string,
    version: number,
  ): Promise<{ readonly version: number; readonly changes: readonly TupleChange[] }>;
}
