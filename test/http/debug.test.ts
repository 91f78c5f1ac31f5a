import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  const as = await writer(service);
  await put(service.write, as, 'mine', 'The mill by the river.', ['user:anne'], { year: 2024 });
  await put(service.write, as, 'older', 'The mill as it was.', ['user:anne'], { year: 1990 });
  await put(service.write, as, 'other', 'The mill of somebody else.', ['user:carl'], { year: 2024 });
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const ask = async (json: object, scopes: readonly ('retrieve' | 'admin')[]) =>
  http.send('POST', '/v1/retrieve', {
    token: await service.token('anne', { scopes: [...scopes] }),
    json: { query: 'mill', k: 5, ...json },
  });

describe('the debug view', () => {
  it('tells an administrator what was searched, how and why', async () => {
    const { status, body } = await ask({ debug: true }, ['retrieve', 'admin']);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      complete: true,
      debug: { documents: 2, chunks: 2, checked: 2, why: expect.stringContaining('permission index') },
    });
    expect(await ask({ debug: true, filter: { year: { gte: 2000 } } }, ['retrieve', 'admin'])).toMatchObject({
      body: { debug: { documents: 1, chunks: 1, checked: 1 } },
    });
  });

  it('tells nobody else, who would learn how much they may read', async () => {
    expect(await ask({ debug: true }, ['retrieve'])).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  });

  it('is left out unless it is asked for', async () => {
    const { body } = await ask({}, ['retrieve', 'admin']);
    expect(body).not.toHaveProperty('debug');
    expect(body).not.toHaveProperty('shortfall');
  });
});
