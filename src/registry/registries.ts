import type { Agents } from '../ports/agents.ts';
import type { AuditLog } from '../ports/audit.ts';
import type { Sources } from '../ports/sources.ts';
import { ClearanceError } from '../types/errors.ts';

/** Who may ask and who may write, beside people: what an administrator keeps. */
export type Registries = {
  readonly agents: Agents;
  readonly sources: Sources;
  readonly audit: AuditLog;
  readonly vocabulary: Vocabulary;
};

/** What the authorization model has, so that a rule on something that it lacks is refused and not silently without effect. */
export type Vocabulary = {
  readonly guardedType: string;
  readonly relationsOf: (type: string) => Promise<ReadonlySet<string> | undefined>;
};

export function vocabularyOf(
  guardedType: string,
  model: () => Promise<{
    readonly types: ReadonlyMap<string, { keys(): Iterable<string> }>;
  }>,
): Vocabulary {
  return {
    guardedType,
    async relationsOf(type) {
      const relations = (await model()).types.get(type);
      return relations && new Set(relations.keys());
    },
  };
}

/** Throws where the model lacks one of these relations of a type. */
export async function requireRelations(
  { relationsOf }: Vocabulary,
  type: string,
  relations: readonly string[],
): Promise<void> {
  if (relations.length === 0) return;
  const known = await relationsOf(type);
  if (known === undefined) {
    throw new ClearanceError('invalid_request', `The authorization model has no type "${type}".`);
  }
  const missing = relations.find((relation) => !known.has(relation));
  if (missing === undefined) return;
  throw new ClearanceError(
    'invalid_request',
    `The authorization model has no relation "${missing}" of "${type}". It has: ${[...known].join(', ')}.`,
  );
}
