import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { errorStatus } from '../../src/types/errors.ts';

const page = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the documents', () => {
  test('list every error code with its status, and no other', () => {
    const section = /## Errors\n([\s\S]*?)\n## /.exec(page('docs/architecture.md'))?.[1] ?? '';
    const listed = [...section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    expect(Object.fromEntries(listed)).toEqual(errorStatus);
  });

  test('name every variable that the configuration reads, and no other', () => {
    const read = [...page('src/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => name);
    const section = /## Configuration\n([\s\S]*?)\n## /.exec(page('README.md'))?.[1] ?? '';
    const documented = [...section.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name]) => name);
    expect(read.length).toBeGreaterThan(5);
    expect(new Set(documented)).toEqual(new Set(read));
  });

  test('link to nothing that is not there', () => {
    for (const path of ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/operations.md']) {
      const folder = path.includes('/') ? 'docs/' : '';
      const links = [...page(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link ?? '');
      for (const link of links) expect(() => page(`${folder}${link}`), `${path}: ${link}`).not.toThrow();
    }
  });
});
