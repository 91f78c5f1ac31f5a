import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from '../../src/types/errors.ts';
import { partsFolder } from './addresses.ts';
import { run } from './command.ts';

export const OPENFGA_VERSION = 'v1.22.1';
const MODULE = 'github.com/openfga/openfga';

/** Returns the path of an OpenFGA server of exactly this version, after building it where there is none. */
export async function installOpenFga(): Promise<string> {
  const go = await findGo();
  const goPath = (await run(go, ['env', 'GOPATH'])).trim();
  const own = join(partsFolder, 'bin');
  const built = join(own, 'openfga');
  for (const binary of [built, join(goPath, 'bin/openfga')]) if (await isPinned(go, binary)) return binary;
  console.error(`Building OpenFGA ${OPENFGA_VERSION} (about three minutes; then Go has it in its cache) …`);
  // Without cgo, so that it doesn't depend on whether a C compiler happens to be there. Go checks the module's hash
  // against its public log of hashes.
  await run(go, ['install', `${MODULE}/cmd/openfga@${OPENFGA_VERSION}`], {
    env: { GOBIN: own, CGO_ENABLED: '0' },
  });
  return built;
}

/** The server calls itself "dev" when it was built this way; the module's version is in the binary. */
async function isPinned(go: string, binary: string): Promise<boolean> {
  if (!existsSync(binary)) return false;
  return (await run(go, ['version', '-m', binary])).includes(`\tmod\t${MODULE}\t${OPENFGA_VERSION}\t`);
}

async function findGo(): Promise<string> {
  for (const go of ['go', '/usr/local/go/bin/go']) {
    try {
      await run(go, ['version']);
      return go;
    } catch {
      // Not here.
    }
  }
  throw new StartupError(
    "Go is missing, and OpenFGA is built with it. Debian 12's own is too old: take it from https://go.dev/dl.",
  );
}
