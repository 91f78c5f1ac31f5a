import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { type Model, modelFromDsl } from '../../src/evaluator/model.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';

/** The permissions of the Kubernetes project; not part of the repository. */
const folder = new URL('../../../shared/data/k8s-acl/', import.meta.url);

const tuple = z.object({ user: z.string(), relation: z.string(), object: z.string() });
const expectation = z.object({ user: z.string(), docs: z.array(z.int()) });

function lines<T>(file: string, schema: z.ZodType<T>): T[] {
  const bytes = readFileSync(new URL(file, folder));
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => schema.parse(JSON.parse(line)));
}

describe.skipIf(!existsSync(folder))(
  'the k8s-acl graph (skipped where ../shared/data/k8s-acl is absent)',
  () => {
    let model: Model;
    let graph: TupleGraph;
    let documents: string[];
    let users: z.infer<typeof expectation>[];

    beforeAll(() => {
      model = modelFromDsl(readFileSync(new URL('model.fga', folder), 'utf8'));
      graph = new TupleGraph(lines('tuples.ndjson', tuple));
      documents = lines('documents.ndjson.gz', z.object({ id: z.string() })).map(
        ({ id }) => `document:${id}`,
      );
      users = lines('expected_reads.ndjson.gz', expectation);
    });

    it('lets each of the 1,657 users read what they may, and nothing else', () => {
      const wrong: string[] = [];
      for (const { user, docs } of users) {
        const evaluator = new Evaluator(model, graph);
        const given = documents.flatMap((object, i) =>
          evaluator.check({ user, relation: 'can_read', object }).kind === 'allowed' ? [i] : [],
        );
        if (given.join() !== docs.join()) wrong.push(user);
      }
      expect({ graph: graph.size, users: users.length, documents: documents.length, wrong }).toEqual({
        graph: 12_466,
        users: 1_657,
        documents: 1_635,
        wrong: [],
      });
    }, 120_000);

    it('lists the same objects, and the user among the users of each', () => {
      for (const { user, docs } of users.filter((_, i) => i % 97 === 0)) {
        const listed = new Evaluator(model, graph).listObjects({
          user,
          relation: 'can_read',
          type: 'document',
        });
        expect(listed.toSorted()).toEqual(docs.map((i) => documents[i]).toSorted());
        for (const object of listed.slice(0, 3)) {
          const query = { object, relation: 'can_read', filters: [{ type: 'user' }] };
          expect(new Evaluator(model, graph).listUsers(query)).toContain(user);
        }
      }
    });
  },
);
