import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { folderDocuments } from '../../../ingest/folder.ts';
import { importLines, type LineOutcome } from '../../../ingest/import.ts';
import { importRelationships } from '../../../ingest/import-relationships.ts';
import { ndjsonLines } from '../../../ingest/ndjson.ts';
import type { Writer } from '../../../ingest/writer.ts';
import { openService, type Service } from '../../compose.ts';
import type { Config } from '../../config.ts';
import { operatorOf } from '../../operator.ts';
import { StartupError } from '../../types/errors.ts';
import { progressBar } from './progress.ts';

type Options = { readonly path?: string | undefined; readonly relationships?: string };
type Run = { readonly service: Service; readonly writer: Writer; readonly signal: AbortSignal };

/** Returns the exit code: 0, 1 where something was rejected, 130 where ctrl-C ended it. */
export async function ingest(config: Config, { path, relationships }: Options): Promise<number> {
  if (path === undefined && relationships === undefined) {
    throw new StartupError('Name a file or folder of documents, or --relationships FILE.');
  }
  // Before the store is opened, which takes seconds.
  for (const name of [path, relationships]) if (name !== undefined) await statOf(name);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const service = await openService(config, () => {});
  try {
    const run = { service, writer: await operatorOf(config), signal: stop.signal };
    const rejected =
      (relationships === undefined ? 0 : await ingestRelationships(run, relationships)) +
      (path === undefined ? 0 : await ingestDocuments(run, path));
    if (stop.signal.aborted) {
      console.error('Stopped. What was written stays; run the same command again to go on.');
      return 130;
    }
    return rejected === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await service.close();
  }
}

async function ingestRelationships({ service, writer, signal }: Run, path: string): Promise<number> {
  const input = await openFile(path);
  const bar = progressBar('Relationships', 'bytes');
  const tally = { written: 0, rejected: 0 };
  try {
    for await (const outcome of importRelationships(service.write, writer, input.bytes)) {
      tally.written += outcome.written;
      tally.rejected += outcome.rejected.length;
      if (outcome.rejected.length > 0) bar.stop();
      for (const { line, detail } of outcome.rejected) console.error(`${path}:${line}: ${detail}`);
      bar.at(input.read(), input.size, `${tally.written} new`);
      if (signal.aborted) break;
    }
  } finally {
    bar.stop();
    console.log(`Relationships: ${tally.written} new, ${tally.rejected} rejected.`);
  }
  return tally.rejected;
}

async function ingestDocuments({ service, writer, signal }: Run, path: string): Promise<number> {
  const input = (await statOf(path)).isDirectory() ? await openFolder(path) : await openDocuments(path);
  const bar = progressBar('Documents', input.unit);
  const tally = { published: 0, pending: 0, rejected: 0 };
  const report = (outcome: LineOutcome) => {
    tally[outcome.status] += 1;
    if (outcome.status !== 'rejected') return;
    bar.stop();
    console.error(`${input.name(outcome.line)}: ${outcome.error.detail}`);
  };
  try {
    // What is under way when ctrl-C comes is finished and reported: only no further line is begun.
    for await (const outcome of importLines(service.write, writer, takeUntil(signal, input.lines))) {
      report(outcome);
      bar.at(input.at(outcome.line), input.total, `${tally.published} published`);
    }
  } finally {
    bar.stop();
    console.log(
      `Documents: ${tally.published} published, ${tally.pending} pending, ${tally.rejected} rejected.`,
    );
  }
  return tally.rejected;
}

async function openFolder(path: string) {
  const { names, lines } = await folderDocuments(path);
  const name = (line: number) => names[line - 1] ?? path;
  return { lines, name, unit: 'files', total: names.length, at: (line: number) => line };
}

async function openDocuments(path: string) {
  const { size, bytes, read } = await openFile(path);
  return {
    lines: ndjsonLines(bytes),
    name: (line: number) => `${path}:${line}`,
    unit: 'bytes',
    total: size,
    at: read,
  };
}

async function openFile(path: string) {
  const { size } = await statOf(path);
  const file = createReadStream(path);
  const stream = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => stream.destroy(error));
  return { size, bytes: readable(path, stream), read: () => file.bytesRead };
}

async function* readable(path: string, stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (error) {
    throw new StartupError(
      `${path} can't be read to its end: ${error instanceof Error ? error.message : ''}.`,
      {
        cause: error,
      },
    );
  }
}

async function* takeUntil<T>(signal: AbortSignal, items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal.aborted) return;
    yield item;
  }
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch {
    throw new StartupError(`There is no ${path}, or it may not be read.`);
  }
}
