import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { StartupError } from '../../types/errors.ts';

/** One vector for each word piece, its weight included: `scales[row]` times the row's cells. */
export type Table = {
  readonly rows: number;
  readonly dimension: number;
  readonly cells: Int8Array;
  readonly scales: Float32Array;
};

const shape = z.object({ rows: z.int().positive(), dimension: z.int().positive() });
const BYTES_A_SCALE = 4;

/** Reads `table.json` and `table.bin` (row-major int8 cells, then one little-endian float32 a row). */
export async function readTable(folder: URL): Promise<Table> {
  const { rows, dimension } = shape.parse(JSON.parse(await readFile(new URL('table.json', folder), 'utf8')));
  const file = await readFile(new URL('table.bin', folder));
  const cells = rows * dimension;
  if (file.byteLength !== cells + rows * BYTES_A_SCALE) {
    throw new StartupError(`${folder.pathname}table.bin is damaged: install Clearance again.`);
  }
  return {
    rows,
    dimension,
    cells: new Int8Array(file.buffer, file.byteOffset, cells),
    scales: Float32Array.from({ length: rows }, (_, row) => file.readFloatLE(cells + row * BYTES_A_SCALE)),
  };
}
