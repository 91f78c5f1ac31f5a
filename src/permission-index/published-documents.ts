import { DocumentSet } from '../types/document-set.ts';

/** What a search could find: the number and the published chunks of each document. */
export class PublishedDocuments {
  /** By the object's number in the graph; 0 for what is no document. */
  readonly #numbers: number[] = [];
  /** By document number, from the lowest one on. */
  #chunks = new Uint32Array(0);
  #first = 0;

  /** No chunks: it is hidden or deleted. */
  set(object: number, number: number, chunks: number): void {
    // Filled up, for an array with holes is many times slower.
    while (this.#numbers.length <= object) this.#numbers.push(0);
    this.#numbers[object] = number;
    this.#reserve(number);
    this.#chunks[number - this.#first] = chunks;
  }

  /** Undefined for what is not published. */
  numberOf(object: number): number | undefined {
    const number = this.#numbers[object] ?? 0;
    return number > 0 && this.#chunksOf(number) > 0 ? number : undefined;
  }

  chunksOf(documents: DocumentSet): number {
    return documents.numbers().reduce((sum, number) => sum + this.#chunksOf(number), 0);
  }

  #chunksOf(number: number): number {
    return this.#chunks[number - this.#first] ?? 0;
  }

  #reserve(number: number): void {
    const held = this.#chunks;
    if (held.length === 0) this.#first = number;
    if (number >= this.#first && number < this.#first + held.length) return;
    const first = Math.min(this.#first, number);
    const end = Math.max(this.#first + held.length, number + 1);
    const grown = new Uint32Array(Math.max(end - first, 2 * held.length, 1_024));
    grown.set(held, this.#first - first);
    this.#chunks = grown;
    this.#first = first;
  }
}
