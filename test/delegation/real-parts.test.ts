import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { openWorld, type World } from './world.ts';

describe.skipIf(realParts() === undefined)('on Postgres and an OpenFGA server, with two copies', () => {
  let installation: Installation;
  let one: World;
  let other: World;
  beforeAll(async () => {
    installation = await install();
    one = await openWorld(installation.env);
    other = await openWorld({ ...installation.env, PUBLIC_URL: one.url });
  });
  afterAll(async () => {
    await other.close();
    await one.close();
    await installation.close();
  });

  it('what one gives in exchange both take, until a right to act is taken away', async () => {
    await one.allow('a > user:anne', 'b > user:anne', 'b > agent:a');
    const anne = await one.service.token('anne');
    const first = await one.exchanged(anne, await one.agent('a'));
    const token = await other.exchanged(first, await one.agent('b'));
    for (const copy of [one, other]) expect(await copy.finds(token)).toEqual(['notice', 'plan']);
    for (const pair of ['b > agent:a', 'a > user:anne', 'b > user:anne']) {
      await one.disallow(pair);
      for (const copy of [other, one]) {
        expect(await copy.finds(token)).toEqual({ status: 403, code: 'delegation_not_allowed' });
      }
      await other.allow(pair);
      for (const copy of [one, other]) expect(await copy.finds(token)).toEqual(['notice', 'plan']);
    }
  });

  it('a session is of the whole chain', async () => {
    const anne = await one.service.token('anne');
    const token = await one.exchanged(await one.exchanged(anne, await one.agent('a')), await one.agent('b'));
    const direct = await one.exchanged(anne, await one.agent('b'));
    const { body } = await one.send('POST', '/v1/sessions', { token });
    const json = { query: 'harbour', session_id: body['session_id'] };
    expect((await other.send('POST', '/v1/retrieve', { token, json })).status).toBe(200);
    expect((await other.send('POST', '/v1/retrieve', { token: direct, json })).status).toBe(404);
  });
});
