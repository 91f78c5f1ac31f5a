import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeParts } from '../../scripts/parts/addresses.ts';
import { dataDir } from '../../scripts/parts/cluster.ts';
import { processesIn } from '../../scripts/parts/processes.ts';

/** Process ids of the parts. */
export function pidsOf({ cluster, server }: NativeParts): {
  readonly postgres: number;
  readonly openfga: number;
} {
  const [openfga] = processesIn(server.folder);
  if (openfga === undefined) throw new Error('OpenFGA does not run: start it with "npm run parts".');
  return {
    postgres: Number.parseInt(readFileSync(join(dataDir(cluster), 'postmaster.pid'), 'utf8'), 10),
    openfga,
  };
}

/**
 * Bytes of a process and of all that it has started. Of pages that several share each has its part (PSS): what is
 * resident would count Postgres's shared memory once for every connection.
 */
export function memoryOf(pid: number): number {
  const children = childrenByParent();
  const family = (of: number): number[] => [of, ...(children.get(of) ?? []).flatMap(family)];
  return family(pid).reduce((sum, one) => sum + proportional(one), 0);
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const parent = Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function proportional(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1_024;
}

/** Empty for a process that has just ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
