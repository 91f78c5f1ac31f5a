import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import type { Scope } from '../../src/types/principal.ts';

export type TestService = Service & {
  readonly config: Config;
  /** A token for `anne`, or for `anne` through an agent. */
  token(subject: string, more?: Partial<TokenRequest>): Promise<string>;
  errors: unknown[];
};

/** The real thing on embedded parts, in a folder of its own that goes with it. */
export async function openTestService(env: Record<string, string> = {}): Promise<TestService> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clearance-test-'));
  const config = readConfig({ CLEARANCE_DATA_DIR: dataDir, PORT: '0', ...env });
  const errors: unknown[] = [];
  const service = await openService(config, (error) => errors.push(error));
  return {
    ...service,
    config,
    errors,
    token: (subject, more = {}) =>
      developmentToken(config, { subject, scopes: ['retrieve'] satisfies Scope[], lifetime: 3_600, ...more }),
    async close() {
      await service.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
