import { ClearanceError } from '../src/types/errors.ts';
import { parseInput } from '../src/types/parse.ts';
import { toldTuple, tupleKey } from '../src/types/tuple.ts';
import { keyFormatProblem } from '../src/types/tuple-format.ts';
import { auditWrite, type WritePath } from './ingest.ts';
import { type RelationshipChanges, relationshipChanges } from './parse.ts';
import { grantsOf, requireGranted } from './source.ts';
import type { Writer } from './writer.ts';

/**
 * Writes and deletes relationships: all of them or none. Of any object for administrators; for a source, of the types and
 * relations that it was granted.
 */
export async function writeRelationships(
  path: WritePath,
  writer: Writer,
  input: RelationshipChanges,
): Promise<{ written: number; deleted: number }> {
  const { tenant } = writer.principal;
  const grants = await grantsOf(path, writer);
  const changes = parseInput(relationshipChanges, input);
  const keys = [...changes.writes, ...changes.deletes];
  if (!writer.admin) requireGranted(path.guarded, writer.source, grants, keys);
  for (const [i, tuple] of changes.writes.entries()) {
    const problem = path.tupleProblem(tuple);
    if (problem !== undefined) throw new ClearanceError('invalid_relationship', `writes.${i}: ${problem}`);
  }
  // Not by the model: what an older one allowed can still be taken away.
  for (const [i, key] of changes.deletes.entries()) {
    const problem = keyFormatProblem(key);
    if (problem !== undefined) throw new ClearanceError('invalid_relationship', `deletes.${i}: ${problem}`);
  }
  const named = keys.map(tupleKey);
  const twice = named.find((name, i) => named.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ClearanceError(
      'invalid_relationship',
      `"${twice}" is named twice: one request changes a relationship once.`,
    );
  }
  const before = await path.copy.among(tenant, keys);
  await auditWrite(path, writer, 'write_relationships', {
    source: writer.source,
    writes: changes.writes.map(toldTuple),
    deletes: changes.deletes.map(tupleKey),
    before: before.map(toldTuple),
  });
  return path.relationships.write(tenant, changes);
}
