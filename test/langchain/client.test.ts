import { afterEach, describe, expect, it, vi } from 'vitest';
import { clearanceClient, UnreachableError } from '../../src/client/client.ts';
import { answerFor, problem, type Reply, startService } from './service.ts';

let stop: (() => Promise<void>) | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  await stop?.();
  stop = undefined;
});

async function serve(answer: () => Reply | Promise<Reply>) {
  const service = await startService(answer);
  stop = () => service.stop();
  return service;
}

describe('the client', () => {
  it('sends the request with its token and returns the answer', async () => {
    const service = await serve(() => ({ body: { ...answerFor('anne', 'leave'), added_later: true } }));
    const client = clearanceClient({ url: service.url, token: 'a.b-c_d.e' });
    const request = { query: 'leave', k: 3, session_id: 's1', filter: { team: { eq: 'hr' } } };
    await expect(client.retrieve(request)).resolves.toEqual(answerFor('anne', 'leave'));
    expect(service.received).toMatchObject([{ path: '/v1/retrieve', body: request }]);
    expect(service.received[0]?.headers.authorization).toBe('Bearer a.b-c_d.e');
  });

  it('keeps the path of a service behind a prefix', async () => {
    const service = await serve(() => ({ body: answerFor('anne', 'leave') }));
    for (const url of [`${service.url}/clearance`, `${service.url}/clearance/`]) {
      await clearanceClient({ url, token: 't' }).retrieve({ query: 'leave' });
    }
    expect(service.received.map(({ path }) => path)).toEqual([
      '/clearance/v1/retrieve',
      '/clearance/v1/retrieve',
    ]);
  });

  it.each([
    [401, 'unauthenticated'],
    [404, 'not_found'],
    [503, 'engine_unavailable'],
  ] as const)('turns a problem %i into the error %s', async (status, code) => {
    const { url } = await serve(() => problem(status, code, 'what to do'));
    const asked = clearanceClient({ url, token: 't' }).retrieve({ query: 'leave' });
    await expect(asked).rejects.toMatchObject({
      name: 'ClearanceError',
      code,
      status,
      message: 'what to do',
    });
  });

  it.each([
    ['a code of a newer service', problem(429, 'slow_down', 'later'), /slow_down: later/],
    ['a code that every object has', problem(400, 'toString', 'x'), /toString: x/],
    [
      'a page of another server',
      { status: 404, body: '<h1>Not here</h1>' },
      /answered 404, but not as Clearance/,
    ],
    ['an answer of another server', { body: { results: 'none' } }, /not as Clearance does/],
    [
      'a passage without text',
      { body: { ...answerFor('a', 'b'), results: [{ title: 'x' }] } },
      /not as Clearance/,
    ],
    ['no JSON at all', { body: 'hello' }, /not as Clearance does/],
    ['an empty answer', { status: 204, body: '' }, /answered 204/],
  ])('says so of %s', async (_, reply, message) => {
    const { url } = await serve(() => reply);
    const asked = clearanceClient({ url, token: 't' }).retrieve({ query: 'leave' });
    await expect(asked).rejects.toMatchObject({ code: 'internal', message: expect.stringMatching(message) });
  });

  it('says that nobody listens', async () => {
    const service = await serve(() => ({ body: {} }));
    await service.stop();
    stop = undefined;
    const asked = clearanceClient({ url: service.url, token: 't' }).retrieve({ query: 'leave' });
    await expect(asked).rejects.toBeInstanceOf(UnreachableError);
    await expect(asked).rejects.toThrow(/can't be reached \(ECONNREFUSED\)/);
  });

  it('sends its token nowhere else', async () => {
    const elsewhere = await startService(() => ({ body: answerFor('anne', 'leave') }));
    const { url } = await serve(() => ({
      status: 307,
      headers: { location: `${elsewhere.url}/v1/retrieve` },
      body: '',
    }));
    const asked = clearanceClient({ url, token: 't' }).retrieve({ query: 'leave' });
    await expect(asked).rejects.toBeInstanceOf(UnreachableError);
    expect(elsewhere.received).toEqual([]);
    await elsewhere.stop();
  });

  it('gives up after its time, and when told to', async () => {
    const { url } = await serve(() => new Promise<Reply>(() => undefined));
    const client = clearanceClient({ url, token: 't' });
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(client.retrieve({ query: 'leave' }, { signal })).rejects.toBe(reason);

    const timeout = AbortSignal.timeout.bind(AbortSignal);
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout(50));
    const late = client.retrieve({ query: 'leave' });
    await expect(late).rejects.toBeInstanceOf(UnreachableError);
    await expect(late).rejects.toThrow(/no answer in 30 s/);
  });

  it('never repeats a token in an error', () => {
    for (const token of ['', 'secret\n', 'secret secret', 'sécret']) {
      const make = () => clearanceClient({ url: 'http://127.0.0.1:1', token });
      expect(make).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
      expect(make).not.toThrow(/s.cret/);
    }
  });

  it.each(['', 'localhost:8080', 'file:///etc/passwd', 'http://'])('refuses the URL %j', (url) => {
    const make = () => clearanceClient({ url, token: 't' });
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
