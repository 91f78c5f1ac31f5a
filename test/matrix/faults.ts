import { delegatedIdentity } from '../../src/delegation/delegated-identity.ts';
import type { Exchange } from '../../src/delegation/exchange.ts';
import { chooseTokens } from '../../src/parts.ts';
import type { Check, Engine } from '../../src/ports/engine.ts';
import type { Identity } from '../../src/ports/identity.ts';
import type { Members } from '../../src/ports/members.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import { UNRULED } from '../../src/types/access.ts';
import type { Principal } from '../../src/types/principal.ts';
import { allowsAll, spoiled } from '../support/engines.ts';
import { serveHttp } from '../support/http.ts';
import { noAgents } from '../support/rules.ts';
import type { Deployment } from './deployment.ts';
import { type Play, play } from './play.ts';
import { TENANTS } from './world.ts';

type Fault = {
  /** What comes of it. */
  readonly found: 'LEAK' | 'LOSS';
  readonly parts: (of: Deployment) => Partial<ReadPath> | Promise<Partial<ReadPath>>;
  readonly exchange?: (exchange: Exchange) => Exchange;
};

/** A read path with one guard taken out each, by a part that lacks it. */
export const faults: Readonly<Record<string, Fault>> = {
  'only the person is asked about, and no agent': {
    found: 'LEAK',
    parts: ({ service }) => ({ identity: through(service.read.identity, () => ({ chain: [] })) }),
  },
  'only the agent that asks counts, and none before it': {
    found: 'LEAK',
    parts: ({ service }) => ({
      identity: through(service.read.identity, ({ chain }) => ({ chain: chain.slice(0, 1) })),
    }),
  },
  'only the agent that the person turned to counts': {
    found: 'LEAK',
    parts: ({ service }) => ({
      identity: through(service.read.identity, ({ chain }) => ({ chain: chain.slice(-1) })),
    }),
  },
  'agents are asked about, and not the person': {
    found: 'LEAK',
    parts: ({ service, everything }) => ({
      index: everything,
      engine: answering(service.read.engine, ({ user }) => (user.startsWith('user:') ? true : undefined)),
    }),
  },
  'an agent is taken for the person of the same name': {
    found: 'LEAK',
    parts: ({ service, everything }) => ({
      index: everything,
      engine: asking(service.read.engine, (check) => ({
        ...check,
        user: check.user.replace('agent:', 'user:'),
      })),
    }),
  },
  'nobody asks whether an agent may act': {
    found: 'LEAK',
    parts: ({ service }) => ({ identity: service.exchange.subjects }),
  },
  'another tenant is asked whether an agent may act': {
    found: 'LEAK',
    parts({ service: { exchange } }) {
      const engine = ofAnother(exchange.delegations.engine);
      return { identity: delegatedIdentity(exchange.subjects, { ...exchange.delegations, engine }) };
    },
  },
  'nobody asks that before a token is given in exchange': {
    found: 'LEAK',
    parts: () => ({}),
    exchange: (exchange) => ({ ...exchange, delegations: { ...exchange.delegations, engine: allowsAll } }),
  },
  'an agent need not be in good standing': {
    found: 'LEAK',
    async parts({ service: { config, exchange } }) {
      const { identity } = await chooseTokens(config, { use: async () => false });
      return { identity: delegatedIdentity(identity, exchange.delegations) };
    },
  },
  'the rules of agents are passed over': { found: 'LEAK', parts: () => ({ rules: noAgents }) },
  'documents have no labels': {
    found: 'LEAK',
    parts: ({ service: { read } }) => ({ rules: { ...read.rules, labels: noAgents.labels } }),
  },
  'only the rules of the agent that asks count': {
    found: 'LEAK',
    parts: ({ service: { read } }) => ({
      rules: {
        ...read.rules,
        agents: {
          async find(tenant, ids) {
            const found = await read.rules.agents.find(tenant, ids);
            return found.map((agent) => (agent.id === ids[0] ? agent : { ...agent, access: UNRULED }));
          },
        },
      },
    }),
  },
  'the rules are those of another tenant': {
    found: 'LEAK',
    parts: ({ service: { read } }) => ({
      rules: { ...read.rules, agents: { find: (tenant, ids) => read.rules.agents.find(other(tenant), ids) } },
    }),
  },
  'the audience is passed over': {
    found: 'LEAK',
    parts: ({ service, everything }) => ({
      index: everything,
      members: standing(() => ['user:listener']),
      engine: answering(service.read.engine, ({ user }) => (user === 'user:listener' ? true : undefined)),
    }),
  },
  'only the first of each group counts': {
    found: 'LEAK',
    parts: ({ service: { read } }) => ({
      members: {
        async of(...asked) {
          const all = await read.members.of(...asked);
          return all.kind === 'people' ? { ...all, people: all.people.slice(0, 1) } : all;
        },
      },
    }),
  },
  'a group is asked about and not its members': {
    found: 'LOSS',
    parts: ({ everything }) => ({ index: everything, members: standing((entry) => [entry]) }),
  },
  'a group is who is in it in another tenant': {
    found: 'LEAK',
    parts: ({ service: { read } }) => ({
      members: { of: (tenant, ...asked) => read.members.of(other(tenant), ...asked) },
    }),
  },
  'the engine answers for another tenant': {
    found: 'LEAK',
    parts: ({ service, everything }) => ({ index: everything, engine: ofAnother(service.read.engine) }),
  },
  'the search is of another tenant': {
    found: 'LOSS',
    parts: ({ service: { read } }) => ({
      index: {
        open: (question, signal) => read.index.open({ ...question, tenant: other(question.tenant) }, signal),
        openDocument: (asked) => read.index.openDocument({ ...asked, tenant: other(asked.tenant) }),
      },
    }),
  },
  'a caller is in another tenant': {
    found: 'LEAK',
    parts: ({ service }) => ({
      identity: through(service.read.identity, ({ tenant }) => ({ tenant: other(tenant) })),
    }),
  },
  'the engine says again what it said once': {
    found: 'LEAK',
    parts: ({ service, everything }) => ({ index: everything, engine: remembering(service.read.engine) }),
  },
  'one yes is lost': {
    found: 'LOSS',
    parts: ({ service }) => ({
      engine: answering(service.read.engine, ({ user, object }) =>
        user === 'user:bo' && object === 'document:d0' ? false : undefined,
      ),
    }),
  },
  'the search leaves out what a stranger may not read': {
    found: 'LOSS',
    parts: ({ service: { read } }) => ({
      index: {
        ...read.index,
        open: (question, signal) =>
          read.index.open({ ...question, readers: [...question.readers, 'user:stranger'] }, signal),
      },
    }),
  },
};

/** Plays until it is found what comes of a fault. Rejects with that. */
export async function playFault(
  deployment: Deployment,
  { found, parts, exchange = (intact) => intact }: Fault,
  options: Pick<Play, 'cases' | 'seed'>,
): Promise<void> {
  const { service } = deployment;
  const read = { ...service.read, ...(await parts(deployment)) };
  const http = await serveHttp({ ...service, read, exchange: exchange(service.exchange) });
  try {
    await play(deployment, { ...options, door: { http, read }, stopAt: new RegExp(found) });
  } finally {
    await http.close();
  }
}

function other(tenant: string): string {
  return TENANTS[(TENANTS.indexOf(tenant) + 1) % TENANTS.length] ?? tenant;
}

function ofAnother(engine: Engine): Engine {
  return { batchCheck: (batch) => engine.batchCheck({ ...batch, tenant: other(batch.tenant) }) };
}

function through(identity: Identity, change: (principal: Principal) => Partial<Principal>): Identity {
  return {
    ...identity,
    async verify(presented) {
      const credentials = await identity.verify(presented);
      const { principal } = credentials;
      return { ...credentials, principal: { ...principal, ...change(principal) } };
    },
  };
}

function asking(engine: Engine, change: (check: Check) => Check): Engine {
  return { batchCheck: (batch) => engine.batchCheck({ ...batch, checks: batch.checks.map(change) }) };
}

/** Undefined: as the engine says. */
function answering(engine: Engine, answer: (check: Check) => boolean | undefined): Engine {
  return spoiled(engine, (results, { checks }) => {
    const asked = new Map(checks.map((check) => [check.correlationId, check]));
    return results.map((result) => {
      const check = asked.get(result.correlationId);
      return { ...result, allowed: (check && answer(check)) ?? result.allowed };
    });
  });
}

function remembering(engine: Engine): Engine {
  const known = new Map<string, boolean>();
  return spoiled(engine, (results, { tenant, checks }) => {
    const asked = new Map(checks.map((check) => [check.correlationId, check]));
    return results.map((result) => {
      const { user, relation, object } = asked.get(result.correlationId) ?? {};
      const key = [tenant, user, relation, object].join(' ');
      const allowed = known.get(key) ?? result.allowed;
      known.set(key, allowed);
      return { ...result, allowed };
    });
  });
}

function standing(forWhom: (entry: string) => readonly string[]): Members {
  return { of: async (_, entry) => ({ kind: 'people', people: forWhom(entry), exact: true }) };
}
