import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, type Service } from '../../../src/compose.ts';
import { developmentToken } from '../../../src/operator.ts';
import type { ReadPath } from '../../../src/retrieve/retrieve.ts';
import { DEFAULT_TENANT } from '../../../src/types/principal.ts';
import { table } from '../../bench/table.ts';
import { type Http, serveHttp } from '../../support/http.ts';
import { put, writer } from '../../support/seed.ts';
import { knowAgent, openTestService, type TestService } from '../../support/service.ts';
import { kinds, type Revoked, revokeOne, type World } from './worlds.ts';

/** `npm run bench:revoked` sets it. */
const REVOCATIONS = Number(process.env.REVOKED ?? 28);
const AT_ONCE = REVOCATIONS < 1_000 ? 14 : 28;
const MS_EACH = 1_000;
/** Of an engine that is slow, at most: so that answers are on their way when they are revoked. */
const SLOW_MS = 2_000;

describe('what was revoked gets nothing from the acknowledgement on', () => {
  let service: TestService;
  let copy: Service;

  beforeAll(async () => {
    service = await openTestService({ MAX_REQUESTS_IN_FLIGHT: '200', RATE_LIMIT_PER_MINUTE: '1000000' });
    copy = await openService(service.config, () => {});
    await put(service.write, await writer(service), 'plan', 'The harbour plan.', [
      'user:*',
      'group:bots#member',
    ]);
  });
  afterAll(async () => {
    await copy.close();
    await service.close();
  });

  it(`by ${REVOCATIONS} revocations of every kind, at two copies of the service`, {
    timeout: 120_000 + REVOCATIONS * MS_EACH,
  }, async () => {
    const all = await revokeAll(REVOCATIONS, (read) => read);
    console.log(report(all));
    expect(all.filter(({ before }) => before === 0)).toEqual([]);
    expect(all.filter(({ after }) => after > 0)).toEqual([]);
    expect(all).toHaveLength(REVOCATIONS);
  });

  it('and the test sees it where nobody asks again before an answer leaves', {
    timeout: 120_000,
  }, async () => {
    const all = await revokeAll(14, (read) => ({
      ...read,
      handOvers: { confirm: async () => 'confirmed' },
    }));
    expect(all.filter(({ after }) => after > 0).length).toBeGreaterThan(0);
  });

  async function revokeAll(count: number, spoil: (read: ReadPath) => ReadPath): Promise<Revoked[]> {
    const doors = await Promise.all([service, copy].map((each) => slowDoor(each, spoil)));
    const world = worldOf(doors);
    const all: Revoked[] = [];
    const kindAt = Object.entries(kinds);
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (;;) {
          const [kind, request] = kindAt[next % kindAt.length] ?? [];
          if (next >= count || kind === undefined || request === undefined) return;
          next += 1;
          all.push(await revokeOne(world, kind, request));
        }
      }),
    );
    for (const door of doors) await door.close();
    return all;
  }

  /** With an engine that takes its time: a different one each time. */
  function slowDoor(each: Service, spoil: (read: ReadPath) => ReadPath): Promise<Http> {
    const { gates: _, ...rest } = each;
    const engine: ReadPath['engine'] = {
      async batchCheck(batch) {
        await sleep(Math.random() * SLOW_MS);
        return each.read.engine.batchCheck(batch);
      },
    };
    return serveHttp({ ...rest, read: spoil({ ...each.read, engine }) });
  }

  function worldOf(doors: readonly Http[]): World {
    return {
      doors,
      get admin() {
        return admin;
      },
      token: (subject, actor) =>
        developmentToken(service.config, {
          subject,
          scopes: ['retrieve'],
          lifetime: 3_600,
          ...(actor === undefined ? {} : { actor }),
        }),
      async know(agent, owner) {
        await knowAgent(service.registry, agent, undefined, `user:${owner}`);
        const member = { user: `agent:${agent}`, relation: 'member', object: 'group:bots' };
        await service.write.relationships.write(DEFAULT_TENANT, { writes: [member], deletes: [] });
      },
    };
  }
  let admin: string;
  beforeAll(async () => {
    admin = await service.token('root', { scopes: ['admin'], lifetime: 86_400 });
  });
});

function report(all: readonly Revoked[]): string {
  const rows = Object.keys(kinds).map((kind) => {
    const of = all.filter((revoked) => revoked.kind === kind);
    const sum = (each: (revoked: Revoked) => number) =>
      String(of.reduce((total, one) => total + each(one), 0));
    return [
      kind,
      String(of.length),
      sum(({ before }) => before),
      sum(({ after }) => after),
      ...percentiles(of.map(({ acknowledged }) => acknowledged)),
      ...percentiles(of.map(({ last }) => last)),
    ];
  });
  const headings = [
    'revoked',
    'times',
    'answers with text before',
    'after the acknowledgement',
    'acknowledged, p50',
    'p99',
    'last answer with text after the request, p50',
    'p99',
  ];
  return table(headings, rows);
}

/** Median and 99th percentile, in milliseconds. */
function percentiles(times: readonly number[]): [string, string] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return [`${at(0.5).toFixed(0)} ms`, `${at(0.99).toFixed(0)} ms`];
}
