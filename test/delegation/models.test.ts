import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireMayAct } from '../../src/delegation/may-act.ts';
import type { Principal } from '../../src/types/principal.ts';
import { allowsAll } from '../support/engines.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  const model = join(import.meta.dirname, '../../models/time-bound.fga');
  world = await openWorld({ AUTHORIZATION_MODEL: model });
});
afterAll(() => world.close());

describe('under a model in which nobody can act for anyone', () => {
  it('nothing is exchanged, and the model is named as the reason', async () => {
    const form = { subject_token: await world.service.token('anne'), actor_token: await world.agent('a') };
    expect(await world.exchange(form)).toMatchObject({
      status: 400,
      body: {
        error: 'invalid_request',
        error_description: expect.stringContaining("has no relation 'can_act_for' on user"),
      },
    });
  });

  it('no chain is taken, and one agent by its issuer’s word is', async () => {
    const byOne = await world.service.token('anne', { actor: 'a' });
    expect(await world.finds(byOne)).toEqual(['mail', 'notice', 'plan']);
    const byTwo = await world.service.token('anne', { actor: ['b', 'a'] });
    expect(await world.finds(byTwo)).toEqual({ status: 403, code: 'delegation_not_allowed' });
  });
});

it('a name too long to be an object of relationships can’t be acted for, whatever the engine says', async () => {
  const delegations = { engine: allowsAll, defines: () => true };
  const of = (length: number) =>
    ({
      tenant: 'default',
      subject: `user:${'a'.repeat(length)}`,
      chain: ['agent:a'],
    }) as unknown as Principal;
  await expect(requireMayAct(delegations, of(251))).resolves.toBeUndefined();
  await expect(requireMayAct(delegations, of(252))).rejects.toMatchObject({ code: 'delegation_not_allowed' });
});
