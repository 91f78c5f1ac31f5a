import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchangeToken } from '../../src/delegation/exchange.ts';
import { ACCESS_TOKEN, TOKEN_EXCHANGE } from '../../src/types/delegation.ts';
import { type SigningKey, sign, signingKey, startIssuer } from '../identity/issuer.ts';
import { seed } from '../real/seed.ts';
import { knowAgentsOf, openTestService, type TestService } from '../support/service.ts';

let own: Awaited<ReturnType<typeof startIssuer>>;
let partner: Awaited<ReturnType<typeof startIssuer>>;
let keys: Map<string, SigningKey>;
let service: TestService;

beforeAll(async () => {
  [own, partner] = [await startIssuer(), await startIssuer()];
  keys = new Map();
  for (const issuer of [own, partner]) {
    const key = await signingKey('only');
    keys.set(issuer.url, key);
    issuer.discovers();
    issuer.publishes(key);
  }
  const file = join(tmpdir(), `clearance-issuers-${process.pid}.json`);
  await writeFile(
    file,
    JSON.stringify([
      { issuer: own.url, tenants: ['default', 'acme'] },
      { issuer: partner.url, namespace: 'partner', tenants: ['default'] },
    ]),
  );
  service = await openTestService({ OIDC_ISSUERS: file, PUBLIC_URL: 'https://clearance.example.com' });
  const mayAct = (agent: string, ...objects: readonly string[]) =>
    objects.map((object) => ({ user: `agent:${agent}`, relation: 'can_act_for', object }));
  await seed(service.write, service.config, {
    relationships: [
      ...mayAct('bot', 'user:anne', 'user:partner!anne'),
      ...mayAct('partner!bot', 'user:anne', 'agent:bot'),
    ],
    documents: [],
  });
  for (const subject of ['bot', 'stranger']) await knowAgentsOf(service.registry, { subject, ofAgent: true });
  const { agents } = service.registry;
  const [bot] = await agents.find('default', ['bot']);
  if (bot !== undefined) await agents.put('default', { ...bot, id: 'partner!bot' }, undefined);
});
afterAll(async () => {
  await service.close();
  await own.stop();
  await partner.stop();
});

function tokenOf({ url }: { readonly url: string }, claims: Record<string, unknown>): Promise<string> {
  const key = keys.get(url);
  if (key === undefined) throw new Error('no key');
  const exp = Math.floor(Date.now() / 1_000) + 120;
  return sign(key, { iss: url, aud: 'clearance', scope: 'retrieve', exp, ...claims });
}
const person = (issuer: { readonly url: string }, more = {}) => tokenOf(issuer, { sub: 'anne', ...more });
const agent = (issuer: { readonly url: string }, more = {}) =>
  tokenOf(issuer, { sub: 'bot', client_id: 'bot', ...more });

async function exchanged(subject: string, actor: string) {
  const form = {
    grant_type: [TOKEN_EXCHANGE],
    subject_token: [subject],
    subject_token_type: [ACCESS_TOKEN],
    actor_token: [actor],
    actor_token_type: [ACCESS_TOKEN],
  };
  const { access_token } = await exchangeToken(service.exchange, form, undefined);
  return access_token;
}

describe('people and agents of several issuers', () => {
  it('keep the names and the issuer that they have', async () => {
    const first = await exchanged(await person(own), await agent(own));
    const second = await exchanged(first, await agent(partner));
    expect(decodeJwt(second)).toMatchObject({
      sub: 'user:anne',
      subject_issuer: own.url,
      act: { sub: 'agent:partner!bot', act: { sub: 'agent:bot' } },
    });
    const { principal } = await service.read.identity.verify(second);
    expect(principal).toEqual({
      tenant: 'default',
      issuer: own.url,
      subject: 'user:anne',
      chain: ['agent:partner!bot', 'agent:bot'],
    });
    const others = await exchanged(await person(partner), await agent(own));
    await expect(service.read.identity.verify(others)).resolves.toMatchObject({
      principal: { issuer: partner.url, subject: 'user:partner!anne', chain: ['agent:bot'] },
    });
  });

  it('never stand in for each other', async () => {
    // The partner's bot may act for anne, and not for the partner's anne.
    await expect(exchanged(await person(partner), await agent(partner))).rejects.toThrow(
      /agent:partner!bot may not act for user:partner!anne/,
    );
    // Nor does the own bot hand to be handed to.
    const byPartner = await exchanged(await person(own), await agent(partner));
    await expect(exchanged(byPartner, await agent(own))).rejects.toThrow(
      /agent:bot may not act for agent:partner!bot/,
    );
  });

  it('are held to what their issuer may say', async () => {
    const tenant = 'acme';
    await expect(exchanged(await person(own, { tenant }), await agent(partner, { tenant }))).rejects.toThrow(
      /actor_token: .*may not speak for its tenant/,
    );
    await expect(
      exchanged(await person(own, { tenant }), await agent(partner, { tenant: 'default' })),
    ).rejects.toThrow(/different tenants/);
    const foreign = await agent(own, { iss: 'https://evil.example.com' });
    await expect(exchanged(await person(own), foreign)).rejects.toThrow(/actor_token: .*not trusted/);
  });

  it('can’t be named by each other, in a chain either', async () => {
    const act = { sub: 'bot', iss: own.url };
    await expect(exchanged(await person(partner, { act }), await agent(own))).rejects.toThrow(
      /another issuer/,
    );
    const inner = { sub: 'bot', act: { sub: 'bot', iss: own.url } };
    await expect(service.read.identity.verify(await person(partner, { act: inner }))).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });
});
