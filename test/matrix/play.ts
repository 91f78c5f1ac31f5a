import { isDeepStrictEqual } from 'node:util';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import { seededRandom } from '../audit/random.ts';
import type { Asked } from '../support/doors.ts';
import { allowsAll } from '../support/engines.ts';
import type { Http } from '../support/http.ts';
import { answered } from './answered.ts';
import type { Deployment } from './deployment.ts';
import { judge } from './oracle.ts';
import { disagreement, throughCommand, throughEveryOther } from './other-doors.ts';
import { nextQuestion, type Question, type Who } from './questions.ts';
import { type Kind, newTotals, type Totals } from './totals.ts';
import type { Ranked, Truth } from './truth.ts';
import { newWorld, nextChange } from './world.ts';
import { wrongAnswer, wrongDocument } from './wrong.ts';

/** Questions to one world, which changes all the time. */
const CASES_A_WORLD = 300;
/** Of that many questions, one is asked through every other door too. */
const EVERY = 20;

export type Play = {
  /** Questions that a token was had for. */
  readonly cases: number;
  readonly seed: number;
  /** The door that is held against the oracle, and the read path behind it. */
  readonly door?: { readonly http: Http; readonly read: ReadPath };
  /** What ends the play: some faults are looked for by one kind of what they do. */
  readonly stopAt?: RegExp;
};

/** Asks in worlds that change. Throws on the first answer that is not what the oracle says. */
export async function play(deployment: Deployment, options: Play): Promise<Totals> {
  const { cases, seed, stopAt = /./ } = options;
  const { http, read } = options.door ?? { http: deployment.http, read: deployment.service.read };
  const random = seededRandom(seed);
  const totals = newTotals();
  let [others, commands] = [0, 0];

  const before: Who[] = [];

  const problemWith = async (truth: Truth, question: Question, i: number): Promise<string | undefined> => {
    countAsker(totals, question);
    const token = await deployment.tokens.of(truth, question, http);
    if (token === undefined) {
      totals.count('refused in exchange');
      return undefined;
    }
    const { tenant, by, subject, chain } = question;
    if (by === 'exchange') before.push({ tenant, by, subject, chain });
    totals.count('HTTP');
    const judged = judge(truth, question);
    if ('document' in question) {
      const answer = await answered(http, 'GET', `/v1/documents/${question.document}`, { token });
      return wrongDocument(truth, question, judged, answer, totals);
    }
    const { query, k, audience } = question;
    const answer = await answered(http, 'POST', '/v1/retrieve', { token, json: { query, k, audience } });
    const ranking = 'refused' in judged ? [] : await rankingOf(deployment, truth, query);
    const wrong = wrongAnswer(truth, question, ranking, judged, answer, totals);
    if (wrong !== undefined) return wrong;

    const asked: Asked = { token, query, k, audience };
    const again = others < i / EVERY ? throughEveryOther(asked, http.url, read) : [];
    others += Math.sign(again.length);
    // The command line makes its own tokens: of the default tenant, as an issuer.
    const mayCommand = tenant === DEFAULT_TENANT && by === 'issuer' && commands < i / EVERY;
    commands += Number(mayCommand);
    const command = throughCommand(deployment.service.config, { as: subject, agents: chain }, asked);
    for (const each of [...again, ...(mayCommand ? [command] : [])]) {
      totals.count(each.door);
      const problem = await disagreement(each, answer);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

  let renewed = 0;
  for (let i = 0; i < cases; i = totals.of('HTTP')) {
    const isNew = deployment.truths.some(({ documents }) => documents.size === 0);
    if (isNew || i >= renewed + CASES_A_WORLD) {
      renewed = i;
      before.length = 0;
      deployment.tokens.forget();
      for (const truth of deployment.truths) {
        for (const change of newWorld(truth, random)) await deployment.apply(truth, change);
      }
    }
    const question = nextQuestion(random, before);
    const truth = deployment.truths.find(({ tenant }) => tenant === question.tenant);
    if (truth === undefined) throw new Error(`no tenant ${question.tenant}`);
    if (random() < 0.6) {
      const change = nextChange(truth, random);
      totals.count(`changed: ${change.kind}`);
      await deployment.apply(truth, change);
    }
    const problem = await problemWith(truth, question, i);
    if (problem !== undefined && stopAt.test(problem)) {
      throw new Error(
        `${problem}\nMATRIX_SEED=${seed}, case ${i}: ${JSON.stringify(question)}\n${textOf(truth)}`,
      );
    }
  }
  return totals;
}

function textOf({ tuples, agents, documents }: Truth): string {
  const labels = [...documents].map(([id, { metadata }]) => `document ${id} ${JSON.stringify(metadata)}`);
  const states = [...agents].map(([id, state]) => `agent ${id} ${JSON.stringify(state)}`);
  return [...tuples.keys(), ...labels, ...states].filter((line) => !line.includes('group:crowd')).join('\n');
}

function countAsker(totals: Totals, { subject, chain, by, ...asked }: Question): void {
  const [none, ...through] = ['direct', 'one agent', 'two agents', 'three agents'] as const;
  const kind: Kind = subject.startsWith('agent:') && chain.length === 0 ? 'an agent by itself' : none;
  totals.count(through[chain.length - 1] ?? kind);
  if (chain.length > 0) totals.count(by === 'issuer' ? 'by an issuer' : 'by exchange');
  if ('audience' in asked && asked.audience !== undefined) totals.count('with an audience');
}

/** All that is in a tenant, best first, by the service's own parts but for every guard. */
async function rankingOf(
  { service, everything, tokens }: Deployment,
  truth: Truth,
  query: string,
): Promise<readonly Ranked[]> {
  const known = truth.rankings.get(query);
  if (known !== undefined) return known;
  const { shortCuts: _, watch: __, ...read } = service.read;
  const all: ReadPath = { ...read, engine: allowsAll, index: everything };
  const token = await tokens.issued({ tenant: truth.tenant, subject: 'root' });
  const { results } = await retrieve(all, token, { query, k: 50 });
  const written = [...truth.documents.values()].flatMap(({ paragraphs }) => paragraphs);
  if (!isDeepStrictEqual(results.map(({ text }) => text).toSorted(), written.toSorted())) {
    throw new Error(`the ranking of ${truth.tenant} is not of all that was written`);
  }
  const ranking = results.map(({ document_id, chunk_id, score }) => ({
    documentId: document_id,
    chunkId: chunk_id,
    score,
  }));
  truth.rankings.set(query, ranking);
  return ranking;
}
