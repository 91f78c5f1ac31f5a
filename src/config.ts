import { z } from 'zod';
import { StartupError } from './types/errors.ts';

const environment = z.object({
  CLEARANCE_MODE: z.enum(['development', 'production']).default('development'),
  CLEARANCE_DATA_DIR: z.string().min(1).default('.clearance'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  HOST: z.string().min(1).default('127.0.0.1'),
  AUTHORIZATION_MODEL: z.string().min(1).optional(),
  GUARDED_RELATION: z
    .string()
    .regex(/^[^\s:#]+#[^\s:#]+$/, 'must look like document#can_read')
    .default('document#can_read'),
  OIDC_ISSUER: z.string().optional(),
  OIDC_AUDIENCE: z.string().default('clearance'),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: z.url().optional(),
  EMBEDDING_MODEL: z.string().min(1).optional(),
});

export type Config = {
  readonly mode: 'development' | 'production';
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  /** Path of a `.fga` file; absent: the default model. */
  readonly authorizationModel?: string;
  readonly guarded: { readonly type: string; readonly relation: string };
  readonly oidc?: { readonly issuer: string; readonly audience: string };
  readonly openai?: { readonly apiKey: string; readonly baseUrl?: string; readonly model: string };
};

const notBuiltYet = [
  'DATABASE_URL',
  'OPENFGA_API_URL',
  'OPENFGA_STORE_ID',
  'OPENFGA_MODEL_ID',
  'OPENFGA_API_TOKEN',
];

/** Reads the environment, once. Throws a `StartupError` that names the variable and what is wrong with it. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const early = notBuiltYet.filter((name) => env[name]);
  if (early.length > 0) {
    throw new StartupError(`Not built yet: ${early.join(', ')}. Unset it to run on the embedded parts.`);
  }
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
  if (read.CLEARANCE_MODE === 'production') {
    throw new StartupError(
      `Production mode needs an OIDC issuer, a Postgres and an OpenFGA server of its own.${read.OIDC_ISSUER === undefined ? ' OIDC_ISSUER is missing.' : ''} The last two can not be configured yet: DATABASE_URL and OPENFGA_API_URL come with a later version.`,
    );
  }
  const [type = '', relation = ''] = read.GUARDED_RELATION.split('#');
  return Object.freeze({
    mode: read.CLEARANCE_MODE,
    dataDir: read.CLEARANCE_DATA_DIR,
    port: read.PORT,
    host: read.HOST,
    guarded: { type, relation },
    ...(read.AUTHORIZATION_MODEL === undefined ? {} : { authorizationModel: read.AUTHORIZATION_MODEL }),
    ...(read.OIDC_ISSUER === undefined
      ? {}
      : { oidc: { issuer: read.OIDC_ISSUER, audience: read.OIDC_AUDIENCE } }),
    ...openaiConfig(read),
  });
}

function openaiConfig(read: z.output<typeof environment>): Pick<Config, 'openai'> {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl, EMBEDDING_MODEL: model } = read;
  if (model === undefined) return {};
  if (apiKey === undefined) {
    throw new StartupError(
      'EMBEDDING_MODEL names a model of an OpenAI-compatible endpoint: set OPENAI_API_KEY too.',
    );
  }
  return { openai: { apiKey, model, ...(baseUrl === undefined ? {} : { baseUrl }) } };
}
