import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { engineUser } from '../../src/adapters/jwt/engine-user.ts';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import type { Agents } from '../../src/ports/agents.ts';
import { UNRULED } from '../../src/types/access.ts';
import type { Agent } from '../../src/types/agent.ts';
import { DEFAULT_TENANT, type Scope } from '../../src/types/principal.ts';

export type TestService = Service & {
  readonly config: Config;
  /** A token for `anne`, or for `anne` through an agent, which is then a known one. */
  token(subject: string, more?: Partial<TokenRequest>): Promise<string>;
  errors: unknown[];
};

/** Registers an agent as somebody's, unless it is known. */
export async function knowAgent(
  { agents }: { readonly agents: Agents },
  name: string,
  tenant = DEFAULT_TENANT,
  owner = 'user:owner',
): Promise<void> {
  const id = engineUser('agent', name).slice('agent:'.length);
  const now = Date.now();
  const agent: Agent = {
    id,
    owner,
    purpose: 'tests',
    riskClass: 'low',
    state: 'active',
    expiresAt: new Date(now + 86_400_000),
    createdBy: 'user:operator',
    createdAt: new Date(now),
    reviewed: undefined,
    access: UNRULED,
    revision: 1,
  };
  await agents.put(tenant, agent, undefined);
}

/** Registers whoever of a token is an agent. */
export async function knowAgentsOf(
  registry: { readonly agents: Agents },
  { subject, ofAgent, actor = [], tenant }: Pick<TokenRequest, 'subject' | 'ofAgent' | 'actor' | 'tenant'>,
): Promise<void> {
  for (const agent of [...(ofAgent ? [subject] : []), ...[actor].flat()]) {
    await knowAgent(registry, agent, tenant);
  }
}

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
    async token(subject, more = {}) {
      await knowAgentsOf(service.registry, { ...more, subject });
      return developmentToken(config, {
        subject,
        scopes: ['retrieve'] satisfies Scope[],
        lifetime: 3_600,
        ...more,
      });
    },
    async close() {
      await service.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
