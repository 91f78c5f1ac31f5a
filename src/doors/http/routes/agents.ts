import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  changeAgent,
  listAgents,
  type Registry,
  readAgent,
  registerAgent,
  removeAgent,
} from '../../../agents/registry.ts';
import type { Identity } from '../../../ports/identity.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import {
  type AgentChange,
  type AgentRegistration,
  agentChange,
  agentRegistration,
  agentResponse,
} from '../../../types/agent.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

type One = { Params: { id: string } };
const failures = { '4xx': problem, '5xx': problem };

export function agentRoutes(
  app: FastifyInstance,
  { identity, registry }: { readonly identity: Identity; readonly registry: Registry },
): void {
  const admin = async (request: Parameters<typeof presentedBy>[0]) =>
    (await authenticate(identity, presentedBy(request), 'admin')).principal;

  app.put<One & { Body: AgentRegistration }>(
    '/v1/agents/:id',
    {
      schema: {
        summary: 'Makes an agent known, or takes the place of what was known of it',
        body: agentRegistration,
        response: { 200: agentResponse, 201: agentResponse, ...failures },
      },
    },
    async (request, reply) => {
      const by = await admin(request);
      const { agent, created } = await registerAgent(registry, by, request.params.id, request.body);
      return reply.code(created ? 201 : 200).send(agent);
    },
  );
  app.patch<One & { Body: AgentChange }>(
    '/v1/agents/:id',
    {
      schema: {
        summary: 'Changes what is known of an agent: suspends it, gives it another owner, notes a review',
        body: agentChange,
        response: { 200: agentResponse, ...failures },
      },
    },
    async (request) => changeAgent(registry, await admin(request), request.params.id, request.body),
  );
  app.delete<One>(
    '/v1/agents/:id',
    {
      schema: {
        summary: 'Forgets an agent, which then gets nothing',
        response: { 204: z.null(), ...failures },
      },
    },
    async (request, reply) => {
      await removeAgent(registry, await admin(request), request.params.id);
      return reply.code(204).send();
    },
  );
  app.get<One>(
    '/v1/agents/:id',
    { schema: { summary: 'What is known of an agent', response: { 200: agentResponse, ...failures } } },
    async (request) => readAgent(registry, await admin(request), request.params.id),
  );
  app.get<{ Querystring: { after?: string } }>(
    '/v1/agents',
    {
      schema: {
        summary: 'The agents that are known, by id, a thousand at a time',
        querystring: z.object({ after: z.string().optional() }),
        response: {
          200: z.object({ agents: z.array(agentResponse), next: z.string().nullable() }),
          ...failures,
        },
      },
    },
    async (request) => listAgents(registry, await admin(request), request.query.after),
  );
}
