import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { parseSubject } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import type { TupleChanges } from '../../src/ports/engine.ts';
import { type Tuple, tupleKey } from '../../src/types/tuple.ts';
import type { Metadata } from './collection.ts';
import type { OracleWorld } from './world.ts';

/** A passage of somebody who may read everything. */
export type Ranked = { readonly documentId: string; readonly chunkId: string; readonly score: number };

/** One tenant as the test knows it, apart from all that is tested: its documents outlive a world, its tuples don't. */
export class Truth {
  readonly tenant: string;
  readonly tuples = new Map<string, Tuple>();
  /** Those that are published. */
  readonly documents = new Map<string, Metadata>();
  /** By query; as long as no document changes. */
  readonly rankings = new Map<string, readonly Ranked[]>();
  #evaluator: Evaluator | undefined;

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  change({ writes, deletes }: TupleChanges): void {
    for (const key of deletes) this.tuples.delete(tupleKey(key));
    for (const tuple of writes) this.tuples.set(tupleKey(tuple), tuple);
    this.#evaluator = undefined;
  }

  published(id: string, metadata: Metadata): void {
    this.documents.set(id, metadata);
    this.rankings.clear();
  }

  /** Every relationship on it goes along, and every one that mentions it. */
  deleted(id: string): void {
    this.documents.delete(id);
    this.rankings.clear();
    const object = `document:${id}`;
    const about = [...this.tuples.values()].filter(
      (tuple) => tuple.object === object || parseSubject(tuple.user).object === object,
    );
    this.change({ writes: [], deletes: about });
  }

  /** The worst of all readers': one who may not read it is enough for a no. */
  verdict({ world, guarded }: OracleWorld, readers: readonly string[], id: string) {
    this.#evaluator ??= new Evaluator(world.model, new TupleGraph([...this.tuples.values()]));
    const evaluator = this.#evaluator;
    const object = `${guarded.type}:${id}`;
    const kinds = readers.map((user) => evaluator.check({ user, relation: guarded.relation, object }).kind);
    if (kinds.includes('denied')) return 'denied';
    return kinds.includes('error') ? 'undecided' : 'allowed';
  }
}
