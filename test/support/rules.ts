import type { AgentRules } from '../../src/retrieve/agent-access.ts';

/** No agent has a rule, for no agent is known. */
export const noAgents: AgentRules = {
  agents: { find: async () => [] },
  labels: { of: async (_, documents) => documents.map(() => []) },
};
