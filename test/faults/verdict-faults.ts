import { z } from 'zod';
import type { AnswerFault } from '../support/fault-proxy/answers.ts';

const batchAnswer = z.object({ result: z.record(z.string(), z.unknown()) });
type Verdicts = z.infer<typeof batchAnswer>['result'];

export const isBatchCheck = (path: string): boolean => path.endsWith('/batch-check');

/** A fault of OpenFGA's answers to BatchCheck, and of nothing else but its lists: these are cut off before their first line. */
function onVerdicts(change: (verdicts: Verdicts) => string): AnswerFault {
  return {
    answer(answered, { path }) {
      if (path.endsWith('/streamed-list-objects')) return { ...answered, body: '' };
      return isBatchCheck(path) && answered.status === 200
        ? { ...answered, body: change(batchAnswer.parse(JSON.parse(answered.body)).result) }
        : answered;
    },
  };
}

const whole = (verdicts: Verdicts): string => JSON.stringify({ result: verdicts });
const yes = { allowed: true };

export const noVerdicts = onVerdicts(() => whole({}));

/** Of a yes, where there is one. */
const theOne = (verdicts: Verdicts): string | undefined => {
  const ids = Object.keys(verdicts);
  return ids.find((id) => JSON.stringify(verdicts[id]).includes('true')) ?? ids[0];
};

export const oneMissing = onVerdicts((verdicts) => {
  const gone = theOne(verdicts);
  return whole(Object.fromEntries(Object.entries(verdicts).filter(([id]) => id !== gone)));
});

/** Every id a second time, with a yes: JSON.parse keeps the last of two equal keys. */
export const eachTwice = onVerdicts((verdicts) => {
  const entry = (id: string, verdict: unknown) => `${JSON.stringify(id)}:${JSON.stringify(verdict)}`;
  const own = Object.entries(verdicts).map(([id, verdict]) => entry(id, verdict));
  const again = Object.keys(verdicts).map((id) => entry(id, yes));
  return `{"result":{${[...own, ...again].join(',')}}}`;
});

/**
 * The whole answer is one that another request got. (Two verdicts swapped inside one answer are beyond telling by anyone
 * but TLS: such an answer is what another engine would give.)
 */
export const anothersAnswer = (recorded: string): AnswerFault => onVerdicts(() => recorded);

/** As OpenFGA says that its 3 s were over for an item. */
export const oneItemFailed = onVerdicts((verdicts) => {
  const error = { internal_error: 'deadline_exceeded', message: 'user:anne viewer document:secret' };
  const failed = theOne(verdicts);
  return whole(failed === undefined ? verdicts : { ...verdicts, [failed]: { error } });
});

export const everyItemFailedWithAYes = onVerdicts((verdicts) =>
  whole(
    Object.fromEntries(
      Object.keys(verdicts).map((id) => [
        id,
        { ...yes, error: { internal_error: 'internal_error', message: '' } },
      ]),
    ),
  ),
);
