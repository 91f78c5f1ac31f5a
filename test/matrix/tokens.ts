import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import type { Config } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import { ACCESS_TOKEN, TOKEN_EXCHANGE } from '../../src/types/delegation.ts';
import type { Http } from '../support/http.ts';
import { answered } from './answered.ts';
import { refusal } from './oracle.ts';
import type { Who } from './questions.ts';
import type { Truth } from './truth.ts';

export type Tokens = {
  /** Of an issuer. */
  issued(request: Pick<TokenRequest, 'subject'> & Partial<TokenRequest>): Promise<string>;
  /** For who asks; or none, where an exchange was refused, as it should be. Throws where it should not. */
  of(truth: Truth, who: Who, http: Http): Promise<string | undefined>;
  /** Has none any longer that was given in exchange. */
  forget(): void;
};

const SIX_HOURS = 21_600;
/** Of a token given in exchange, which lives for five minutes: after that another is asked for. */
const KEPT_MS = 200_000;

export function tokensOf(config: Config): Tokens {
  const kept = new Map<string, string>();
  const exchanged = new Map<string, { readonly token: string; readonly until: number }>();

  const issued: Tokens['issued'] = async (request) => {
    const key = JSON.stringify(request);
    const token =
      kept.get(key) ??
      (await developmentToken(config, { scopes: ['retrieve'], lifetime: SIX_HOURS, ...request }));
    kept.set(key, token);
    return token;
  };
  const ownOf = (tenant: string, user: string, chain: readonly string[] = []) => {
    const [type, subject = ''] = user.split(':');
    const actor = chain.map((agent) => agent.slice('agent:'.length));
    return issued({
      tenant,
      subject,
      ...(type === 'agent' && { ofAgent: true }),
      ...(actor.length > 0 && { actor }),
    });
  };
  /** The person's own, then one through the agent that they turned to, up to the one that asks. */
  const exchangedFor = async (
    truth: Truth,
    subject: string,
    chain: readonly string[],
    http: Http,
  ): Promise<string | undefined> => {
    const { tenant } = truth;
    const [agent, ...before] = chain;
    if (agent === undefined) return ownOf(tenant, subject);
    const key = [tenant, subject, ...chain].join(' ');
    const known = exchanged.get(key);
    if (known !== undefined && known.until > Date.now()) return known.token;
    const given = await exchangedFor(truth, subject, before, http);
    if (given === undefined) return undefined;
    const token = await exchange(http, given, await ownOf(tenant, agent));
    const refused = refusal(truth, subject, chain, 'exchange');
    if (token === undefined && refused === undefined) throw new Error(`LOSS: no token for ${key}`);
    if (token !== undefined && refused !== undefined)
      throw new Error(`LEAK: a token for ${key}, and not ${refused}`);
    if (token !== undefined) exchanged.set(key, { token, until: Date.now() + KEPT_MS });
    return token;
  };

  return {
    issued,
    of: (truth, { subject, chain, by }, http) =>
      by === 'issuer' ? ownOf(truth.tenant, subject, chain) : exchangedFor(truth, subject, chain, http),
    forget: () => exchanged.clear(),
  };
}

/** Undefined where it is refused. */
async function exchange(http: Http, subject: string, actor: string): Promise<string | undefined> {
  const form = new URLSearchParams({
    grant_type: TOKEN_EXCHANGE,
    subject_token: subject,
    subject_token_type: ACCESS_TOKEN,
    actor_token: actor,
    actor_token_type: ACCESS_TOKEN,
  });
  const { status, text, body } = await answered(http, 'POST', '/oauth/token', {
    raw: form.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  if (status === 200) return String(body['access_token']);
  if (status !== 400 || body['error'] !== 'invalid_request') throw new Error(`${status} ${text}`);
  return undefined;
}
