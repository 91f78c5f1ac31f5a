import { type Engine, MAX_CHECKS_A_BATCH } from '../ports/engine.ts';
import { batches } from '../types/batches.ts';
import type { TupleKey } from '../types/tuple.ts';
import type { Clearance } from './enforce.ts';
import { askBatch } from './verdicts.ts';

/** A claim that was allowed by what proves it; of a list, which shows nothing else, by itself. */
type Proved = { readonly claim: TupleKey; readonly links: readonly TupleKey[] };

/** `differed`: the engine allows everything that proves it, and denies the claim. `changed`: relationships did, meanwhile. */
export const watchOutcomes = ['agreed', 'changed', 'differed', 'undecided'] as const;
export type Watched = (typeof watchOutcomes)[number];

export type ProofWatch = (decided: Pick<Clearance, 'principal' | 'decisionId' | 'reasons'>) => void;

const DEADLINE_MS = 10_000;
/** Times in a row that make a difference one: what changes between two reads of one call is not one. */
const TIMES = 3;

/**
 * Asks about a share of what was proved again, as whole claims and after the answer is out, and reports how that ended. One
 * decision at a time: what comes meanwhile is not watched, for the engine has its real work to do.
 */
export function watchProofs(
  engine: Engine,
  share: number,
  report: (outcome: Watched, count: number, decisionId: string) => void,
  random: () => number = Math.random,
): ProofWatch {
  let watching = false;
  return ({ principal, decisionId, reasons }) => {
    const picked = watching ? [] : provedIn(reasons).filter(() => random() < share);
    if (picked.length === 0) return;
    watching = true;
    void watched(principal.tenant, decisionId, picked);
  };

  async function watched(tenant: string, decisionId: string, picked: readonly Proved[]): Promise<void> {
    try {
      const outcomes = await watch(engine, tenant, picked);
      for (const [outcome, those] of Map.groupBy(outcomes, (each) => each))
        report(outcome, those.length, decisionId);
    } finally {
      watching = false;
    }
  }
}

function provedIn(reasons: Clearance['reasons']): readonly Proved[] {
  return [...reasons.values()].flat().flatMap(({ claim, by }) => {
    if (by === 'check') return [];
    return [{ claim, links: by === 'list' ? [] : by.links }];
  });
}

async function watch(engine: Engine, tenant: string, proved: readonly Proved[]): Promise<Watched[]> {
  const outcomes: Watched[] = [];
  for (const some of batches(proved, MAX_CHECKS_A_BATCH)) {
    const whole = await ask(
      engine,
      tenant,
      some.map(({ claim }) => claim),
    );
    for (const [i, one] of some.entries()) {
      outcomes.push(whole[i] === 'allowed' ? 'agreed' : await compare(engine, tenant, one));
    }
  }
  return outcomes;
}

/** The claim together with what proved it: where it was taken away meanwhile, that is gone too. */
async function compare(engine: Engine, tenant: string, { claim, links }: Proved): Promise<Watched> {
  // What was on a list, and is denied now, may have been taken away: there is nothing else to ask.
  if (links.length === 0) return 'changed';
  for (let time = 1; time <= TIMES; time += 1) {
    const [whole, ...proof] = await ask(engine, tenant, [claim, ...links]);
    if (whole === 'allowed' || proof.includes('denied')) return 'changed';
    if (whole !== 'denied' || proof.includes('undetermined')) return 'undecided';
  }
  return 'differed';
}

async function ask(engine: Engine, tenant: string, questions: readonly TupleKey[]) {
  const verdicts = await askBatch(engine, tenant, questions, AbortSignal.timeout(DEADLINE_MS));
  return verdicts.map(({ kind }) => kind);
}
