import { type Change, DocumentHistory } from './history.ts';
import type { ServiceCopy } from './service-copy.ts';
import { wordOf } from './text.ts';

/** Who the documents are shared with, and one person whom nothing is. */
export const PEOPLE = ['anne', 'bob', 'carol', 'dave', 'erin'] as const;
export const OUTSIDER = 'mallory';
export const EVERYONE = [...PEOPLE, OUTSIDER];

export type Tokens = { readonly writer: string; readonly of: ReadonlyMap<string, string> };

/** A change that a writer waits for. */
export type Writing = {
  readonly document: DocumentHistory;
  readonly change: Change;
  /** The copies that it was sent to. */
  readonly to: readonly string[];
  /** Milliseconds, by the clock. */
  readonly since: number;
};

/** What all writers and observers share. */
export type World = {
  readonly copies: readonly ServiceCopy[];
  readonly tokens: Tokens;
  readonly documents: DocumentHistory[];
  readonly writing: Set<Writing>;
  /** Everything that must not be. Empty at the end of a good run. */
  readonly faults: string[];
  readonly counts: Map<string, number>;
  /** Of answers that somebody has seen. */
  readonly decisions: Set<string>;
};

export function newWorld(copies: readonly ServiceCopy[], tokens: Tokens): World {
  return {
    copies,
    tokens,
    documents: [],
    writing: new Set(),
    faults: [],
    counts: new Map(),
    decisions: new Set(),
  };
}

export function count(world: World, what: string): void {
  world.counts.set(what, (world.counts.get(what) ?? 0) + 1);
}

export function newDocument(world: World): DocumentHistory {
  const document = new DocumentHistory(`d${world.documents.length}`);
  world.documents.push(document);
  return document;
}

export function freshWord({ id, changes }: DocumentHistory): string {
  return wordOf(Number(id.slice(1)), changes + 1);
}

/** The document whose texts hold this word. */
export function documentOf(world: World, word: string): DocumentHistory | undefined {
  return world.documents[Number(/^w(\d+)v/.exec(word)?.[1])];
}

export function randomOf<T>(items: readonly T[]): T | undefined {
  return items[Math.floor(Math.random() * items.length)];
}

export function chance(share: number): boolean {
  return Math.random() < share;
}

/** One of the copies that are up. */
export function randomCopy({ copies }: World): (ServiceCopy & { readonly url: string }) | undefined {
  return randomOf(
    copies.flatMap((copy) => (copy.url === undefined ? [] : [{ name: copy.name, url: copy.url }])),
  );
}
