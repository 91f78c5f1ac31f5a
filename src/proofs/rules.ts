import { closureOf, tuplesetsOf } from '../evaluator/compile.ts';
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
      const takes =
        known.get(relation) ??
        (!relation.mayExclude && [...closureOf(model.types, relation)].every(hasNoCondition));
      known.set(relation, takes);
      return takes;
    },
    isEnough,
  };
}

/** Whether no condition is put on its own tuples, nor on those by which it goes on to other objects. */
function hasNoCondition(relation: Relation): boolean {
  return [relation, ...tuplesetsOf(relation.rewrite)].every(({ restrictions }) =>
    restrictions.every(({ condition }) => condition === undefined),
  );
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
