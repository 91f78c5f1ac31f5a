// Compiles to dist/ and puts beside the code what it reads at run time, at the same depth as in the sources.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
for (const folder of ['migrations', 'models', 'assets']) cpSync(folder, `dist/${folder}`, { recursive: true });
