import type { Agent } from '../types/agent.ts';
import type { Entries } from './entries.ts';

/** The agents that are known, of each tenant. */
export interface Agents extends Entries<Agent> {
  /** Ids of those that a person answers for. */
  ownedBy(tenant: string, owner: string): Promise<readonly string[]>;
}
