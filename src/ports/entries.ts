/** What a registry keeps of each tenant: its agents, its sources. */
export interface Entries<Entry> {
  /** Those of these ids that there are. */
  find(tenant: string, ids: readonly string[]): Promise<readonly Entry[]>;
  /** By id, from the one after `after` on. */
  list(tenant: string, after: string, limit: number): Promise<readonly Entry[]>;
  /** False where it is no longer of `revision`; undefined: where there is one of this id. */
  put(tenant: string, entry: Entry, revision: number | undefined): Promise<boolean>;
  remove(tenant: string, id: string, revision: number): Promise<boolean>;
}
