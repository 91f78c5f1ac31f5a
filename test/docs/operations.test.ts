import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const page = read('docs/operations.md');
const section = (title: string) => new RegExp(`## ${title}\n([\\s\\S]*?)\n## `).exec(page)?.[1] ?? '';

/** In milliseconds or bytes. */
const units: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  h: 3_600_000,
  MiB: 1_024 * 1_024,
};

/** `| … | 22 s | … | `src/retrieve/in-time.ts#REQUEST_MS` |` */
const limits = [
  ...section('Limits and time-outs').matchAll(/^\|.*?\| ([\d,]+) ?(\w*) \|.*`(\S+)#(\w+)` \|$/gm),
].map(([, number = '', unit = '', path = '', name = '']) => ({
  constant: `${path}#${name}`,
  documented: Number(number.replaceAll(',', '')) * (units[unit] ?? Number.NaN),
}));

/** A number, or a product of numbers, as the code has it. */
function valueOf(constant: string): number {
  const [path = '', name = ''] = constant.split('#');
  const [, product = ''] =
    new RegExp(`^(?:(?:export )?const | +)${name}(?: =|:) ([\\d_ *]+)[;,]$`, 'm').exec(read(path)) ?? [];
  const value = product
    .split('*')
    .map((factor) => Number(factor.replaceAll('_', '') || Number.NaN))
    .reduce((a, b) => a * b);
  return name.endsWith('_SECONDS') ? value * 1_000 : value;
}

/** Of the parts that an operator runs: not of the embedded store nor of the command line. */
const timeouts = globSync(['src/**/*.ts', 'ingest/**/*.ts'], { cwd: root })
  .filter((path) => !/^src\/(adapters\/pglite|doors\/cli|parts\.ts)/.test(path))
  .flatMap((path) =>
    [...read(path).matchAll(/^(?:export )?const (\w+_(?:MS|SECONDS)) = \d/gm)].map(
      ([, name]) => `${path}#${name}`,
    ),
  );

describe("the operator's page", () => {
  test.each(limits)('$constant is what it says', ({ constant, documented }) => {
    expect(valueOf(constant)).toBeGreaterThan(0);
    expect(documented).toBe(valueOf(constant));
  });

  test('says of each limit where it is set', () => {
    expect(section('Limits and time-outs').match(/^\| (?!what )/gm)).toHaveLength(limits.length);
  });

  test('has every time-out of the code', () => {
    expect(timeouts.length).toBeGreaterThan(10);
    const documented = new Set(limits.map(({ constant }) => constant));
    expect(timeouts.filter((constant) => !documented.has(constant))).toEqual([]);
  });

  test('names every metric, and no other', () => {
    const metrics = ['src/metrics/meter.ts', 'src/metrics/scrape.ts'].flatMap((path) =>
      [...read(path).matchAll(/'(clearance_\w+)'/g)].map(([, name]) => name),
    );
    const rows = section('Metrics and alerts').match(/^\| `clearance_.*$/gm) ?? [];
    const named = rows.flatMap((row) => [...row.matchAll(/`(clearance_\w+)`/g)].map(([, name]) => name));
    expect(metrics.length).toBeGreaterThan(5);
    expect(named.toSorted()).toEqual(metrics.toSorted());
    // Of a histogram, Prometheus also has buckets.
    const alerted = [...page.matchAll(/(clearance_\w+)[{[)]/g)].map(([, name]) =>
      name?.replace(/_bucket$/, ''),
    );
    expect(alerted.filter((name) => !metrics.includes(name ?? ''))).toEqual([]);
  });

  test('links to headings that are there', () => {
    const headings = (path: string) =>
      new Set(
        [...read(path).matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
          title
            .toLowerCase()
            .replaceAll(/[^\w\- ]/g, '')
            .replaceAll(' ', '-'),
        ),
      );
    for (const [, path, heading = ''] of page.matchAll(/\]\(([\w.]*)#([\w-]+)\)/g)) {
      expect(headings(`docs/${path || 'operations.md'}`)).toContain(heading);
    }
  });
});
