import { describe, expect, it } from 'vitest';
import { EvaluationError, type EvaluationErrorCode, Evaluator } from '../../src/evaluator/evaluator.ts';
import { type Model, modelFromDsl } from '../../src/evaluator/model.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { tupleProblem } from '../../src/evaluator/validate.ts';
import {
  conformanceFiles,
  conformanceIsThere,
  conformanceTests,
  type Failed,
  runStage,
  type Subject,
} from './conformance-suite.ts';

const numbers: Readonly<Record<EvaluationErrorCode, number>> = {
  validation_error: 2000,
  resolution_too_complex: 2002,
  type_not_found: 2021,
  relation_not_found: 2022,
  invalid_tuple: 2027,
};

function evaluatorOver(model: Model, graph: TupleGraph): Subject {
  return {
    async check(query, under) {
      const outcome = new Evaluator(model, graph, under).check(query);
      return outcome.kind === 'error' ? { errorCode: numbers[outcome.code] } : outcome.kind === 'allowed';
    },
    listObjects: async (query, under) =>
      orFailed(() => new Evaluator(model, graph, under).listObjects(query)),
    listUsers: async (query, under) => orFailed(() => new Evaluator(model, graph, under).listUsers(query)),
  };
}

function orFailed<T>(ask: () => T): T | Failed {
  try {
    return ask();
  } catch (error) {
    if (error instanceof EvaluationError) return { errorCode: numbers[error.code] };
    throw error;
  }
}

const asked = new Map<string, number>();

describe.skipIf(!conformanceIsThere)(
  "OpenFGA's test matrix (skipped where ../shared/data/openfga-conformance is absent)",
  () => {
    for (const { file, assertions } of conformanceFiles) {
      for (const { name, stages } of conformanceTests(file)) {
        it(`${file}: ${name}`, async () => {
          // The tuples of earlier stages stay, as they do in a store.
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
            const count = await runStage(evaluatorOver(model, graph), stage);
            asked.set(file, (asked.get(file) ?? 0) + count);
          }
        });

        const [only] = stages;
        if (stages.length > 1 || !only || only.tuples.length > 100) continue;
        it(`${file}: ${name}, with all tuples contextual`, async () => {
          const subject = evaluatorOver(modelFromDsl(only.model), new TupleGraph());
          expect(await runStage(subject, only, only.tuples)).toBeGreaterThan(0);
        });
      }

      it(`${file}: every assertion was asked`, () => {
        expect(asked.get(file)).toBe(assertions);
      });
    }
  },
);
