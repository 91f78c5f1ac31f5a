import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { EvaluationError, type EvaluationErrorCode, Evaluator } from '../../src/evaluator/evaluator.ts';
import { type Model, modelFromDsl } from '../../src/evaluator/model.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { tupleProblem } from '../../src/evaluator/validate.ts';

/** OpenFGA's own test matrix; it is not part of the repository. */
const folder = new URL('../../../shared/data/openfga-conformance/', import.meta.url);

const numbers: Readonly<Record<EvaluationErrorCode, number>> = {
  validation_error: 2000,
  resolution_too_complex: 2002,
  type_not_found: 2021,
  relation_not_found: 2022,
  invalid_tuple: 2027,
};

const tuple = z.object({
  user: z.string(),
  relation: z.string(),
  object: z.string(),
  condition: z
    .object({ name: z.string(), context: z.record(z.string(), z.unknown()).optional() })
    .transform(({ name, context }) => (context ? { name, context } : { name }))
    .optional(),
});
const tuples = z
  .array(tuple)
  .nullish()
  .transform((list) =>
    (list ?? []).map(({ condition, ...key }) => (condition ? { ...key, condition } : key)),
  );
const shared = {
  context: z.record(z.string(), z.unknown()).nullish(),
  contextualTuples: tuples,
  errorCode: z.number().nullish(),
};
const list = z
  .array(z.string())
  .nullish()
  .transform((items) => items ?? []);
const suite = z.object({
  tests: z.array(
    z.object({
      name: z.string(),
      stages: z.array(
        z.object({
          model: z.string(),
          tuples,
          checkAssertions: z
            .array(z.object({ ...shared, tuple, expectation: z.boolean().nullish() }))
            .nullish(),
          listObjectsAssertions: z
            .array(
              z.object({
                ...shared,
                request: z.object({ user: z.string(), type: z.string(), relation: z.string() }),
                expectation: list,
              }),
            )
            .nullish(),
          listUsersAssertions: z
            .array(
              z.object({
                ...shared,
                request: z.object({ filters: z.array(z.string()), object: z.string(), relation: z.string() }),
                expectation: list,
              }),
            )
            .nullish(),
        }),
      ),
    }),
  ),
});
type Stage = z.infer<typeof suite>['tests'][number]['stages'][number];
type Shared = z.infer<z.ZodObject<typeof shared>>;

/** How the tuples of earlier stages stay, as they do in a store. */
type World = { readonly model: Model; readonly graph: TupleGraph };

function evaluatorFor({ model, graph }: World, assertion: Shared, extra: Stage['tuples'] = []): Evaluator {
  return new Evaluator(model, graph, {
    context: assertion.context ?? {},
    contextualTuples: [...assertion.contextualTuples, ...extra],
  });
}

function answer<T>(ask: () => T): T | { errorCode: number } {
  try {
    return ask();
  } catch (error) {
    if (error instanceof EvaluationError) return { errorCode: numbers[error.code] };
    throw error;
  }
}

function filterOf(text: string): { type: string; relation?: string } {
  const [type = '', relation] = text.split('#');
  return relation === undefined ? { type } : { type, relation };
}

function runStage(world: World, stage: Stage, extra: Stage['tuples']): number {
  let asked = 0;
  for (const assertion of stage.checkAssertions ?? []) {
    const outcome = evaluatorFor(world, assertion, extra).check(assertion.tuple);
    const given =
      outcome.kind === 'error' ? { errorCode: numbers[outcome.code] } : outcome.kind === 'allowed';
    const wanted = assertion.errorCode
      ? { errorCode: assertion.errorCode }
      : (assertion.expectation ?? false);
    expect({ assertion, given }).toEqual({ assertion, given: wanted });
    asked += 1;
  }
  for (const assertion of stage.listObjectsAssertions ?? []) {
    const given = answer(() =>
      evaluatorFor(world, assertion, extra).listObjects(assertion.request).toSorted(),
    );
    const wanted = assertion.errorCode
      ? { errorCode: assertion.errorCode }
      : assertion.expectation.toSorted();
    expect({ assertion, given }).toEqual({ assertion, given: wanted });
    asked += 1;
  }
  for (const assertion of stage.listUsersAssertions ?? []) {
    const { filters, ...request } = assertion.request;
    const query = { ...request, filters: filters.map(filterOf) };
    const given = answer(() => evaluatorFor(world, assertion, extra).listUsers(query).toSorted());
    const wanted = assertion.errorCode
      ? { errorCode: assertion.errorCode }
      : assertion.expectation.toSorted();
    expect({ assertion, given }).toEqual({ assertion, given: wanted });
    asked += 1;
  }
  return asked;
}

const asked = new Map<string, number>();

const files = [
  { file: 'consolidated_1_1_tests.yaml', assertions: 925 },
  { file: 'abac_tests.yaml', assertions: 291 },
];

describe.skipIf(!existsSync(folder))(
  "OpenFGA's test matrix (skipped where ../shared/data/openfga-conformance is absent)",
  () => {
    for (const { file, assertions } of files) {
      const { tests } = existsSync(folder)
        ? suite.parse(parse(readFileSync(new URL(file, folder), 'utf8')))
        : { tests: [] };

      for (const { name, stages } of tests) {
        it(`${file}: ${name}`, () => {
          const graph = new TupleGraph();
          for (const stage of stages) {
            const model = modelFromDsl(stage.model);
            for (const written of stage.tuples) {
              expect({ written, problem: tupleProblem(model, written) }).toEqual({
                written,
                problem: undefined,
              });
              graph.add(written);
            }
            asked.set(file, (asked.get(file) ?? 0) + runStage({ model, graph }, stage, []));
          }
        });

        const [only] = stages;
        if (stages.length > 1 || !only || only.tuples.length > 100) continue;
        it(`${file}: ${name}, with all tuples contextual`, () => {
          const world = { model: modelFromDsl(only.model), graph: new TupleGraph() };
          expect(runStage(world, only, only.tuples)).toBeGreaterThan(0);
        });
      }

      it(`${file}: every assertion was asked`, () => {
        expect(asked.get(file)).toBe(assertions);
      });
    }
  },
);
