#!/usr/bin/env node
import { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { DEFAULT_TENANT, scopes } from '../../types/principal.ts';
import { DEFAULT_K, MAX_K } from '../../types/retrieval.ts';
import { addAgentCommands } from './agent-commands.ts';
import { type Asker, parseAgents, parseAsker, wholeNumber } from './arguments.ts';
import { addAuditCommands } from './audit-commands.ts';
import { addRevokeCommands } from './revoke-commands.ts';
import { addSourceCommands } from './source-commands.ts';
import type { TokenOptions } from './token.ts';
import { told } from './told.ts';

// A command reads the configuration, then loads what it needs: neither a mistake nor `token` waits for the store's code.
const program = new Command('clearance')
  .description('Every passage the person asking may read, and not one more.')
  .showHelpAfterError();

program
  .command('serve')
  .description('run the service: HTTP on HOST and PORT, data in CLEARANCE_DATA_DIR')
  .action(async () => {
    const config = readConfig(process.env);
    await (await import('./serve.ts')).serve(config);
  });

program
  .command('ingest')
  .description('write documents: an NDJSON file (.gz too), or a folder of Markdown and text files')
  .argument('[path]', 'the file or folder')
  .option(
    '--relationships <file>',
    'NDJSON of {user, relation, object, condition?}, written before the documents',
  )
  .action(async (path: string | undefined, options: { relationships?: string }) => {
    const config = readConfig(process.env);
    process.exitCode = await (await import('./ingest.ts')).ingest(config, { path, ...options });
  });

program
  .command('ask')
  .description('ask as someone: through the running service, else straight from the data folder')
  .argument('<question>')
  .requiredOption('--as <user>', 'who asks: user:anne, or agent:support-bot by itself', parseAsker)
  .option(
    '--agent <agent>',
    'the agent that asks for them: agent:support-bot; again for each that it acts for in turn',
    parseAgents,
  )
  .option('--audience <who...>', 'who else will see the answer: group:support#member')
  .option('-k <number>', 'how many passages', wholeNumber(1, MAX_K), DEFAULT_K)
  .option('--json', 'the whole answer as JSON')
  .action(
    async (
      question: string,
      options: { as: Asker; agent?: readonly string[]; audience?: string[]; k: number; json?: true },
    ) => {
      const config = readConfig(process.env);
      await (await import('./ask.ts')).ask(config, question, options);
    },
  );

program
  .command('token')
  .description('print a token of the development issuer, and nothing else')
  .requiredOption(
    '--as <user>',
    "whom the token is for: user:anne, or agent:support-bot for the agent's own",
    parseAsker,
  )
  .option(
    '--agent <agent>',
    'the agent acting for them: agent:support-bot; again for each that it acts for in turn',
    parseAgents,
  )
  .option('--scope <scope...>', `what it may do: ${scopes.join(', ')}`, ['retrieve'])
  .option('--source <source>', 'whose documents an ingest token may write')
  .option('--hours <hours>', 'how long it is valid', Number, 8)
  .action(async (options: TokenOptions) => {
    const config = readConfig(process.env);
    await (await import('./token.ts')).token(config, options);
  });

program
  .command('reembed')
  .description('embed every passage again with the configured model; stop the service first')
  .action(async () => {
    const config = readConfig(process.env);
    await (await import('./reembed.ts')).reembedAll(config);
  });

program
  .command('migrate')
  .description(
    'bring the schema, the roles and the OpenFGA store up to date; serve never does that on real parts',
  )
  .option('--tenant <tenant>', 'whose OpenFGA store is made or adopted', DEFAULT_TENANT)
  .option('--model', 'change the pinned authorization model to the one configured')
  .action(async (options: { tenant: string; model?: true }) => {
    const config = readConfig(process.env);
    await (await import('./migrate.ts')).migrate(config, options);
  });

program
  .command('tune')
  .description('measure on this machine what each way of searching costs, so that the cheapest is taken')
  .option('--questions <file>', 'questions that people have asked, one a line: 100 or more')
  .action(async (options: { questions?: string }) => {
    const config = readConfig(process.env);
    await (await import('./tune.ts')).tune(config, options);
  });

program
  .command('status')
  .description('what the outbox still holds, and whether store and engine agree')
  .action(async () => {
    const config = readConfig(process.env);
    await (await import('./status.ts')).status(config);
  });

program
  .command('reconcile')
  .description('compare the database with the OpenFGA server, as after a restore, and open the service again')
  .option('--dry-run', 'only say what would be done')
  .action(async (options: { dryRun?: true }) => {
    const config = readConfig(process.env);
    await (await import('./reconcile.ts')).reconcile(config, options.dryRun === true);
  });

program
  .command('explain')
  .description(
    'why someone may, or may not, do something: the relationships that lead there, or the ones that are missing',
  )
  .argument('<user>', 'user:anne')
  .argument('<relation>', 'can_read')
  .argument('<object>', 'document:plan')
  .option('--tenant <tenant>', 'whose relationships', DEFAULT_TENANT)
  .action(async (user: string, relation: string, object: string, options: { tenant: string }) => {
    const config = readConfig(process.env);
    await (await import('./index-commands.ts')).explainClaim(config, options.tenant, {
      user,
      relation,
      object,
    });
  });

addAgentCommands(program);
addSourceCommands(program);
addAuditCommands(program);
addRevokeCommands(program);

const index = program
  .command('index')
  .description('the permission index, which says where a search has to look');

index
  .command('verify')
  .description(
    'compare its relationships with the OpenFGA server, and what it lets people find with the engine',
  )
  .option('--people <number>', 'how many people are tried, for each tenant', wholeNumber(0), 20)
  .action(async (options: { people: number }) => {
    const config = readConfig(process.env);
    await (await import('./index-commands.ts')).verify(config, options.people);
  });

index
  .command('rebuild')
  .description('read every relationship from the OpenFGA server again')
  .action(async () => {
    const config = readConfig(process.env);
    await (await import('./index-commands.ts')).rebuild(config);
  });

index
  .command('explain')
  .description('why a document is, or is not, among what someone can find')
  .argument('<reader>', 'user:anne')
  .argument('<document>', 'document:plan')
  .option('--tenant <tenant>', 'whose relationships', DEFAULT_TENANT)
  .action(async (reader: string, document: string, options: { tenant: string }) => {
    const config = readConfig(process.env);
    await (await import('./index-commands.ts')).explain(config, options.tenant, reader, document);
  });

program
  .command('model')
  .description('authorization models')
  .command('test')
  .description('run OpenFGA store tests (.fga.yaml)')
  .argument('<files...>')
  .action(async (files: string[]) => {
    const { runStoreTests } = await import('../../model-test/run-store-tests.ts');
    const { failed } = await runStoreTests(files, (line) => console.log(line));
    process.exitCode = failed === 0 ? 0 : 1;
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error('clearance:', told(error));
  process.exitCode = 1;
}
