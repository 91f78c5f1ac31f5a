import type { DocumentSet } from '../types/document-set.ts';

/** Numbers that are kept of a document: its object, its published version and that one's chunks. */
const FIELDS = 3;

/** What a search could find: the number, the published version and its chunks of each document. */
export class PublishedDocuments {
  /** By the object's number in the graph; 0 for what is no document. */
  readonly #numbers: number[] = [];
  /** By document number, from the lowest one on. */
  #held = new Uint32Array(0);
  #first = 0;

  /** No chunks: it is hidden or deleted. */
  set(object: number, number: number, version: number, chunks: number): void {
    // Filled up, for an array with holes is many times slower.
    while (this.#numbers.length <= object) this.#numbers.push(0);
    this.#numbers[object] = number;
    this.#reserve(number);
    this.#held.set([object, version, chunks], FIELDS * (number - this.#first));
  }

  /** Undefined for what is not published. */
  numberOf(object: number): number | undefined {
    const number = this.#numbers[object] ?? 0;
    return number > 0 && this.#chunksOf(number) > 0 ? number : undefined;
  }

  /** Undefined for what is not published. */
  versionOf(number: number): { readonly object: number; readonly version: number } | undefined {
    if (this.#chunksOf(number) === 0) return undefined;
    const at = FIELDS * (number - this.#first);
    return { object: this.#held[at] ?? 0, version: this.#held[at + 1] ?? 0 };
  }

  chunksOf(documents: DocumentSet): number {
    return documents.numbers().reduce((sum, number) => sum + this.#chunksOf(number), 0);
  }

  #chunksOf(number: number): number {
    return this.#held[FIELDS * (number - this.#first) + 2] ?? 0;
  }

  #reserve(number: number): void {
    const held = this.#held;
    if (held.length === 0) this.#first = number;
    const end = this.#first + held.length / FIELDS;
    if (number >= this.#first && number < end) return;
    const first = Math.min(this.#first, number);
    const length = Math.max(Math.max(end, number + 1) - first, (2 * held.length) / FIELDS, 1_024);
    const grown = new Uint32Array(FIELDS * length);
    grown.set(held, FIELDS * (this.#first - first));
    this.#held = grown;
    this.#first = first;
  }
}
