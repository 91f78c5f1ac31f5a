import { EvaluationError, Evaluator } from '../evaluator/evaluator.ts';
import type { Store, StoreTest } from './store.ts';

export const apis = ['Check', 'ListObjects', 'ListUsers'] as const;

/** One assertion of a test, and what came out. */
export type AssertionResult = {
  readonly api: (typeof apis)[number];
  /** `user=user:anne, relation=can_read, object=document:1` */
  readonly question: string;
  readonly expected: string;
  readonly got: string;
  readonly passed: boolean;
};

export type TestResult = {
  readonly name: string;
  readonly assertions: readonly AssertionResult[];
};

type Context = Readonly<Record<string, unknown>>;

export function runStore({ model, tests }: Store): readonly TestResult[] {
  return tests.map((test) => ({
    name: test.name,
    assertions: [
      ...runChecks(test, (context) => new Evaluator(model, test.graph, { context })),
      ...runListObjects(test, (context) => new Evaluator(model, test.graph, { context })),
      ...runListUsers(test, (context) => new Evaluator(model, test.graph, { context })),
    ],
  }));
}

type EvaluatorIn = (context: Context) => Evaluator;

/** Every user with every object and every relation of a block. A check without an answer never passes. */
function* runChecks(test: StoreTest, evaluatorIn: EvaluatorIn): Generator<AssertionResult> {
  for (const { users, objects, context, assertions } of test.check) {
    const evaluator = evaluatorIn(context);
    for (const user of users) {
      for (const object of objects) {
        for (const [relation, expected] of Object.entries(assertions)) {
          const outcome = evaluator.check({ user, relation, object });
          yield {
            api: 'Check',
            question: question({ user, relation, object }, context),
            expected: String(expected),
            got: outcome.kind === 'error' ? `error: ${outcome.message}` : String(outcome.kind === 'allowed'),
            passed: outcome.kind === (expected ? 'allowed' : 'denied'),
          };
        }
      }
    }
  }
}

function* runListObjects(test: StoreTest, evaluatorIn: EvaluatorIn): Generator<AssertionResult> {
  for (const { user, type, context, assertions } of test.listObjects) {
    const evaluator = evaluatorIn(context);
    for (const [relation, expected] of Object.entries(assertions)) {
      yield {
        api: 'ListObjects',
        question: question({ user, relation, type }, context),
        ...compareLists(expected, () => evaluator.listObjects({ user, relation, type })),
      };
    }
  }
}

function* runListUsers(test: StoreTest, evaluatorIn: EvaluatorIn): Generator<AssertionResult> {
  for (const { object, user_filter: filters, context, assertions } of test.listUsers) {
    const evaluator = evaluatorIn(context);
    for (const [relation, { users }] of Object.entries(assertions)) {
      const user_filter = filters.map((filter) => [filter.type, filter.relation].filter(Boolean).join('#'));
      yield {
        api: 'ListUsers',
        question: question({ object, relation, user_filter: user_filter.join('+') }, context),
        ...compareLists(users, () => evaluator.listUsers({ object, relation, filters })),
      };
    }
  }
}

function question(parts: Readonly<Record<string, string>>, context: Context): string {
  const all = Object.entries(parts).map(([name, value]) => `${name}=${value}`);
  if (Object.keys(context).length > 0) all.push(`context=${JSON.stringify(context)}`);
  return all.join(', ');
}

/** Order means nothing; a repetition does. */
function compareLists(expected: readonly string[], list: () => readonly string[]) {
  const wanted = expected.toSorted();
  try {
    const got = list().toSorted();
    const passed = got.length === wanted.length && got.every((item, i) => item === wanted[i]);
    return { expected: JSON.stringify(wanted), got: JSON.stringify(got), passed };
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { expected: JSON.stringify(wanted), got: `error: ${error.message}`, passed: false };
  }
}
