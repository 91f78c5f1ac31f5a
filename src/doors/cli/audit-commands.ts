import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Format } from '../../audit-operations.ts';
import { readConfig } from '../../config.ts';
import { DEFAULT_TENANT } from '../../types/principal.ts';
import { parseUser } from './arguments.ts';

type OfTenant = { readonly tenant: string };

const tenant = ['--tenant <tenant>', 'whose trail', DEFAULT_TENANT] as const;

export function addAuditCommands(program: Command): void {
  const audit = program
    .command('audit')
    .description('the audit trail: what was decided, and the proof that it is all there');

  audit
    .command('verify')
    .description('find out whether any record was changed, removed, reordered or cut off')
    .option('--file <export>', 'an export, by itself: no store is needed')
    .option('--key <public...>', 'whose signatures count: PEM, JWK or JWK Set; else the configured key')
    .option('--after <export>', 'the trail must go on from where this earlier export of it ended')
    .action(async (options: { file?: string; key?: string[]; after?: string }) => {
      const config = readConfig(process.env);
      const { verifyExported, verifyTrails } = await import('./audit.ts');
      if (options.file !== undefined) await verifyExported(config, options.file, options.key ?? []);
      else await verifyTrails(config, options.key ?? [], options.after);
    });

  audit
    .command('explain')
    .description('why what a decision released was released: the relationships then, as sentences')
    .argument('<decision>', 'its id')
    .option(...tenant)
    .action(async (decision: string, { tenant }: OfTenant) => {
      const config = readConfig(process.env);
      await (await import('./audit.ts')).explain(config, tenant, decision);
    });

  audit
    .command('export')
    .description('print a signed copy of the trail; the whole of it can be verified by itself')
    .addOption(new Option('--format <format>').choices(['ndjson', 'ocsf']).default('ndjson'))
    .option('--since <date>', 'from then on: 2027-06-30, in UTC', parseInstant)
    .option('--until <date>', 'before then', parseInstant)
    .addOption(new Option('--agents', 'only what went through an agent').conflicts('people'))
    .option('--people', 'only what people did themselves')
    .option(...tenant)
    .action(async (options: OfTenant & Exporting) => {
      const config = readConfig(process.env);
      const { format, since, until } = options;
      const holds = options.agents ? 'agents' : options.people ? 'people' : 'all';
      const selection = {
        holds,
        ...(since === undefined ? {} : { since: since.toISOString() }),
        ...(until === undefined ? {} : { until: until.toISOString() }),
      } as const;
      await (await import('./audit.ts')).exportAll(config, options.tenant, format, selection);
    });

  audit
    .command('keys')
    .description('print the public keys of its signatures, for who verifies an export')
    .action(async () => {
      const config = readConfig(process.env);
      await (await import('./audit.ts')).printKeys(config);
    });

  audit
    .command('prune')
    .description('take away closed segments whose records are all older; who did so stays proved')
    .requiredOption('--before <date>', 'before then: 2027-06-30, in UTC', parseInstant)
    .option(...tenant)
    .action(async ({ tenant, before }: OfTenant & { before: Date }) => {
      const config = readConfig(process.env);
      await (await import('./audit.ts')).pruneBefore(config, tenant, before);
    });

  audit
    .command('erase')
    .description('forget which pseudonym is whose; the records stay, and stay proved')
    .argument('<person>', 'user:anne', parseUser('user'))
    .option(...tenant)
    .action(async (name: string, { tenant }: OfTenant) => {
      const config = readConfig(process.env);
      await (await import('./audit.ts')).erase(config, tenant, `user:${name}`);
    });
}

type Exporting = {
  readonly format: Format;
  readonly since?: Date;
  readonly until?: Date;
  readonly agents?: true;
  readonly people?: true;
};

function parseInstant(value: string): Date {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('give a date: 2027-06-30');
  return date;
}
