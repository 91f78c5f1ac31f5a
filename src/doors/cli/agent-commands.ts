import { type Command, Option } from 'commander';
import { readConfig } from '../../config.ts';
import type { AgentRegistration } from '../../types/agent.ts';
import { DEFAULT_TENANT } from '../../types/principal.ts';
import { parseUser } from './arguments.ts';

type OfTenant = { readonly tenant: string };
type Given = {
  readonly owner: string;
  readonly purpose: string;
  readonly risk: AgentRegistration['risk_class'];
  readonly expires: string;
};

const owner = ['--owner <user>', 'the person who answers for it: user:anne'] as const;
const purpose = ['--purpose <text>', 'what it is for'] as const;
const expires = ['--expires <date>', 'until when it may ask: 2027-06-30'] as const;
const risk = () => new Option('--risk <class>').choices(['low', 'medium', 'high']);

export function addAgentCommands(program: Command): void {
  const agents = program
    .command('agents')
    .description('the agents that are known: any other gets nothing, whoever it asks for');
  const command = (name: string, description: string) =>
    agents
      .command(name)
      .description(description)
      .argument('<agent>', 'agent:support-bot', parseUser('agent'))
      .option('--tenant <tenant>', 'whose agent', DEFAULT_TENANT);

  command('register', 'make an agent known, or take the place of what was known of it')
    .requiredOption(...owner)
    .requiredOption(...purpose)
    .addOption(risk().makeOptionMandatory())
    .requiredOption(...expires)
    .action(async (id: string, options: OfTenant & Given) => {
      const config = readConfig(process.env);
      const { owner, purpose, risk, expires } = options;
      const input = { owner, purpose, risk_class: risk, expires_at: endOf(expires) };
      await (await import('./agents.ts')).register(config, id, options, input);
    });
  command('change', 'give it another owner, purpose, risk class or end')
    .option(...owner)
    .option(...purpose)
    .addOption(risk())
    .option(...expires)
    .action(async (id: string, options: OfTenant & Partial<Given>) => {
      const config = readConfig(process.env);
      const { owner, purpose, risk, expires } = options;
      const input = {
        ...(owner === undefined ? {} : { owner }),
        ...(purpose === undefined ? {} : { purpose }),
        ...(risk === undefined ? {} : { risk_class: risk }),
        ...(expires === undefined ? {} : { expires_at: endOf(expires) }),
      };
      await (await import('./agents.ts')).change(config, id, options, input);
    });
  for (const [name, description, change] of [
    ['suspend', 'it gets nothing, from now on', { state: 'suspended' }],
    ['resume', 'it may ask again', { state: 'active' }],
    ['review', 'note that somebody has looked at it and found it right', { reviewed: true }],
    ['disown', 'take away its owner: it gets nothing until it has one', { owner: null }],
  ] as const) {
    command(name, description).action(async (id: string, options: OfTenant) => {
      const config = readConfig(process.env);
      await (await import('./agents.ts')).change(config, id, options, change);
    });
  }
  command('show', 'what is known of it').action(async (id: string, options: OfTenant) => {
    const config = readConfig(process.env);
    await (await import('./agents.ts')).show(config, id, options);
  });
  command('remove', 'forget it: it gets nothing').action(async (id: string, options: OfTenant) => {
    const config = readConfig(process.env);
    await (await import('./agents.ts')).remove(config, id, options);
  });
  agents
    .command('list')
    .description('all of them')
    .option('--tenant <tenant>', 'whose agents', DEFAULT_TENANT)
    .action(async (options: OfTenant) => {
      const config = readConfig(process.env);
      await (await import('./agents.ts')).list(config, options);
    });
}

/** A day counts to its end, in UTC. */
function endOf(date: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(date) ? `${date}T23:59:59Z` : date;
}
