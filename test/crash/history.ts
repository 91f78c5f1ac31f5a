/** A document as its writers meant it: a word that is in no other text, and who may read it. */
export type State = { readonly word: string; readonly readers: readonly string[] };

/** Without readers, they stay as they are. */
export type Change =
  | { readonly kind: 'put'; readonly word: string; readonly readers?: readonly string[] }
  | { readonly kind: 'delete' };

/** `kept`: acknowledged, and to be in force later (202). `unknown`: no answer, or none that says. */
export type Outcome = 'done' | 'kept' | 'unknown';

type Span = { readonly state: State; readonly from: number; until: number };

/** What a document's readers may find at what time, by what its one writer was told. */
export class DocumentHistory {
  readonly id: string;
  /** Each a whole state that it may be in; undefined: not there. One alone where the writer knows. */
  possible: readonly (State | undefined)[] = [undefined];
  /** Counts the changes, so that an observer can tell whether one began meanwhile. */
  changes = 0;
  changing: Change | undefined;
  #spans: Span[] = [];

  constructor(id: string) {
    this.id = id;
  }

  begin(change: Change, at: number): void {
    this.changes += 1;
    this.changing = change;
    for (const state of this.possible.map((before) => changed(before, change))) {
      if (state !== undefined) this.#spans.push({ state, from: at, until: Number.POSITIVE_INFINITY });
    }
  }

  /** `at`: when the answer was in, so that who asks later must see what it says. */
  end(change: Change, outcome: Outcome, at: number, began: number): void {
    this.changing = undefined;
    const after = this.possible.map((before) => changed(before, change));
    if (outcome === 'unknown') {
      const narrowed = this.possible.map((before) => narrowedFor(before, change));
      this.possible = unique([...this.possible, ...narrowed, ...after]);
      return;
    }
    this.possible = unique(after);
    // A deletion hides at once. What else is only kept may leave the old in force until the next one is done.
    if (outcome === 'kept' && change.kind === 'put') return;
    for (const span of this.#spans) if (span.from < began) span.until = Math.min(span.until, at);
  }

  /** Whether a text with this word may be shown to this person by an answer asked for at `from` and in at `until`. */
  allows(word: string, person: string, from: number, until: number): boolean {
    return this.#spans.some(
      (span) =>
        span.state.word === word &&
        span.state.readers.includes(person) &&
        span.from <= until &&
        span.until >= from,
    );
  }

  /** The one state that it is in, while nobody changes it. */
  get settled(): { readonly state: State | undefined } | undefined {
    return this.changing === undefined && this.possible.length === 1
      ? { state: this.possible[0] }
      : undefined;
  }
}

function changed(before: State | undefined, change: Change): State | undefined {
  if (change.kind === 'delete') return undefined;
  return { word: change.word, readers: change.readers ?? before?.readers ?? [] };
}

/** Taking away comes first and waits for nothing: a writer that dies before its text is staged leaves this. */
function narrowedFor(before: State | undefined, change: Change): State | undefined {
  if (before === undefined || change.kind === 'delete' || change.readers === undefined) return before;
  const { readers } = change;
  return { word: before.word, readers: before.readers.filter((reader) => readers.includes(reader)) };
}

export function sameState(a: State | undefined, b: State | undefined): boolean {
  return a?.word === b?.word && samePeople(a?.readers ?? [], b?.readers ?? []);
}

export function samePeople(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((person) => b.includes(person));
}

function unique(states: readonly (State | undefined)[]): readonly (State | undefined)[] {
  return states.filter((state, i) => states.findIndex((other) => sameState(state, other)) === i);
}
