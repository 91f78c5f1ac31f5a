import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BatchCheck, Engine } from '../../src/ports/engine.ts';
import type { SessionWatch } from '../../src/ports/session-watch.ts';
import { openSessionStreams, type SessionStreams } from '../../src/retrieve/session-streams.ts';
import type { Presented } from '../../src/types/presented.ts';
import type { Credentials } from '../../src/types/principal.ts';
import type { SessionEvent } from '../../src/types/session.ts';
import { principalOf } from '../contract/store/stores.ts';
import { noAgents } from '../support/rules.ts';

const PATIENCE = { timeout: 5_000, interval: 20 };
/** Of some looks at the store. */
const A_WHILE_MS = 1_000;
const aWhile = () => new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));

let streams: SessionStreams | undefined;
let hanging: PromiseWithResolvers<void>[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const each of hanging) each.resolve();
  hanging = [];
  await streams?.close();
});

/** Sessions that each remember a document of their own name; the token is the tenant's name. */
function world() {
  const state = {
    /** Of each tenant. */
    versions: new Map<string, number>(),
    denied: new Set<string>(),
    replaced: new Set<string>(),
    failing: new Set<string>(),
    /** Sessions about which the engine says nothing until it is let. */
    hangs: new Map<string, PromiseWithResolvers<void>>(),
    /** Sessions in the order in which they were asked about. */
    asked: [] as string[],
  };
  const engine: Engine = {
    async batchCheck({ checks }: BatchCheck) {
      const session = checks[0]?.object.slice('document:'.length) ?? '';
      state.asked.push(session);
      await state.hangs.get(session)?.promise;
      if (state.failing.has(session)) throw new Error('down');
      return checks.map(({ correlationId }) => ({ correlationId, allowed: !state.denied.has(session) }));
    },
  };
  const watch: SessionWatch = {
    look: async () => ({ versions: new Map(state.versions), revoked: new Set(), over: new Set() }),
  };
  streams = openSessionStreams(
    {
      identity: {
        verify: async (presented) => credentialsOf(presented),
        // One question answers for several tokens, of which one that has ended must not keep the others from being told.
        requireStanding: () => Promise.reject(new Error('of one token')),
      },
      sessions: {
        remembered: async (id) => ({
          expiresAt: new Date(Date.now() + 3_600_000),
          documents: [{ documentId: id, version: 1, audience: [], current: !state.replaced.has(id) }],
        }),
        create: async () => {},
        isOpen: async () => true,
        end: async () => true,
        endAnyones: async () => true,
      },
      engine,
      relationships: { watermark: async () => '1' },
      guarded: { type: 'document', relation: 'can_read' },
      rules: noAgents,
    },
    { watch, agents: noAgents.agents, requireDelegated: async () => {} },
    () => {},
  );
  const opened = streams;
  return {
    ...state,
    change: (tenant: string) => state.versions.set(tenant, (state.versions.get(tenant) ?? 1) + 1),
    hang: (...sessions: readonly string[]) => {
      for (const session of sessions) {
        const hang = Promise.withResolvers<void>();
        hanging.push(hang);
        state.hangs.set(session, hang);
      }
    },
    /** What is said to somebody who listens. */
    listen: async (tenant: string, session: string) => {
      if (!state.versions.has(tenant)) state.versions.set(tenant, 1);
      const said: SessionEvent[] = [];
      await opened.open(tenant, session, {
        send: (event) => said.push(event),
        beat: () => {},
        end: () => {},
      });
      return said;
    },
  };
}

function credentialsOf(presented: Presented): Credentials {
  const tenant = typeof presented === 'string' ? presented : '';
  const token = { issuer: 'test', hash: tenant };
  const expiresAt = new Date(Date.now() + 3_600_000);
  return { principal: principalOf(tenant), token, scopes: new Set(['retrieve']), expiresAt };
}

const names = (said: readonly SessionEvent[]) => said.map(({ event }) => event);
const says = (said: readonly SessionEvent[], ...events: string[]) =>
  vi.waitFor(() => expect(names(said)).toEqual(events), PATIENCE);

describe('a stream', () => {
  it('says of all that may not be used, each time; and of what is outdated, once as long as it is', async () => {
    const { listen, change, denied, replaced } = world();
    const said = await listen('a', 'plan');
    await says(said, 'confirmed');
    denied.add('plan');
    change('a');
    await says(said, 'confirmed', 'drop');
    // It may have been given anew in between, as the same version.
    change('a');
    await says(said, 'confirmed', 'drop', 'drop');
    denied.clear();
    replaced.add('plan');
    change('a');
    await says(said, 'confirmed', 'drop', 'drop', 'outdated');
    change('a');
    await aWhile();
    expect(names(said).filter((event) => event === 'outdated')).toHaveLength(1);
    replaced.clear();
    change('a');
    await aWhile();
    replaced.add('plan');
    change('a');
    await says(said, 'confirmed', 'drop', 'drop', 'outdated', 'outdated');
  });

  it('is asked about once more when all is over that was on its way as it was opened', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { listen, asked, denied } = world();
    const said = await listen('a', 'plan');
    await says(said, 'confirmed');
    denied.add('plan');
    await aWhile();
    expect(asked).toEqual(['plan']);
    vi.setSystemTime(Date.now() + 26_000);
    await says(said, 'confirmed', 'drop');
  });

  it('is asked about again for a change that comes while it is asked about', async () => {
    const { listen, change, hang, hangs, asked } = world();
    hang('plan');
    const said = await listen('a', 'plan');
    await vi.waitFor(() => expect(asked).toHaveLength(1), PATIENCE);
    change('a');
    await aWhile();
    hangs.get('plan')?.resolve();
    await vi.waitFor(() => expect(asked).toHaveLength(2), PATIENCE);
    expect(names(said)).toEqual(['confirmed']);
  });

  it('shares a question with the others of its session, and not with those of somebody else', async () => {
    const { listen, change, asked } = world();
    const all = await Promise.all(Array.from({ length: 10 }, () => listen('a', 'plan')));
    const other = await listen('b', 'plan');
    for (const said of [...all, other]) await says(said, 'confirmed');
    asked.length = 0;
    change('a');
    change('b');
    await aWhile();
    expect(asked).toEqual(['plan', 'plan']);
  });

  it('is asked about ever less where that fails', async () => {
    const { listen, failing, asked } = world();
    failing.add('plan');
    const said = await listen('a', 'plan');
    await aWhile();
    await aWhile();
    await aWhile();
    // At once, after 1 s and after 2 s more; the engine is asked twice each time.
    expect(asked.length).toBeLessThanOrEqual(6);
    failing.clear();
    await says(said, 'confirmed');
  });

  it('is in doubt when a change waits long to be asked about', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { listen, change, hang, asked } = world();
    const said = await listen('b', 'quick');
    await says(said, 'confirmed');
    const slow = Array.from({ length: 4 }, (_, i) => `slow-${i}`);
    hang(...slow);
    await Promise.all(slow.map((session) => listen('a', session)));
    await vi.waitFor(() => expect(asked).toHaveLength(1 + slow.length), PATIENCE);
    change('b');
    await aWhile();
    expect(names(said)).toEqual(['confirmed']);
    vi.setSystemTime(Date.now() + 5_000);
    await says(said, 'confirmed', 'undetermined');
  });

  it('has its turn before the many of another tenant that have waited longer', async () => {
    const { listen, change, hang, hangs, asked } = world();
    const quick = await listen('b', 'quick');
    await says(quick, 'confirmed');
    const slow = Array.from({ length: 7 }, (_, i) => `slow-${i}`);
    hang(...slow);
    for (const session of slow) await listen('a', session);
    await vi.waitFor(() => expect(asked).toHaveLength(1 + 4), PATIENCE);
    change('b');
    await aWhile();
    hangs.get(asked[1] ?? '')?.resolve();
    const atWork = new Set(asked.slice(1, 5));
    const next = () => asked.slice(5).find((session) => !atWork.has(session));
    await vi.waitFor(() => expect(next()).toBe('quick'), PATIENCE);
  });
});
