import type {
  AuthorizationModelJson,
  RelationReferenceJson,
  RewriteJson,
} from '../../src/evaluator/model-json.ts';
import { conditionJson, type Pick } from './conditions.ts';

/** What fast-check makes and shrinks. It may name what isn't there: `modelJson` leaves that out. */
export type Sketch = {
  readonly schema: '1.1' | '1.2';
  readonly types: Readonly<Record<string, TypeSketch>>;
  readonly tuples: readonly TupleSketch[];
  readonly contextual: readonly TupleSketch[];
  readonly context: readonly Pick[];
  readonly questions: readonly Question[];
  readonly lists: readonly ListQuestion[];
};

export type TypeSketch = {
  /** The types of objects that `parent` may name; there is no `parent` where there are none. */
  readonly parents: readonly RestrictionSketch[];
  readonly relations: Readonly<Record<string, RewriteSketch | undefined>>;
};

/** `user`, `user:*` or `group#a`. */
export type RestrictionSketch = { readonly label: string; readonly condition: string | undefined };

export type RewriteSketch =
  | { readonly kind: 'direct'; readonly users: readonly RestrictionSketch[] }
  | { readonly kind: 'computed'; readonly relation: string }
  | { readonly kind: 'from'; readonly relation: string }
  | { readonly kind: 'union' | 'intersection'; readonly children: readonly RewriteSketch[] }
  | { readonly kind: 'exclusion'; readonly base: RewriteSketch; readonly subtract: RewriteSketch };

export type TupleSketch = {
  readonly object: string;
  readonly relation: string;
  /** Which of the relation's restrictions says what kind of user it has, and with which condition. */
  readonly restriction: number;
  /** Which user of that kind. */
  readonly id: number;
  readonly context: readonly Pick[];
  /** A user to take instead, whatever the restrictions say. */
  readonly stray: string | undefined;
};

export type Question = { readonly user: string; readonly relation: string; readonly object: string };

/** Who has the relation to the object, and to which objects of its type the user has it. */
export type ListQuestion = Question & { readonly filter: string };

export const PARENT = 'parent';

const onlyUsers: RewriteSketch = { kind: 'direct', users: [{ label: 'user', condition: undefined }] };

type Types = Sketch['types'];

export function modelJson({ schema, types }: Sketch): AuthorizationModelJson {
  const definitions = Object.entries(types).map(([type, { parents, relations }]) => {
    const defined = Object.entries(relations).flatMap(([name, rewrite]): [string, RewriteSketch][] =>
      rewrite ? [[name, pruned(types, type, name, rewrite) ?? onlyUsers]] : [],
    );
    if (parents.length > 0) defined.unshift([PARENT, { kind: 'direct', users: parents }]);
    return { type, defined };
  });
  const restrictions = definitions.flatMap(({ defined }) =>
    defined.flatMap(([, rewrite]) => usersOf(rewrite)),
  );
  const conditions = new Set(restrictions.flatMap(({ condition }) => condition ?? []));
  return {
    schema_version: schema,
    type_definitions: [
      { type: 'user' },
      { type: 'agent' },
      ...definitions.map(({ type, defined }) => ({
        type,
        relations: Object.fromEntries(defined.map(([name, rewrite]) => [name, rewriteJson(rewrite)])),
        metadata: {
          relations: Object.fromEntries(
            defined.map(([name, rewrite]) => [
              name,
              { directly_related_user_types: uniqueReferences(usersOf(rewrite)) },
            ]),
          ),
        },
      })),
    ],
    conditions: Object.fromEntries([...conditions].map((name) => [name, conditionJson(name)])),
  };
}

/** The rewrite without what refers to relations that aren't there; undefined where nothing is left. */
function pruned(types: Types, type: string, name: string, rewrite: RewriteSketch): RewriteSketch | undefined {
  const child = (part: RewriteSketch) => pruned(types, type, name, part);
  const has = (of: string, relation: string) => types[of]?.relations[relation] !== undefined;
  switch (rewrite.kind) {
    case 'direct': {
      const users = rewrite.users.filter(({ label }) => {
        const [of = '', relation] = label.split('#');
        return relation === undefined || has(of, relation);
      });
      return users.length > 0 ? { kind: 'direct', users } : undefined;
    }
    case 'computed':
      // In one direction only: a relation that is computed from itself is no valid model.
      return rewrite.relation > name && has(type, rewrite.relation) ? rewrite : undefined;
    case 'from':
      return types[type]?.parents.some(({ label }) => has(label, rewrite.relation)) ? rewrite : undefined;
    case 'exclusion': {
      const base = child(rewrite.base);
      const subtract = child(rewrite.subtract);
      return base && subtract ? { kind: 'exclusion', base, subtract } : base;
    }
    default: {
      const children = rewrite.children.flatMap((part) => child(part) ?? []);
      return children.length > 1 ? { kind: rewrite.kind, children } : children[0];
    }
  }
}

function rewriteJson(rewrite: RewriteSketch): RewriteJson {
  switch (rewrite.kind) {
    case 'direct':
      return { this: {} };
    case 'computed':
      return { computedUserset: { relation: rewrite.relation } };
    case 'from':
      return {
        tupleToUserset: { tupleset: { relation: PARENT }, computedUserset: { relation: rewrite.relation } },
      };
    case 'exclusion':
      return { difference: { base: rewriteJson(rewrite.base), subtract: rewriteJson(rewrite.subtract) } };
    default:
      return { [rewrite.kind]: { child: rewrite.children.map(rewriteJson) } };
  }
}

function usersOf(rewrite: RewriteSketch): readonly RestrictionSketch[] {
  switch (rewrite.kind) {
    case 'direct':
      return rewrite.users;
    case 'union':
    case 'intersection':
      return rewrite.children.flatMap(usersOf);
    case 'exclusion':
      return [...usersOf(rewrite.base), ...usersOf(rewrite.subtract)];
    default:
      return [];
  }
}

function uniqueReferences(users: readonly RestrictionSketch[]): RelationReferenceJson[] {
  const references = new Map(users.map((user) => [JSON.stringify(user), reference(user)]));
  return [...references.values()];
}

function reference({ label, condition }: RestrictionSketch): RelationReferenceJson {
  const [type = '', relation] = label.split('#');
  const who = label.endsWith(':*')
    ? { type: label.slice(0, -2), wildcard: {} }
    : relation === undefined
      ? { type }
      : { type, relation };
  return condition === undefined ? who : { ...who, condition };
}
