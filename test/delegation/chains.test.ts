import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { delegatedIdentity } from '../../src/delegation/delegated-identity.ts';
import { questionsOf } from '../../src/delegation/may-act.ts';
import type { Engine } from '../../src/ports/engine.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { Principal } from '../../src/types/principal.ts';
import { allowsAll, engineOf } from '../support/engines.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let anne: string;
/** Of anne, who asked a, which handed to b, which asks. */
let chain: string;

const everything = ['a > user:anne', 'b > user:anne', 'c > user:anne', 'b > agent:a', 'c > agent:b'];

beforeAll(async () => {
  world = await openWorld();
  await world.allow(...everything);
  anne = await world.service.token('anne');
  chain = await world.exchanged(await world.exchanged(anne, await world.agent('a')), await world.agent('b'));
});
afterAll(() => world.close());

const notAllowed = { status: 403, code: 'delegation_not_allowed' };
const patch = async (agent: string, json: object) =>
  world.send('PATCH', `/v1/agents/${agent}`, {
    token: await world.service.token('root', { scopes: ['admin'] }),
    json,
  });

describe('what is asked of the engine about a chain', () => {
  const of = (...agents: readonly string[]) =>
    questionsOf({ subject: 'user:anne', chain: agents } as unknown as Principal).map(
      ({ user, relation, object }) => `${user} ${relation} ${object}`,
    );

  it('is whether each agent may act for the person, and for the agent that handed to it', () => {
    expect(of()).toEqual([]);
    expect(of('agent:a')).toEqual(['agent:a can_act_for user:anne']);
    expect(of('agent:c', 'agent:b', 'agent:a')).toEqual([
      'agent:c can_act_for user:anne',
      'agent:c can_act_for agent:b',
      'agent:b can_act_for user:anne',
      'agent:b can_act_for agent:a',
      'agent:a can_act_for user:anne',
    ]);
  });
});

describe('a right to act that is taken away', () => {
  it.each(['a > user:anne', 'b > user:anne', 'b > agent:a'])(
    '(%s) counts from the next request on',
    async (pair) => {
      expect(await world.finds(chain)).toEqual(['notice', 'plan']);
      await world.disallow(pair);
      expect(await world.finds(chain)).toEqual(notAllowed);
      expect(await world.send('POST', '/v1/sessions', { token: chain })).toMatchObject({ status: 403 });
      expect(await world.send('GET', '/v1/documents/plan', { token: chain })).toMatchObject({ status: 403 });
      await world.allow(pair);
      expect(await world.finds(chain)).toEqual(['notice', 'plan']);
    },
  );

  it('counts for one agent too, which an issuer may name all the same', async () => {
    const byOne = await world.exchanged(anne, await world.agent('a'));
    const named = await world.service.token('anne', { actor: 'a' });
    await world.disallow('a > user:anne');
    expect(await world.finds(byOne)).toEqual(notAllowed);
    expect(await world.finds(named)).toEqual(['mail', 'notice', 'plan']);
    await world.allow('a > user:anne');
    expect(await world.finds(byOne)).toEqual(['mail', 'notice', 'plan']);
  });

  it('would not, did nobody ask again', async () => {
    await world.disallow('a > user:anne');
    const { subjects, delegations } = world.service.exchange;
    const found = async (identity: Identity) =>
      (await retrieve({ ...world.service.read, identity }, chain, { query: 'harbour' })).results.length;
    expect(await found(subjects)).toBe(2);
    expect(await found(delegatedIdentity(subjects, { ...delegations, engine: allowsAll }))).toBe(2);
    const current = engineOf(({ user }) => user === 'agent:b');
    await expect(
      found(delegatedIdentity(subjects, { ...delegations, engine: current })),
    ).rejects.toMatchObject({
      code: 'delegation_not_allowed',
    });
    expect(await world.finds(chain)).toEqual(notAllowed);
    await world.allow('a > user:anne');
  });

  it('is of one person and one agent, and no one else’s', async () => {
    await world.disallow('c > user:anne');
    expect(await world.finds(chain)).toEqual(['notice', 'plan']);
    await world.allow('c > user:anne');
  });
});

describe('an engine that does not say whether an agent may act', () => {
  it.each<[string, Engine]>([
    ['fails', { batchCheck: () => Promise.reject(new Error('down')) }],
    ['says nothing', { batchCheck: async () => [] }],
    [
      'says so by an error',
      {
        batchCheck: async ({ checks }) =>
          checks.map(({ correlationId }) => ({ correlationId, allowed: true, error: 'deadline' })),
      },
    ],
    [
      'says both',
      {
        batchCheck: async ({ checks }) =>
          checks.flatMap(({ correlationId }) => [
            { correlationId, allowed: true },
            { correlationId, allowed: false },
          ]),
      },
    ],
  ])('and %s lets nobody in', async (_, engine) => {
    const { subjects, delegations } = world.service.exchange;
    await expect(delegatedIdentity(subjects, { ...delegations, engine }).verify(chain)).rejects.toMatchObject(
      {
        code: 'engine_unavailable',
        status: 503,
      },
    );
  });
});

describe('an agent in the middle', () => {
  it('that may not read a passage keeps it from all after it', async () => {
    // The one that asks may read more than the one before it, by these relationships.
    const json = {
      title: 'secret',
      text: 'The secret of the harbour.',
      relationships: ['user:anne', 'agent:b'].map((user) => ({ user, relation: 'viewer' })),
    };
    const token = await world.service.token('loader', { scopes: ['ingest'], source: 'wiki' });
    await world.send('PUT', '/v1/documents/secret', { token, json });
    expect(await world.finds(await world.exchanged(anne, await world.agent('b')))).toContain('secret');
    expect(await world.finds(chain)).toEqual(['notice', 'plan']);
    const found = async (identity: Identity) =>
      (await retrieve({ ...world.service.read, identity }, chain, { query: 'harbour' })).results.map(
        ({ document_id }) => document_id,
      );
    expect(await found(world.service.read.identity)).not.toContain('secret');
    // Did only the agent that asks count, as a reader of RFC 8693 might have it.
    const onlyCurrent: Identity = {
      ...world.service.read.identity,
      async verify(presented) {
        const credentials = await world.service.read.identity.verify(presented);
        const { principal } = credentials;
        return { ...credentials, principal: { ...principal, chain: principal.chain.slice(0, 1) } };
      },
    };
    expect(await found(onlyCurrent)).toContain('secret');
    await world.send('DELETE', '/v1/documents/secret', { token });
  });

  it.each<[string, object, object]>([
    ['suspended', { state: 'suspended' }, { state: 'active' }],
    ['without an owner', { owner: null }, { owner: 'user:owner' }],
  ])('that is %s keeps everything from all after it, and from every new token', async (_, change, back) => {
    const others = {
      subject_token: await world.exchanged(anne, await world.agent('a')),
      actor_token: await world.agent('b'),
    };
    expect((await patch('a', change)).status).toBe(200);
    expect(await world.finds(chain)).toEqual({ status: 403, code: 'agent_not_allowed' });
    expect(await world.exchange(others)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect((await patch('a', back)).status).toBe(200);
    expect(await world.finds(chain)).toEqual(['notice', 'plan']);
    // Did the registry vouch for all but the agent that asks.
    await patch('a', change);
    const { agents } = world.service.registry;
    const real = agents.find.bind(agents);
    const looksAtOne = vi
      .spyOn(agents, 'find')
      .mockImplementation(async (tenant, ids) =>
        (await real(tenant, ids)).map((agent) =>
          agent.id === 'b' ? agent : { ...agent, state: 'active' as const, owner: 'user:owner' },
        ),
      );
    expect(await world.finds(chain)).toEqual(['notice', 'plan']);
    looksAtOne.mockRestore();
    expect(await world.finds(chain)).toEqual({ status: 403, code: 'agent_not_allowed' });
    await patch('a', back);
  });

  it('that has expired, or is forgotten, too', async () => {
    const soon = new Date(Date.now() + 300).toISOString();
    const later = new Date(Date.now() + 86_400_000).toISOString();
    await patch('a', { expires_at: soon });
    await expect.poll(() => world.finds(chain)).toEqual({ status: 403, code: 'agent_not_allowed' });
    await patch('a', { expires_at: later });
    const token = await world.service.token('root', { scopes: ['admin'] });
    await world.send('DELETE', '/v1/agents/a', { token });
    expect(await world.finds(chain)).toEqual({ status: 403, code: 'agent_not_allowed' });
    await world.agent('a');
    expect(await world.finds(chain)).toEqual(['notice', 'plan']);
  });
});

describe('agents that an issuer names', () => {
  it('are its word where it is one, and asked about where there are more', async () => {
    expect(await world.finds(await world.service.token('bob', { actor: 'a' }))).toEqual([]);
    const both = await world.service.token('anne', { actor: ['b', 'a'] });
    expect(await world.finds(both)).toEqual(['notice', 'plan']);
    expect(await world.finds(await world.service.token('bob', { actor: ['b', 'a'] }))).toEqual(notAllowed);
    // The other way round nobody has handed anything.
    expect(await world.finds(await world.service.token('anne', { actor: ['a', 'b'] }))).toEqual(notAllowed);
    expect(await world.finds(await world.service.token('anne', { actor: ['x', 'a'] }))).toEqual(notAllowed);
  });

  it('are four at most', async () => {
    const four = ['d', 'c', 'b', 'a'];
    expect(await world.finds(await world.service.token('anne', { actor: four }))).toEqual(notAllowed);
    await world.allow('d > user:anne', 'd > agent:c');
    expect(await world.finds(await world.service.token('anne', { actor: four }))).toEqual([]);
    await expect(world.service.token('anne', { actor: ['e', ...four] })).rejects.toThrow(
      /more than 4 agents/,
    );
  });

  it('all count where the person is one of them', async () => {
    const own = await world.service.token('a', { ofAgent: true, actor: 'b' });
    expect(await world.finds(own)).toEqual(['notice', 'plan']);
  });
});

describe('a session', () => {
  it('is of the person through these agents, in this order', async () => {
    const tokens = {
      chain,
      anne,
      direct: await world.exchanged(anne, await world.agent('b')),
      longer: await world.exchanged(chain, await world.agent('c')),
      bob: await world.service.token('bob'),
    };
    const ask = (token: string, session_id: string) =>
      world.send('POST', '/v1/retrieve', { token, json: { query: 'harbour', session_id } });
    const started = await world.send('POST', '/v1/sessions', { token: chain });
    expect(started).toMatchObject({
      status: 201,
      body: { subject: 'user:anne', actor: 'agent:b', chain: ['agent:b', 'agent:a'] },
    });
    const id = String(started.body['session_id']);
    for (const [name, token] of Object.entries(tokens)) {
      expect((await ask(token, id)).status, name).toBe(name === 'chain' ? 200 : 404);
    }
    expect(await world.send('DELETE', `/v1/sessions/${id}`, { token: tokens.direct })).toMatchObject({
      status: 404,
    });
    expect(await world.send('DELETE', `/v1/sessions/${id}`, { token: chain })).toMatchObject({ status: 204 });
  });
});

describe('the audit trail', () => {
  it('has all who have had a passage in their hands', async () => {
    const { body } = await world.send('POST', '/v1/retrieve', {
      token: chain,
      json: { query: 'harbour', k: 1 },
    });
    const token = await world.service.token('root', { scopes: ['admin'] });
    const decision = await world.send('GET', `/v1/decisions/${String(body['decision_id'])}`, { token });
    expect(decision).toMatchObject({
      status: 200,
      body: {
        subject: 'user:anne',
        issuer: 'clearance-development',
        chain: ['agent:b', 'agent:a'],
      },
    });
    const [reasons = []] = Object.values(
      (decision.body['details'] as { reasons: Record<string, { user: string }[]> }).reasons,
    );
    expect(reasons.map(({ user }) => user)).toEqual(['user:anne', 'agent:b', 'agent:a']);
  });
});
