import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { folderDocuments } from '../../../ingest/folder.ts';
import { importDocuments, importLines, type LineOutcome } from '../../../ingest/import.ts';
import { importRelationships } from '../../../ingest/import-relationships.ts';
import type { Writer } from '../../../ingest/writer.ts';
import { openService, type Service } from '../../compose.ts';
import type { Config } from '../../config.ts';
import { operatorOf } from '../../operator.ts';
import { StartupError } from '../../types/errors.ts';
import { progressBar } from './progress.ts';

type Options = { readonly path?: string | undefined; readonly relationships?: string };
type Tally = { published: number; pending: number; rejected: number };

/** Returns the exit code: 0, 1 where something was rejected, 130 where ctrl-C ended it. */
export async function ingest(config: Config, { path, relationships }: Options): Promise<number> {
  if (path === undefined && relationships === undefined) {
    throw new StartupError('Name a file or folder of documents, or --relationships FILE.');
  }
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const service = await openService(config, () => {});
  try {
    const writer = await operatorOf(config);
    const tally: Tally = { published: 0, pending: 0, rejected: 0 };
    if (relationships !== undefined) await ingestRelationships(service, writer, relationships, tally, stop.signal);
    if (path !== undefined) await ingestDocuments(service, writer, path, tally, stop.signal);
    if (stop.signal.aborted) {
      console.error('Stopped. What was written stays; run the same command again to go on.');
      return 130;
    }
    return tally.rejected === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await service.close();
  }
}

async function ingestRelationships(service: Service, writer: Writer, file: string, tally: Tally, signal: AbortSignal) {
  const input = await openFile(file);
  const bar = progressBar('Relationships', 'bytes');
  let written = 0;
  let rejected = 0;
  for await (const outcome of importRelationships(service.write, writer, input.lines)) {
    written += outcome.written;
    for (const { line, detail } of outcome.rejected) {
      bar.stop();
      rejected += 1;
      console.error(`${file}:${line}: ${detail}`);
    }
    bar.at(input.read(), input.size, `${written} new`);
    if (signal.aborted) break;
  }
  bar.stop();
  tally.rejected += rejected;
  console.log(`Relationships: ${written} new, ${rejected} rejected.`);
}

async function ingestDocuments(service: Service, writer: Writer, path: string, tally: Tally, signal: AbortSignal) {
  const folder = (await statOf(path)).isDirectory();
  const bar = progressBar('Documents', folder ? 'files' : 'bytes');
  const note = () => `${tally.published} published`;
  const report = (outcome: LineOutcome, name: string) => {
    if (outcome.status === 'rejected') {
      bar.stop();
      console.error(`${name}: ${outcome.error.detail}`);
    }
    tally[outcome.status] += 1;
  };
  if (folder) {
    const files = await folderDocuments(path);
    for await (const outcome of importLines(service.write, writer, files.lines)) {
      report(outcome, files.names[outcome.line - 1] ?? path);
      bar.at(outcome.line, files.names.length, note());
      if (signal.aborted) break;
    }
  } else {
    const input = await openFile(path);
    for await (const outcome of importDocuments(service.write, writer, input.lines)) {
      report(outcome, `${path}:${outcome.line}`);
      bar.at(input.read(), input.size, note());
      if (signal.aborted) break;
    }
  }
  bar.stop();
  console.log(`Documents: ${tally.published} published, ${tally.pending} pending, ${tally.rejected} rejected.`);
}

async function openFile(path: string) {
  const { size } = await statOf(path);
  const file = createReadStream(path);
  const lines = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => lines.destroy(error));
  return { size, lines, read: () => file.bytesRead };
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch {
    throw new StartupError(`There is no ${path}, or it may not be read.`);
  }
}
