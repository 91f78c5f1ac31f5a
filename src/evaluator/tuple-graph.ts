import type { Tuple, TupleKey } from '../types/tuple.ts';
import { tupleKey } from '../types/tuple.ts';
import { parseSubject, typeOf } from './subject.ts';
import type { Entry, RelationEntries, TupleSource } from './tuple-source.ts';

const none: readonly Entry[] = [];

class EntryList implements RelationEntries {
  readonly #byUser = new Map<string, Entry>();
  readonly #usersets = new Map<string, Entry>();

  get size(): number {
    return this.#byUser.size;
  }

  get all(): Iterable<Entry> {
    return this.#byUser.values();
  }

  get usersets(): Iterable<Entry> {
    return this.#usersets.values();
  }

  find(user: string): Entry | undefined {
    return this.#byUser.get(user);
  }

  findAll(user: string): readonly Entry[] {
    const entry = this.#byUser.get(user);
    return entry ? [entry] : none;
  }

  set(entry: Entry): void {
    this.#byUser.set(entry.subject.text, entry);
    if (entry.subject.relation !== undefined) this.#usersets.set(entry.subject.text, entry);
  }

  delete(user: string): void {
    this.#byUser.delete(user);
    this.#usersets.delete(user);
  }
}

/** Relationships in memory, indexed by object and relation and by the object of their user. */
export class TupleGraph implements TupleSource {
  readonly #byObject = new Map<string, Map<string, EntryList>>();
  readonly #byUser = new Map<string, Map<string, Tuple>>();
  readonly #byType = new Map<string, Set<string>>();
  #size = 0;

  constructor(tuples: Iterable<Tuple> = []) {
    for (const tuple of tuples) this.add(tuple);
  }

  get size(): number {
    return this.#size;
  }

  /** Takes the place of a tuple with the same key. */
  add(tuple: Tuple): void {
    const entry = { tuple, subject: parseSubject(tuple.user) };
    const relations = getOrAdd(this.#byObject, tuple.object, () => new Map<string, EntryList>());
    const list = getOrAdd(relations, tuple.relation, () => new EntryList());
    const before = list.size;
    list.set(entry);
    this.#size += list.size - before;
    getOrAdd(this.#byUser, entry.subject.object, () => new Map<string, Tuple>()).set(tupleKey(tuple), tuple);
    getOrAdd(this.#byType, typeOf(tuple.object), () => new Set<string>()).add(tuple.object);
  }

  delete(key: TupleKey): void {
    const relations = this.#byObject.get(key.object);
    const list = relations?.get(key.relation);
    const entry = list?.find(key.user);
    if (!relations || !list || !entry) return;

    list.delete(key.user);
    this.#size -= 1;
    if (list.size === 0) relations.delete(key.relation);
    if (relations.size === 0) {
      this.#byObject.delete(key.object);
      this.#byType.get(typeOf(key.object))?.delete(key.object);
    }
    const mentions = this.#byUser.get(entry.subject.object);
    mentions?.delete(tupleKey(key));
    if (mentions?.size === 0) this.#byUser.delete(entry.subject.object);
  }

  has(key: TupleKey): boolean {
    return this.entries(key.object, key.relation)?.find(key.user) !== undefined;
  }

  entries(object: string, relation: string): RelationEntries | undefined {
    return this.#byObject.get(object)?.get(relation);
  }

  /** Every tuple whose object is `object`. */
  *ofObject(object: string): Iterable<Tuple> {
    for (const list of this.#byObject.get(object)?.values() ?? []) {
      for (const { tuple } of list.all) yield tuple;
    }
  }

  /** Every tuple whose user is `object` itself or a userset of it. */
  mentioning(object: string): Iterable<Tuple> {
    return this.#byUser.get(object)?.values() ?? [];
  }

  /** The objects of this type that some tuple is about. */
  objectsOfType(type: string): Iterable<string> {
    return this.#byType.get(type) ?? [];
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
