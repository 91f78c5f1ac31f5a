import { ClearanceError } from '../src/types/errors.ts';
import { parseInput } from '../src/types/parse.ts';
import { tupleKey } from '../src/types/tuple.ts';
import { auditWrite, type WritePath } from './ingest.ts';
import { type RelationshipChanges, relationshipChanges } from './parse.ts';
import type { Writer } from './writer.ts';

/** Writes and deletes relationships of any object: all of them or none. For administrators. */
export async function writeRelationships(
  path: WritePath,
  writer: Writer,
  input: RelationshipChanges,
): Promise<{ written: number; deleted: number }> {
  if (!writer.admin) {
    throw new ClearanceError('forbidden', 'Relationships of any object need the scope "admin".');
  }
  const changes = parseInput(relationshipChanges, input);
  for (const [i, tuple] of changes.writes.entries()) {
    const problem = path.tupleProblem(tuple);
    if (problem !== undefined) throw new ClearanceError('invalid_relationship', `writes.${i}: ${problem}`);
  }
  const named = [...changes.writes, ...changes.deletes].map(tupleKey);
  const twice = named.find((name, i) => named.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ClearanceError(
      'invalid_relationship',
      `"${twice}" is named twice: one request changes a relationship once.`,
    );
  }
  await auditWrite(path, writer, 'write_relationships', {
    writes: changes.writes.map(tupleKey),
    deletes: changes.deletes.map(tupleKey),
  });
  return path.relationships.write(writer.principal.tenant, changes);
}
