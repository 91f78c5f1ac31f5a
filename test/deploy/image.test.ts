import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { run } from '../../scripts/parts/command.ts';
import { freePort } from '../../scripts/parts/free-port.ts';
import { freshDatabase, needRealParts, realParts } from '../support/real-parts.ts';
import { environmentOf, read, root, services } from './compose-file.ts';

// The Dockerfile's own steps without Docker: its COPY lines, its build, its start and its health check. What they need and
// don't copy is missing here as it would be in the image.

const dockerfile = read('Dockerfile').replaceAll('\\\n', ' ');
const [buildStage = '', imageStage = ''] = dockerfile.split(/^FROM .*$/m).slice(1);
const stages = mkdtempSync(join(tmpdir(), 'clearance-image-'));
const build = join(stages, 'build');
const image = join(stages, 'image');
const data = join(stages, 'data');
const packages = z
  .record(z.string(), z.looseObject({ dev: z.boolean().optional() }))
  .parse(JSON.parse(read('package-lock.json')).packages);

type Copy = { readonly fromBuild: boolean; readonly sources: string[]; readonly target: string };

function copies(stage: string): Copy[] {
  return [...stage.matchAll(/^COPY (--from=build )?(.+) (\S+)$/gm)].map(
    ([, from, sources = '', target = '']) => ({
      fromBuild: from !== undefined,
      sources: sources.split(' '),
      target,
    }),
  );
}

/** Docker copies a folder's content, and a file under its own name where the target is a folder. */
function copy({ fromBuild, sources, target }: Copy, into: string): void {
  for (const source of sources) {
    const path = fromBuild ? source.replace('/app', build) : join(root, source);
    if (path.endsWith('node_modules')) continue;
    const isFolder = target.endsWith('/');
    cpSync(path, isFolder ? join(into, target, path.split('/').at(-1) ?? '') : join(into, target), {
      recursive: true,
    });
  }
}

/** As `npm ci` leaves it for our own code; packages find each other in the checkout's folder. */
function linkPackages(into: string, { withDev }: { withDev: boolean }): void {
  for (const [path, { dev }] of Object.entries(packages)) {
    const isTop = path.lastIndexOf('node_modules/') === 0;
    if (!isTop || (dev === true && !withDev) || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(into, path)), { recursive: true });
    symlinkSync(join(root, path), join(into, path));
  }
}

async function waitFor(child: ChildProcess, words: string): Promise<void> {
  for await (const chunk of child.stdout ?? []) if (String(chunk).includes(words)) return;
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`The service ended with ${code}.`);
}

let server: ChildProcess | undefined;
afterAll(() => {
  server?.kill('SIGKILL');
  rmSync(stages, { recursive: true, force: true });
});

beforeAll(async () => {
  for (const step of copies(buildStage)) copy(step, build);
  linkPackages(build, { withDev: true });
  await run(process.execPath, ['scripts/build.mjs'], { cwd: build });
  const sbom = await run('npm', ['run', '--silent', 'sbom'], { cwd: build });
  writeFileSync(join(build, 'sbom.cdx.json'), sbom);
  for (const step of copies(imageStage)) copy(step, image);
  linkPackages(image, { withDev: false });
  mkdirSync(data, { mode: 0o700 });
});

test('.dockerignore lets through exactly what is copied', () => {
  const letThrough = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copied = [...copies(buildStage), ...copies(imageStage)]
    .filter(({ fromBuild }) => !fromBuild)
    .flatMap(({ sources }) => sources);
  expect(letThrough.toSorted()).toEqual(copied.toSorted());
});

test('the image runs on the Node that the project is tested with, and not as root', () => {
  const { devDependencies } = z
    .object({ devDependencies: z.object({ node: z.string() }) })
    .parse(JSON.parse(read('package.json')));
  expect(dockerfile).toContain(`NODE_IMAGE=node:${devDependencies.node}-`);
  expect(imageStage).toContain('\nUSER node\n');
});

test('the image says what it is made of: the packages that it runs on, and no other', () => {
  const { components } = z
    .object({ components: z.array(z.object({ name: z.string(), version: z.string() })) })
    .parse(JSON.parse(readFileSync(join(image, 'sbom.cdx.json'), 'utf8')));
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['fastify', 'pg', 'jose']));
  expect(names).not.toContain('vitest');
});

test.skipIf(realParts() === undefined)(
  'what the image holds migrates and serves with what compose gives it, and its health check says whether it does',
  async () => {
    const [, settings = ''] = /^ENV (.+)$/m.exec(imageStage) ?? [];
    const fromImage = Object.fromEntries(settings.split(' ').map((setting) => setting.split('=')));
    expect(fromImage).toMatchObject({ HOST: '0.0.0.0', CLEARANCE_DATA_DIR: '/data' });
    const database = await freshDatabase();
    const { apiUrl, token } = needRealParts().openfga;
    const here = {
      HOST: '127.0.0.1',
      PORT: String(await freePort()),
      METRICS_PORT: String(await freePort()),
      CLEARANCE_DATA_DIR: data,
      DATABASE_URL: database.serviceUrl,
      OPENFGA_API_URL: apiUrl,
      OPENFGA_API_TOKEN: token,
    };
    const env = { PATH: process.env.PATH, ...fromImage, ...environmentOf('clearance'), ...here };
    const isHealthy = async (): Promise<boolean> => {
      const [, healthCheck = ''] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(imageStage) ?? [];
      const [, ...args] = z.array(z.string()).parse(JSON.parse(healthCheck));
      const [code] = await once(spawn(process.execPath, args, { env, stdio: 'ignore' }), 'exit');
      return code === 0;
    };

    expect(await isHealthy()).toBe(false);
    await run(process.execPath, ['bin/clearance.mjs', ...(services['clearance-migrate']?.command ?? [])], {
      cwd: image,
      env: {
        ...environmentOf('clearance-migrate'),
        ...here,
        DATABASE_MIGRATION_URL: database.ownerUrl,
      },
    });
    server = spawn(process.execPath, ['bin/clearance.mjs', 'serve'], { cwd: image, env });
    server.stderr?.pipe(process.stderr);
    await Promise.race([waitFor(server, 'Clearance listens on'), failed(server)]);
    expect(await isHealthy()).toBe(true);
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    expect(await isHealthy()).toBe(false);
    await database.close();
  },
);
