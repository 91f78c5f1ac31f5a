import type { Agent } from '../types/agent.ts';
import type { Entries } from './entries.ts';

/** The agents that are known, of each tenant. */
export type Agents = Entries<Agent>;
