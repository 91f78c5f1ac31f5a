import { apis, type TestResult } from './run-store.ts';

const passes = ({ assertions }: TestResult): boolean => assertions.every(({ passed }) => passed);

/** The failing assertions: who, what, what was expected and what came out. */
export function* failures(tests: readonly TestResult[]): Generator<string> {
  for (const test of tests.filter((result) => !passes(result))) {
    yield `FAILED ${test.name}`;
    for (const { api, question, expected, got, passed } of test.assertions) {
      if (!passed) yield `  ${api}(${question}): expected ${expected}, got ${got}`;
    }
  }
}

/** `# Test Summary # Tests 2/2 passing, Checks 12/12 passing` */
export function summary(tests: readonly TestResult[]): string {
  const assertions = tests.flatMap((test) => test.assertions);
  const counts = apis
    .map((api) => ({ api, results: assertions.filter((assertion) => assertion.api === api) }))
    .filter(({ results }) => results.length > 0)
    .map(({ api, results }) =>
      ratio(api === 'Check' ? 'Checks' : api, results.filter((r) => r.passed).length, results.length),
    );
  return `# Test Summary # ${[ratio('Tests', countPassing(tests), tests.length), ...counts].join(', ')}`;
}

export function countPassing(tests: readonly TestResult[]): number {
  return tests.filter(passes).length;
}

const ratio = (what: string, passing: number, all: number): string => `${what} ${passing}/${all} passing`;
