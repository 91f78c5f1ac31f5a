import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { typeOf } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { MAX_STEPS } from '../../src/permission-index/walk.ts';
import { Ways } from '../../src/permission-index/ways.ts';
import { linksOf } from '../../src/proofs/links.ts';
import { type ProofRules, proofRules } from '../../src/proofs/rules.ts';
import type { TupleKey } from '../../src/types/tuple.ts';
import { randomFrom } from '../bench/search/random.ts';
import { sketches } from '../differential/arbitrary.ts';
import { worldText } from '../differential/print.ts';
import { readersOf, type World, worldOf } from '../differential/world.ts';
import { graphOf, tampered } from './chains.ts';

/** The long run: `PROOF_WORLDS=20000 npm test -- test/proofs`. */
const WORLDS = Number(process.env.PROOF_WORLDS ?? 600);
const SEED = 20_261_123;
/** Within which a spoiled rule is found. */
const ENOUGH = 6_000;

type Spoil = (rules: ProofRules) => ProofRules;

describe('links that are all allowed, on generated models and relationships', () => {
  it(`prove the claim, whatever chain they are of (${WORLDS} worlds)`, { timeout: 3_600_000 }, () => {
    const totals = { proved: 0, 'not proved': 0, whole: 0, 'by a chain that lies': 0 };
    run(WORLDS, ({ world, claim, questions, yes, holds, lie }) => {
      if (questions === undefined) totals.whole += 1;
      else totals[yes ? 'proved' : 'not proved'] += 1;
      if (yes && lie) totals['by a chain that lies'] += 1;
      if (yes && !holds) expect.fail(wrong(world, claim, questions ?? []));
    });
    console.log(totals);
    for (const count of Object.values(totals)) expect(count).toBeGreaterThan(WORLDS / 10);
  });

  it('prove nearly every claim that the evaluator allows, by a chain of what is there: some go by a condition that is not met', {
    timeout: 3_600_000,
  }, () => {
    const totals = { allowed: 0, proved: 0 };
    run(WORLDS, ({ questions, yes, holds, lie }) => {
      if (lie || questions === undefined || !holds) return;
      totals.allowed += 1;
      if (yes) totals.proved += 1;
    });
    expect(totals.proved).toBeGreaterThan(0.98 * totals.allowed);
  });

  it.each<[string, Spoil]>([
    ['a userset may be asked on any relation', (rules) => ({ ...rules, takesUsersets: () => true })],
    [
      'any part of a definition is enough',
      (rules) => ({ ...rules, isEnough: (part, definition) => anyPart(rules, part, definition) }),
    ],
  ])('would prove wrong ones if %s', (_, spoil) => {
    let wrongOnes = 0;
    run(
      ENOUGH,
      ({ yes, holds }) => {
        if (yes && !holds) wrongOnes += 1;
        return wrongOnes > 0;
      },
      spoil,
    );
    expect(wrongOnes).toBeGreaterThan(0);
  });
});

const anyPart: (rules: ProofRules, ...asked: Parameters<ProofRules['isEnough']>) => boolean = (
  rules,
  part,
  definition,
) => {
  switch (definition.kind) {
    case 'union':
    case 'intersection':
      return definition.children.some((child) => anyPart(rules, part, child));
    case 'exclusion':
      return anyPart(rules, part, definition.base);
    default:
      return part(definition);
  }
};

type Case = {
  readonly world: World;
  readonly claim: TupleKey;
  readonly questions: readonly TupleKey[] | undefined;
  /** All links are allowed. */
  readonly yes: boolean;
  /** The claim is, asked whole. */
  readonly holds: boolean;
  /** The chain is of relationships that are not all there, or was tampered with. */
  readonly lie: boolean;
};

/** Until `look` returns true. */
function run(worlds: number, look: (found: Case) => boolean | void, spoil: Spoil = (rules) => rules): void {
  for (const sketch of fc.sample(sketches, { numRuns: worlds, seed: SEED })) {
    const world = worldOf(sketch);
    if ('refused' in world) continue;
    for (const found of casesOf(world, spoil(proofRules(world.model)))) if (look(found) === true) return;
  }
}

/** The index has seen all relationships of the world; of these some are gone, or it is told of none that isn't there. */
function* casesOf(world: World, rules: ProofRules): Generator<Case> {
  const random = randomFrom(1 + world.tuples.length);
  const left = world.tuples.filter(() => random() > 0.2);
  const documents = [...new Set(world.tuples.map(({ object }) => object))];
  for (const [there, lie] of [
    [world.tuples, false],
    [left, true],
  ] as const) {
    const evaluator = new Evaluator(world.model, new TupleGraph(there), { context: world.context });
    const isAllowed = (question: TupleKey) => evaluator.check(question).kind === 'allowed';
    for (const relation of world.model.relations.filter(({ isTupleset }) => !isTupleset)) {
      const graph = graphOf(world, relation.type, relation.name);
      for (const user of readersOf(world.model)) {
        const ways = new Ways(graph, user, MAX_STEPS);
        for (const object of documents.filter((id) => typeOf(id) === relation.type)) {
          const chain = ways.to(object);
          if (chain === undefined) continue;
          const claim = { user, relation: relation.name, object };
          const told = lie && random() < 0.5 ? tampered(chain, world.tuples, random) : chain;
          const questions = linksOf(rules, claim, told);
          const yes = questions?.every(isAllowed) ?? false;
          yield { world, claim, questions, yes, holds: isAllowed(claim), lie };
        }
      }
    }
  }
}

function wrong(world: World, claim: TupleKey, questions: readonly TupleKey[]): string {
  const print = ({ user, relation, object }: TupleKey) => `${user} ${relation} ${object}`;
  return `${print(claim)} was proved by ${questions.map(print).join(', ')}\n${worldText(world)}`;
}
