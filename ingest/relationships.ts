import type { OwnRelationship } from '../src/ports/documents.ts';
import type { Tuple } from '../src/types/tuple.ts';

export function ownTuples(object: string, relationships: readonly OwnRelationship[]): readonly Tuple[] {
  return relationships.map((relationship) => ({ ...relationship, object }));
}
