import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importDocuments } from '../../ingest/import.ts';
import { importRelationships } from '../../ingest/import-relationships.ts';
import { httpServer } from '../../src/doors/http/server.ts';
import { operatorOf } from '../../src/operator.ts';
import type { Check } from '../../src/ports/engine.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { retrieveResponse } from '../../src/types/retrieval.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';
import { loadHistory, loadOrganisation, type MonthlyStep, spreadUsers } from './data.ts';
import { Oracle } from './oracle.ts';

const organisation = loadOrganisation();
const K = 10;
/** `npm run test:k8s`: 210 people, and after each month everyone whose access changed; else 50, and one in twelve of those. */
const FULL = process.env.K8S_FULL !== undefined;
const USERS = FULL ? 210 : 50;
const EVERY = FULL ? 1 : 12;

describe.skipIf(organisation === undefined)('a real organisation', () => {
  if (organisation === undefined) return;
  const { folder, documents, queries, reads } = organisation;
  let service: TestService;
  let url: string;
  let close: () => Promise<void>;

  beforeAll(async () => {
    service = await openTestService();
    const app = await httpServer(service, 'silent');
    url = await app.listen({ host: '127.0.0.1', port: 0 });
    close = async () => {
      await app.close();
      await service.close();
    };
    const operator = await operatorOf(service.config);
    const gunzip = (file: string) => createReadStream(file).pipe(createGunzip());
    for await (const { rejected } of importRelationships(
      service.write,
      operator,
      gunzip(loadHistory(organisation).baselineFile),
    )) {
      expect(rejected).toEqual([]);
    }
    for await (const outcome of importDocuments(
      service.write,
      operator,
      gunzip(join(folder, 'documents.ndjson.gz')),
    )) {
      expect(outcome).toMatchObject({ status: 'published' });
    }
  }, 600_000);

  afterAll(() => close?.());

  test('24 months of changes through POST /v1/relationships: everyone gains and loses exactly what they should', async () => {
    const { baselineReads, steps } = loadHistory(organisation);
    const admin = await service.token('admin', { scopes: ['admin'] });
    const expected = baselineReads;
    for (const step of steps) {
      await applyStep(admin, step);
      for (const [user, docs] of Object.entries(step.gained)) {
        expected.set(user, new Set([...(expected.get(user) ?? []), ...docs]));
      }
      for (const [user, docs] of Object.entries(step.lost)) {
        for (const doc of docs) expected.get(user)?.delete(doc);
      }
      const changed = [...new Set([...Object.keys(step.gained), ...Object.keys(step.lost)])];
      for (const user of changed.filter((_, i) => i % EVERY === 0)) {
        expect(await readable(user), `${user} after ${step.at}`).toEqual(
          [...(expected.get(user) ?? [])].toSorted(ascending),
        );
      }
      for (const user of changed.filter((_, i) => i % Math.ceil(changed.length / 4) === 0)) {
        await expectDocuments(user, (step.gained[user] ?? []).slice(0, 5), 200);
        await expectDocuments(user, (step.lost[user] ?? []).slice(0, 5), 404);
      }
    }
    expect(new Map([...expected].filter(([, docs]) => docs.size > 0))).toEqual(
      new Map([...reads].filter(([, docs]) => docs.size > 0)),
    );
  }, 600_000);

  test(`${USERS} people and ${2 * USERS} queries over HTTP: no result that may not be read, and the best ${K} that may`, async () => {
    const oracle = await Oracle.load(service.config.dataDir);
    let found = 0;
    let wanted = 0;
    for (const [user, query] of pairs()) {
      const answer = await ask(user, query);
      const allowed = readableBy(user);
      for (const result of answer.results) expect(allowed, `${user}: ${query}`).toContain(result.document_id);

      const best = await oracle.top(query, allowed, K);
      const got = answer.results.map(({ chunk_id }) => chunk_id);
      expect(answer.complete).toBe(true);
      if (answer.certified) expect(got, `${user}: ${query}`).toEqual(best);
      found += best.filter((chunk) => got.includes(chunk)).length;
      wanted += best.length;
    }
    await oracle.close();
    expect(wanted).toBeGreaterThan(USERS * 5);
    expect(found / wanted).toBeGreaterThanOrEqual(0.99);
  }, 600_000);

  test('with enforcement switched off the same test sees leaks', async () => {
    const wide = await unnarrowed(service);
    const open = {
      ...service.read,
      index: wide.index,
      engine: {
        batchCheck: async ({ checks }: { checks: readonly Check[] }) =>
          checks.map(({ correlationId }) => ({ correlationId, allowed: true })),
      },
    };
    let leaks = 0;
    for (const [user, query] of pairs().slice(0, 40)) {
      const answer = await retrieve(open, await tokenOf(user), { query, k: K });
      const allowed = readableBy(user);
      leaks += answer.results.filter(({ document_id }) => !allowed.has(document_id)).length;
    }
    await wide.close();
    expect(leaks).toBeGreaterThan(100);
  });

  function pairs(): [user: string, query: string][] {
    const users = spreadUsers(reads, USERS);
    expect(users.length).toBe(USERS);
    const step = Math.floor(queries.length / (2 * USERS));
    return users.flatMap((user, i) =>
      [2 * i, 2 * i + 1].map((n): [string, string] => [user, queries[n * step] ?? '']),
    );
  }

  async function ask(user: string, query: string) {
    const response = await fetch(`${url}/v1/retrieve`, {
      method: 'POST',
      headers: { ...(await authorization(user)), 'content-type': 'application/json' },
      body: JSON.stringify({ query, k: K }),
    });
    expect(response.status).toBe(200);
    return retrieveResponse.parse(await response.json());
  }

  function readableBy(user: string): Set<string> {
    return new Set([...(reads.get(user) ?? [])].flatMap((line) => documents[line] ?? []));
  }

  function tokenOf(user: string): Promise<string> {
    return service.token(user.replace(/^user:/, ''));
  }

  async function authorization(user: string): Promise<{ authorization: string }> {
    return { authorization: `Bearer ${await tokenOf(user)}` };
  }

  async function applyStep(admin: string, { writes, deletes }: MonthlyStep): Promise<void> {
    // Deletes first: a tuple that moves is taken away before it comes back.
    const changes = [
      ...inBatches(deletes).map((batch) => ({
        deletes: batch.map(({ user, relation, object }) => ({ user, relation, object })),
      })),
      ...inBatches(writes).map((batch) => ({ writes: batch })),
    ];
    for (const body of changes) {
      const response = await fetch(`${url}/v1/relationships`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(response.status, await response.clone().text()).toBe(200);
    }
  }

  /** Asks the engine about every document, as the read path does. */
  async function readable(user: string): Promise<number[]> {
    const lines: number[] = [];
    for (const [b, batch] of inBatches(
      documents.map((id, i) => ({ id, i })),
      50,
    ).entries()) {
      const results = await service.read.engine.batchCheck({
        tenant: 'default',
        checks: batch.map(({ id, i }) => ({
          correlationId: String(i),
          user,
          relation: 'can_read',
          object: `document:${id}`,
        })),
        signal: AbortSignal.timeout(10_000),
      });
      expect(results.length, `batch ${b}`).toBe(batch.length);
      lines.push(
        ...results.filter(({ allowed }) => allowed).map(({ correlationId }) => Number(correlationId)),
      );
    }
    return lines.toSorted(ascending);
  }

  async function expectDocuments(user: string, lines: readonly number[], status: number): Promise<void> {
    const headers = await authorization(user);
    for (const line of lines) {
      const response = await fetch(`${url}/v1/documents/${encodeURIComponent(documents[line] ?? '')}`, {
        headers,
      });
      expect(response.status, `${user} ${documents[line]}`).toBe(status);
    }
  }
});

function inBatches<T>(items: readonly T[], size = 100): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

const ascending = (a: number, b: number) => a - b;
