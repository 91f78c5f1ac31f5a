import { z } from 'zod';
import { StartupError } from './types/errors.ts';

const port = z.coerce.number().int().min(0).max(65_535);
/** What OpenFGA gives its stores and models as ids. */
const ulid = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a ULID, as OpenFGA gives out');

const environment = z.object({
  CLEARANCE_MODE: z.enum(['development', 'production']).default('development'),
  CLEARANCE_DATA_DIR: z.string().min(1).default('.clearance'),
  PORT: port.default(8080),
  HOST: z.string().min(1).default('127.0.0.1'),
  METRICS_PORT: port.optional(),
  METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  MAX_REQUESTS_IN_FLIGHT: z.coerce.number().int().min(1).max(10_000).default(32),
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(1).default(600),
  AUTHORIZATION_MODEL: z.string().min(1).optional(),
  GUARDED_RELATION: z
    .string()
    .regex(/^[^\s:#]+#[^\s:#]+$/, 'must look like document#can_read')
    .default('document#can_read'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must look like postgres://user:password@host/database' })
    .optional(),
  DATABASE_MIGRATION_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must look like postgres://user:password@host/database' })
    .optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).max(1_000).default(10),
  OPENFGA_API_URL: z.url({ protocol: /^https?$/ }).optional(),
  OPENFGA_STORE_ID: ulid.optional(),
  OPENFGA_MODEL_ID: ulid.optional(),
  OPENFGA_API_TOKEN: z.string().optional(),
  OPENFGA_CLIENT_ID: z.string().optional(),
  OPENFGA_CLIENT_SECRET: z.string().optional(),
  OPENFGA_TOKEN_ISSUER: z.string().optional(),
  OPENFGA_API_AUDIENCE: z.string().optional(),
  CLEARANCE_PROOFS: z.enum(['on', 'off']).default('on'),
  CLEARANCE_PROOFS_WATCHED: z.coerce.number().min(0).max(1).default(0.01),
  OIDC_ISSUER: z.string().optional(),
  OIDC_AUDIENCE: z.string().default('clearance'),
  OIDC_ISSUERS: z.string().min(1).optional(),
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  TOKEN_SIGNING_KEY: z.string().min(1).optional(),
  AUDIT_SIGNING_KEY: z.string().min(1).optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: z.url().optional(),
  EMBEDDING_MODEL: z.string().min(1).optional(),
});

type Environment = z.output<typeof environment>;

export type Config = {
  readonly mode: 'development' | 'production';
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  /** Absent: no metrics are served. */
  readonly metrics?: { readonly host: string; readonly port: number };
  readonly maxRequestsInFlight: number;
  readonly rateLimitPerMinute: number;
  /** Path of a `.fga` file; absent: the default model. */
  readonly authorizationModel?: string;
  readonly guarded: { readonly type: string; readonly relation: string };
  /** Absent: the embedded store. */
  readonly database?: { readonly url: string; readonly migrationUrl: string; readonly poolSize: number };
  /** Absent: the embedded engine. */
  readonly openfga?: {
    readonly apiUrl: string;
    readonly credentials?: OpenFgaCredentials;
    /** To be adopted by `clearance migrate`, and for `serve` what the pins must be. */
    readonly storeId?: string;
    readonly modelId?: string;
  };
  /** Whether the engine is asked for the links of a proof instead of the whole claim, where there is one. */
  readonly proofs: boolean;
  /** The share of what was allowed by proofs that is asked again whole. */
  readonly proofsWatched: number;
  /** One issuer, or the path of a file of them; absent: the development issuer. */
  readonly oidc?: { readonly issuer: string; readonly audience: string } | { readonly file: string };
  /** Where callers reach the service; absent: no token that is bound to a key is taken. */
  readonly publicUrl?: string;
  /** Path of the private key that tokens given in exchange are signed with. Absent: the data folder's, and in production none. */
  readonly tokenSigningKey?: string;
  /** Path of the key that signs the audit trail; absent: one in the data folder. */
  readonly auditSigningKey?: string;
  readonly openai?: { readonly apiKey: string; readonly baseUrl?: string; readonly model: string };
};

type OpenFgaCredentials =
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'client';
      readonly clientId: string;
      readonly clientSecret: string;
      readonly tokenIssuer: string;
      readonly audience: string;
    };

/** Reads the environment, once. Throws a `StartupError` that names the variable and what is wrong with it. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  // An empty variable is one that was meant to be unset.
  const parsed = environment.safeParse(
    Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')),
  );
  if (!parsed.success) {
    throw new StartupError(
      parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'),
    );
  }
  const read = parsed.data;
  if (read.CLEARANCE_MODE === 'production') requireRealParts(read);
  const [type = '', relation = ''] = read.GUARDED_RELATION.split('#');
  return Object.freeze({
    mode: read.CLEARANCE_MODE,
    dataDir: read.CLEARANCE_DATA_DIR,
    port: read.PORT,
    host: read.HOST,
    ...(read.METRICS_PORT === undefined
      ? {}
      : { metrics: { host: read.METRICS_HOST, port: read.METRICS_PORT } }),
    maxRequestsInFlight: read.MAX_REQUESTS_IN_FLIGHT,
    rateLimitPerMinute: read.RATE_LIMIT_PER_MINUTE,
    guarded: { type, relation },
    proofs: read.CLEARANCE_PROOFS === 'on',
    proofsWatched: read.CLEARANCE_PROOFS_WATCHED,
    ...(read.AUTHORIZATION_MODEL === undefined ? {} : { authorizationModel: read.AUTHORIZATION_MODEL }),
    ...databaseConfig(read),
    ...openfgaConfig(read),
    ...oidcConfig(read),
    ...(read.PUBLIC_URL === undefined ? {} : { publicUrl: read.PUBLIC_URL }),
    ...signingConfig(read),
    ...(read.AUDIT_SIGNING_KEY === undefined ? {} : { auditSigningKey: read.AUDIT_SIGNING_KEY }),
    ...openaiConfig(read),
  });
}

function requireRealParts(read: Environment): void {
  const needed = ['DATABASE_URL', 'OPENFGA_API_URL'] as const;
  const missing: string[] = needed.filter((name) => read[name] === undefined);
  if (read.OIDC_ISSUER === undefined && read.OIDC_ISSUERS === undefined) {
    missing.push('OIDC_ISSUER (or OIDC_ISSUERS)');
  }
  if (read.OPENFGA_API_TOKEN === undefined && read.OPENFGA_CLIENT_ID === undefined) {
    missing.push('OPENFGA_API_TOKEN (or OPENFGA_CLIENT_ID)');
  }
  if (read.AUDIT_SIGNING_KEY === undefined) {
    missing.push('AUDIT_SIGNING_KEY (a file: openssl genpkey -algorithm ed25519 -out audit-key.pem)');
  }
  if (missing.length === 0) return;
  throw new StartupError(
    `Production mode needs an OIDC issuer, a Postgres, an OpenFGA server and an audit key of its own. Missing: ${missing.join(', ')}.`,
  );
}

function databaseConfig(read: Environment): Pick<Config, 'database'> {
  const {
    DATABASE_URL: url,
    DATABASE_MIGRATION_URL: migrationUrl = url,
    DATABASE_POOL_SIZE: poolSize,
  } = read;
  if (url === undefined || migrationUrl === undefined) {
    if (read.DATABASE_MIGRATION_URL === undefined) return {};
    throw new StartupError('DATABASE_MIGRATION_URL is for "clearance migrate": set DATABASE_URL too.');
  }
  return { database: { url, migrationUrl, poolSize } };
}

function openfgaConfig(read: Environment): Pick<Config, 'openfga'> {
  const { OPENFGA_API_URL: apiUrl, OPENFGA_STORE_ID: storeId, OPENFGA_MODEL_ID: modelId } = read;
  if (apiUrl === undefined) {
    const [orphan] = Object.keys(read).filter((name) => name.startsWith('OPENFGA_'));
    if (orphan === undefined) return {};
    throw new StartupError(`${orphan} is set, but no server: set OPENFGA_API_URL too.`);
  }
  if (modelId !== undefined && storeId === undefined) {
    throw new StartupError('OPENFGA_MODEL_ID names a model of a store: set OPENFGA_STORE_ID too.');
  }
  const credentials = openfgaCredentials(read);
  return {
    openfga: {
      apiUrl,
      ...(credentials === undefined ? {} : { credentials }),
      ...(storeId === undefined ? {} : { storeId }),
      ...(modelId === undefined ? {} : { modelId }),
    },
  };
}

function openfgaCredentials(read: Environment): OpenFgaCredentials | undefined {
  const {
    OPENFGA_API_TOKEN: token,
    OPENFGA_CLIENT_ID: clientId,
    OPENFGA_CLIENT_SECRET: clientSecret,
    OPENFGA_TOKEN_ISSUER: tokenIssuer,
    OPENFGA_API_AUDIENCE: audience,
  } = read;
  const client = [clientId, clientSecret, tokenIssuer, audience];
  if (token !== undefined) {
    if (client.every((value) => value === undefined)) return { kind: 'token', token };
    throw new StartupError('Set OPENFGA_API_TOKEN or the OPENFGA_CLIENT_… variables, not both.');
  }
  if (client.every((value) => value === undefined)) return undefined;
  if (
    clientId === undefined ||
    clientSecret === undefined ||
    tokenIssuer === undefined ||
    audience === undefined
  ) {
    throw new StartupError(
      'Client credentials for OpenFGA are four: OPENFGA_CLIENT_ID, OPENFGA_CLIENT_SECRET, OPENFGA_TOKEN_ISSUER, OPENFGA_API_AUDIENCE.',
    );
  }
  return { kind: 'client', clientId, clientSecret, tokenIssuer, audience };
}

function oidcConfig({
  OIDC_ISSUER: issuer,
  OIDC_AUDIENCE,
  OIDC_ISSUERS: file,
}: Environment): Pick<Config, 'oidc'> {
  if (issuer !== undefined && file !== undefined) {
    throw new StartupError('Set OIDC_ISSUER, or OIDC_ISSUERS with a file of several, not both.');
  }
  if (file !== undefined) return { oidc: { file } };
  return issuer === undefined ? {} : { oidc: { issuer, audience: OIDC_AUDIENCE } };
}

function signingConfig({
  TOKEN_SIGNING_KEY: path,
  PUBLIC_URL,
}: Environment): Pick<Config, 'tokenSigningKey'> {
  if (path === undefined) return {};
  if (PUBLIC_URL === undefined) {
    throw new StartupError(
      'TOKEN_SIGNING_KEY is set, and tokens that the service signs name it as their issuer: set PUBLIC_URL to where callers reach it.',
    );
  }
  return { tokenSigningKey: path };
}

function openaiConfig(read: Environment): Pick<Config, 'openai'> {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl, EMBEDDING_MODEL: model } = read;
  if (model === undefined) return {};
  if (apiKey === undefined) {
    throw new StartupError(
      'EMBEDDING_MODEL names a model of an OpenAI-compatible endpoint: set OPENAI_API_KEY too.',
    );
  }
  return { openai: { apiKey, model, ...(baseUrl === undefined ? {} : { baseUrl }) } };
}
