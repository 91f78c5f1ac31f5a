import { loadStore } from './load-store.ts';
import { runStore } from './run-store.ts';
import { StoreError } from './store-error.ts';
import { countPassing, failures, summary } from './summary.ts';

/** Of tests. A file that can't be run counts as one that failed. */
export type StoreTestTotals = { readonly passed: number; readonly failed: number };

/**
 * Runs the tests of store files (`*.fga.yaml`) on the embedded evaluator, file by file, and reports
 * each line as it comes. A file that can't be run is reported too, and the next ones still run.
 */
export async function runStoreTests(
  files: readonly string[],
  report: (line: string) => void,
): Promise<StoreTestTotals> {
  let passed = 0;
  let failed = 0;
  for (const file of files) {
    report(`# ${file}`);
    try {
      const tests = runStore(await loadStore(file));
      for (const line of failures(tests)) report(line);
      report(summary(tests));
      passed += countPassing(tests);
      failed += tests.length - countPassing(tests);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      report(`ERROR ${error.message.replaceAll('\n', '\n  ')}`);
      failed += 1;
    }
  }
  return { passed, failed };
}
