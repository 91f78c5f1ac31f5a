/** Where a tenant's relationships are in an engine of its own, and under which model they are asked. */
export type EngineStore = {
  readonly storeId: string;
  readonly modelId: string;
};

/** The pins that `clearance migrate` sets: a service asks exactly this store under exactly this model. */
export interface EngineStores {
  /** Throws `engine_unavailable` for a tenant that has none yet, naming the command that makes one. */
  of(tenant: string): Promise<EngineStore>;
}
