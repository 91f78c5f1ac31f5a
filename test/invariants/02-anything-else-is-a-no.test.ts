import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BatchCheck, CheckResult, Engine } from '../../src/ports/engine.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { spoiled } from '../support/engines.ts';
import { serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

let service: TestService;
/** Without the permission index, so that what anne may not read is asked about too. */
let wide: Awaited<ReturnType<typeof unnarrowed>>;
let anne: string;
const request = { query: 'harbour', k: 10 };
const text = 'The harbour closes at night.';

beforeAll(async () => {
  service = await openTestService();
  wide = await unnarrowed(service);
  const as = await writer(service);
  for (const id of ['one', 'two', 'three']) await put(service.write, as, id, text, ['user:anne']);
  await put(service.write, as, 'secret', text, ['user:carl']);
  anne = await service.token('anne');
});
afterAll(async () => {
  await wide.close();
  await service.close();
});
afterEach(() => {
  vi.restoreAllMocks();
});

type Spoil = (
  results: readonly CheckResult[],
  batch: BatchCheck,
) => readonly CheckResult[] | Promise<readonly CheckResult[]>;

const faults: Record<string, Spoil> = {
  'one verdict is missing': (results) => results.slice(1),
  'every verdict is missing': () => [],
  'one verdict failed': (results, { checks }) =>
    results.map((result, i) =>
      checks[i]?.object === 'document:two'
        ? { ...result, allowed: true, error: 'deadline_exceeded' }
        : result,
    ),
  'one verdict came twice, a yes and a no': (results) =>
    results.flatMap((result) => [result, { ...result, allowed: !result.allowed }]),
  'one verdict came twice, the same': (results) => [...results, ...results.slice(0, 1)],
  'the call failed': () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.1')),
  'the verdicts are of other ids': (results) =>
    results.map((result) => ({ ...result, correlationId: `${result.correlationId}x` })),
};

/** What a careless adapter makes of it: gaps and errors are a no, and of two verdicts the last one counts. */
function careless(engine: Engine): Engine {
  return {
    async batchCheck(batch) {
      const results = await engine.batchCheck(batch).catch((): CheckResult[] => []);
      const last = new Map(results.map((result) => [result.correlationId, result]));
      return batch.checks.map(({ correlationId }) => {
        const result = last.get(correlationId);
        return { correlationId, allowed: result?.allowed === true && result.error === undefined };
      });
    },
  };
}

/** Every batch, as the ids asked about in it. */
function counted(engine: Engine): { engine: Engine; batches: string[][] } {
  const batches: string[][] = [];
  return {
    batches,
    engine: {
      batchCheck(batch) {
        batches.push(batch.checks.map((check) => check.object));
        return engine.batchCheck(batch);
      },
    },
  };
}

const ids = async (engine: Engine) => {
  const { results, complete } = await retrieve({ ...service.read, index: wide.index, engine }, anne, request);
  return { ids: results.map((result) => result.document_id).toSorted(), complete };
};
const right = { ids: ['one', 'three', 'two'], complete: true };

describe.each(Object.entries(faults))('%s', (name, spoil) => {
  it('is asked once more, then refused whole', async () => {
    const faulty = spoiled(service.read.engine, spoil);
    if (name !== 'one verdict came twice, the same') expect(await ids(careless(faulty))).not.toEqual(right);

    const { engine, batches } = counted(faulty);
    const refusal: unknown = await retrieve(
      { ...service.read, index: wide.index, engine },
      anne,
      request,
    ).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'engine_unavailable', status: 503 });
    expect(refusal).not.toHaveProperty('message', expect.stringMatching(/ECONNREFUSED|document:|deadline/));
    expect(batches).toHaveLength(2);
    expect(batches[0]).toHaveLength(4);
  });

  it('is no harm where the second answer is whole', async () => {
    let asked = 0;
    const once = spoiled(service.read.engine, (results, batch) =>
      asked++ === 0 ? spoil(results, batch) : results,
    );
    expect(await ids(once)).toEqual(right);
    expect(asked).toBe(2);
  });
});

describe('a late verdict', () => {
  /** The engine's deadline, and not that of the whole request. */
  const deadline = (late: AbortSignal) => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => (ms < 22_000 ? late : timeout(ms)));
  };

  it('is refused at our own deadline, however long the engine takes', async () => {
    const late = new AbortController();
    deadline(late.signal);
    const { engine, batches } = counted({
      batchCheck: () => {
        late.abort();
        return new Promise(() => {});
      },
    });
    await expect(ids(engine)).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(batches).toHaveLength(2);
  });

  it('is not read after it', async () => {
    const late = new AbortController();
    deadline(late.signal);
    const overdue = spoiled(service.read.engine, (results) => {
      late.abort();
      return results;
    });
    await expect(ids(overdue)).rejects.toMatchObject({ code: 'engine_unavailable' });
  });
});

it('only what is undetermined is asked again', async () => {
  let asked = 0;
  const { engine, batches } = counted(
    spoiled(service.read.engine, (results) => (asked++ === 0 ? results.slice(0, -1) : results)),
  );
  expect(await ids(engine)).toEqual(right);
  expect(batches.map((batch) => batch.length)).toEqual([4, 1]);
});

it('over HTTP it is a 503 without a word of text', async () => {
  const engine = spoiled(service.read.engine, (results) => results.slice(1));
  const http = await serveHttp({ ...service, read: { ...service.read, engine } });
  try {
    for (const [method, path] of [
      ['POST', '/v1/retrieve'],
      ['GET', '/v1/documents/one'],
    ] as const) {
      const answer = await http.send(method, path, {
        token: anne,
        ...(method === 'POST' ? { json: request } : {}),
      });
      expect(answer).toMatchObject({
        status: 503,
        body: { code: 'engine_unavailable' },
        headers: { 'retry-after': '1' },
      });
      expect(answer.text).not.toMatch(/harbour|results|at .*\.ts/);
    }
  } finally {
    await http.close();
  }
});
