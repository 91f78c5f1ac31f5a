// Compiles to dist/ and puts beside the code what it reads at run time, at the same depth as in the sources.
// A build that fails leaves no dist/ behind: half of one would be taken for a whole.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  {
    stdio: 'inherit',
  },
);
if (status !== 0) {
  rmSync('dist', { recursive: true, force: true });
  process.exit(status ?? 1);
}
for (const folder of ['migrations', 'models', 'assets'])
  cpSync(folder, `dist/${folder}`, { recursive: true });
