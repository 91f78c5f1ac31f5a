import { extname } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { z } from 'zod';
import { StoreError } from './store-error.ts';
import { type PlacedTuple, tupleSchema } from './tuple-schema.ts';
import { pathText, YamlSource } from './yaml-source.ts';

/**
 * Reads the tuple files of OpenFGA's command line; the format goes by the name's ending. Throws
 * `StoreError`, also for a file without tuples, which is a mistake more likely than a wish.
 */
export function parseTupleFile(file: string, text: string): readonly PlacedTuple[] {
  const tuples = parseAs(extname(file), file, text);
  if (tuples.length === 0) throw new StoreError([`${file}: it has no tuples`]);
  return tuples;
}

function parseAs(extension: string, file: string, text: string): readonly PlacedTuple[] {
  switch (extension) {
    case '.yaml':
    case '.yml':
    case '.json': {
      const source = new YamlSource(file, text);
      const tuples = source.read(z.array(tupleSchema).nullable()) ?? [];
      return tuples.map((tuple, i) => ({ tuple, place: source.place([i]) }));
    }
    case '.jsonl':
      return fromJsonLines(file, text);
    case '.csv':
      return fromCsv(file, text);
    default:
      throw new StoreError([`${file}: a tuple file ends in .yaml, .yml, .json, .jsonl or .csv`]);
  }
}

function fromJsonLines(file: string, text: string): readonly PlacedTuple[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const place = `${file}:${i + 1}`;
    return [{ tuple: validTuple(place, parseJson(place, line)), place }];
  });
}

const required = ['user_type', 'user_id', 'relation', 'object_type', 'object_id'] as const;
const optional = ['user_relation', 'condition_name', 'condition_context'] as const;
const columns: readonly string[] = [...required, ...optional];

type Row = Readonly<
  Record<(typeof required)[number], string> & Partial<Record<(typeof optional)[number], string>>
>;

function fromCsv(file: string, text: string): readonly PlacedTuple[] {
  let rows: readonly { readonly record: Row; readonly info: { readonly lines: number } }[];
  try {
    rows = parseCsv(text, { bom: true, info: true, skip_empty_lines: true, columns: checkHeader });
  } catch (cause) {
    throw new StoreError([`${file}: ${cause instanceof Error ? cause.message : String(cause)}`], { cause });
  }
  return rows.map(({ record, info }) => {
    const place = `${file}:${info.lines}`;
    return { tuple: validTuple(place, fromRow(place, record)), place };
  });
}

function checkHeader(header: readonly string[]): string[] {
  const names = header.map((name) => name.trim());
  const unknown = names.filter((name, i) => !columns.includes(name) || names.indexOf(name) !== i);
  if (unknown.length > 0) {
    throw new Error(`unknown or repeated column ${unknown.join(', ')}; there are ${columns.join(', ')}`);
  }
  const missing = required.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`column ${missing.join(', ')} is missing`);
  if (names.includes('condition_context') && !names.includes('condition_name')) {
    throw new Error('column condition_context needs condition_name beside it');
  }
  return names;
}

function fromRow(place: string, row: Row): unknown {
  const userset = row.user_relation ? `#${row.user_relation}` : '';
  const condition = row.condition_name && {
    name: row.condition_name,
    context: row.condition_context ? parseJson(`${place}: condition_context`, row.condition_context) : {},
  };
  return {
    user: `${row.user_type}:${row.user_id}${userset}`,
    relation: row.relation,
    object: `${row.object_type}:${row.object_id}`,
    ...(condition && { condition }),
  };
}

function parseJson(place: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new StoreError([`${place}: not JSON: ${text}`], { cause });
  }
}

function validTuple(place: string, value: unknown): PlacedTuple['tuple'] {
  const result = tupleSchema.safeParse(value);
  if (result.success) return result.data;
  throw new StoreError(
    result.error.issues.map((issue) =>
      [place, pathText(issue.path), issue.message].filter(Boolean).join(': '),
    ),
  );
}
