import type { EngineStore } from '../../ports/engine-stores.ts';
import type { OpenFgaClient } from './client.ts';
import {
  contextualTuples,
  type KnownAnswer,
  knownAnswers,
  loopAnswers,
  loopTuples,
} from './known-answers.ts';
import { probeConsistency } from './probe-consistency.ts';
import { askAll } from './questions.ts';
import type { CheckAnswer } from './wire.ts';

export type Findings = {
  /** What it is like, for the log. */
  readonly found: readonly string[];
  /** With any of these the service must not start. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

/** Finds out by asking what the server is like; OpenFGA's API tells neither its version nor its settings. */
export async function probeServer(client: OpenFgaClient, bookkeeping: EngineStore): Promise<Findings> {
  // One after the other: if the first failed beside it, the second would still be clearing up after the failure is told.
  const answers = await probeAnswers(client, bookkeeping);
  const consistency = await probeConsistency(client, bookkeeping);
  return {
    found: consistency.found,
    problems: [...consistency.problems, ...answers.problems],
    warnings: answers.warnings,
  };
}

async function probeAnswers(
  client: OpenFgaClient,
  bookkeeping: EngineStore,
): Promise<Pick<Findings, 'problems' | 'warnings'>> {
  const models = await client.readModels(bookkeeping.storeId);
  const loop = models.find((model) => model.type_definitions.some(({ type }) => type === 'loop'));
  const answers = await askAll(client, bookkeeping, knownAnswers, { contextualTuples });
  const looped =
    loop === undefined
      ? []
      : await askAll(client, { ...bookkeeping, modelId: loop.id }, loopAnswers, {
          contextualTuples: loopTuples,
        });
  const wrong = [...differing(knownAnswers, answers), ...differing(loopAnswers, looped)];
  const of = (concerns: KnownAnswer['concerns']) =>
    wrong.filter((one) => one.concerns === concerns).map(({ said }) => said);
  const [forAll, forOthers] = [of('all'), of('others')];
  return {
    problems:
      forAll.length === 0 ? [] : [`it decides otherwise than OpenFGA documents: ${forAll.join('; ')}`],
    warnings:
      forOthers.length === 0
        ? []
        : [
            `The OpenFGA server does not decide as the one that Clearance is tested with, as with an experimental check algorithm or another depth limit: ${forOthers.join('; ')}.`,
          ],
  };
}

function differing(
  questions: readonly KnownAnswer[],
  answers: readonly CheckAnswer[],
): (KnownAnswer & { readonly said: string })[] {
  return questions.flatMap((question, i) => {
    const answer = answers[i];
    if (answer === undefined) return [];
    const given = nameOf(answer);
    return given === question.answer
      ? []
      : [{ ...question, said: `${question.about} is ${given}, not ${question.answer}` }];
  });
}

function nameOf({ allowed, error }: CheckAnswer): string {
  if (error?.input_error === 'authorization_model_resolution_too_complex') return 'too deep';
  if (error) return error.input_error ?? 'an error';
  return allowed ? 'allowed' : 'denied';
}
