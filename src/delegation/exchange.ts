import { randomUUID } from 'node:crypto';
import { type AuditLog, whoOf } from '../ports/audit.ts';
import type { Identity } from '../ports/identity.ts';
import type { OwnTokens } from '../ports/own-tokens.ts';
import {
  ACCESS_TOKEN,
  type ExchangeForm,
  ExchangeRefused,
  type ExchangeResponse,
  exchangeForm,
  TOKEN_EXCHANGE,
} from '../types/delegation.ts';
import { ClearanceError } from '../types/errors.ts';
import { parseInput } from '../types/parse.ts';
import type { KeyProof, ProvenKey } from '../types/presented.ts';
import type { Credentials } from '../types/principal.ts';
import { grantOf } from './grant.ts';
import { type Delegations, requireMayAct } from './may-act.ts';

export type Exchange = {
  /** Counts a request of the person. */
  readonly subjects: Identity;
  /** Counts nothing: an agent asks for many. */
  readonly actors: Identity;
  readonly delegations: Delegations;
  readonly audit: AuditLog;
  /** Absent: the service has no key to sign with, and exchanges nothing. */
  readonly tokens?: OwnTokens;
};

/** A form's parameters, each with its values; those without a value count as left out. */
export type Form = Readonly<Record<string, readonly string[]>>;

/** RFC 8693: a person's token and an agent's own for one of the person through the agent. */
export async function exchangeToken(
  exchange: Exchange,
  form: Form,
  proof: KeyProof | undefined,
): Promise<ExchangeResponse> {
  const tokens = requireTokens(exchange);
  const request = read(form, tokens);
  const provenKey = proof === undefined ? undefined : await provenKeyOf(tokens, proof);
  const subject = await verified(exchange.subjects, 'subject_token', request, provenKey);
  const actor = await verified(exchange.actors, 'actor_token', request, provenKey);
  const now = new Date();
  const grant = grantOf(subject, actor, request.scope, provenKey, now);
  await requireMayAct(exchange.delegations, grant.principal);
  const id = randomUUID();
  await exchange.audit.append({
    ...whoOf(grant.principal),
    decisionId: id,
    event: 'exchange_token',
    details: { expires: grant.expiresAt.toISOString(), bound: grant.boundTo !== undefined },
  });
  return {
    access_token: await tokens.issue(id, grant),
    issued_token_type: ACCESS_TOKEN,
    token_type: grant.boundTo === undefined ? 'Bearer' : 'DPoP',
    expires_in: Math.floor((grant.expiresAt.getTime() - now.getTime()) / 1_000),
    scope: [...grant.scopes].join(' '),
  };
}

function requireTokens({ tokens }: Exchange): OwnTokens {
  if (tokens !== undefined) return tokens;
  throw new ExchangeRefused(
    'unsupported_grant_type',
    'Token exchange is not set up here: the service has no key to sign with (TOKEN_SIGNING_KEY).',
  );
}

function read(form: Form, tokens: OwnTokens): ExchangeForm {
  const { grant_type: grantType = [] } = form;
  if (grantType.length !== 1 || grantType[0] !== TOKEN_EXCHANGE) {
    throw new ExchangeRefused('unsupported_grant_type', `The grant_type is ${TOKEN_EXCHANGE}, and no other.`);
  }
  const request = parseInput(exchangeForm, form);
  for (const name of ['subject_token_type', 'actor_token_type', 'requested_token_type'] as const) {
    if ((request[name] ?? ACCESS_TOKEN) !== ACCESS_TOKEN) {
      throw new ExchangeRefused('invalid_request', `The ${name} is ${ACCESS_TOKEN}, and no other.`);
    }
  }
  for (const [name, ours] of [
    ['audience', tokens.audiences],
    ['resource', tokens.resources],
  ] as const) {
    if (!request[name].every((asked) => ours.includes(asked))) {
      throw new ExchangeRefused('invalid_target', `Tokens are given for this service only ("${name}").`);
    }
  }
  return request;
}

async function provenKeyOf(tokens: OwnTokens, proof: KeyProof): Promise<ProvenKey> {
  try {
    return await tokens.provenKey(proof);
  } catch (error) {
    throw error instanceof ClearanceError && error.code === 'unauthenticated'
      ? new ExchangeRefused('invalid_dpop_proof', error.message)
      : error;
  }
}

async function verified(
  identity: Identity,
  name: 'subject_token' | 'actor_token',
  request: ExchangeForm,
  provenKey: ProvenKey | undefined,
): Promise<Credentials> {
  try {
    return await identity.verify({ token: request[name], provenKey });
  } catch (error) {
    throw error instanceof ClearanceError && error.status < 500 && error.code !== 'rate_limited'
      ? new ExchangeRefused('invalid_request', `${name}: ${error.message}`)
      : error;
  }
}
