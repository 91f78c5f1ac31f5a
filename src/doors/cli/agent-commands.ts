import { type Command, InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../../config.ts';
import { type AgentAccess, usages } from '../../types/access.ts';
import type { AgentRegistration } from '../../types/agent.ts';
import { parseUser } from './arguments.ts';
import type { OfTenant } from './registry.ts';
import { addEntryCommands, entryCommand, owner, purpose } from './registry-commands.ts';

type Given = {
  readonly owner: string;
  readonly purpose: string;
  readonly risk: AgentRegistration['risk_class'];
  readonly expires: string;
};
type Rule = AgentAccess['rules'][number];

const expires = ['--expires <date>', 'until when it may ask: 2027-06-30'] as const;
const risk = () => new Option('--risk <class>').choices(['low', 'medium', 'high']);

export function addAgentCommands(program: Command): void {
  const agents = program
    .command('agents')
    .description('the agents that are known: any other gets nothing, whoever it asks for');
  const command = entryCommand(agents, ['<agent>', 'agent:support-bot', parseUser('agent')]);

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
      await (await import('./agents.ts')).actions.change(config, id, options, input);
    });
  command('access', 'say what it may use by itself, what needs approval and what it never gets')
    .argument('[rules...]', 'label:pii=never or relation:editor=approval; none: only the default', parseRules)
    .addOption(new Option('--default <rule>', 'for all else').choices(usages).default('alone'))
    .action(
      async (
        id: string,
        rules: readonly Rule[],
        options: OfTenant & { readonly default: AgentAccess['default'] },
      ) => {
        const config = readConfig(process.env);
        const access = { default: options.default, rules: [...rules] };
        await (await import('./agents.ts')).actions.change(config, id, options, { access });
      },
    );
  addEntryCommands(agents, command, {
    without: 'it gets nothing',
    actions: async () => (await import('./agents.ts')).actions,
  });
}

/** A day counts to its end, in UTC. */
function endOf(date: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(date) ? `${date}T23:59:59Z` : date;
}

/** A label may hold a "=", so the last one counts. */
function parseRules(value: string, before: readonly Rule[] = []): readonly Rule[] {
  const [, kind, name = '', given] = /^(label|relation):(.+)=([^=]*)$/s.exec(value) ?? [];
  const rule = usages.find((each) => each === given);
  if (rule === undefined) {
    throw new InvalidArgumentError(`write label:NAME=RULE or relation:NAME=RULE, with ${usages.join(', ')}`);
  }
  return [...before, kind === 'label' ? { label: name, rule } : { relation: name, rule }];
}
