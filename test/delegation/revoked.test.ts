import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { developmentExchangeKeys } from '../../src/adapters/jwt/development-keys.ts';
import { sign } from '../identity/issuer.ts';
import { listen } from '../sessions/listen.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let admin: string;
beforeAll(async () => {
  world = await openWorld();
  admin = await world.service.token('root', { scopes: ['admin'] });
});
afterAll(() => world.close());

const issuer = 'clearance-development';
const refused = { status: 401, code: 'unauthenticated' };
const revoke = async (what: Readonly<Record<string, string>>, token = admin) => {
  const { status, text } = await world.send('POST', '/v1/revocations', { token, json: what });
  if (status !== 200) throw new Error(text);
};
const idOf = (token: string) => decodeJwt(token).jti ?? '';

type Given = {
  readonly name: string;
  readonly tokens: Readonly<Record<'person' | 'first' | 'second', string>>;
};
let people = 0;

/** A person's token, given to one agent and by that to another: of nobody who was revoked before. */
async function given(): Promise<Given & { readonly once: string; readonly twice: string }> {
  people += 1;
  const [name, a, b] = [`person-${people}`, `first-${people}`, `second-${people}`];
  await world.allow(`${a} > user:${name}`, `${b} > user:${name}`, `${b} > agent:${a}`);
  const person = await world.service.token(name);
  const [first, second] = [await world.agent(a), await world.agent(b)];
  const once = await world.exchanged(person, first);
  return { name, tokens: { person, first, second }, once, twice: await world.exchanged(once, second) };
}

describe('a token that was given in exchange ends with', () => {
  it.each<[string, (of: Given) => Promise<void>]>([
    [
      "the person's token, which the person revokes",
      ({ tokens }) => revoke({ kind: 'own_token' }, tokens.person),
    ],
    [
      "the person's token, by its id",
      ({ tokens }) => revoke({ kind: 'jti', issuer, jti: idOf(tokens.person) }),
    ],
    ["the first agent's token", ({ tokens }) => revoke({ kind: 'token', token: tokens.first })],
    ["the second agent's token", ({ tokens }) => revoke({ kind: 'token', token: tokens.second })],
    ['the login of the person', ({ name }) => revoke({ kind: 'login', issuer, subject: name })],
    ['all of the person', ({ name }) => revoke({ kind: 'person', user: `user:${name}` })],
    [
      'all of an agent between',
      ({ name }) => revoke({ kind: 'agent', agent: name.replace('person', 'first') }),
    ],
  ])('%s', async (what, end) => {
    const { once, twice, ...of } = await given();
    expect(await world.finds(twice)).toEqual([]);
    await end(of);
    expect(await world.finds(twice)).toEqual(refused);
    if (what !== "the second agent's token") expect(await world.finds(once)).toEqual(refused);
  });

  it('the leave to act for the person, which ends its streams too', async () => {
    const { name, once, twice } = await given();
    const listening = async (token: string) => {
      const { body } = await world.send('POST', '/v1/sessions', { token });
      return listen(world.url, String(body['session_id']), token);
    };
    const streams = await Promise.all([once, twice].map(listening));
    const said = () => streams.map(({ events }) => events.map(({ event, data }) => data['reason'] ?? event));
    const patience = { timeout: 10_000, interval: 50 };
    await vi.waitFor(() => expect(said()).toEqual([['confirmed'], ['confirmed']]), patience);
    await world.disallow(`${name.replace('person', 'second')} > user:${name}`);
    const ended = [['confirmed'], ['confirmed', 'agent_not_allowed']];
    await vi.waitFor(() => expect(said()).toEqual(ended), patience);
    expect(await world.finds(once)).toEqual([]);
    for (const stream of streams) stream.stop();
  });

  it('none of these, if it did not say what it was given for', async () => {
    const { once, tokens } = await given();
    const { dataDir } = world.service.config;
    const { privateKey, kid, alg, publicJwk: jwk } = await developmentExchangeKeys(dataDir);
    const claims = { ...decodeJwt(once), revoked_with: { token: [], session: [] } };
    const silent = await sign({ privateKey, kid, alg, jwk, pem: '' }, claims, { typ: 'at+jwt' });
    await revoke({ kind: 'own_token' }, tokens.person);
    expect(await world.finds(silent)).toEqual([]);
    expect(await world.finds(once)).toEqual(refused);
  });
});
