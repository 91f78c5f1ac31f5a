import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadStore } from '../../src/model-test/load-store.ts';
import { runStore } from '../../src/model-test/run-store.ts';
import type { StoreTest } from '../../src/model-test/store.ts';

const folder = new URL('../../models/', import.meta.url).pathname;
const models = globSync('*.fga', { cwd: folder }).toSorted();

it('finds the models', () => {
  expect(models).toContain('default.fga');
});

describe.each(models)('%s', async (model) => {
  const store = await loadStore(`${folder}${model}.yaml`);

  it.each(runStore(store))('$name', ({ assertions }) => {
    expect(assertions.filter(({ passed }) => !passed)).toEqual([]);
  });

  it('fails every check whose expectation is turned round', () => {
    const tests = store.tests.map(turnedRound);
    const passed = runStore({ ...store, tests }).flatMap(({ assertions }) =>
      assertions.filter((a) => a.passed),
    );
    expect(passed).toEqual([]);
  });

  it('says of documents who may read them and who may not', () => {
    const answers = store.tests
      .flatMap(({ check }) => check)
      .filter(({ objects }) => objects.some((object) => object.startsWith('document:')))
      .map(({ assertions }) => assertions['can_read']);
    expect(answers.filter((answer) => answer === true).length).toBeGreaterThan(5);
    expect(answers.filter((answer) => answer === false).length).toBeGreaterThan(5);
  });
});

function turnedRound(test: StoreTest): StoreTest {
  const check = test.check.map((block) => ({
    ...block,
    assertions: Object.fromEntries(Object.entries(block.assertions).map(([relation, is]) => [relation, !is])),
  }));
  return { ...test, check, listObjects: [], listUsers: [] };
}
