import type { FastifyInstance } from 'fastify';
import { changeAgent, listAgents, readAgent, registerAgent, removeAgent } from '../../../agents/registry.ts';
import { agentChange, agentRegistration, agentResponse } from '../../../types/agent.ts';
import { type Administered, registryRoutes } from './registry.ts';

export function agentRoutes(app: FastifyInstance, { identity, registries }: Administered): void {
  registryRoutes(app, identity, {
    name: 'agents',
    summaries: {
      put: 'Makes an agent known, or takes the place of what was known of it',
      patch: 'Changes what is known of an agent: suspends it, sets what it may use by itself, notes a review',
      delete: 'Forgets an agent, which then gets nothing',
      get: 'What is known of an agent',
      list: 'The agents that are known, by id, a thousand at a time',
    },
    registration: agentRegistration,
    change: agentChange,
    told: agentResponse,
    async register(by, id, input) {
      const { agent: told, created } = await registerAgent(registries, by, id, input);
      return { told, created };
    },
    alter: (by, id, input) => changeAgent(registries, by, id, input),
    remove: (by, id) => removeAgent(registries, by, id),
    read: (by, id) => readAgent(registries, by, id),
    list: (by, after) => listAgents(registries, by, after),
  });
}
