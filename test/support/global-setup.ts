import type { TestProject } from 'vitest/node';
import { type RealParts, readAddresses } from '../../scripts/parts/addresses.ts';
import { clusterAnswers } from '../../scripts/parts/cluster.ts';
import { serverAnswers } from '../../scripts/parts/openfga.ts';
import type { Containers } from './containers.ts';
import { removeLeftOvers } from './own-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    realParts: RealParts | undefined;
  }
}

/**
 * Finds a Postgres and an OpenFGA server for the suites that run on real parts: those of `npm run parts`, else containers,
 * which every run then starts (some 10 s), whichever tests it is for.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const native = await runningNatively();
  if (native !== undefined) {
    await removeLeftOvers();
    project.provide('realParts', native);
    return undefined;
  }
  const containers = await inContainers();
  project.provide('realParts', containers?.parts);
  if (containers !== undefined) return containers.stop;
  const missing =
    'No Postgres and OpenFGA server: the suites on real parts are skipped. Start them with "npm run parts" (Debian, as root), or start a Docker engine.';
  if (process.env.CI === 'true') throw new Error(`${missing} With CI=true that is a failure.`);
  console.warn(missing);
  return undefined;
}

async function runningNatively(): Promise<RealParts | undefined> {
  const parts = readAddresses();
  if (parts?.native === undefined) return undefined;
  const answers = await Promise.all([
    clusterAnswers(parts.native.cluster),
    serverAnswers(parts.native.server),
  ]);
  return answers.every(Boolean) ? parts : undefined;
}

/** A Docker engine that can't reach its registry is as good as none. */
async function inContainers(): Promise<Containers | undefined> {
  const { startContainers } = await import('./containers.ts');
  try {
    return await startContainers();
  } catch (error) {
    console.warn('Postgres and OpenFGA do not start in Docker:', error);
    return undefined;
  }
}
