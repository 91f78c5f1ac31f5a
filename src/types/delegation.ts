import { z } from 'zod';
import type { Scope } from './principal.ts';

/** The only scope that anyone can hand on: who writes or administers does so in person. */
export const DELEGABLE: Scope = 'retrieve';
/** Who may act for whom, as relationships say it: `agent:bot can_act_for user:anne`, `agent:b can_act_for agent:a`. */
export const CAN_ACT_FOR = 'can_act_for';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const once = z
  .array(z.string())
  .length(1, 'has to be there once')
  .transform(([only = '']) => only);
const atMostOnce = z
  .array(z.string())
  .max(1, 'is there more than once')
  .default([])
  .transform(([only]) => only);

/** RFC 8693, section 2.1: each parameter with its values. Others are ignored (RFC 6749, section 3.2). */
export const exchangeForm = z.object({
  subject_token: once,
  subject_token_type: once,
  actor_token: once,
  actor_token_type: once,
  requested_token_type: atMostOnce,
  scope: atMostOnce,
  audience: z.array(z.string()).default([]),
  resource: z.array(z.string()).default([]),
});
export type ExchangeForm = z.output<typeof exchangeForm>;

export const exchangeResponse = z.object({
  access_token: z.string(),
  issued_token_type: z.literal(ACCESS_TOKEN),
  token_type: z.enum(['Bearer', 'DPoP']),
  /** Seconds. */
  expires_in: z.int(),
  scope: z.string(),
});
export type ExchangeResponse = z.infer<typeof exchangeResponse>;

/** RFC 6749, section 5.2, RFC 8693, section 2.2.2, and RFC 9449, section 5. */
export const oauthErrors = [
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unsupported_grant_type',
  'invalid_dpop_proof',
  'temporarily_unavailable',
  'server_error',
] as const;
export type OAuthError = (typeof oauthErrors)[number];

/** Why nothing was given in exchange; `message` is for the caller. */
export class ExchangeRefused extends Error {
  override readonly name = 'ExchangeRefused';
  readonly error: OAuthError;

  constructor(error: OAuthError, message: string) {
    super(message);
    this.error = error;
  }
}
