import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

/** OpenFGA's own test matrix; it is not part of the repository. */
const folder = new URL('../../../shared/data/openfga-conformance/', import.meta.url);

export const conformanceIsThere: boolean = existsSync(folder);

/** With how many assertions each holds. */
export const conformanceFiles = [
  { file: 'consolidated_1_1_tests.yaml', assertions: 925 },
  { file: 'abac_tests.yaml', assertions: 291 },
];

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
export type ConformanceTest = z.infer<typeof suite>['tests'][number];
export type Stage = ConformanceTest['stages'][number];

export function conformanceTests(file: string): readonly ConformanceTest[] {
  if (!conformanceIsThere) return [];
  return suite.parse(parse(readFileSync(new URL(file, folder), 'utf8'))).tests;
}

/** What one assertion is asked under, beside what the store holds. */
export type Circumstances = {
  readonly context: Readonly<Record<string, unknown>>;
  readonly contextualTuples: Stage['tuples'];
};
export type Failed = { readonly errorCode: number };

type ListUsers = {
  readonly object: string;
  readonly relation: string;
  readonly filters: readonly { readonly type: string; readonly relation?: string }[];
};

/** Who answers: an engine with a stage's model and tuples. Lists in any order. */
export type Subject = {
  check(
    query: { readonly user: string; readonly relation: string; readonly object: string },
    under: Circumstances,
  ): Promise<boolean | Failed>;
  listObjects(
    query: { readonly user: string; readonly relation: string; readonly type: string },
    under: Circumstances,
  ): Promise<readonly string[] | Failed>;
  listUsers(query: ListUsers, under: Circumstances): Promise<readonly string[] | Failed>;
};

/** Asks every assertion of a stage; says how many there were. `extra`: tuples that are contextual for each. */
export async function runStage(subject: Subject, stage: Stage, extra: Stage['tuples'] = []): Promise<number> {
  const under = (assertion: z.infer<z.ZodObject<typeof shared>>): Circumstances => ({
    context: assertion.context ?? {},
    contextualTuples: [...assertion.contextualTuples, ...extra],
  });
  let asked = 0;
  for (const assertion of stage.checkAssertions ?? []) {
    const given = await subject.check(assertion.tuple, under(assertion));
    const wanted = failure(assertion) ?? assertion.expectation ?? false;
    expect({ assertion, given }).toEqual({ assertion, given: wanted });
    asked += 1;
  }
  for (const assertion of stage.listObjectsAssertions ?? []) {
    const given = sorted(await subject.listObjects(assertion.request, under(assertion)));
    const wanted = failure(assertion) ?? sorted(assertion.expectation);
    expect({ assertion, given }).toEqual({ assertion, given: wanted });
    asked += 1;
  }
  for (const assertion of stage.listUsersAssertions ?? []) {
    const { filters, ...request } = assertion.request;
    const query = { ...request, filters: filters.map(filterOf) };
    const given = sorted(await subject.listUsers(query, under(assertion)));
    const wanted = failure(assertion) ?? sorted(assertion.expectation);
    expect({ assertion, given }).toEqual({ assertion, given: wanted });
    asked += 1;
  }
  return asked;
}

function failure({ errorCode }: { errorCode?: number | null | undefined }): Failed | undefined {
  return errorCode ? { errorCode } : undefined;
}

function sorted(answer: readonly string[] | Failed): readonly string[] | Failed {
  return 'errorCode' in answer ? answer : answer.toSorted();
}

function filterOf(text: string): { type: string; relation?: string } {
  const [type = '', relation] = text.split('#');
  return relation === undefined ? { type } : { type, relation };
}
