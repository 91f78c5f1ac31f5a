import type {
  AuthorizationModelJson,
  RelationReferenceJson,
  RewriteJson,
} from '../../src/evaluator/model-json.ts';
import type { Tuple } from '../../src/types/tuple.ts';

type Part = {
  readonly json: AuthorizationModelJson;
  readonly tuples: readonly Tuple[];
  readonly contextual: readonly Tuple[];
};

/** Gives the evaluator a world in which one operator means something else, as if it had that fault. */
export type Spoil = (part: Part) => Part;

const nobody: RewriteJson = { union: { child: [] } };

/** One for each operator; what it changes shows that a world depends on the operator. */
export const spoils: Readonly<Record<string, Spoil>> = {
  direct: rewriting((rewrite) => (rewrite.this ? nobody : rewrite)),
  computed: rewriting((rewrite) => (rewrite.computedUserset ? nobody : rewrite)),
  from: rewriting((rewrite) => (rewrite.tupleToUserset ? nobody : rewrite)),
  union: rewriting((rewrite) => rewrite.union?.child[0] ?? rewrite),
  intersection: rewriting((rewrite) => (rewrite.intersection ? { union: rewrite.intersection } : rewrite)),
  'but not': rewriting((rewrite) => rewrite.difference?.base ?? rewrite),
  'but not, swapped': rewriting(({ difference, ...rest }) =>
    difference ? { difference: { base: difference.subtract, subtract: difference.base } } : rest,
  ),
  'wildcard, left out': onTuples((tuple) => (tuple.user.endsWith(':*') ? [] : [tuple])),
  'wildcard, of every type': (part) =>
    onTuples((tuple) =>
      tuple.user.endsWith(':*') ? ['user:*', 'agent:*'].map((user) => ({ ...tuple, user })) : [tuple],
    )({ ...part, json: withEveryWildcard(part.json) }),
  userset: onTuples((tuple) => (tuple.user.includes('#') ? [] : [tuple])),
  condition: (part) =>
    onTuples(({ user, relation, object }) => [{ user, relation, object }])({
      ...part,
      json: withoutConditions(part.json),
    }),
  'contextual tuple': (part) => ({ ...part, contextual: [] }),
};

function rewriting(change: (rewrite: RewriteJson) => RewriteJson): Spoil {
  const deeply = (rewrite: RewriteJson): RewriteJson => {
    const changed = change(rewrite);
    const { union, intersection, difference } = changed;
    if (union) return { union: { child: union.child.map(deeply) } };
    if (intersection) return { intersection: { child: intersection.child.map(deeply) } };
    if (!difference) return changed;
    return { difference: { base: deeply(difference.base), subtract: deeply(difference.subtract) } };
  };
  return (part) => ({
    ...part,
    json: {
      ...part.json,
      type_definitions: part.json.type_definitions.map((definition) => ({
        ...definition,
        relations: Object.fromEntries(
          Object.entries(definition.relations ?? {}).map(([name, rewrite]) => [name, deeply(rewrite)]),
        ),
      })),
    },
  });
}

function onTuples(change: (tuple: Tuple) => Tuple[]): Spoil {
  return (part) => ({
    ...part,
    tuples: part.tuples.flatMap(change),
    contextual: part.contextual.flatMap(change),
  });
}

function withEveryWildcard(json: AuthorizationModelJson): AuthorizationModelJson {
  return withRestrictions(json, (reference) =>
    reference.wildcard ? ['user', 'agent'].map((type) => ({ ...reference, type })) : [reference],
  );
}

function withoutConditions(json: AuthorizationModelJson): AuthorizationModelJson {
  return withRestrictions(json, (reference) => [{ ...reference, condition: undefined }]);
}

function withRestrictions(
  json: AuthorizationModelJson,
  change: (reference: RelationReferenceJson) => RelationReferenceJson[],
): AuthorizationModelJson {
  return {
    ...json,
    type_definitions: json.type_definitions.map((definition) => ({
      ...definition,
      metadata: {
        relations: Object.fromEntries(
          Object.entries(definition.metadata?.relations ?? {}).map(([name, of]) => [
            name,
            { directly_related_user_types: (of.directly_related_user_types ?? []).flatMap(change) },
          ]),
        ),
      },
    })),
  };
}
