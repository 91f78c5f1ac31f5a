import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { freePort } from '../../scripts/parts/free-port.ts';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { httpServer } from '../../src/doors/http/server.ts';
import { ACCESS_TOKEN, TOKEN_EXCHANGE } from '../../src/types/delegation.ts';
import { type SigningKey, sign } from '../identity/issuer.ts';
import { type Answer, send } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

export type World = {
  readonly service: TestService;
  readonly url: string;
  send(method: string, path: string, sent?: Parameters<typeof send>[3]): Promise<Answer>;
  /** An agent's own token. */
  agent(name: string, more?: Partial<TokenRequest>): Promise<string>;
  /** `bot > anne`, for `agent:bot can_act_for user:anne`. */
  allow(...pairs: readonly string[]): Promise<void>;
  disallow(...pairs: readonly string[]): Promise<void>;
  /** The form's fields over the ordinary ones; undefined leaves one out. */
  exchange(form: Fields, headers?: Record<string, string>): Promise<Answer>;
  /** The token that an exchange gives. Throws where it gives none. */
  exchanged(subject: string, actor: string): Promise<string>;
  /** Ids of what a token finds, or the status and code that it is refused with. */
  finds(token: string): Promise<unknown>;
  close(): Promise<void>;
};

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A service with an address of its own, where anne's diary is read by ever more agents. */
export async function openWorld(env: Record<string, string> = {}): Promise<World> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const service = await openTestService({ PUBLIC_URL: url, ...env });
  const app = await httpServer(service, 'silent');
  await app.listen({ host: '127.0.0.1', port });
  const admin = await service.token('root', { scopes: ['admin'] });
  const change = async (kind: 'writes' | 'deletes', pairs: readonly string[]) => {
    const tuples = pairs.map((pair) => {
      const [user = '', object = ''] = pair.split(' > ');
      return { user: `agent:${user}`, relation: 'can_act_for', object };
    });
    const { status, text } = await send(url, 'POST', '/v1/relationships', {
      token: admin,
      json: { [kind]: tuples },
    });
    if (status !== 200) throw new Error(text);
  };
  const world: World = {
    service,
    url,
    send: (method, path, sent) => send(url, method, path, sent),
    agent: (name, more) => service.token(name, { ofAgent: true, ...more }),
    allow: (...pairs) => change('writes', pairs),
    disallow: (...pairs) => change('deletes', pairs),
    exchange(fields, headers = {}) {
      const form = new URLSearchParams();
      const all = {
        grant_type: TOKEN_EXCHANGE,
        subject_token_type: ACCESS_TOKEN,
        actor_token_type: ACCESS_TOKEN,
        ...fields,
      };
      for (const [name, values] of Object.entries(all)) {
        for (const value of values === undefined ? [] : [values].flat()) form.append(name, value);
      }
      return send(url, 'POST', '/oauth/token', {
        raw: form.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      });
    },
    async exchanged(subject_token, actor_token) {
      const { status, text, body } = await world.exchange({ subject_token, actor_token });
      if (status !== 200) throw new Error(text);
      return String(body['access_token']);
    },
    async finds(token) {
      const { status, body } = await send(url, 'POST', '/v1/retrieve', {
        token,
        json: { query: 'harbour', k: 10 },
      });
      if (status !== 200) return { status, code: body['code'] };
      return (body['results'] as readonly { document_id: string }[])
        .map(({ document_id }) => document_id)
        .toSorted();
    },
    async close() {
      await app.close();
      await service.close();
    },
  };
  const by = await writer(service);
  const agents: string[] = [];
  for (const [id, reader] of [
    ['diary', 'user:anne'],
    ['mail', 'agent:a'],
    ['plan', 'agent:b'],
    ['notice', 'agent:c'],
  ] as const) {
    await put(service.write, by, id, `The ${id} about the harbour.`, [...agents, reader]);
    agents.push(reader);
  }
  return world;
}

/** A proof of holding a key (RFC 9449), for one request. */
export async function proofFor(
  key: SigningKey,
  url: string,
  token?: string,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const made = {
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1_000),
    htm: 'POST',
    htu: url,
    ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
    ...claims,
  };
  return sign(key, made, { typ: 'dpop+jwt', jwk: key.jwk, kid: undefined });
}

export const thumbprintOf = ({ jwk }: SigningKey): Promise<string> => calculateJwkThumbprint(jwk);
