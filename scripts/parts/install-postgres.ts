import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartupError } from '../../src/types/errors.ts';
import { run } from './command.ts';

/** What Debian 12 has. */
const MAJOR = 15;
const DEBIAN = '12';
const PGVECTOR = /^default_version = '0\.8\./m;

/** Verified by apt as every package: the suite is signed, and names the hash of each file. */
const TRIXIE_SOURCES =
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n';

/** Returns the folder of Postgres's programs, after installing it with pgvector where that is missing. */
export async function installPostgres(): Promise<string> {
  const binDir = `/usr/lib/postgresql/${MAJOR}/bin`;
  if (existsSync(join(binDir, 'initdb')) && hasPgvector()) return binDir;
  requireDebianAndRoot();
  console.error(`Installing Postgres ${MAJOR} and building pgvector 0.8 (about two minutes) …`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=120'];
  // A third-party list that can't be read is no reason to stop: what is missing shows in the next step.
  await run('apt-get', [...wait, 'update'], { env }).catch((error: unknown) => console.error(String(error)));
  const packages = `postgresql-${MAJOR} postgresql-server-dev-${MAJOR} build-essential dpkg-dev openssl`;
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages.split(' ')], {
    env,
  });
  await buildPgvector(binDir);
  if (!hasPgvector()) throw new Error("pgvector was built, but isn't where Postgres looks for it.");
  return binDir;
}

function hasPgvector(): boolean {
  const control = `/usr/share/postgresql/${MAJOR}/extension/vector.control`;
  const library = `/usr/lib/postgresql/${MAJOR}/lib/vector.so`;
  return existsSync(control) && existsSync(library) && PGVECTOR.test(readFileSync(control, 'utf8'));
}

function requireDebianAndRoot(): void {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (!/^ID=debian$/m.test(release) || !release.includes(`VERSION_ID="${DEBIAN}"`)) {
    throw new StartupError(
      `npm run parts installs on Debian ${DEBIAN} only. Elsewhere start a Docker engine: npm test then runs the parts in containers by itself.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new StartupError(
      `Postgres ${MAJOR} with pgvector 0.8 is missing, and only root can install it. Run once as root: npm run parts`,
    );
  }
}

/** Debian 12 has no pgvector 0.8, trixie does. apt reads trixie's list for these two calls only: nothing binary comes from it. */
async function buildPgvector(binDir: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'clearance-pgvector-'));
  try {
    // apt downloads as a user of its own.
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'lists/partial'), { recursive: true });
    const list = join(folder, 'trixie.list');
    writeFileSync(list, TRIXIE_SOURCES);
    const options = Object.entries({
      'Dir::Etc::SourceList': list,
      'Dir::Etc::SourceParts': '/dev/null',
      'Dir::State::Lists': join(folder, 'lists'),
      // Not the machine's caches, which know the machine's lists.
      'Dir::Cache::PkgCache': '',
      'Dir::Cache::SrcPkgCache': '',
    }).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    await run('apt-get', [...options, 'update'], { cwd: folder });
    await run('apt-get', [...options, 'source', 'pgvector'], { cwd: folder });
    const source = readdirSync(folder).find((name) => /^pgvector-[\d.]+$/.test(name));
    if (source === undefined) throw new Error('apt-get source pgvector left no source folder in its place.');
    const cwd = join(folder, source);
    // Empty: not -march=native, so that what is built runs on other machines too.
    const make = [`PG_CONFIG=${join(binDir, 'pg_config')}`, 'OPTFLAGS='];
    await run('make', make, { cwd });
    await run('make', [...make, 'install'], { cwd });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
