import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { compilePlan } from '../../src/permission-index/plan.ts';
import { RelationshipGraph } from '../../src/permission-index/relationship-graph.ts';
import { walk } from '../../src/permission-index/walk.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { loadOrganisation } from '../k8s-acl/data.ts';
import { readNdjson } from '../support/shared-data.ts';

const organisation = loadOrganisation();

describe.skipIf(organisation === undefined)('the permission index of a real organisation', () => {
  it('is exactly what each of its people may read', () => {
    if (organisation === undefined) return;
    const { folder, documents, reads } = organisation;
    const model = modelFromDsl(readFileSync(join(folder, 'model.fga'), 'utf8'));
    const began = performance.now();
    const graph = new RelationshipGraph(compilePlan(model, { type: 'document', relation: 'can_read' }));
    for (const tuple of readNdjson<Tuple>(join(folder, 'tuples.ndjson'))) graph.add(tuple);
    const built = performance.now();
    const lines = new Map(documents.map((id, line) => [`document:${id}`, line]));
    let exact = 0;
    for (const [user, expected] of reads) {
      const found = new Set<number>();
      walk(graph, user, (object) => found.add(lines.get(graph.nameOf(object)) ?? -1));
      expect(
        [...expected].filter((line) => !found.has(line)),
        user,
      ).toEqual([]);
      if (found.size === expected.size) exact += 1;
    }
    console.log(
      `built in ${(built - began).toFixed(0)} ms; ${reads.size} people walked in ${(performance.now() - built).toFixed(0)} ms`,
    );
    expect(reads.size).toBe(1_657);
    expect(exact).toBe(reads.size);
  });
});
