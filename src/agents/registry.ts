import { randomUUID } from 'node:crypto';
import type { Agents } from '../ports/agents.ts';
import { type AuditLog, type AuditRecord, whoOf } from '../ports/audit.ts';
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
import { ClearanceError } from '../types/errors.ts';
import { parseInput } from '../types/parse.ts';
import type { Principal } from '../types/principal.ts';

export type Registry = { readonly agents: Agents; readonly audit: AuditLog };

/** What a page holds at most. */
const PAGE = 1_000;

/** All of these are for administrators: the door has made sure. */
export async function registerAgent(
  registry: Registry,
  by: Principal,
  id: string,
  input: AgentRegistration,
): Promise<{ readonly agent: AgentResponse; readonly created: boolean }> {
  const {
    owner,
    purpose,
    risk_class: riskClass,
    expires_at: expiresAt,
    state,
  } = parseInput(agentRegistration, input);
  const before = await known(registry, by, id);
  const after: Agent = {
    id,
    owner,
    purpose,
    riskClass,
    state,
    expiresAt,
    createdBy: before?.createdBy ?? by.subject,
    createdAt: before?.createdAt ?? new Date(),
    reviewed: before?.reviewed,
    revision: (before?.revision ?? 0) + 1,
  };
  await write(registry, by, before, after);
  return { agent: told(after), created: before === undefined };
}

export async function changeAgent(
  registry: Registry,
  by: Principal,
  id: string,
  input: AgentChange,
): Promise<AgentResponse> {
  const { owner, purpose, risk_class, expires_at, state, reviewed } = parseInput(agentChange, input);
  const before = (await known(registry, by, id)) ?? unknown();
  const after: Agent = {
    ...before,
    ...(owner === undefined ? {} : { owner: owner ?? undefined }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(risk_class === undefined ? {} : { riskClass: risk_class }),
    ...(expires_at === undefined ? {} : { expiresAt: expires_at }),
    ...(state === undefined ? {} : { state }),
    ...(reviewed === undefined ? {} : { reviewed: { by: by.subject, at: new Date() } }),
    revision: before.revision + 1,
  };
  await write(registry, by, before, after);
  return told(after);
}

export async function removeAgent(registry: Registry, by: Principal, id: string): Promise<void> {
  const before = (await known(registry, by, id)) ?? unknown();
  await audit(registry, by, 'delete_agent', { before: told(before) });
  if (!(await registry.agents.remove(by.tenant, id, before.revision))) throw changedMeanwhile();
}

export async function readAgent(registry: Registry, by: Principal, id: string): Promise<AgentResponse> {
  return told((await known(registry, by, id)) ?? unknown());
}

/** By id, from the one after `after` on; `next` is where to go on. */
export async function listAgents({ agents }: Registry, by: Principal, after = '') {
  const from = after === '' ? '' : parseInput(agentId, after);
  const page = (await agents.list(by.tenant, from, PAGE)).map(told);
  return { agents: page, next: page.length < PAGE ? null : (page.at(-1)?.id ?? null) };
}

async function known({ agents }: Registry, { tenant }: Principal, id: string): Promise<Agent | undefined> {
  const [agent] = await agents.find(tenant, [parseInput(agentId, id)]);
  return agent;
}

async function write(
  registry: Registry,
  by: Principal,
  before: Agent | undefined,
  after: Agent,
): Promise<void> {
  await audit(registry, by, 'write_agent', {
    ...(before === undefined ? {} : { before: told(before) }),
    after: told(after),
  });
  if (!(await registry.agents.put(by.tenant, after, before?.revision))) throw changedMeanwhile();
}

function audit(
  { audit }: Registry,
  by: Principal,
  event: AuditRecord['event'],
  details: AuditRecord['details'],
): Promise<void> {
  return audit.append({ ...whoOf(by), decisionId: randomUUID(), event, details });
}

function told(agent: Agent): AgentResponse {
  const { id, purpose, riskClass, state, reviewed } = agent;
  const standing = standingOf(agent, new Date());
  return {
    id,
    standing: standing === 'unregistered' ? 'suspended' : standing,
    owner: agent.owner ?? null,
    purpose,
    risk_class: riskClass,
    state,
    expires_at: agent.expiresAt.toISOString(),
    created_by: agent.createdBy,
    created_at: agent.createdAt.toISOString(),
    reviewed_by: reviewed?.by ?? null,
    reviewed_at: reviewed?.at.toISOString() ?? null,
  };
}

function unknown(): never {
  throw new ClearanceError('not_found', 'No such agent.');
}

function changedMeanwhile(): ClearanceError {
  return new ClearanceError(
    'conflict',
    'Somebody else has changed this agent meanwhile. Read it again, and try again.',
  );
}
