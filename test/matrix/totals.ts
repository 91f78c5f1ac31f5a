import { expect } from 'vitest';

/** Those beside HTTP. */
const doors = [
  'retriever in process',
  'retriever remote',
  'tool in process',
  'tool remote',
  'client',
  'command line',
] as const;
export type Door = (typeof doors)[number];

const kinds = [
  // Who asks.
  'direct',
  'an agent by itself',
  'one agent',
  'two agents',
  'three agents',
  'by an issuer',
  'by exchange',
  'with an audience',
  // What comes of it.
  'refused: agent_not_allowed',
  'refused: delegation_not_allowed',
  'refused in exchange',
  'refused what was given in exchange',
  'audience too large',
  'empty',
  'full',
  'found through a chain',
  'found for an audience',
  'withheld for approval',
  'kept by a rule',
  'document read',
  'document withheld',
  'document not found',
  // Through which door.
  'HTTP',
  ...doors,
  // What happens in between.
  'changed: relationships',
  'changed: agent',
  'changed: put',
  'changed: delete',
] as const;
export type Kind = (typeof kinds)[number];

export type Totals = {
  readonly count: (kind: Kind) => void;
  readonly of: (kind: Kind) => number;
  readonly all: () => Readonly<Record<string, number>>;
};

export function newTotals(): Totals {
  const counts = new Map<Kind, number>(kinds.map((kind) => [kind, 0]));
  const of = (kind: Kind) => counts.get(kind) ?? 0;
  return {
    of,
    count: (kind) => void counts.set(kind, of(kind) + 1),
    all: () => Object.fromEntries(counts),
  };
}

/** Of all cases. Where there are fewer of a kind, nothing was said of it. */
const LEAST_SHARE = 0.003;

export function expectEveryKind(totals: Totals, cases: number): void {
  for (const kind of kinds) expect(totals.of(kind) / cases, kind).toBeGreaterThanOrEqual(LEAST_SHARE);
}
