import { changeAgent, listAgents, readAgent, registerAgent, removeAgent } from '../../agents/registry.ts';
import type { Config } from '../../config.ts';
import { withRegistry } from '../../operations.ts';
import { operatorOf } from '../../operator.ts';
import type { AgentChange, AgentRegistration, AgentResponse } from '../../types/agent.ts';

type Tenant = { readonly tenant: string };

/** Who holds the data folder, or may log in to the database, is an administrator of it. */
async function operator(config: Config, { tenant }: Tenant) {
  const { principal } = await operatorOf(config);
  return { ...principal, tenant };
}

export async function register(
  config: Config,
  id: string,
  of: Tenant,
  input: AgentRegistration,
): Promise<void> {
  const by = await operator(config, of);
  const { agent } = await withRegistry(config, (registry) => registerAgent(registry, by, id, input));
  print(agent);
}

export async function change(config: Config, id: string, of: Tenant, input: AgentChange): Promise<void> {
  const by = await operator(config, of);
  print(await withRegistry(config, (registry) => changeAgent(registry, by, id, input)));
}

export async function remove(config: Config, id: string, of: Tenant): Promise<void> {
  const by = await operator(config, of);
  await withRegistry(config, (registry) => removeAgent(registry, by, id));
  console.log(`${id} is no longer known, and gets nothing.`);
}

export async function show(config: Config, id: string, of: Tenant): Promise<void> {
  const by = await operator(config, of);
  print(await withRegistry(config, (registry) => readAgent(registry, by, id)));
}

export async function list(config: Config, of: Tenant): Promise<void> {
  const by = await operator(config, of);
  await withRegistry(config, async (registry) => {
    for (let after: string | null = ''; after !== null; ) {
      const { agents, next }: Awaited<ReturnType<typeof listAgents>> = await listAgents(registry, by, after);
      for (const agent of agents) print(agent);
      after = next;
    }
  });
}

function print(agent: AgentResponse): void {
  const { id, standing, owner, purpose, risk_class, expires_at, created_by, created_at } = agent;
  const { reviewed_by, reviewed_at } = agent;
  console.log(`${id}: ${standing}, ${risk_class} risk, until ${expires_at}`);
  console.log(`  ${purpose}`);
  console.log(`  owner: ${owner ?? 'none'}; created by ${created_by}, ${created_at}`);
  console.log(`  reviewed: ${reviewed_by === null ? 'never' : `by ${reviewed_by}, ${reviewed_at}`}`);
}
