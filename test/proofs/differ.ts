import fc from 'fast-check';
import { misreadRelations } from '../../src/adapters/openfga/misread.ts';
import { OpenFgaUnusable } from '../../src/adapters/openfga/unusable.ts';
import { typeOf } from '../../src/evaluator/subject.ts';
import { MAX_STEPS } from '../../src/permission-index/walk.ts';
import { Ways } from '../../src/permission-index/ways.ts';
import type { Engine } from '../../src/ports/engine.ts';
import type { Proofs } from '../../src/ports/proofs.ts';
import { linksOf } from '../../src/proofs/links.ts';
import { markOf } from '../../src/proofs/mark.ts';
import { type ProofRules, proofRules } from '../../src/proofs/rules.ts';
import { Costs } from '../../src/retrieve/costs.ts';
import { Judge } from '../../src/retrieve/judge.ts';
import type { Link } from '../../src/types/link.ts';
import type { TupleKey } from '../../src/types/tuple.ts';
import type { Verdict } from '../../src/types/verdict.ts';
import { randomFrom } from '../bench/search/random.ts';
import { sketches } from '../differential/arbitrary.ts';
import { worldText } from '../differential/print.ts';
import type { Server, Store } from '../differential/server.ts';
import type { RewriteSketch, Sketch, TypeSketch } from '../differential/sketch.ts';
import { readersOf, type World, worldOf } from '../differential/world.ts';
import { graphOf, tampered } from './chains.ts';

/** Claims of one world: so many fit into a check of all of them. */
const CLAIMS = 50;
const MAX_UNANSWERED = 20;

type Claim = { readonly claim: TupleKey; readonly chain: readonly Link[]; readonly lie: boolean };

export type Found = {
  worlds: number;
  /** Worlds whose model the product refuses, or the server. */
  refused: number;
  /** Worlds that were left, for the server didn't answer in time. */
  unanswered: number;
  /** Claims allowed by their links, and of these by a chain that lies. */
  proved: number;
  provedByLies: number;
  /** Claims allowed by the server's own list of objects. */
  listed: number;
  /** Claims that have no proof, or whose proof failed, and were asked whole. */
  whole: number;
  allowed: number;
  /** Claims of which the server itself says now this and now that. */
  races: number;
  /** Allowed by links or by a list, and not by the check of the whole claim. */
  readonly wrong: string[];
  /** Allowed by the check of the whole claim, and not by the judge. */
  readonly lost: string[];
};

/** What may be put in a part's place, to show that the test would notice. */
export type Spoil = {
  readonly rules?: (rules: ProofRules) => ProofRules;
  readonly engine?: (engine: Engine) => Engine;
};

/** Verdicts by proofs against full checks of the same server, relationships gone and chains tampered with in half of the worlds. */
export async function differ(
  server: Server,
  { worlds, seed, spoil = {} }: { readonly worlds: number; readonly seed: number; readonly spoil?: Spoil },
): Promise<Found> {
  const found: Found = {
    worlds: 0,
    refused: 0,
    unanswered: 0,
    proved: 0,
    provedByLies: 0,
    listed: 0,
    whole: 0,
    allowed: 0,
    races: 0,
    wrong: [],
    lost: [],
  };
  for (const sketch of fc.sample(sketches, { numRuns: worlds, seed })) {
    found.worlds += 1;
    const world = worldOf(found.worlds % 3 === 0 ? sketch : simpler(sketch));
    const store =
      'refused' in world || misreadRelations(world.model).length > 0
        ? undefined
        : await server.openStore(world.model.json);
    if ('refused' in world || store === undefined) {
      found.refused += 1;
      continue;
    }
    try {
      await compare(store, world, found, spoil);
    } catch (error) {
      found.unanswered += 1;
      if (!(error instanceof OpenFgaUnusable) || found.unanswered > MAX_UNANSWERED) throw error;
    } finally {
      await store.close();
    }
  }
  return found;
}

async function compare(store: Store, world: World, found: Found, { rules, engine }: Spoil): Promise<void> {
  const random = randomFrom(1 + found.worlds);
  const lying = found.worlds % 2 === 0;
  await store.write(world.tuples.filter(() => !lying || random() > 0.2));
  const made = proofRules(world.model);
  const judging = rules?.(made) ?? made;
  const claims = claimsOf(world, judging, lying, random);
  const asked = store.engine(world.context);
  const byLinks = await judgedByLinks(engine?.(asked) ?? asked, judging, claims);
  const byList = await judgedByLists(engine?.(asked) ?? asked, judging, claims);
  const whole = claims.map(({ claim }) => claim);
  const expected = await store.check({ contextual: [], context: world.context }, whole);
  for (const [i, { claim, lie }] of claims.entries()) {
    if (expected[i] === 'allowed') found.allowed += 1;
    const linked = isAllowed(byLinks[i]) && typeof byLinks[i].by === 'object';
    if (linked) found.proved += 1;
    else found.whole += 1;
    if (linked && lie) found.provedByLies += 1;
    if (isAllowed(byList[i]) && byList[i].by === 'list') found.listed += 1;
    for (const verdict of [byLinks[i], byList[i]]) {
      if (isAllowed(verdict) === (expected[i] === 'allowed')) continue;
      // OpenFGA gives now one answer and now another where a claim is nearly too deep, or meets a cycle.
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => store.check({ contextual: [], context: world.context }, [claim])),
      );
      const own = isAllowed(verdict) && verdict.by !== 'check' ? [] : [verdict?.kind];
      const both = new Set([expected[i], ...answers.flat(), ...own]);
      const text = `${written(claim)}: ${[...both].join(', ')}; ${reasonOf(verdict)}\n${worldText(world)}`;
      if (both.size > 1) found.races += 1;
      else if (isAllowed(verdict)) found.wrong.push(text);
      else found.lost.push(text);
    }
  }
}

function isAllowed(verdict: Verdict | undefined): verdict is Extract<Verdict, { kind: 'allowed' }> {
  return verdict?.kind === 'allowed';
}

function reasonOf(verdict: Verdict | undefined): string {
  if (!isAllowed(verdict)) return verdict?.kind ?? 'no verdict';
  return `allowed by ${typeof verdict.by === 'string' ? verdict.by : verdict.by.links.map(written).join(', ')}`;
}

const written = ({ user, relation, object }: TupleKey) => `${user} ${relation} ${object}`;

/** The product's own judge, which takes the way of links wherever there is one. */
function judgedByLinks(
  engine: Engine,
  rules: ProofRules,
  claims: readonly Claim[],
): Promise<readonly Verdict[]> {
  return judged(engine, claims, {
    reasons: { chains: () => claims.map(({ chain }) => chain), size: () => undefined, stale: () => {} },
    questionsOf: (claim: TupleKey, chain: readonly Link[]) => linksOf(rules, claim, chain),
    markOf: () => undefined,
  });
}

/** The same, which takes the server's list for each relation that can have a mark on it. */
async function judgedByLists(
  engine: Engine,
  rules: ProofRules,
  claims: readonly Claim[],
): Promise<readonly (Verdict | undefined)[]> {
  const verdicts = new Map<Claim, Verdict | undefined>();
  const guarded = Map.groupBy(claims, ({ claim }) => `${typeOf(claim.object)}#${claim.relation}`);
  for (const some of guarded.values()) {
    const [first] = some;
    const relation = first && rules.model.types.get(typeOf(first.claim.object))?.get(first.claim.relation);
    const told = await judged(engine, some, {
      reasons: { chains: () => some.map(() => undefined), size: () => 1, stale: () => {} },
      questionsOf: () => undefined,
      markOf: (user) => relation && markOf(rules, relation, user),
    });
    for (const [i, claim] of some.entries()) verdicts.set(claim, told[i]);
  }
  return claims.map((claim) => verdicts.get(claim));
}

async function judged(engine: Engine, claims: readonly Claim[], proofs: Proofs): Promise<readonly Verdict[]> {
  const costs = new Costs();
  costs.took('checks', 50, 1e9);
  const judge = new Judge(engine, { proofs, costs }, 'any', AbortSignal.timeout(60_000));
  const verdicts: Verdict[] = [];
  for await (const some of judge.on(claims.map(({ claim }) => claim))) verdicts.push(...some);
  return verdicts;
}

/** Those that have a proof of several links first. */
function claimsOf(world: World, rules: ProofRules, lying: boolean, random: () => number): readonly Claim[] {
  const objects = [...new Set(world.tuples.map(({ object }) => object))];
  const claims: Claim[] = [];
  for (const relation of world.model.relations.filter(({ isTupleset }) => !isTupleset)) {
    const graph = graphOf(world, relation.type, relation.name);
    for (const user of readersOf(world.model)) {
      const ways = new Ways(graph, user, MAX_STEPS);
      for (const object of objects.filter((id) => typeOf(id) === relation.type)) {
        const chain = ways.to(object);
        if (chain === undefined) continue;
        const lie = lying && random() < 0.5;
        const told = lie ? tampered(chain, world.tuples, random) : chain;
        claims.push({ claim: { user, relation: relation.name, object }, chain: told, lie: lying });
      }
    }
  }
  const links = new Map(claims.map((each) => [each, linksOf(rules, each.claim, each.chain)?.length ?? 0]));
  const drawn = claims.map((each) => ({ each, place: random() - Math.min(2, links.get(each) ?? 0) }));
  return drawn
    .toSorted((a, b) => a.place - b.place)
    .slice(0, CLAIMS)
    .map(({ each }) => each);
}

/** With `or` in most places where nothing could be proved by links. */
function simpler({ types, ...sketch }: Sketch): Sketch {
  const joined = Object.entries(types).map(([name, type]): [string, TypeSketch] => [
    name,
    { ...type, relations: { ...type.relations, a: anyOf(type.relations.a), b: anyOf(type.relations.b) } },
  ]);
  return { ...sketch, types: Object.fromEntries(joined) };
}

function anyOf<R extends RewriteSketch | undefined>(rewrite: R): RewriteSketch | R {
  switch (rewrite?.kind) {
    case 'exclusion':
      return { kind: 'union', children: [rewrite.base, rewrite.subtract].map(anyOf) };
    case 'intersection':
    case 'union':
      return { kind: 'union', children: rewrite.children.map(anyOf) };
    default:
      return rewrite;
  }
}
