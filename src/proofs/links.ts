import type { Relation } from '../evaluator/relation.ts';
import { parseSubject, typeOf } from '../evaluator/subject.ts';
import type { Link } from '../types/link.ts';
import type { TupleKey } from '../types/tuple.ts';
import type { ProofRules } from './rules.ts';

/**
 * OpenFGA gives up at 25 hops. A longer claim is asked whole: its links, one by one, would be allowed where it is called too
 * complex.
 */
const MAX_LENGTH = 20;

/** One step of a chain, held against the model. */
type Judged = {
  readonly relation: Relation;
  readonly object: string;
  /** Whether who has what stands before the step has what stands after it, if the engine allows `question`. */
  readonly follows: boolean;
  /** Absent where the model alone makes it follow. */
  readonly question?: TupleKey;
};

/**
 * Questions to the engine that prove `claim` if all of them are allowed: in one request, under one model and context. The first
 * asks for the principal, on the last relation of the chain from which on each step follows by a rule of the model; the others
 * ask for the links after it. Undefined where only the whole claim may be asked. The chain may come from anywhere: what
 * doesn't hold together proves nothing.
 */
export function linksOf(
  rules: ProofRules,
  claim: TupleKey,
  chain: readonly Link[],
): readonly TupleKey[] | undefined {
  if (chain.length > MAX_LENGTH) return undefined;
  const judged: Judged[] = [];
  let before: string | undefined;
  for (const link of chain) {
    const step = judge(rules, link, before);
    if (step === undefined) return undefined;
    judged.push(step);
    before = `${step.object}#${step.relation.name}`;
  }
  if (before !== `${claim.object}#${claim.relation}`) return undefined;

  const last = judged.findLastIndex(({ follows }) => !follows);
  const asked = judged[last];
  const after = judged.slice(last + 1);
  if (asked === undefined || after.length === 0) return undefined;
  return [
    { user: claim.user, relation: asked.relation.name, object: asked.object },
    ...after.flatMap(({ question }) => question ?? []),
  ];
}

/** Undefined for a relation that the model doesn't have. */
function judge(rules: ProofRules, link: Link, before: string | undefined): Judged | undefined {
  const { object } = link;
  const relation = rules.model.types.get(typeOf(object))?.get(link.relation);
  if (relation === undefined) return undefined;
  switch (link.kind) {
    case 'tuple':
      return {
        relation,
        object,
        question: { user: link.user, relation: relation.name, object },
        // What the principal itself is named in is asked for the principal.
        follows: before !== undefined && link.user === before && takesThisUserset(rules, relation, link.user),
      };
    case 'computed':
      return {
        relation,
        object,
        follows:
          before === `${object}#${link.from}` &&
          rules.isEnough(
            (leaf) => leaf.kind === 'computed' && leaf.relation.name === link.from,
            relation.rewrite,
          ),
      };
    case 'from': {
      const { parent, parentRelation, tupleset } = link;
      return {
        relation,
        object,
        question: { user: parent, relation: tupleset, object },
        follows:
          before === `${parent}#${parentRelation}` &&
          rules.isEnough(
            (leaf) =>
              leaf.kind === 'from' &&
              leaf.tupleset.name === tupleset &&
              leaf.targets.get(typeOf(parent))?.name === parentRelation &&
              names(leaf.tupleset, typeOf(parent)),
            relation.rewrite,
          ),
      };
    }
  }
}

function takesThisUserset(rules: ProofRules, relation: Relation, user: string): boolean {
  const { object, relation: name } = parseSubject(user);
  return (
    relation.usersetRestrictions.some((one) => one.type === typeOf(object) && one.relation === name) &&
    rules.isEnough(({ kind }) => kind === 'direct', relation.rewrite) &&
    rules.takesUsersets(relation)
  );
}

/** Whether its tuples may name whole objects of a type, and none of them under a condition. */
function names({ restrictions }: Relation, type: string): boolean {
  return (
    restrictions.some((one) => one.type === type && one.relation === undefined && !one.wildcard) &&
    restrictions.every(({ condition }) => condition === undefined)
  );
}
