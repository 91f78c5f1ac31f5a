import { canonical, hashOf } from '../../src/audit/canonical.ts';
import { type AuditKeys, signHash } from '../../src/audit/keys.ts';
import { pick } from './random.ts';

type Lines = readonly string[];
type Json = Record<string, unknown>;
type Random = () => number;

/** Each gives other lines than it was given. */
const kinds: Readonly<Record<string, (lines: Lines, random: Random, stranger: AuditKeys) => Lines>> = {
  'a byte': (lines, random) =>
    change(lines, random, (line) => {
      const at = Math.floor(random() * line.length);
      const other = String.fromCharCode(32 + Math.floor(random() * 95));
      return `${line.slice(0, at)}${other}${line.slice(at + 1)}`;
    }),
  'a value': (lines, random) =>
    change(lines, random, (line) => `${canonical(otherValue(JSON.parse(line) as Json, random))}\n`),
  'a space': (lines, random) => change(lines, random, (line) => line.replace(',', ', ')),
  'an escape': (lines, random) => change(lines, random, (line) => line.replace('k', String.raw`\u006b`)),
  'a line is gone': (lines, random) => lines.toSpliced(Math.floor(random() * lines.length), 1),
  'two lines are swapped': (lines, random) => {
    const [a, b] = [Math.floor(random() * lines.length), Math.floor(random() * lines.length)];
    return lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '');
  },
  'a line is there twice': (lines, random) =>
    lines.toSpliced(Math.floor(random() * (lines.length + 1)), 0, pick(lines, random)),
  'the end is cut off': (lines, random) => lines.slice(0, Math.floor(random() * lines.length)),
  'the end is cut off within a line': (lines, random) => {
    const text = lines.join('').slice(0, -1 - Math.floor(random() * 500));
    return text.split(/(?<=\n)/);
  },
  'checkpoints are swapped': (lines, random) => {
    const all = [...lines.keys()].filter((i) => lines[i]?.includes('"kind":"checkpoint"'));
    const [a, b] = [pick(all, random), pick(all, random)];
    return lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '');
  },
  'signed by a stranger': (lines, random, stranger) =>
    change(lines, random, (line) => {
      const read = JSON.parse(line) as Json;
      const { key: _key, signature: _signature, ...rest } = read;
      const content = rest.kind === 'seal' ? rest : rest[String(rest.kind)];
      const kind = rest.kind === 'seal' ? 'export' : rest.kind === 'record' ? 'record' : 'checkpoint';
      return `${canonical({ ...rest, ...signHash(stranger, kind, hashOf(content ?? null)) })}\n`;
    }),
  'sealed again by a stranger': (lines, random, stranger) => {
    const cut = lines.toSpliced(1 + Math.floor(random() * (lines.length - 2)), 1).slice(0, -1);
    const seal = { ...(JSON.parse(lines.at(-1) ?? '') as Json), lines: cut.length };
    return [...cut, `${canonical({ ...seal, ...signHash(stranger, 'export', hashOf(seal)) })}\n`];
  },
};

export function fileMutations(lines: Lines, count: number, random: Random, stranger: AuditKeys) {
  const names = Object.keys(kinds);
  const mutations: { readonly name: string; readonly mutated: Lines }[] = [];
  while (mutations.length < count) {
    const name = pick(names, random);
    const mutated = kinds[name]?.(lines, random, stranger) ?? lines;
    if (mutated.join('') !== lines.join('')) mutations.push({ name, mutated });
  }
  return mutations;
}

function change(lines: Lines, random: Random, to: (line: string) => string): Lines {
  const at = Math.floor(random() * lines.length);
  return lines.with(at, to(lines[at] ?? ''));
}

/** One value somewhere in it is another. */
function otherValue(value: unknown, random: Random): unknown {
  if (typeof value === 'string')
    return value === '' ? 'x' : value.replace(/.$/u, (last) => (last === 'a' ? 'b' : 'a'));
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (value === null || typeof value !== 'object') return 'x';
  if (Array.isArray(value)) {
    if (value.length === 0) return ['x'];
    const at = Math.floor(random() * value.length);
    return value.with(at, otherValue(value[at], random));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return { x: 'x' };
  const [key, member] = pick(entries, random);
  return { ...value, [key]: otherValue(member, random) };
}
