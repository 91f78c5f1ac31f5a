import type { Entry, RelationEntries, TupleSource } from './tuple-source.ts';

/**
 * A request's contextual tuples over the stored ones. As on a server, a contextual tuple hides the stored
 * one with its key where that one tuple is looked up, and stands beside it where a relation is read whole.
 */
export class TupleOverlay implements TupleSource {
  readonly #upper: TupleSource;
  readonly #lower: TupleSource;

  constructor(upper: TupleSource, lower: TupleSource) {
    this.#upper = upper;
    this.#lower = lower;
  }

  entries(object: string, relation: string): RelationEntries | undefined {
    const upper = this.#upper.entries(object, relation);
    const lower = this.#lower.entries(object, relation);
    if (!upper || !lower) return upper ?? lower;
    return {
      find: (user) => upper.find(user) ?? lower.find(user),
      findAll: (user) => [...upper.findAll(user), ...lower.findAll(user)],
      all: chain(upper.all, lower.all),
      usersets: chain(upper.usersets, lower.usersets),
    };
  }

  objectsOfType(type: string): Iterable<string> {
    return new Set([...this.#upper.objectsOfType(type), ...this.#lower.objectsOfType(type)]);
  }
}

function chain(first: Iterable<Entry>, second: Iterable<Entry>): Iterable<Entry> {
  return [...first, ...second];
}
