// Runs FILE under the project's own Node, installing what the lock file names first where that is missing.
// Uses nothing but Node itself: it is the first thing that runs on a fresh clone.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.clearance-ready');
const node = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`Clearance needs Node 20 or newer to install itself; this is ${process.version}.`);
  process.exit(1);
}

if (!existsSync(node) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('Installing dependencies (once) …');
  const install = spawnSync(
    'npm',
    ['ci', '--include=dev', '--ignore-scripts=false', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 2, 'inherit'], shell: process.platform === 'win32' },
  );
  if (install.status !== 0) {
    console.error('npm ci failed: see above. Nothing was started.');
    process.exit(install.status ?? 1);
  }
  writeFileSync(stamp, lock);
}

const [file, ...args] = process.argv.slice(2);
if (file !== undefined) {
  const run = spawn(node, [join(root, file), ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  });
  // Ctrl-C reaches both from the terminal; a service manager's signal is for this process alone and is passed on.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => run.kill(signal));
  run.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
