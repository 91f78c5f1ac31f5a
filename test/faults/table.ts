import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realParts } from '../support/real-parts.ts';
import { operations } from './operations.ts';
import { type Cell, type Fault, type Row, runFault } from './run.ts';
import { openWorld, type Servers } from './world.ts';

type Outcome = Row | Error;

const columns = Object.keys(operations);
const within = new Map<string, number>(Object.entries(operations).map(([name, each]) => [name, each.within]));

function cellOf(row: Outcome | undefined, operation: string): Cell | undefined {
  if (row instanceof Error) throw row;
  return row?.get(operation);
}

/**
 * Every operation under every fault: a cell of the table is a test. All faults of a lane happen to one service, one after
 * another, and the lanes run at the same time; those of `alone` follow.
 */
export function faultTable(
  part: 'OpenFGA' | 'Postgres',
  open: () => Servers | Promise<Servers>,
  lanes: readonly (readonly Fault[])[],
  alone: readonly Fault[] = [],
): void {
  const faults = [...lanes.flat(), ...alone];
  const rows = new Map<string, Outcome>();

  describe.skipIf(realParts()?.native === undefined)(`${part} at fault`, () => {
    beforeAll(async () => {
      const servers = await open();
      try {
        await Promise.all(lanes.map((lane) => runLane(servers, lane, rows)));
        await runLane(servers, alone, rows);
      } finally {
        await servers.close();
      }
    }, 300_000);
    afterAll(() => report(part, faults, rows));

    describe.each(faults)('$name', ({ name, expected }) => {
      it('releases nothing, loses nothing that was acknowledged, and is got over', () => {
        expect(rows.get(name)).toBeInstanceOf(Map);
      });
      it.each(Object.entries(expected))('%s: %s', (operation, said) => {
        const cell = cellOf(rows.get(name), operation);
        expect(said.split(' or ')).toContain(cell?.said);
        expect(cell?.ms).toBeLessThan(within.get(operation) ?? 0);
      });
    });
  });
}

/** Faults that wait for retries, spread so that they wait at the same time. */
export function inLanes(faults: readonly Fault[], count: number): readonly (readonly Fault[])[] {
  return Array.from({ length: count }, (_, lane) => faults.filter((_, i) => i % count === lane));
}

async function runLane(servers: Servers, lane: readonly Fault[], rows: Map<string, Outcome>): Promise<void> {
  if (lane.length === 0) return;
  const world = await openWorld(servers);
  try {
    for (const fault of lane) {
      rows.set(
        fault.name,
        await runFault(world, fault).catch((error: unknown) =>
          error instanceof Error ? error : new Error(String(error)),
        ),
      );
    }
  } finally {
    await world.close();
  }
}

/** Prints the table, and writes it into the folder `FAULT_TABLE` for the operator's page. */
function report(part: string, faults: readonly Fault[], rows: ReadonlyMap<string, Outcome>): void {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [
    line([`${part}: fault`, ...columns]),
    line(['---', ...columns.map(() => '---')]),
    ...faults.map(({ name }) => {
      const row = rows.get(name);
      return line([
        name,
        ...columns.map((column) => {
          const cell = row instanceof Error ? undefined : row?.get(column);
          return cell === undefined ? '' : `${cell.said}, ${(cell.ms / 1_000).toFixed(1)} s`;
        }),
      ]);
    }),
  ].join('\n');
  console.log(table);
  const folder = process.env.FAULT_TABLE;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${part.toLowerCase()}.md`), `${table}\n`);
}
