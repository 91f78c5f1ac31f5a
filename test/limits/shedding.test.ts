import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HttpParts } from '../../src/doors/http/server.ts';
import { type Gates, openGates } from '../../src/limits/gate.ts';
import type { Engine } from '../../src/ports/engine.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { aProblem, problemOf } from '../support/problem.ts';
import { put, writer } from '../support/seed.ts';
import { type Served, serve } from './serve.ts';

const LIMIT = 2;

let parts: Parts;
let tokens: Record<'anne' | 'ingest', string>;
let gates: Gates;
let served: Served;
let blocked: Blocked;

beforeAll(async () => {
  parts = await openParts();
  tokens = {
    anne: await parts.token('anne'),
    ingest: await parts.token('loader', { scopes: ['ingest'], source: 'wiki' }),
  };
  await put(parts.write, await writer(parts), 'one', 'The harbour closes at night.', ['user:anne']);
});
afterAll(() => parts.close());

beforeEach(async () => {
  gates = openGates(LIMIT);
  blocked = blockable(parts.read.engine);
  served = await serve(partsWith({ gates }));
});
afterEach(async () => {
  blocked.open();
  await served.close();
});

const partsWith = (more: Partial<HttpParts>): HttpParts => ({
  read: { ...parts.read, engine: blocked.engine },
  write: parts.write,
  registry: parts.registry,
  exchange: parts.exchange,
  revoking: parts.revoking,
  issuerEvents: parts.issuerEvents,
  streams: parts.streams,
  ready: async () => ({ pendingSteps: 0, oldestSeconds: 0 }),
  ...more,
});

type Blocked = { readonly engine: Engine; asked(): number; open(fault?: Error): void };

/** An engine that answers nothing until it is opened, and then as the real one does, or with the fault. */
function blockable(real: Engine): Blocked {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  let asked = 0;
  return {
    engine: {
      async batchCheck(batch) {
        asked += 1;
        await promise;
        return real.batchCheck(batch);
      },
    },
    asked: () => asked,
    open: (fault) => (fault === undefined ? resolve() : reject(fault)),
  };
}

const retrieve = (to: Served, token = tokens.anne, signal?: AbortSignal) =>
  to.ask('POST', '/v1/retrieve', {
    token,
    json: { query: 'harbour' },
    ...(signal === undefined ? {} : { signal }),
  });

/** As many requests under way as there are places. */
async function fill(): Promise<readonly ReturnType<typeof retrieve>[]> {
  const held = Array.from({ length: LIMIT }, () => retrieve(served));
  await vi.waitFor(() => expect(blocked.asked()).toBe(LIMIT));
  return held;
}

describe('past the limit', () => {
  it('a request is told to come back, and health and writing go on', async () => {
    const held = await fill();
    const refused = await retrieve(served);
    expect(problemOf(refused)).toEqual(aProblem(503, 'overloaded', /at its limit/));
    expect(refused.headers['retry-after']).toBe('1');
    expect(blocked.asked()).toBe(LIMIT);

    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
    const json = { title: 'Two', text: 'Two.' };
    expect((await served.ask('PUT', '/v1/documents/two', { token: tokens.ingest, json })).status).toBe(201);

    blocked.open();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await retrieve(served)).status).toBe(200);
  });

  it('the token is not looked at', async () => {
    const held = await fill();
    expect((await retrieve(served, 'no-token')).status).toBe(503);
    blocked.open();
    await Promise.all(held);
  });

  it('who is answered while the service ends is not waited for again', async () => {
    const held = await fill();
    const closed = served.close();
    blocked.open();
    expect((await Promise.all(held)).map(({ headers }) => headers['connection'])).toEqual(['close', 'close']);
    await closed;
  });

  it('one more is let in where there is no gate', async () => {
    await served.close();
    served = await serve(partsWith({}));
    const held = [...(await fill()), retrieve(served)];
    await vi.waitFor(() => expect(blocked.asked()).toBe(LIMIT + 1));
    blocked.open();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

describe('a place is given back', () => {
  it('after a failure', async () => {
    const held = await fill();
    blocked.open(new Error('connect ECONNREFUSED'));
    expect((await Promise.all(held)).map(({ body }) => body['code'])).toEqual(
      Array.from({ length: LIMIT }, () => 'engine_unavailable'),
    );
    expect(gates.reads.inFlight).toBe(0);
  });

  it('after a refusal of each kind', async () => {
    const ask = (path: string, token: string, json: unknown) => served.ask('POST', path, { token, json });
    expect((await ask('/v1/retrieve', 'bad', {})).status).toBe(401);
    expect((await ask('/v1/retrieve', tokens.anne, { query: 7 })).status).toBe(400);
    expect((await ask('/v1/relationships', tokens.anne, {})).status).toBe(403);
    expect((await ask('/v1/documents/import', tokens.ingest, {})).status).toBe(415);
    expect([gates.reads.inFlight, gates.writes.inFlight, gates.imports.inFlight]).toEqual([0, 0, 0]);
  });

  it('once the work has ended, and no sooner, where the caller has left', async () => {
    const leave = new AbortController();
    const left = Array.from({ length: LIMIT }, () =>
      retrieve(served, tokens.anne, leave.signal).catch(() => 'left'),
    );
    await vi.waitFor(() => expect(blocked.asked()).toBe(LIMIT));
    leave.abort();
    expect(await Promise.all(left)).toEqual(['left', 'left']);
    expect((await retrieve(served)).status).toBe(503);
    blocked.open();
    await vi.waitFor(() => expect(gates.reads.inFlight).toBe(0));
  });
});

it('who sends slowly holds no place', async () => {
  const { hostname, port } = new URL(served.url);
  const headers = { authorization: `Bearer ${tokens.anne}`, 'content-type': 'application/json' };
  const slow = Array.from({ length: LIMIT }, () => {
    const sent = request({ hostname, port, method: 'POST', path: '/v1/retrieve', headers });
    sent.on('error', () => {});
    sent.write('{"query": ');
    return sent;
  });
  blocked.open();
  expect((await retrieve(served)).status).toBe(200);
  expect(gates.reads.inFlight).toBe(0);
  for (const sent of slow) sent.destroy();
});

describe('an import', () => {
  /** One that goes on until it is ended: a line is sent, and its outcome awaited. */
  async function importing(id: string) {
    const { hostname, port } = new URL(served.url);
    const headers = { authorization: `Bearer ${tokens.ingest}`, 'content-type': 'application/x-ndjson' };
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const path = '/v1/documents/import';
    const sent = request({ hostname, port, method: 'POST', path, headers, agent: false }, (response) => {
      response.once('data', () => resolve(response.statusCode ?? 0));
      response.on('error', () => {});
      response.resume();
    });
    sent.on('error', reject);
    sent.write(`${JSON.stringify({ id, title: id, text: 'Text.' })}\n`);
    return { status: await promise, sent };
  }

  it('takes a place of its own for as long as it lasts', async () => {
    const some = await Promise.all(['a', 'b', 'c', 'd'].map((id) => importing(id)));
    expect(some.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(gates.imports.inFlight).toBe(4);
    const fifth = await importing('e');
    expect(fifth.status).toBe(503);
    fifth.sent.destroy();

    blocked.open();
    expect((await retrieve(served)).status).toBe(200);

    some[0]?.sent.end();
    await vi.waitFor(() => expect(gates.imports.inFlight).toBe(3));
    for (const { sent } of some.slice(1)) sent.destroy();
    await vi.waitFor(() => expect(gates.imports.inFlight).toBe(0), { timeout: 5_000 });
  });
});
