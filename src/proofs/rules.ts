import { containsExclusion } from '../evaluator/compile.ts';
import type { Model } from '../evaluator/model.ts';
import type { Relation, Rewrite } from '../evaluator/relation.ts';

/** What a model lets be proved by links, relation by relation. */
export type ProofRules = {
  readonly model: Model;
  /** Whether a yes to a userset means that each of its members has the relation. */
  readonly takesUsersets: (relation: Relation) => boolean;
  /** Whether a definition holds as soon as this part of it does. */
  readonly isEnough: (part: (leaf: Leaf) => boolean, definition: Rewrite) => boolean;
};

type Leaf = Extract<Rewrite, { kind: 'direct' | 'computed' | 'from' }>;

export function proofRules(model: Model): ProofRules {
  const known = new Map<Relation, boolean>();
  return {
    model,
    // A check of a userset tells that it can be reached, by whatever branch: so all of them count, not the proof's own alone.
    takesUsersets(relation) {
      const takes = known.get(relation) ?? [...whatDecides(model, relation)].every(isMonotonous);
      known.set(relation, takes);
      return takes;
    },
    isEnough,
  };
}

/** More relationships never take it away, and nothing but relationships decides it. */
function isMonotonous({ rewrite, restrictions }: Relation): boolean {
  return !containsExclusion(rewrite) && restrictions.every(({ condition }) => condition === undefined);
}

/** The relation itself and all that its definition leads to, over every branch, userset and type. */
function whatDecides(model: Model, relation: Relation): ReadonlySet<Relation> {
  const found = new Set([relation]);
  for (const { rewrite, usersetRestrictions } of found) {
    for (const { type, relation: name } of usersetRestrictions) {
      const userset = name === undefined ? undefined : model.types.get(type)?.get(name);
      if (userset !== undefined) found.add(userset);
    }
    for (const leaf of leavesOf(rewrite)) {
      if (leaf.kind === 'computed') found.add(leaf.relation);
      if (leaf.kind === 'from') for (const next of [leaf.tupleset, ...leaf.targets.values()]) found.add(next);
    }
  }
  return found;
}

function leavesOf(rewrite: Rewrite): readonly Leaf[] {
  switch (rewrite.kind) {
    case 'union':
    case 'intersection':
      return rewrite.children.flatMap(leavesOf);
    case 'exclusion':
      return [...leavesOf(rewrite.base), ...leavesOf(rewrite.subtract)];
    default:
      return [rewrite];
  }
}

function isEnough(part: (leaf: Leaf) => boolean, definition: Rewrite): boolean {
  switch (definition.kind) {
    case 'union':
      return definition.children.some((child) => isEnough(part, child));
    case 'intersection':
    case 'exclusion':
      return false;
    default:
      return part(definition);
  }
}
