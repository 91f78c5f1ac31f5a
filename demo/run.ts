// One company's documents, three people, one agent and someone who leaves: the same questions, asked
// over HTTP with real tokens, each answered with what that person may read.
import { createReadStream, readFileSync } from 'node:fs';
import { z } from 'zod';
import { importDocuments } from '../ingest/import.ts';
import { importRelationships } from '../ingest/import-relationships.ts';
import { tuple } from '../ingest/parse.ts';
import { writeRelationships } from '../ingest/write-relationships.ts';
import type { Writer } from '../ingest/writer.ts';
import { registerAgent } from '../src/agents/registry.ts';
import { type ClearanceClient, clearanceClient } from '../src/client/client.ts';
import { openService, type Service } from '../src/compose.ts';
import { type Config, readConfig } from '../src/config.ts';
import { progressBar } from '../src/doors/cli/progress.ts';
import { told } from '../src/doors/cli/told.ts';
import { httpServer } from '../src/doors/http/server.ts';
import { developmentToken, operatorOf } from '../src/operator.ts';
import { nextSteps } from './next-steps.ts';
import { printAnswers } from './print.ts';

const corpus = (name: string) => new URL(`corpus/${name}`, import.meta.url);
const person = z.object({ id: z.string(), name: z.string(), role: z.string() });
const { company, people, agent, revoked, questions } = z
  .object({
    company: z.string(),
    people: z.tuple([person], person),
    agent: person.extend({ acts_for: z.string(), owner: z.string() }),
    revoked: person.extend({ left: z.string() }),
    questions: z.tuple([z.string()], z.string()),
  })
  .parse(JSON.parse(readFileSync(corpus('people.json'), 'utf8')));

const K = 3;
const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;

try {
  await run(readConfig(process.env));
} catch (error) {
  console.error('The demo stopped:', told(error));
  process.exitCode = 1;
}

async function run(config: Config): Promise<void> {
  console.log(
    `Opening the store in ${config.dataDir} (the first time it is made, which takes some seconds) …`,
  );
  const service = await openService(config, (error) => console.error('outbox:', told(error)));
  const app = await httpServer(service);
  try {
    const operator = await operatorOf(config);
    await registerAgent(service.registry, operator.principal, agent.id, {
      owner: `user:${agent.owner}`,
      purpose: agent.role,
      risk_class: 'low',
      expires_at: new Date(Date.now() + YEAR_MS).toISOString(),
    });
    await ingestCorpus(service, operator);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const client = async (subject: string, actor?: string) => {
      const who = { subject, ...(actor === undefined ? {} : { actor }) };
      return clearanceClient({
        url,
        token: await developmentToken(config, { ...who, scopes: ['retrieve'], lifetime: 600 }),
      });
    };

    const left = await client(revoked.id);
    const before = await ask(left);
    await askEveryone(client);
    await writeRelationships(service.write, operator, { deletes: revokedTuples() });
    printLeaving(before, await ask(left));
  } finally {
    await app.close();
    await service.close();
  }
  console.log(`\nEveryone asked the same, and nobody was shown a passage that they may not read.\n`);
  console.log(nextSteps(config, { as: people[0].id, agent: agent.id, query: questions[0], k: K }));
}

async function ingestCorpus({ write }: Service, operator: Writer): Promise<void> {
  for (const file of ['relationships.ndjson', 'revoked.ndjson']) {
    for await (const { rejected } of importRelationships(write, operator, createReadStream(corpus(file)))) {
      for (const { line, detail } of rejected) throw new Error(`${file}:${line}: ${detail}`);
    }
  }
  const total = lines('documents.ndjson').length;
  const bar = progressBar(company, 'documents');
  try {
    for await (const outcome of importDocuments(
      write,
      operator,
      createReadStream(corpus('documents.ndjson')),
    )) {
      if (outcome.status === 'rejected')
        throw new Error(`documents.ndjson:${outcome.line}: ${outcome.error.detail}`);
      bar.at(outcome.line, total, outcome.document_id);
    }
  } finally {
    bar.stop();
  }
}

async function askEveryone(
  client: (subject: string, actor?: string) => Promise<ClearanceClient>,
): Promise<void> {
  const askers = [
    ...people.map(({ id, name, role }) => ({ heading: id, who: `${name}, ${role}`, client: client(id) })),
    {
      heading: `${agent.id} for ${agent.acts_for}`,
      who: `an agent, which finds what both it and ${agent.acts_for} may read`,
      client: client(agent.acts_for, agent.id),
    },
  ];
  console.log('\nThe same questions, asked by:\n');
  for (const { heading, who } of askers) console.log(`  ${heading.padEnd(24)}${who}`);
  const answers = await Promise.all(askers.map(async (asker) => ask(await asker.client)));
  for (const [i, question] of questions.entries()) {
    printAnswers(
      question,
      askers.map(({ heading }, j) => ({ heading, results: answers[j]?.[i] ?? [] })),
    );
  }
}

function printLeaving(before: Answers, after: Answers): void {
  const { id, name, role, left } = revoked;
  console.log(
    `\n\n${name}, ${role.toLowerCase()}, left on ${left}: ${revokedTuples().length} relationships were taken away.`,
  );
  printAnswers('The best passage for each question, in order', [
    { heading: `${id}, before`, results: before.map(([best]) => best) },
    { heading: `${id}, right after`, results: after.map(([best]) => best) },
  ]);
}

type Answers = Awaited<ReturnType<typeof ask>>;

function ask(client: ClearanceClient) {
  return Promise.all(questions.map(async (query) => (await client.retrieve({ query, k: K })).results));
}

function revokedTuples() {
  return lines('revoked.ndjson').map((line) => tuple.parse(JSON.parse(line)));
}

function lines(name: string): string[] {
  return readFileSync(corpus(name), 'utf8').trim().split('\n');
}
