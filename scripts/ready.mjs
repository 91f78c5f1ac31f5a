// Runs FILE under the project's own Node, installing what the lock file names first where that is missing.
// Uses nothing but Node itself: it is the first thing that runs on a fresh clone.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const stamp = join(root, 'node_modules', '.clearance-ready');
const bin = join(root, 'node_modules', '.bin');
const node = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`Clearance needs Node 20 or newer to install itself; this is ${process.version}.`);
  process.exit(1);
}

if (!existsSync(node) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('Installing dependencies (once) …');
  const args = [
    'ci',
    '--include=dev',
    '--ignore-scripts=false',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const { status } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 'inherit'], shell: windows });
  if (status !== 0) {
    console.error('npm ci failed: see above. Nothing was started.');
    process.exit(status ?? 1);
  }
  writeFileSync(stamp, lock);
}

const [file, ...args] = process.argv.slice(2);
if (file !== undefined) {
  const child = spawn(node, [join(root, file), ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
  });
  // Ctrl-C reaches the child by itself, for it goes to the whole group; a signal to this process alone doesn't.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}
