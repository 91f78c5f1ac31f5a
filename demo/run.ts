// One company's documents, three people, one agent and someone who has left: the same questions, asked
// over HTTP with real tokens, each answered with what that person may read.
import { createReadStream, readFileSync } from 'node:fs';
import { z } from 'zod';
import { clearanceClient } from '../src/client/client.ts';
import { openService } from '../src/compose.ts';
import { readConfig } from '../src/config.ts';
import { progressBar } from '../src/doors/cli/progress.ts';
import { httpServer } from '../src/doors/http/server.ts';
import { developmentToken, operatorOf } from '../src/operator.ts';
import { importDocuments } from '../ingest/import.ts';
import { importRelationships } from '../ingest/import-relationships.ts';
import { writeRelationships } from '../ingest/write-relationships.ts';
import { tuple } from '../ingest/parse.ts';
import { printAnswers } from './print.ts';

const corpus = (name: string) => new URL(`corpus/${name}`, import.meta.url);
const person = z.object({ id: z.string(), name: z.string(), role: z.string() });
const cast = z
  .object({
    company: z.string(),
    people: z.array(person),
    agent: person.extend({ acts_for: z.string() }),
    revoked: person,
    questions: z.array(z.string()),
  })
  .parse(JSON.parse(readFileSync(corpus('people.json'), 'utf8')));

const K = 3;
const config = readConfig(process.env);

console.log(`Opening the embedded store in ${config.dataDir} …`);
const service = await openService(config, (error) => console.error(error));
const app = await httpServer(service);
try {
  await ingestCorpus();
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await askEveryone(url);
} finally {
  await app.close();
  await service.close();
}
printNextSteps();

async function ingestCorpus(): Promise<void> {
  const operator = await operatorOf(config);
  for (const file of ['relationships.ndjson', 'revoked.ndjson']) {
    for await (const { rejected } of importRelationships(service.write, operator, createReadStream(corpus(file)))) {
      for (const { line, detail } of rejected) throw new Error(`${file}:${line}: ${detail}`);
    }
  }
  const total = lines('documents.ndjson').length;
  const bar = progressBar(`Ingesting ${cast.company}`, 'documents');
  for await (const outcome of importDocuments(service.write, operator, createReadStream(corpus('documents.ndjson')))) {
    if (outcome.status === 'rejected') throw new Error(`documents.ndjson:${outcome.line}: ${outcome.error.detail}`);
    bar.at(outcome.line, total, outcome.document_id);
  }
  bar.stop();

  const left = lines('revoked.ndjson').map((line) => tuple.parse(JSON.parse(line)));
  await writeRelationships(service.write, operator, { deletes: left });
  console.log(`${cast.revoked.name} has left: ${left.length} relationships taken away.`);
}

async function askEveryone(url: string): Promise<void> {
  const { agent, people, revoked } = cast;
  const askers: { id: string; agent?: string; heading: string; role: string }[] = [
    ...people.map(({ id, role }) => ({ id, heading: id, role })),
    { id: agent.acts_for, agent: agent.id, heading: `${agent.id} for ${agent.acts_for}`, role: agent.role },
    { id: revoked.id, heading: revoked.id, role: `${revoked.role}, left` },
  ];
  const clients = await Promise.all(
    askers.map(async ({ id, agent: actor }) => {
      const token = await developmentToken(config, {
        subject: id,
        scopes: ['retrieve'],
        lifetime: 600,
        ...(actor === undefined ? {} : { actor }),
      });
      return clearanceClient({ url, token });
    }),
  );
  for (const { heading, role } of askers) console.log(`  ${heading.padEnd(22)} ${role}`);
  for (const query of cast.questions) {
    const answers = await Promise.all(clients.map((client) => client.retrieve({ query, k: K })));
    printAnswers(
      query,
      askers.map(({ heading }, i) => ({ heading, results: answers[i]?.results ?? [] })),
    );
  }
}

function printNextSteps(): void {
  const [first] = cast.people;
  const body = JSON.stringify({ query: cast.questions[2], k: K }).replaceAll("'", "'\\''");
  console.log(`
Everyone asked the same; nobody was shown a passage that they may not read.

Next:
  npm start                 the service on http://${config.host}:${config.port}, with these documents
and then, from another terminal in this folder:
  curl -s http://${config.host}:${config.port}/v1/retrieve -H "Authorization: Bearer $(npx clearance token --as user:${first?.id})" -H 'Content-Type: application/json' -d '${body}'
  npx clearance ask "${cast.questions[0]}" --as user:${first?.id} --agent agent:${cast.agent.id}
`);
}

function lines(name: string): string[] {
  return readFileSync(corpus(name), 'utf8').trim().split('\n');
}
