import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGates } from '../../src/limits/gate.ts';
import { limitedIdentity } from '../../src/limits/limited-identity.ts';
import { measuredEmbeddings } from '../../src/metrics/measured.ts';
import { measuredRead, measuredWrite } from '../../src/metrics/measured-paths.ts';
import { type Meter, openMeter } from '../../src/metrics/meter.ts';
import { scraper } from '../../src/metrics/scrape.ts';
import { type MetricsServer, metricsServer } from '../../src/metrics/server.ts';
import { StartupError } from '../../src/types/errors.ts';
import { type Served, serve } from '../limits/serve.ts';
import { openParts, type Parts } from '../support/parts.ts';

const gates = openGates(8);
const meter = openMeter();
let parts: Parts;
let served: Served;
let metrics: MetricsServer;

beforeAll(async () => {
  parts = await openParts();
  const read = measuredRead(parts.read, meter);
  served = await serve({
    read: { ...read, identity: limitedIdentity(read.identity, 50) },
    write: measuredWrite(
      { ...parts.write, embeddings: measuredEmbeddings(parts.write.embeddings, meter) },
      meter,
    ),
    registry: parts.registry,
    exchange: parts.exchange,
    revoking: parts.revoking,
    issuerEvents: parts.issuerEvents,
    streams: parts.streams,
    ready: async () => ({ pendingSteps: 0, oldestSeconds: 0 }),
    gates,
    meter,
  });
  metrics = await metricsServer(meter, sources(), { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await metrics.close();
  await served.close();
  await parts.close();
});

const sources = () => ({
  pending: () => parts.write.documents.pending(),
  connections: () => parts.database.connections(),
  inFlight: () => ({ reads: gates.reads.inFlight }),
  closedTenants: () => 0,
});

async function scrape(): Promise<string> {
  const response = await fetch(metrics.url);
  expect(response.headers.get('content-type')).toContain('text/plain');
  return response.text();
}

/** `name{labels}` of every series. */
const series = (text: string) =>
  new Set(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.slice(0, line.lastIndexOf(' '))),
  );

function valueOf(text: string, name: string): number | undefined {
  const line = text.split('\n').find((found) => found.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

/** One of everything, in words that occur nowhere else. */
async function busy(word: string): Promise<readonly string[]> {
  const subject = `person${word}`;
  const more = { tenant: `tenant${word}`, actor: `agent${word}` };
  const anne = await parts.token(subject, more);
  const stranger = await parts.token(`stranger${word}`, more);
  const admin = await parts.token(`admin${word}`, { ...more, scopes: ['admin'] });
  const readers = [`user:${subject}`, `agent:agent${word}`].map((user) => ({ user, relation: 'viewer' }));
  const json = {
    title: `Title${word}`,
    text: `Passage${word}`,
    metadata: { [`field${word}`]: `value${word}` },
  };
  const id = `document${word}`;
  const { ask } = served;

  await ask('PUT', `/v1/documents/${id}`, { token: admin, json: { ...json, relationships: readers } });
  const session = await ask('POST', '/v1/sessions', { token: anne });
  const sessionId = String(session.body['session_id']);
  const question = { query: `Query${word}`, session_id: sessionId };
  const answers = [
    await ask('POST', '/v1/retrieve', { token: anne, json: question }),
    await ask('POST', '/v1/retrieve', { token: stranger, json: question }),
    await ask('POST', '/v1/retrieve', { token: stranger, json: { query: `Query${word}` } }),
    await ask('POST', '/v1/retrieve', { token: `token${word}`, json: question }),
    await ask('POST', '/v1/retrieve', {
      token: anne,
      json: { query: 'x', filter: { [`unknown${word}`]: `value${word}` } },
    }),
    await ask('GET', `/v1/documents/${id}`, { token: anne }),
    await ask('GET', `/v1/documents/${id}`, { token: stranger }),
    await ask('GET', `/v1/nowhere/${id}`, { token: anne }),
    await ask('GET', `/v1/documents/%zz${id}`, { token: anne }),
    await ask('DELETE', `/v1/sessions/${sessionId}`, { token: anne }),
    await ask('DELETE', `/v1/documents/${id}`, { token: admin }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([
    200, 404, 200, 401, 400, 200, 404, 404, 400, 204, 204,
  ]);
  return [word, sessionId];
}

describe('the labels', () => {
  it("say nothing of who asked for what, and don't grow with it", async () => {
    const first = await busy('quartz');
    const before = await scrape();
    const second = await busy('zephyr');
    const after = await scrape();
    expect(namedIn(after, [...first, ...second])).toEqual([]);
    // Node's own appear as its garbage collections happen.
    const ours = [...series(after)].filter((one) => one.startsWith('clearance_'));
    expect(ours.length).toBeGreaterThan(50);
    expect(ours.filter((one) => !series(before).has(one))).toEqual([]);
  });

  it('would be found saying it', async () => {
    const careless = openMeter();
    careless.answered('GET /v1/documents/documentquartz', 200, 0.1);
    expect(namedIn(await careless.registry.metrics(), ['quartz'])).toEqual(['quartz']);
  });

  const namedIn = (text: string, words: readonly string[]) =>
    words.filter((word) => text.toLowerCase().includes(word.toLowerCase()));
});

describe('after a busy time', () => {
  it('verdicts, refusals, steps and answers have been counted', async () => {
    const text = await scrape();
    const above = [
      'clearance_verdicts_total{verdict="allowed"}',
      'clearance_verdicts_total{verdict="denied"}',
      'clearance_refusals_total{stage="authenticate",code="unauthenticated"}',
      'clearance_refusals_total{stage="session",code="not_found"}',
      'clearance_refusals_total{stage="search",code="invalid_filter"}',
      'clearance_refusals_total{stage="enforce",code="not_found"}',
      'clearance_refusals_total{stage="input",code="not_found"}',
      'clearance_http_requests_total{route="POST /v1/retrieve",status="200"}',
      'clearance_http_requests_total{route="unmatched",status="404"}',
      ...steps.map((step) => `clearance_step_duration_seconds_count{step="${step}",outcome="done"}`),
    ];
    expect(above.filter((name) => !((valueOf(text, name) ?? 0) > 0))).toEqual([]);
    expect(valueOf(text, 'clearance_verdicts_total{verdict="undetermined"}')).toBe(0);
    expect(valueOf(text, 'clearance_store_up')).toBe(1);
    expect(valueOf(text, 'clearance_outbox_steps')).toBe(0);
    expect(valueOf(text, 'clearance_requests_in_flight{gate="reads"}')).toBe(0);
    expect(valueOf(text, 'nodejs_eventloop_lag_seconds')).toBeDefined();
  });

  const steps = 'authenticate session search_open search_next search_passages checks audit release_read'
    .concat(' embeddings relationships_read relationships_write stage publish')
    .split(' ');
});

describe('a scrape', () => {
  const silent = (own: Meter, pending: () => Promise<never>) => scraper(own, { ...sources(), pending }, 20)();

  it.each([
    ['never answers', () => new Promise<never>(() => {})],
    ['fails', () => Promise.reject(new Error('connect ECONNREFUSED'))],
  ])('of a store that %s says so, and no number that it does not have', async (_, pending) => {
    const text = await silent(openMeter(), pending);
    expect(valueOf(text, 'clearance_store_up')).toBe(0);
    expect(valueOf(text, 'clearance_outbox_steps')).toBeUndefined();
    expect(valueOf(text, 'clearance_outbox_oldest_seconds')).toBeUndefined();
    expect(valueOf(text, 'clearance_store_waiting')).toBe(0);
  });

  it('asks a silent store once, however often it is asked itself', async () => {
    let asked = 0;
    const pending = () => {
      asked += 1;
      return new Promise<never>(() => {});
    };
    const ask = scraper(openMeter(), { ...sources(), pending }, 20);
    await ask();
    await ask();
    expect(asked).toBe(1);
  });

  it('is of /metrics and nothing else', async () => {
    expect((await fetch(metrics.url.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(metrics.url, { method: 'POST' })).status).toBe(404);
  });

  it('can not be served on a port that is taken', async () => {
    const { port } = new URL(metrics.url);
    const taken = metricsServer(openMeter(), sources(), { host: '127.0.0.1', port: Number(port) });
    await expect(taken).rejects.toThrow(StartupError);
  });
});
