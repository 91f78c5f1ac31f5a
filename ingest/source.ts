import type { Sources } from '../src/ports/sources.ts';
import { ClearanceError } from '../src/types/errors.ts';
import { type Grants, type SourceStanding, sourceStandingOf } from '../src/types/source.ts';
import type { TupleKey } from '../src/types/tuple.ts';
import type { Writer } from './writer.ts';

export type SourceRules = {
  readonly sources: Pick<Sources, 'find'>;
  /** What a source that nobody has registered may write. */
  readonly unregisteredSources: 'own documents' | 'nothing';
};

/**
 * What a writer's source may write beside its documents and their relationships. Throws `source_not_allowed` where it may write
 * nothing. Asked before each write: who is suspended half-way through an import is stopped there.
 */
export async function grantsOf(
  { sources, unregisteredSources }: SourceRules,
  { principal, source: id, admin }: Writer,
): Promise<Grants> {
  if (admin) return [];
  const [source] = await sources.find(principal.tenant, [id]);
  const standing = sourceStandingOf(source);
  if (standing === 'unregistered' && unregisteredSources === 'own documents') return [];
  if (standing !== 'active') throw notAllowed(id, standing);
  return source?.grants ?? [];
}

/** Throws `forbidden` where one of these relationships is not among what a source was granted. */
export function requireGranted(
  guarded: { readonly type: string },
  source: string,
  grants: Grants,
  keys: readonly TupleKey[],
): void {
  const granted = new Map(grants.map(({ type, relations }) => [type, relations]));
  for (const { user, relation, object } of keys) {
    const type = typeOf(object);
    // Others' documents are others' business, and one's own have their relationships with them.
    if (type === guarded.type || typeOf(user) === guarded.type) {
      throw new ClearanceError(
        'forbidden',
        `Relationships of documents are written with their documents, by their source: "${guarded.type}" needs the scope "admin" here.`,
      );
    }
    if (granted.get(type)?.includes(relation) !== true) {
      throw new ClearanceError(
        'forbidden',
        `The source "${source}" was not granted "${relation}" of "${type}"; with the scope "admin" any relationship can be written.`,
      );
    }
  }
}

function typeOf(name: string): string {
  return name.slice(0, Math.max(0, name.indexOf(':')));
}

const reasons: Record<Exclude<SourceStanding, 'active'>, string> = {
  unregistered:
    'is not registered. An administrator does so by PUT /v1/sources/{id} or "clearance sources register"',
  suspended: 'is suspended',
  ownerless: 'has no owner: somebody has to answer for it',
};

function notAllowed(id: string, standing: Exclude<SourceStanding, 'active'>): ClearanceError {
  return new ClearanceError(
    'source_not_allowed',
    `The source "${id}" ${reasons[standing]}. Nothing was written.`,
  );
}
