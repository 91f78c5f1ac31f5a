import { type Registries, requireRelations } from '../registry/registries.ts';
import { change, list, type Registry, read, register, remove } from '../registry/registry.ts';
import { type AgentAccess, relationsIn, UNRULED } from '../types/access.ts';
import {
  type Agent,
  type AgentChange,
  type AgentRegistration,
  type AgentResponse,
  agentChange,
  agentId,
  agentRegistration,
  standingOf,
} from '../types/agent.ts';
import { parseInput } from '../types/parse.ts';
import type { Principal } from '../types/principal.ts';
import { toldRegistered } from '../types/registered.ts';

/** All of these are for administrators: the door has made sure. */
export async function registerAgent(
  registries: Registries,
  by: Principal,
  id: string,
  input: AgentRegistration,
): Promise<{ readonly agent: AgentResponse; readonly created: boolean }> {
  const { owner, purpose, risk_class, expires_at, state, access } = parseInput(agentRegistration, input);
  await requireKnown(registries, access);
  const { entry: agent, created } = await register(agentsIn(registries), by, id, (known, before) => ({
    ...known,
    owner,
    purpose,
    state,
    riskClass: risk_class,
    expiresAt: expires_at,
    access: access ?? before?.access ?? UNRULED,
  }));
  return { agent, created };
}

export async function changeAgent(
  registries: Registries,
  by: Principal,
  id: string,
  input: AgentChange,
): Promise<AgentResponse> {
  const { owner, purpose, risk_class, expires_at, state, access, reviewed } = parseInput(agentChange, input);
  await requireKnown(registries, access);
  const fields = {
    ...(owner === undefined ? {} : { owner: owner ?? undefined }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(state === undefined ? {} : { state }),
    ...(access === undefined ? {} : { access }),
    ...(risk_class === undefined ? {} : { riskClass: risk_class }),
    ...(expires_at === undefined ? {} : { expiresAt: expires_at }),
  };
  return change(agentsIn(registries), by, id, { fields, reviewed: reviewed === true });
}

export function removeAgent(registries: Registries, by: Principal, id: string): Promise<void> {
  return remove(agentsIn(registries), by, id);
}

export function readAgent(registries: Registries, by: Principal, id: string): Promise<AgentResponse> {
  return read(agentsIn(registries), by, id);
}

export async function listAgents(registries: Registries, by: Principal, after?: string) {
  const { page: agents, next } = await list(agentsIn(registries), by, after);
  return { agents, next };
}

function agentsIn({ agents, audit }: Registries): Registry<Agent, AgentResponse> {
  return {
    entries: agents,
    audit,
    noun: 'agent',
    idOf: (text) => parseInput(agentId, text),
    events: { write: 'write_agent', remove: 'delete_agent' },
    told,
  };
}

function told(agent: Agent): AgentResponse {
  const standing = standingOf(agent, new Date());
  return {
    ...toldRegistered(agent),
    standing: standing === 'unregistered' ? 'suspended' : standing,
    risk_class: agent.riskClass,
    expires_at: agent.expiresAt.toISOString(),
    access: agent.access,
  };
}

/** On a relation that the model lacks the engine has no verdict, so the agent would get nothing but failures. */
async function requireKnown({ vocabulary }: Registries, access: AgentAccess | undefined): Promise<void> {
  if (access !== undefined) await requireRelations(vocabulary, vocabulary.guardedType, relationsIn(access));
}
