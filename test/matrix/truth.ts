import type { TupleKey } from '../../src/types/tuple.ts';
import { Rights } from './rights.ts';
import { type AgentState, type Change, nameOf, type Text } from './world.ts';

/** A passage, as one finds it who may read everything. */
export type Ranked = { readonly documentId: string; readonly chunkId: string; readonly score: number };

/** One tenant as the test knows it, by what has been done to it and nothing that the service says. */
export class Truth {
  readonly tenant: string;
  readonly tuples = new Map<string, TupleKey>();
  readonly documents = new Map<string, Text>();
  readonly agents = new Map<string, AgentState>();
  /** By query; as long as no document changes. */
  readonly rankings = new Map<string, readonly Ranked[]>();
  #rights: Rights | undefined;

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  get rights(): Rights {
    this.#rights ??= new Rights([...this.tuples.values()]);
    return this.#rights;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'relationships':
        for (const tuple of change.deletes) this.tuples.delete(nameOf(tuple));
        for (const tuple of change.writes) this.tuples.set(nameOf(tuple), tuple);
        break;
      case 'agent':
        if (change.state === undefined) this.agents.delete(change.id);
        else this.agents.set(change.id, change.state);
        break;
      case 'put':
        this.documents.set(change.id, change.text);
        this.rankings.clear();
        if (change.own === undefined) break;
        this.#takeFrom(change.id);
        for (const tuple of change.own) this.tuples.set(nameOf(tuple), tuple);
        break;
      case 'delete':
        this.documents.delete(change.id);
        this.rankings.clear();
        this.#takeFrom(change.id);
        break;
    }
    this.#rights = undefined;
  }

  #takeFrom(id: string): void {
    for (const [name, { object }] of this.tuples) if (object === `document:${id}`) this.tuples.delete(name);
  }
}
