import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { enforce } from '../../src/retrieve/enforce.ts';
import { release } from '../../src/retrieve/release.ts';
import type { Credentials, Principal } from '../../src/types/principal.ts';
import { allowsAll } from '../support/engines.ts';
import { noAgents } from '../support/rules.ts';

const root = join(import.meta.dirname, '../..');

const head = `
import type { ReadPath } from '${root}/src/retrieve/retrieve.ts';
import type { Candidate, CandidateSearch } from '${root}/src/ports/search.ts';
import type { Credentials, Principal } from '${root}/src/types/principal.ts';
import { type Clearance, enforce } from '${root}/src/retrieve/enforce.ts';
import { type Passage, type Released, release } from '${root}/src/retrieve/release.ts';
export type Used = [CandidateSearch, Candidate, Principal, Clearance, Passage, Released, typeof enforce, typeof release];
declare const path: ReadPath;
declare const search: CandidateSearch;
declare const candidate: Candidate;
declare const credentials: Credentials;
declare const principal: Principal;
declare const clearance: Clearance;
const occasion = { event: 'retrieve', details: {}, credentials } as const;
const signal = new AbortController().signal;
export const used = [path, search, candidate, principal, clearance, occasion, signal];
`;

/** The right way compiles, so an error below is not of the set-up. */
const right = `export const fine = async () =>
  release(path, await enforce(path, principal, search, 5, signal), occasion, signal);`;

const wrong: Record<string, { code: string; error: RegExp }> = {
  'hands candidates straight to release': {
    code: `export const leak = release(path, [candidate], occasion, signal);`,
    error: /'Candidate\[\]' is missing .* #candidates/,
  },
  'hands release a look-alike': {
    code: `export const leak = release(path, {
      candidates: [candidate], principal, decisionId: 'd', complete: true, certified: true, watermark: '1', checked: 1,
    }, occasion, signal);`,
    error: /#candidates/,
  },
  'spreads a clearance to add candidates': {
    code: `export const leak = release(path, { ...clearance, candidates: [candidate] }, occasion, signal);`,
    error: /#candidates/,
  },
  'imports the class to construct one': {
    code: `import { Clearance as Made } from '${root}/src/retrieve/enforce.ts'; export const leak = new Made();`,
    error: /TS1361|TS1362|TS2693/,
  },
  'imports the class of a passage to construct one': {
    code: `import { Passage as Made } from '${root}/src/retrieve/release.ts'; export const leak = new Made();`,
    error: /TS1361|TS1362|TS2693/,
  },
  'adds to what was cleared': {
    code: `clearance.candidates.push(candidate);`,
    error: /TS2339.*push/,
  },
  'replaces what was cleared': {
    code: `clearance.candidates = [candidate];`,
    error: /TS2540.*candidates/,
  },
  'reads text from a candidate': {
    code: `export const leak = candidate.text;`,
    error: /TS2339.*text/,
  },
  'reads text from what the search ranks': {
    code: `export const leak = search.next(5).then(({ documents }) => documents.map((document) => document.text));`,
    error: /TS2339.*text/,
  },
  'reads text from a clearance': {
    code: `export const leak = clearance.text;`,
    error: /TS2339.*text/,
  },
  'enforces for a principal it made up': {
    code: `export const leak = enforce(path, { tenant: 'default', issuer: 'me', subject: 'user:anne' }, search, 5, signal);`,
    error: /TS2345.*Principal/,
  },
  'forgets to wait for enforcement': {
    code: `export const leak = release(path, enforce(path, principal, search, 5, signal), occasion, signal);`,
    error: /'Promise<Clearance>' is missing .* #candidates/,
  },
  'hands the released passage on as a response without its content': {
    code: `declare const passage: Passage; export const leak: string = passage.text;`,
    error: /TS2339.*text/,
  },
};

/** What the compiler says of each file, under the product's own settings. */
async function compile(files: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'clearance-types-'));
  try {
    for (const [name, code] of Object.entries(files))
      await writeFile(join(folder, `${name}.ts`), head + code);
    const settings = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        rootDir: '/',
        rewriteRelativeImportExtensions: false,
        allowImportingTsExtensions: true,
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: ['*.ts'],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const output = await tsc(folder);
    const said = new Map(Object.keys(files).map((name) => [name, '']));
    let current = '';
    for (const line of output.split('\n')) {
      current = /(?:^|\/)([\w-]+)\.ts\(\d+,\d+\): error/.exec(line)?.[1] ?? current;
      said.set(current, `${said.get(current) ?? ''}${line}\n`);
    }
    return said;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tsc(folder: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const bin = join(root, 'node_modules/typescript/bin/tsc');
  execFile(process.execPath, [bin, '-p', folder, '--pretty', 'false'], (_, stdout) => resolve(stdout));
  return promise;
}

describe('skipping enforcement does not compile', () => {
  const names = new Map(Object.keys(wrong).map((name, i) => [name, `wrong-${i}`]));
  let said: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const files = Object.entries(wrong).map(([name, { code }]) => [names.get(name) ?? '', code]);
    said = await compile({ ...Object.fromEntries(files), right });
  });

  it('while the right way does', () => {
    expect(said.get('right')).toBe('');
    expect([...said.keys()].toSorted()).toEqual([...names.values(), 'right'].toSorted());
  });

  it.each(Object.entries(wrong))('for code that %s', (name, { error }) => {
    expect(said.get(names.get(name) ?? '')).toMatch(error);
  });
});

describe('and at run time', () => {
  const principal = {
    tenant: 'default',
    issuer: 'test',
    subject: 'user:anne',
    chain: [] as readonly string[],
  } as Principal;
  const found = { documentId: 'd', version: 1, score: 1, chunkId: '1' };
  const text = { chunkId: '1', documentId: 'd', version: 1, title: 'D', text: 'Text.', metadata: {} };
  const token = { issuer: 'test', hash: 'h', login: 'anne' };
  const credentials: Credentials = { principal, token, scopes: new Set(), expiresAt: new Date() };
  const occasion = { event: 'retrieve', details: {}, credentials } as const;
  let touched: string[];

  const releaseAny = (clearance: unknown) => {
    touched = [];
    const parts = {
      audit: { append: async () => void touched.push('audit') },
      passages: { read: async () => (touched.push('text'), [text]) },
      evidence: { queryHash: () => '', modelId: async () => 'model', chains: () => [] },
      handOvers: { confirm: async () => (touched.push('confirmed'), 'confirmed' as const) },
    };
    return release(parts, clearance as Parameters<typeof release>[1], occasion, AbortSignal.timeout(10_000));
  };
  const cleared = () =>
    enforce(
      {
        engine: allowsAll,
        relationships: { watermark: async () => '1' },
        rules: noAgents,
        guarded: { type: 'document', relation: 'can_read' },
      },
      principal,
      {
        exact: () => true,
        narrowed: false,
        route: () => ({ name: 'scan', why: 'A test.' }),
        next: async () => ({ documents: [found], exhausted: true }),
        within: async () => [found],
      },
      5,
      AbortSignal.timeout(10_000),
    );

  it('release takes what enforce has made', async () => {
    expect((await releaseAny(await cleared())).passages[0]?.content.text).toBe('Text.');
    expect(touched).toEqual(['audit', 'text', 'confirmed']);
  });

  it('and refuses a look-alike before it touches anything', async () => {
    const genuine = await cleared();
    const fields = {
      principal,
      decisionId: 'd',
      complete: true,
      certified: true,
      watermark: '1',
      candidates: [found],
    };
    const heir: unknown = Object.create(genuine);
    const lookAlikes = [
      fields,
      structuredClone(fields),
      new Proxy({}, { get: () => [found] }),
      [found],
      null,
      undefined,
      'cleared',
    ];
    for (const lookAlike of lookAlikes) {
      await expect(releaseAny(lookAlike)).rejects.toThrow(TypeError);
      expect(touched).toEqual([]);
    }
    // It passes for one by its prototype, but has not the private field.
    await expect(releaseAny(heir)).rejects.toThrow(TypeError);
    expect(touched).toEqual([]);
  });

  it('and nothing can be added to a genuine one', async () => {
    const genuine = await cleared();
    expect(Object.isFrozen(genuine)).toBe(true);
    expect(() => (genuine.candidates as unknown[]).push(found)).toThrow(TypeError);
    expect(() => Object.defineProperty(genuine, 'candidates', { value: [found] })).toThrow(TypeError);
  });
});
