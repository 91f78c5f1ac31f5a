import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService } from '../../src/compose.ts';
import type { CheckResult, Engine } from '../../src/ports/engine.ts';
import { table } from '../bench/table.ts';
import { type Deployment, deploy } from '../crash/deployment.ts';
import { type Served, serve } from '../support/cli.ts';
import { serveHttp } from '../support/http.ts';
import { realParts } from '../support/real-parts.ts';
import { unnarrowed } from '../support/unnarrowed.ts';
import { type Access, type Revocation, revoke, seed } from './revocation.ts';

/** `npm run bench:revocation` sets it. */
const REVOCATIONS = Number(process.env.REVOCATIONS ?? 50);
const MS_EACH = 2_000;

describe.skipIf(realParts() === undefined)('a relationship that was deleted', () => {
  let deployment: Deployment;
  let copies: readonly Served[];
  let accesses: readonly Access[];

  beforeAll(async () => {
    deployment = await deploy();
    const copy = () => serve(deployment.config.dataDir, deployment.env);
    copies = await Promise.all([copy(), copy()]);
    accesses = await seed(deployment, copies[0]?.url ?? '');
  });
  afterAll(async () => {
    for (const copy of copies ?? []) copy.kill('SIGKILL');
    await deployment?.close();
  });

  it('gives nobody the document from the acknowledgement on, at the other copy of the service too', {
    timeout: 60_000 + REVOCATIONS * MS_EACH,
  }, async () => {
    const [a = '', b = ''] = copies.map(({ url }) => url);
    const all: Revocation[] = [];
    for (let n = 0; n < REVOCATIONS; n += 1) {
      const access = accesses[n % accesses.length];
      const between = n % 4 < 2 ? { writeTo: a, askAt: b } : { writeTo: b, askAt: a };
      if (access !== undefined)
        all.push(
          await revoke(deployment, between, access, n % 2 === 0 ? 'POST /v1/relationships' : 'OpenFGA'),
        );
    }
    console.log(report(all));
    expect(all.filter(({ returned }) => returned)).toEqual([]);
    expect(all).toHaveLength(REVOCATIONS);
  });

  it('and the test sees it where verdicts are kept', async () => {
    const service = await openService(deployment.config, () => {});
    // Else the permission index would hide what the verdicts give away.
    const wide = await unnarrowed(deployment);
    const http = await serveHttp({
      ...service,
      read: { ...service.read, index: wide.index, engine: remembering(service.read.engine) },
    });
    try {
      const between = { writeTo: http.url, askAt: http.url };
      for (const through of ['POST /v1/relationships', 'OpenFGA'] as const) {
        const [access] = accesses;
        expect(access && (await revoke(deployment, between, access, through))).toMatchObject({
          returned: true,
        });
      }
    } finally {
      await http.close();
      await wide.close();
      await service.close();
    }
  });
});

/** An engine that answers a question that it has been asked before from memory. */
function remembering(engine: Engine): Engine {
  const held = new Map<string, CheckResult>();
  return {
    async batchCheck(batch) {
      const key = ({ user, relation, object }: (typeof batch.checks)[number]) =>
        `${user} ${relation} ${object}`;
      const results = await engine.batchCheck(batch);
      return results.map((result) => {
        const check = batch.checks.find(({ correlationId }) => correlationId === result.correlationId);
        if (check === undefined) return result;
        const first = held.get(key(check)) ?? result;
        held.set(key(check), first);
        return { ...first, correlationId: result.correlationId };
      });
    },
  };
}

function report(all: readonly Revocation[]): string {
  const rows = (['POST /v1/relationships', 'OpenFGA'] as const).map((through) => {
    const of = all.filter((revocation) => revocation.through === through);
    const returned = of.filter((revocation) => revocation.returned).length;
    return [
      through,
      String(of.length),
      String(returned),
      String(of.reduce((sum, { refused }) => sum + refused, 0)),
      ...percentiles(of.map(({ acknowledged }) => acknowledged)),
      ...percentiles(of.map(({ next }) => next)),
    ];
  });
  const headings = [
    'deleted through',
    'revocations',
    'documents returned next',
    'refused (503) before that',
    'acknowledged, p50',
    'p99',
    'next answer after that, p50',
    'p99',
  ];
  return table(headings, rows);
}

/** Median and 99th percentile, in milliseconds. */
function percentiles(times: readonly number[]): [string, string] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return [`${at(0.5).toFixed(1)} ms`, `${at(0.99).toFixed(1)} ms`];
}
