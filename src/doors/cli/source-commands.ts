import { type Command, InvalidArgumentError } from 'commander';
import { readConfig } from '../../config.ts';
import type { Grants } from '../../types/source.ts';
import type { OfTenant } from './registry.ts';
import { addEntryCommands, entryCommand, owner, purpose } from './registry-commands.ts';

type Given = { readonly owner: string; readonly purpose: string };

export function addSourceCommands(program: Command): void {
  const sources = program
    .command('sources')
    .description('the sources of documents that are known: in production mode, no other may write');
  const command = entryCommand(sources, ['<source>', 'as the claim "source" of its tokens', (id) => id]);

  command('register', 'make a source known, or take the place of what was known of it')
    .requiredOption(...owner)
    .requiredOption(...purpose)
    .option('--grant <relationship>', 'also granted: group#member; as often as needed', parseGrants, [])
    .action(async (id: string, options: OfTenant & Given & { readonly grant: Grants }) => {
      const config = readConfig(process.env);
      const { owner, purpose, grant: grants } = options;
      await (await import('./sources.ts')).register(config, id, options, { owner, purpose, grants });
    });
  command('change', 'give it another owner or purpose')
    .option(...owner)
    .option(...purpose)
    .action(async (id: string, options: OfTenant & Partial<Given>) => {
      const config = readConfig(process.env);
      const { owner, purpose } = options;
      const input = {
        ...(owner === undefined ? {} : { owner }),
        ...(purpose === undefined ? {} : { purpose }),
      };
      await (await import('./sources.ts')).actions.change(config, id, options, input);
    });
  command('grant', 'say which relationships it may write beside those of its documents: these and no others')
    .argument('[relationships...]', 'group#member; none: only those of its documents', parseGrants)
    .action(async (id: string, grants: Grants | undefined, options: OfTenant) => {
      const config = readConfig(process.env);
      await (await import('./sources.ts')).actions.change(config, id, options, { grants: grants ?? [] });
    });
  addEntryCommands(sources, command, {
    without: 'it may write nothing',
    actions: async () => (await import('./sources.ts')).actions,
  });
}

function parseGrants(value: string, before: Grants = []): Grants {
  const [, type, relation] = /^([^#]+)#([^#]+)$/.exec(value) ?? [];
  if (type === undefined || relation === undefined) {
    throw new InvalidArgumentError('write it as TYPE#RELATION: group#member');
  }
  const same = before.find((each) => each.type === type);
  if (same === undefined) return [...before, { type, relations: [relation] }];
  return before.map((each) => (each === same ? { type, relations: [...each.relations, relation] } : each));
}
