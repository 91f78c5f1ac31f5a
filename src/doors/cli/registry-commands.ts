import type { Command } from 'commander';
import { type Config, readConfig } from '../../config.ts';
import { DEFAULT_TENANT } from '../../types/principal.ts';
import type { OfTenant } from './registry.ts';

type Simple =
  | { readonly state: 'active' | 'suspended' }
  | { readonly reviewed: true }
  | { readonly owner: null };
type Actions = {
  change(config: Config, id: string, of: OfTenant, input: Simple): Promise<void>;
  remove(config: Config, id: string, of: OfTenant): Promise<void>;
  show(config: Config, id: string, of: OfTenant): Promise<void>;
  list(config: Config, of: OfTenant): Promise<void>;
};

export const owner = ['--owner <user>', 'the person who answers for it: user:anne'] as const;
export const purpose = ['--purpose <text>', 'what it is for'] as const;

/** A command on one entry: the id is its first argument. */
export function entryCommand(
  group: Command,
  argument: readonly [name: string, description: string, parse: (value: string) => string],
): (name: string, description: string) => Command {
  return (name, description) =>
    group
      .command(name)
      .description(description)
      .argument(...argument)
      .option('--tenant <tenant>', 'in which tenant', DEFAULT_TENANT);
}

/** Those that all registries have. */
export function addEntryCommands(
  group: Command,
  command: (name: string, description: string) => Command,
  { without, actions }: { readonly without: string; readonly actions: () => Promise<Actions> },
): void {
  for (const [name, description, change] of [
    ['suspend', `${without}, from now on`, { state: 'suspended' }],
    ['resume', 'take the suspension back', { state: 'active' }],
    ['review', 'note that somebody has looked at it and found it right', { reviewed: true }],
    ['disown', `take away its owner: ${without} until it has one`, { owner: null }],
  ] as const) {
    command(name, description).action(async (id: string, options: OfTenant) => {
      const config = readConfig(process.env);
      await (await actions()).change(config, id, options, change);
    });
  }
  command('show', 'what is known of it').action(async (id: string, options: OfTenant) => {
    const config = readConfig(process.env);
    await (await actions()).show(config, id, options);
  });
  command('remove', 'forget it').action(async (id: string, options: OfTenant) => {
    const config = readConfig(process.env);
    await (await actions()).remove(config, id, options);
  });
  group
    .command('list')
    .description('all of them')
    .option('--tenant <tenant>', 'in which tenant', DEFAULT_TENANT)
    .action(async (options: OfTenant) => {
      const config = readConfig(process.env);
      await (await actions()).list(config, options);
    });
}
