import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type OpenFgaClient, openFgaClient } from '../../src/adapters/openfga/client.ts';
import { probeServer } from '../../src/adapters/openfga/probe.ts';
import { makeBookkeeping } from '../../src/adapters/openfga/stores.ts';
import { type AnswerFault, openAnswerProxy } from '../support/fault-proxy/answers.ts';
import { ownOpenFga } from '../support/own-parts.ts';
import { realParts } from '../support/real-parts.ts';
import { serverConfig } from './fresh-store.ts';

async function bookkept(config = serverConfig()) {
  const client = openFgaClient(config);
  return { client, bookkeeping: await makeBookkeeping(client, `test-${randomUUID()}`) };
}

/** A server of the test's own, and another client that goes through `fault`. */
async function probedWith(env: Readonly<Record<string, string>>, fault?: AnswerFault) {
  const own = await ownOpenFga({ env });
  const proxy = await openAnswerProxy(new URL(own.openfga.apiUrl));
  try {
    proxy.set(fault);
    const config = serverConfig({ ...own.openfga, apiUrl: `http://127.0.0.1:${proxy.port}` });
    const { client, bookkeeping } = await bookkept(config);
    return await probeServer(client, bookkeeping);
  } finally {
    await proxy.close();
    await own.close();
  }
}

const caches = {
  OPENFGA_CHECK_QUERY_CACHE_ENABLED: 'true',
  OPENFGA_CHECK_QUERY_CACHE_TTL: '60s',
  OPENFGA_CHECK_ITERATOR_CACHE_ENABLED: 'true',
  OPENFGA_CHECK_ITERATOR_CACHE_TTL: '60s',
};

/** As a gateway that is older than the field. */
const withoutConsistency: AnswerFault = {
  ask: (asked) => ({ ...asked, body: asked.body.replaceAll('HIGHER_CONSISTENCY', 'UNSPECIFIED') }),
};

describe.skipIf(realParts() === undefined)('the probe of a real server', () => {
  it('finds nothing wrong with it, several at once too, and leaves nothing behind', async () => {
    const { client, bookkeeping } = await bookkept();
    const findings = await Promise.all([1, 2].map(() => probeServer(client, bookkeeping)));
    for (const found of findings) {
      expect(found).toEqual({
        found: ['OpenFGA takes 50 checks and 100 tuples at once and honours higher consistency.'],
        problems: [],
        warnings: [],
      });
    }
    expect(await client.read(bookkeeping.storeId, {})).toEqual([]);
  });

  it('a server that decides otherwise is a problem where it concerns anyone', async () => {
    const { client, bookkeeping } = await bookkept();
    const generous: OpenFgaClient = {
      ...client,
      batchCheck: async (...args) =>
        (await client.batchCheck(...args)).replaceAll('"allowed":false', '"allowed":true'),
    };
    const { problems } = await probeServer(generous, bookkeeping);
    expect(problems.join()).toContain('it decides otherwise than OpenFGA documents');
    for (const about of ['“but not” oneself', '“and” with one side', 'a cycle on the subtracted side']) {
      expect(problems.join()).toContain(about);
    }
    expect(problems.join()).toContain('still allowed 50 who had been shut out');
  });

  it('a server that does not answer at start is no finding but a failure', async () => {
    const { client, bookkeeping } = await bookkept();
    const silent: OpenFgaClient = { ...client, batchCheck: () => Promise.resolve('{"result":{}}') };
    await expect(probeServer(silent, bookkeeping)).rejects.toThrow(
      'leaves questions of the start unanswered',
    );
    expect(await client.read(bookkeeping.storeId, {})).toEqual([]);
  });
});

describe.skipIf(realParts()?.native === undefined)('the probe of servers with settings of their own', () => {
  it('with caches, which higher consistency passes by', async () => {
    expect(await probedWith(caches)).toEqual({
      found: ['OpenFGA takes 50 checks and 100 tuples at once, has a cache and honours higher consistency.'],
      problems: [],
      warnings: [],
    });
  });

  it('with caches, behind something that drops the wish for it: refused', async () => {
    const { problems } = await probedWith(caches, withoutConsistency);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/does not honour higher consistency: of 50 people it still allowed 50/);
  });

  it('with the cache of iterators alone, behind the same: refused', async () => {
    const { problems } = await probedWith(
      { ...caches, OPENFGA_CHECK_QUERY_CACHE_ENABLED: 'false' },
      withoutConsistency,
    );
    expect(problems.join()).toContain('does not honour higher consistency');
  });

  it('with the new check algorithm: a warning that names what differs', async () => {
    const { problems, warnings } = await probedWith({ OPENFGA_EXPERIMENTALS: 'weighted_graph_check' });
    expect(problems).toEqual([]);
    expect(warnings.join()).toContain('a userset about itself is denied, not allowed');
    expect(warnings.join()).toContain('32 groups deep is allowed, not too deep');
  });

  it('with a lower limit on depth: refused', async () => {
    const { problems } = await probedWith({ OPENFGA_RESOLVE_NODE_LIMIT: '10' });
    expect(problems.join()).toContain('20 groups deep is too deep, not allowed');
  });

  it('with lower limits on what it takes at once: refused, naming the setting', async () => {
    const tuples = await probedWith({ OPENFGA_MAX_TUPLES_PER_WRITE: '99' });
    expect(tuples.problems.join()).toContain('OPENFGA_MAX_TUPLES_PER_WRITE');
    const checks = await probedWith({ OPENFGA_MAX_CHECKS_PER_BATCH_CHECK: '49' });
    expect(checks.problems.join()).toContain('OPENFGA_MAX_CHECKS_PER_BATCH_CHECK');
  });
});
