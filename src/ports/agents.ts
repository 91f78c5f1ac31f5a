import type { Agent } from '../types/agent.ts';

/** The agents that are known, of each tenant. */
export interface Agents {
  /** Those of these ids that there are. */
  find(tenant: string, ids: readonly string[]): Promise<readonly Agent[]>;
  /** By id, from the one after `after` on. */
  list(tenant: string, after: string, limit: number): Promise<readonly Agent[]>;
  /** Ids of those that a person answers for. */
  ownedBy(tenant: string, owner: string): Promise<readonly string[]>;
  /** False where it is no longer of `revision`; undefined: where there is one of this id. */
  put(tenant: string, agent: Agent, revision: number | undefined): Promise<boolean>;
  remove(tenant: string, id: string, revision: number): Promise<boolean>;
}
