import { containsExclusion } from '../evaluator/compile.ts';
import type { Model } from '../evaluator/model.ts';
import type { Relation, Rewrite } from '../evaluator/relation.ts';

/** One leaf of a relation's definition: what it takes, together with the others, to have the relation. */
export type Input = { readonly relation: Relation; readonly bit: number };

/** How inputs make a relation, where more than any one of them is needed. */
export type Formula =
  | { readonly kind: 'input'; readonly bit: number }
  | { readonly kind: 'any' | 'all'; readonly of: readonly Formula[] };

/** What follows of one relation on an object, by the relation's index in the model. */
export type Consequences = {
  /** Where a tuple that names a reader makes an input of this relation itself. */
  readonly direct?: Input;
  /** Inputs of other relations of the same object. */
  readonly computed: readonly Input[];
  /** Inputs of relations of the objects that name this one by `tupleset`. */
  readonly from: readonly { readonly tupleset: Relation; readonly input: Input }[];
  readonly formula?: Formula;
};

/** A model turned round: from who someone is to what they may read. */
export type Plan = {
  readonly model: Model;
  readonly guarded: Relation;
  readonly consequences: readonly Consequences[];
  /** Tupleset relations that lead anywhere. */
  readonly tuplesets: ReadonlySet<Relation>;
  /**
   * Present where nothing follows from a document's relations but that it may be read, and any one input is enough: such
   * a document is reached in one step, without a look at its relations one by one.
   */
  readonly leaf: Leaves | undefined;
  /** Where the index takes more for readable than the engine will allow, a sentence each. */
  readonly wider: readonly string[];
};

type Leaves = {
  /** Relations of a document by which a reader's tuple is enough. */
  readonly direct: ReadonlySet<Relation>;
  /** By a relation of the parent: the tuplesets by which a document then may be read. */
  readonly from: ReadonlyMap<Relation, readonly Relation[]>;
};

/** Bits of a number that JavaScript's operators take for positive. */
const MAX_INPUTS = 30;

type Draft = {
  direct?: Input;
  computed: Input[];
  from: { tupleset: Relation; input: Input }[];
  formula?: Formula;
};

/**
 * Compiles the relations that can play a part in `guarded`. What results is never less than the engine would allow: a
 * condition counts as met and `but not` keeps its base.
 */
export function compilePlan(
  model: Model,
  guarded: { readonly type: string; readonly relation: string },
): Plan {
  const root = model.types.get(guarded.type)?.get(guarded.relation);
  if (root === undefined) throw new Error(`the model has no ${guarded.type}#${guarded.relation}`);
  const drafts = new Map<Relation, Draft>();
  const draftOf = (relation: Relation): Draft => {
    const draft = drafts.get(relation) ?? { computed: [], from: [] };
    drafts.set(relation, draft);
    return draft;
  };
  const relevant = new Set([root]);
  for (const relation of relevant) {
    const { leaves, formula } = flatten(relation);
    const draft = draftOf(relation);
    if (formula !== undefined) draft.formula = formula;
    for (const [bit, leaf] of leaves.entries()) {
      const input = { relation, bit };
      switch (leaf.kind) {
        case 'direct':
          draft.direct = input;
          for (const { type, relation: name } of relation.usersetRestrictions) {
            const userset = name === undefined ? undefined : model.types.get(type)?.get(name);
            if (userset !== undefined) relevant.add(userset);
          }
          break;
        case 'computed':
          draftOf(leaf.relation).computed.push(input);
          relevant.add(leaf.relation);
          break;
        case 'from':
          for (const target of leaf.targets.values()) {
            draftOf(target).from.push({ tupleset: leaf.tupleset, input });
            relevant.add(target);
          }
      }
    }
  }
  const consequences = model.relations.map((relation) => drafts.get(relation) ?? { computed: [], from: [] });
  const leaf = leafOf(root, relevant, consequences);
  const tuplesets = new Set([...drafts.values()].flatMap(({ from }) => from.map(({ tupleset }) => tupleset)));
  return {
    model,
    guarded: root,
    consequences,
    tuplesets,
    leaf,
    wider: [...new Set([...relevant, ...tuplesets])].flatMap(widerThanTheEngine),
  };
}

type Leaf = Extract<Rewrite, { kind: 'direct' | 'computed' | 'from' }>;

/** The leaves in their order and, where an `and` joins some, how. */
function flatten(relation: Relation): { readonly leaves: readonly Leaf[]; readonly formula?: Formula } {
  const leaves: Leaf[] = [];
  let needsAll = false;
  const formulaOf = (rewrite: Rewrite): Formula => {
    switch (rewrite.kind) {
      case 'union':
        return { kind: 'any', of: rewrite.children.map(formulaOf) };
      case 'intersection':
        needsAll = true;
        return { kind: 'all', of: rewrite.children.map(formulaOf) };
      case 'exclusion':
        return formulaOf(rewrite.base);
      case 'direct': {
        // A reader's tuple makes the direct part hold wherever it stands in the definition.
        const known = leaves.findIndex(({ kind }) => kind === 'direct');
        return { kind: 'input', bit: known >= 0 ? known : leaves.push(rewrite) - 1 };
      }
      default:
        return { kind: 'input', bit: leaves.push(rewrite) - 1 };
    }
  };
  const formula = formulaOf(relation.rewrite);
  return { leaves, ...(needsAll && leaves.length <= MAX_INPUTS ? { formula } : {}) };
}

export function holds(formula: Formula, bits: number): boolean {
  switch (formula.kind) {
    case 'input':
      return (bits & (1 << formula.bit)) !== 0;
    case 'any':
      return formula.of.some((part) => holds(part, bits));
    case 'all':
      return formula.of.every((part) => holds(part, bits));
  }
}

function leafOf(
  root: Relation,
  relevant: ReadonlySet<Relation>,
  consequences: readonly Consequences[],
): Leaves | undefined {
  const ofDocuments = [...relevant].filter(({ type }) => type === root.type);
  const asSubject = [...relevant].some(({ restrictions }) =>
    restrictions.some(({ type, relation }) => type === root.type && relation !== undefined),
  );
  const joined = ofDocuments.some(({ index }) => consequences[index]?.formula !== undefined);
  const asParent = ofDocuments.some(({ index }) => (consequences[index]?.from.length ?? 0) > 0);
  if (asSubject || joined || asParent) return undefined;

  // Each relation of a document in `relevant` leads to the guarded one, for all its ways there are computed relations.
  const direct = new Set(ofDocuments.filter(({ index }) => consequences[index]?.direct !== undefined));
  const from = new Map<Relation, Relation[]>();
  for (const relation of relevant) {
    const tuplesets = (consequences[relation.index]?.from ?? [])
      .filter(({ input }) => input.relation.type === root.type)
      .map(({ tupleset }) => tupleset);
    if (tuplesets.length > 0) from.set(relation, [...new Set(tuplesets)]);
  }
  return { direct, from };
}

function widerThanTheEngine(relation: Relation): string[] {
  const name = `${relation.type}#${relation.name}`;
  const conditions = relation.restrictions.flatMap(({ condition }) => condition ?? []);
  return [
    ...(conditions.length > 0 ? [`${name} has conditions (${[...new Set(conditions)].join(', ')})`] : []),
    ...(containsExclusion(relation.rewrite) ? [`${name} has a "but not"`] : []),
  ];
}
