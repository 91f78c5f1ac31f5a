import { z } from 'zod';
import {
  ADMIN_SOURCE,
  type Credentials,
  DEFAULT_TENANT,
  type Principal,
  type Scope,
  scopes,
} from '../../types/principal.ts';
import { engineUser } from './engine-user.ts';
import { refused } from './refusal.ts';

const name = z.string().min(1).max(200);

const claims = z.object({
  sub: name,
  /** RFC 8693, section 4.1: who acts for the subject. Present but unreadable is refused, never ignored. */
  act: z.object({ sub: name, iss: z.string().optional(), act: z.unknown().optional() }).optional(),
  scope: z.string().default(''),
  source: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u, 'must be 1 to 200 characters without control characters')
    .refine(
      (source) => source !== ADMIN_SOURCE,
      `must not be "${ADMIN_SOURCE}", which is the administrators' own`,
    )
    .optional(),
  tenant: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,62}$/,
      'must be 1 to 63 lower-case letters, digits and hyphens, no hyphen first',
    )
    .default(DEFAULT_TENANT),
});

/** What verified claims of `issuer` say; anything they leave unclear is refused. */
export function readClaims(payload: unknown, issuer: string): Credentials {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refused(`its claim "${issue?.path.join('.')}" is not usable: ${issue?.message}.`);
  }
  const { sub, act, scope, source, tenant } = parsed.data;
  if (act?.act !== undefined) {
    throw refused('it has an "act" inside its "act"; chains of agents are not supported yet.');
  }
  if (act?.iss !== undefined && act.iss !== issuer) {
    throw refused('its agent ("act") comes from another issuer; only agents of the same issuer are known.');
  }
  const granted = new Set(scope.split(' ').filter(isScope));
  if (granted.has('ingest') && source === undefined && !granted.has('admin')) {
    throw refused('it has the scope "ingest" but no claim "source" that says whose documents it may write.');
  }
  return {
    principal: principal({
      tenant,
      issuer,
      subject: engineUser('user', sub),
      ...(act && { actor: engineUser('agent', act.sub) }),
    }),
    scopes: granted,
    ...(source !== undefined && { source }),
  };
}

/** Scopes of other services, `openid` for one, may stand in the same token. */
function isScope(word: string): word is Scope {
  return (scopes as readonly string[]).includes(word);
}

/** The one place where a principal is made. */
function principal(parts: { tenant: string; issuer: string; subject: string; actor?: string }): Principal {
  return Object.freeze(parts) as Principal;
}
