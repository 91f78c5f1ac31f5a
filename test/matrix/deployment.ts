import { announceService } from '../../src/doors/cli/running-service.ts';
import type { CandidateIndex } from '../../src/ports/search.ts';
import { batches } from '../../src/types/batches.ts';
import { type Http, type Sent, serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';
import { answered } from './answered.ts';
import { type Tokens, tokensOf } from './tokens.ts';
import { Truth } from './truth.ts';
import { type AgentState, type Change, TENANTS } from './world.ts';

/** A service, and what the test knows of what is in it. */
export type Deployment = {
  readonly service: TestService;
  readonly http: Http;
  /** Narrowed by nobody's permissions. */
  readonly everything: CandidateIndex;
  readonly tokens: Tokens;
  readonly truths: readonly Truth[];
  /** Does it to the service over HTTP, and to what the test knows. */
  apply(truth: Truth, change: Change): Promise<void>;
  close(): Promise<void>;
};

type Send = (method: string, path: string, json?: object) => Promise<void>;

const TUPLES_AT_ONCE = 100;
const FAR_OFF = '2100-01-01T00:00:00Z';

export async function openDeployment(env: Record<string, string> = {}): Promise<Deployment> {
  const service = await openTestService({ RATE_LIMIT_PER_MINUTE: '1000000', ...env });
  const http = await serveHttp(service);
  const wide = await unnarrowed(service);
  // Where the command line finds it.
  const announced = await announceService(service.config.dataDir, http.url);
  const tokens = tokensOf(service.config);

  return {
    service,
    http,
    everything: wide.index,
    tokens,
    truths: TENANTS.map((tenant) => new Truth(tenant)),
    async apply(truth, change) {
      const token = await tokens.issued({ tenant: truth.tenant, subject: 'root', scopes: ['admin'] });
      await carryOut(service, truth, change, async (method, path, json) => {
        const sent: Sent = { token, ...(json && { json }) };
        const { status, text } = await answered(http, method, path, sent);
        if (![200, 201, 204].includes(status)) throw new Error(`${method} ${path}: ${status} ${text}`);
      });
      truth.apply(change);
    },
    async close() {
      await announced.withdraw();
      await http.close();
      await wide.close();
      await service.close();
    },
  };
}

async function carryOut(service: TestService, truth: Truth, change: Change, send: Send): Promise<void> {
  switch (change.kind) {
    case 'relationships': {
      const { deletes, writes } = change;
      const all = [
        ...deletes.map((tuple) => ['deletes', tuple] as const),
        ...writes.map((tuple) => ['writes', tuple] as const),
      ];
      for (const some of batches(all, TUPLES_AT_ONCE)) {
        const of = (kind: string) => some.flatMap(([each, tuple]) => (each === kind ? [tuple] : []));
        await send('POST', '/v1/relationships', { deletes: of('deletes'), writes: of('writes') });
      }
      return;
    }
    case 'agent':
      if (change.state !== undefined) await register(service, truth, change.id, change.state, send);
      else if (truth.agents.has(change.id)) await send('DELETE', `/v1/agents/${change.id}`);
      return;
    case 'put':
      return send('PUT', `/v1/documents/${change.id}`, {
        title: `Document ${change.id}`,
        text: change.text.paragraphs.join('\n\n'),
        metadata: change.text.metadata,
        relationships: change.own?.map(({ user, relation }) => ({ user, relation })),
      });
    case 'delete':
      return send('DELETE', `/v1/documents/${change.id}`);
  }
}

/** By the routes for that, but for an end that is past: they take none. */
async function register(
  { registry }: TestService,
  { tenant }: Truth,
  id: string,
  { standing, access }: AgentState,
  send: Send,
): Promise<void> {
  await send('PUT', `/v1/agents/${id}`, {
    owner: 'user:owner',
    purpose: 'tests',
    risk_class: 'low',
    expires_at: FAR_OFF,
    state: standing === 'suspended' ? 'suspended' : 'active',
    access,
  });
  if (standing === 'ownerless') await send('PATCH', `/v1/agents/${id}`, { owner: null });
  if (standing !== 'expired') return;
  const [agent] = await registry.agents.find(tenant, [id]);
  if (agent === undefined) throw new Error(`no agent ${id}`);
  await registry.agents.put(tenant, { ...agent, expiresAt: new Date(Date.now() - 1) }, agent.revision);
}
