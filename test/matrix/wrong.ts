import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import { leaks, losses } from '../oracle/judge.ts';
import type { Answer } from '../support/http.ts';
import { problemOf } from '../support/problem.ts';
import type { Judged, Use } from './oracle.ts';
import type { Question, Reading, Search } from './questions.ts';
import type { Totals } from './totals.ts';
import type { Ranked, Truth } from './truth.ts';

/** Undefined: refused as it should be, or rightly let in. */
function wrongRefusal(
  { by }: Question,
  judged: Judged,
  { status, body, text }: Answer,
  totals: Totals,
): string | undefined {
  const code = String(body['code']);
  if (!('refused' in judged)) {
    const isRefusal = status === 401 || code === 'agent_not_allowed' || code === 'delegation_not_allowed';
    return isRefusal ? `LOSS: refused with ${status} ${code}` : undefined;
  }
  const { refused } = judged;
  if (status === 200) return `LEAK: answered, and not ${refused}: ${text.slice(0, 500)}`;
  if (status !== 403 || code !== refused) return `${status} ${code}, and not ${refused}`;
  totals.count(`refused: ${refused}`);
  if (by === 'exchange') totals.count('refused what was given in exchange');
  return undefined;
}

/** What is wrong with an answer over HTTP, in a sentence; what is too much comes first. */
export function wrongAnswer(
  truth: Truth,
  question: Search,
  ranking: readonly Ranked[],
  judged: Judged,
  answer: Answer,
  totals: Totals,
): string | undefined {
  const refusal = wrongRefusal(question, judged, answer, totals);
  if (refusal !== undefined || 'refused' in judged) return refusal;
  if (answer.status !== 200) return `LOSS: ${answer.status} ${answer.text}`;
  const response = answer.body as RetrieveResponse;
  const { k, chain, audience } = question;
  const of = (use: Use) => ranking.filter(({ documentId }) => judged.uses.get(documentId) === use);
  const expected = { readable: of('alone'), k };
  const [leak] = [...strangeTexts(truth, response), ...leaks(response, expected)];
  if (leak !== undefined) return leak;
  // Also where it says that it lacks something: the best of what may be given is given.
  const [loss] = losses({ ...response, complete: true, certified: true }, expected);
  if (loss !== undefined) return loss;

  const given = response.results.length;
  const last = given < k ? Number.NEGATIVE_INFINITY : (response.results.at(-1)?.score ?? 0);
  const isWithheld = of('approval').some(({ score }) => score > last);
  const told = response.complete ? 'complete' : response.shortfall;
  const mayTell = judged.told ?? [isWithheld ? 'approval_required' : 'complete'];
  if (told === undefined || !mayTell.includes(told)) return `it says ${told}, and is ${mayTell.join(' or ')}`;
  if (response.certified !== response.complete) return 'it was searched exactly, and is not certified';

  if (given === 0) totals.count('empty');
  if (given === k) totals.count('full');
  if (given > 0 && chain.length > 1) totals.count('found through a chain');
  if (given > 0 && audience !== undefined) totals.count('found for an audience');
  if (told === 'approval_required') totals.count('withheld for approval');
  if (told === 'audience_too_large') totals.count('audience too large');
  if (of('never').length > 0) totals.count('kept by a rule');
  return undefined;
}

/** Whatever the ids say, a text has to be what was last written to this document of this tenant. */
function strangeTexts(truth: Truth, { results }: RetrieveResponse): readonly string[] {
  return results
    .filter(({ document_id, text }) => truth.documents.get(document_id)?.paragraphs.includes(text) !== true)
    .map(({ document_id, text }) => `LEAK: no text of ${document_id}: ${text.slice(-60)}`);
}

/** The same of `GET /v1/documents/{id}`, which gives all of a document or nothing. */
export function wrongDocument(
  truth: Truth,
  question: Reading,
  judged: Judged,
  answer: Answer,
  totals: Totals,
): string | undefined {
  const refusal = wrongRefusal(question, judged, answer, totals);
  if (refusal !== undefined || 'refused' in judged) return refusal;
  const id = question.document;
  const use = judged.uses.get(id) ?? 'forbidden';
  if (answer.status === 200 && use !== 'alone') return `LEAK: ${id} is ${use}`;
  if (use === 'alone') {
    totals.count('document read');
    const passages = (answer.body['passages'] ?? []) as readonly { readonly text: string }[];
    const text = passages.map((passage) => passage.text).join('\n\n');
    const isWhole = text === truth.documents.get(id)?.paragraphs.join('\n\n');
    return isWhole ? undefined : `LOSS: ${answer.status} ${answer.text.slice(0, 500)}`;
  }
  const { status, code, detail } = problemOf(answer);
  totals.count(use === 'approval' ? 'document withheld' : 'document not found');
  const told = `${status} ${code}`;
  if (use === 'approval') return told === '403 approval_required' ? undefined : `${told}, and is withheld`;
  // In the same words, whether there is one or not.
  return told === '404 not_found' && detail === 'No such document.' ? undefined : `${told} ${detail}`;
}
