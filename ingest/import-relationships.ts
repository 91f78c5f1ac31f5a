import { MAX_TUPLES_A_WRITE } from '../src/ports/engine.ts';
import { ClearanceError } from '../src/types/errors.ts';
import { parseInput } from '../src/types/parse.ts';
import { type Tuple, tupleKey } from '../src/types/tuple.ts';
import type { WritePath } from './ingest.ts';
import { ndjsonLines } from './ndjson.ts';
import { tuple as tupleSchema } from './parse.ts';
import { writeRelationships } from './write-relationships.ts';
import type { Writer } from './writer.ts';

export type BatchOutcome = {
  readonly written: number;
  readonly rejected: readonly { readonly line: number; readonly detail: string }[];
};

/** Writes the relationships of an NDJSON stream, batch by batch; what is wrong is reported by its line and the rest goes in. */
export async function* importRelationships(
  path: WritePath,
  writer: Writer,
  input: AsyncIterable<Buffer>,
): AsyncGenerator<BatchOutcome> {
  let batch = new Map<string, Tuple>();
  let rejected: { line: number; detail: string }[] = [];
  const flush = async (): Promise<BatchOutcome> => {
    const writes = [...batch.values()];
    const outcome = { rejected, written: 0 };
    batch = new Map();
    rejected = [];
    if (writes.length === 0) return outcome;
    const { written } = await writeRelationships(path, writer, { writes });
    return { ...outcome, written };
  };

  for await (const line of ndjsonLines(input)) {
    if (line.kind === 'broken') {
      rejected.push({ line: line.line, detail: line.problem });
      continue;
    }
    try {
      const read = parseInput(tupleSchema, line.value, 'invalid_relationship');
      const problem = path.tupleProblem(read);
      if (problem === undefined) batch.set(tupleKey(read), read);
      else rejected.push({ line: line.line, detail: problem });
    } catch (error) {
      if (!(error instanceof ClearanceError)) throw error;
      rejected.push({ line: line.line, detail: error.message });
    }
    if (batch.size === MAX_TUPLES_A_WRITE) yield await flush();
  }
  yield await flush();
}
