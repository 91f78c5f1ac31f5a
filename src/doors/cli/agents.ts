import { changeAgent, listAgents, readAgent, registerAgent, removeAgent } from '../../agents/registry.ts';
import type { Config } from '../../config.ts';
import type { AgentAccess } from '../../types/access.ts';
import type { AgentChange, AgentRegistration, AgentResponse } from '../../types/agent.ts';
import { administer, type OfTenant, printResponsible, registryActions } from './registry.ts';

export async function register(
  config: Config,
  id: string,
  of: OfTenant,
  input: AgentRegistration,
): Promise<void> {
  const { agent } = await administer(config, of, (all, by) => registerAgent(all, by, id, input));
  print(agent);
}

export const actions = registryActions<AgentChange, AgentResponse>({
  alter: changeAgent,
  remove: removeAgent,
  read: readAgent,
  async list(all, by, after) {
    const { agents: page, next } = await listAgents(all, by, after);
    return { page, next };
  },
  print,
  gone: 'is no longer known, and gets nothing.',
});

function print(agent: AgentResponse): void {
  const { id, standing, purpose, risk_class, expires_at, access } = agent;
  console.log(`${id}: ${standing}, ${risk_class} risk, until ${expires_at}`);
  console.log(`  ${purpose}`);
  printResponsible(agent);
  console.log(`  may use: ${toldAccess(access)}`);
}

function toldAccess({ default: otherwise, rules }: AgentAccess): string {
  if (rules.length === 0 && otherwise === 'alone') return 'what it may read';
  const told = rules.map((each) => {
    const about = 'label' in each ? `label:${each.label}` : `relation:${each.relation}`;
    return `${about}=${each.rule}`;
  });
  return [...told, `all else ${otherwise}`].join(', ');
}
