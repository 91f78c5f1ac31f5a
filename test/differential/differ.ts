import fc from 'fast-check';
import { OpenFgaUnusable } from '../../src/adapters/openfga/unusable.ts';
import { sketches } from './arbitrary.ts';
import { type Comparison, compare } from './compare.ts';
import { answersOf, meetsCycle, spoiledBy } from './evaluate.ts';
import { worldText } from './print.ts';
import type { Server } from './server.ts';
import { type Spoil, spoils } from './spoil.ts';
import { worldOf } from './world.ts';

/** Of one search for a smaller world with a difference. */
const SHRINKING_MS = 60_000;
/** On a busy machine; more mean that the server is at fault. */
const MAX_UNANSWERED = 20;

export type Totals = {
  worlds: number;
  refusedModels: number;
  checks: { allowed: number; denied: number; error: number };
  lists: number;
  races: number;
  /** Worlds that were left, for the server didn't answer in time. */
  unanswered: number;
  /** In how many worlds an answer would be another one without the operator. */
  readonly dependOn: Map<string, number>;
};

export type Run = {
  readonly worlds: number;
  readonly seed: number;
  /** Gives the evaluator a fault. */
  readonly spoil?: Spoil | undefined;
};

class Difference extends Error {}

export async function differ(server: Server, { worlds, seed, spoil }: Run) {
  const totals: Totals = {
    worlds: 0,
    refusedModels: 0,
    checks: { allowed: 0, denied: 0, error: 0 },
    lists: 0,
    races: 0,
    unanswered: 0,
    dependOn: new Map(),
  };
  let shrinkUntil: number | undefined;
  const property = fc.asyncProperty(sketches, async (sketch) => {
    if (shrinkUntil !== undefined && Date.now() > shrinkUntil) return;
    const comparison = await compare(server, sketch, spoil).catch((error: unknown) => {
      // No smaller world is looked for where the server is at fault, and one that meets its faults is no smaller one.
      if (shrinkUntil !== undefined) return undefined;
      totals.unanswered += 1;
      if (error instanceof OpenFgaUnusable && totals.unanswered <= MAX_UNANSWERED) return undefined;
      shrinkUntil = 0;
      throw error;
    });
    fc.pre(comparison !== undefined);
    if (comparison.differences.length > 0) {
      shrinkUntil ??= Date.now() + SHRINKING_MS;
      throw new Difference(comparison.differences.join('\n'));
    }
    if (shrinkUntil === undefined) count(totals, comparison);
    fc.pre(comparison.world !== undefined);
  });
  const result = await fc.check(property, { numRuns: worlds, seed });
  if (!result.failed) return { totals, found: undefined };
  if (!(result.errorInstance instanceof Difference) || !result.counterexample) throw result.errorInstance;
  const made = worldOf(result.counterexample[0]);
  const world = 'refused' in made ? undefined : made;
  const report = [
    `World ${result.numRuns} of seed ${seed}, shrunk ${result.numShrinks} times:`,
    ...(world ? [worldText(world)] : []),
    result.errorInstance.message,
  ].join('\n');
  return { totals, found: { world, report } };
}

function count(totals: Totals, { world, races, lists }: Comparison): void {
  if (!world) {
    totals.refusedModels += 1;
    return;
  }
  totals.worlds += 1;
  totals.races += races;
  totals.lists += lists;
  const answers = answersOf(world);
  for (const answer of answers) totals.checks[answer] += 1;
  const depend = (operator: string, does: boolean) =>
    totals.dependOn.set(operator, (totals.dependOn.get(operator) ?? 0) + (does ? 1 : 0));
  depend('cycle', meetsCycle(world));
  for (const [operator, spoil] of Object.entries(spoils)) {
    const others = answersOf(spoiledBy(spoil, world));
    depend(
      operator,
      others.some((answer, i) => answer !== answers[i]),
    );
  }
}
