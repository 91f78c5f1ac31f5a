import { MAX_TUPLES_A_WRITE } from '../src/ports/engine.ts';
import { ClearanceError } from '../src/types/errors.ts';
import { parseInput } from '../src/types/parse.ts';
import { type Tuple, tupleKey } from '../src/types/tuple.ts';
import type { WritePath } from './ingest.ts';
import { ndjsonLines } from './ndjson.ts';
import { tuple as tupleSchema } from './parse.ts';
import { writeRelationships } from './write-relationships.ts';
import type { Writer } from './writer.ts';

type Rejection = { readonly line: number; readonly detail: string };
type NumberedTuple = { readonly line: number; readonly tuple: Tuple };

export type BatchOutcome = { readonly written: number; readonly rejected: readonly Rejection[] };

/** Writes the relationships of an NDJSON stream, batch by batch; what is wrong is reported by its line and the rest goes in. */
export async function* importRelationships(
  path: WritePath,
  writer: Writer,
  input: AsyncIterable<Buffer>,
): AsyncGenerator<BatchOutcome> {
  let batch = new Map<string, NumberedTuple>();
  let rejected: Rejection[] = [];
  const flush = async (): Promise<BatchOutcome> => {
    const outcome = await writeBatch(path, writer, [...batch.values()]);
    const all = { ...outcome, rejected: [...rejected, ...outcome.rejected] };
    batch = new Map();
    rejected = [];
    return all;
  };

  for await (const line of ndjsonLines(input)) {
    if (line.kind === 'broken') {
      rejected.push({ line: line.line, detail: line.problem });
      continue;
    }
    try {
      const read = parseInput(tupleSchema, line.value, 'invalid_relationship');
      const problem = path.tupleProblem(read);
      if (problem === undefined) batch.set(tupleKey(read), { line: line.line, tuple: read });
      else rejected.push({ line: line.line, detail: problem });
    } catch (error) {
      if (!(error instanceof ClearanceError)) throw error;
      rejected.push({ line: line.line, detail: error.message });
    }
    if (batch.size === MAX_TUPLES_A_WRITE) yield await flush();
  }
  yield await flush();
}

/** All at once; where that is refused, for a batch goes in whole or not at all, one by one. */
async function writeBatch(
  path: WritePath,
  writer: Writer,
  batch: readonly NumberedTuple[],
): Promise<BatchOutcome> {
  if (batch.length === 0) return { written: 0, rejected: [] };
  try {
    const { written } = await writeRelationships(path, writer, { writes: batch.map(({ tuple }) => tuple) });
    return { written, rejected: [] };
  } catch (error) {
    if (!(error instanceof ClearanceError) || error.status >= 500) throw error;
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      return { written: 0, rejected: [{ line: first.line, detail: error.message }] };
    }
    const outcomes: BatchOutcome[] = [];
    for (const one of batch) outcomes.push(await writeBatch(path, writer, [one]));
    return {
      written: outcomes.reduce((sum, { written }) => sum + written, 0),
      rejected: outcomes.flatMap((outcome) => outcome.rejected),
    };
  }
}
