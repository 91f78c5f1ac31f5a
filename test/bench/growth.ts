// What grows with a collection, and what a change of permissions costs. `npm run bench:growth -- --sizes 10000,100000,1000000`;
// needs `npm run parts`. Prints tables; asserts nothing.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { readAddresses } from '../../scripts/parts/addresses.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { readConfig } from '../../src/config.ts';
import { loadModel } from '../../src/parts.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import { changed, timesOf } from './growth/change.ts';
import { changesOf, hundredth, READER } from './growth/folders.ts';
import { openReadPath } from './growth/read-path.ts';
import { openCollection } from './search/collection.ts';
import { quantile } from './search/measure.ts';
import { generatedVectors } from './search/vectors.ts';
import { table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,100000,1000000' },
    dimension: { type: 'string', default: '64' },
    queries: { type: 'string', default: '50' },
    /** Changes are made in a collection of this size; 0: none. */
    changes: { type: 'string', default: '100000' },
  },
});
const CHANGED_DOCUMENTS = [10, 1_000, 100_000];

const parts = readAddresses();
if (parts === undefined) {
  console.error('There are no real parts to search in: start them with "npm run parts".');
  process.exit(1);
}
const { postgres } = parts;
const model = await loadModel(readConfig({}));
const folder = await mkdtemp(join(tmpdir(), 'clearance-bench-'));
try {
  const rows: string[][] = [];
  for (const size of options.sizes.split(',').map(Number)) {
    console.error(`${size} chunks …`);
    rows.push(await grown(size));
  }
  console.log(
    table(
      [
        'chunks',
        'relationships',
        'retrieve p50 / p95 at 1 %',
        'disk a chunk: row, HNSW, rest',
        'disk a relationship',
        'HNSW built',
        'permission index built',
        'its memory a relationship',
      ],
      rows,
    ),
  );
  if (options.changes !== '0') await costOfChange(Number(options.changes));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function grown(size: number): Promise<string[]> {
  const tuples = hundredth(size);
  const collection = await openCollection(
    postgres,
    generatedVectors(size, Number(options.dimension)),
    tuples,
  );
  try {
    const path = await openReadPath(collection, model, folder);
    const before = memory();
    const begin = performance.now();
    await path.permissions.scope(DEFAULT_TENANT, [`user:${READER}`]);
    const built = performance.now() - begin;
    const held = memory() - before;
    const token = await path.token(READER);
    await path.warm();
    await timesOf(path, token, size, 3);
    const times = await timesOf(path, token, size, Number(options.queries));
    await path.close();
    const { row, index, rest, relationships } = await bytesOf(collection.database);
    const count = (n: number) => n.toLocaleString('en');
    const bytes = (n: number, of: number) => `${Math.round(n / of)} B`;
    return [
      count(size),
      count(tuples.length),
      `${quantile(times, 0.5).toFixed(1)} / ${quantile(times, 0.95).toFixed(1)} ms`,
      [row, index, rest].map((part) => bytes(part, size)).join(', '),
      bytes(relationships, tuples.length),
      `${collection.indexed.toFixed(1)} s`,
      `${(built / 1_000).toFixed(2)} s`,
      bytes(held, tuples.length),
    ];
  } finally {
    await collection.close();
  }
}

async function costOfChange(size: number): Promise<void> {
  console.error(`changes among ${size} chunks …`);
  const { tuples, changes } = changesOf(CHANGED_DOCUMENTS.filter((documents) => documents <= size));
  const vectors = generatedVectors(size, Number(options.dimension));
  const collection = await openCollection(postgres, vectors, [...hundredth(size), ...tuples]);
  try {
    const path = await openReadPath(collection, model, folder);
    const rows: string[][] = [];
    for (const change of changes) {
      console.error(`${change.name} …`);
      for (const kind of ['shared', 'taken back'] as const) rows.push([change.name, kind]);
      const found = await changed(path, collection.database, change, size);
      rows.at(-2)?.push(...found.shared);
      rows.at(-1)?.push(...found.takenBack);
    }
    await path.close();
    console.log(
      table(['change', '', 'rows written', 'write p50', 'first retrieve p50', 'usual p50', 'times'], rows),
    );
  } finally {
    await collection.close();
  }
}

async function bytesOf(database: Database) {
  const { rows } = await database.query<Record<'row' | 'index' | 'rest' | 'relationships', number>>(
    `SELECT pg_table_size('chunks') AS row, pg_relation_size('chunks_embedding') AS index,
       pg_total_relation_size('relationships') AS relationships,
       pg_indexes_size('chunks') - pg_relation_size('chunks_embedding') + pg_total_relation_size('chunk_texts')
         + pg_total_relation_size('documents') + pg_total_relation_size('versions') AS rest`,
  );
  return rows[0] ?? { row: 0, index: 0, rest: 0, relationships: 0 };
}

/** Bytes in use, after what is no longer used was collected. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
