import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { StartupError } from '../../types/errors.ts';
import { type Scope, scopes, tenantName } from '../../types/principal.ts';

/** An issuer whose tokens are taken, and what they may say. */
export type TrustedIssuer = {
  readonly issuer: string;
  readonly audience: string;
  /** Put before the names of its people and agents. Of several issuers one may do without: so two of them never name the same. */
  readonly namespace?: string;
  /** Names the person: a claim that the issuer never gives to another person later. */
  readonly userClaim: string;
  /** Who may have asked for the token (`client_id`, `azp`). Absent: anyone. */
  readonly clients?: ReadonlySet<string>;
  /** Absent: any. */
  readonly tenants?: ReadonlySet<string>;
  readonly scopes: ReadonlySet<Scope>;
  /** Whether a token has to be bound to a key of who presents it. */
  readonly senderConstrained: boolean;
};

/** The one issuer of a service that has no file of them: it may say everything. */
export function onlyIssuer(issuer: string, audience: string): TrustedIssuer {
  return { issuer, audience, userClaim: 'sub', scopes: new Set(scopes), senderConstrained: false };
}

const file = z
  .array(
    z.strictObject({
      issuer: z
        .string()
        .refine(
          isSafeUrl,
          'must be an https URL (http only on this machine): else its keys could be swapped',
        ),
      audience: z.string().min(1).default('clearance'),
      namespace: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 lower-case letters, digits and hyphens')
        .optional(),
      user_claim: z.string().min(1).default('sub'),
      clients: z.array(z.string().min(1)).min(1).optional(),
      tenants: z.union([z.literal('any'), z.array(tenantName).min(1)]).default(['default']),
      scopes: z.array(z.enum(scopes)).min(1).default(['retrieve']),
      sender_constrained: z.boolean().default(false),
    }),
  )
  .min(1, 'names no issuer')
  .refine(
    (issuers) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length,
    'names an issuer twice',
  )
  .refine(
    (issuers) => new Set(issuers.map(({ namespace }) => namespace)).size === issuers.length,
    'gives two issuers one namespace, or none to both: their people would have the same names. Give each its own',
  );

/** Reads what `OIDC_ISSUERS` names. Throws a `StartupError` that says what is wrong with it, and where. */
export async function readIssuers(path: string): Promise<readonly TrustedIssuer[]> {
  const parsed = file.safeParse(await readJson(path));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new StartupError(`OIDC_ISSUERS, the file ${path}:\n${problems.join('\n')}`);
  }
  return parsed.data.map(({ issuer, audience, namespace, clients, tenants, ...each }) => ({
    issuer,
    audience,
    userClaim: each.user_claim,
    scopes: new Set(each.scopes),
    senderConstrained: each.sender_constrained,
    ...(namespace === undefined ? {} : { namespace }),
    ...(clients === undefined ? {} : { clients: new Set(clients) }),
    ...(tenants === 'any' ? {} : { tenants: new Set(tenants) }),
  }));
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new StartupError(
      `OIDC_ISSUERS: ${path} can not be read as JSON: ${error instanceof Error ? error.message : ''}`,
      { cause: error },
    );
  }
}

/** Whether nobody on the way can swap what is read there. */
export function isSafeUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
  );
}
