import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRelationships } from '../../ingest/write-relationships.ts';
import { registerAgent } from '../../src/agents/registry.ts';
import { openService, type Service } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { registerSource } from '../../src/sources/registry.ts';
import { principalOf } from '../contract/store/stores.ts';
import { freshFolder } from '../support/cli.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { put } from '../support/seed.ts';

describe.skipIf(realParts() === undefined)('in production mode, on real parts', () => {
  let installation: Installation;
  let service: Service;
  const principal = principalOf('default');
  const hr = { principal, source: 'hr', admin: false };
  const member = { user: 'user:eve', relation: 'member', object: 'group:eng' };

  beforeAll(async () => {
    const key = join(freshFolder(), 'audit-key.pem');
    writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }));
    installation = await install({
      CLEARANCE_MODE: 'production',
      OIDC_ISSUER: 'https://issuer.example',
      AUDIT_SIGNING_KEY: key,
    });
    service = await openService(readConfig(installation.env), () => {});
  });
  afterAll(async () => {
    await service?.close();
    await installation?.close();
  });

  it('a source writes nothing until it is registered, and then what it was granted', async () => {
    const refused = { code: 'source_not_allowed' };
    await expect(put(service.write, hr, 'plan', 'The plan.', ['user:anne'])).rejects.toMatchObject(refused);
    await registerSource(service.registry, principal, 'hr', {
      owner: 'user:carl',
      purpose: 'The HR system.',
      grants: [{ type: 'group', relations: ['member'] }],
    });
    expect(await put(service.write, hr, 'plan', 'The plan.', ['user:anne'])).toMatchObject({
      status: 'published',
    });
    expect(await writeRelationships(service.write, hr, { writes: [member] })).toEqual({
      written: 1,
      deleted: 0,
    });
    // The store's copy has what we have written: it is what the audit trail says was there before.
    expect(await service.write.copy.among('default', [member])).toEqual([member]);
  });

  it('a rule or a grant on what the pinned model lacks is refused', async () => {
    const refused = { code: 'invalid_request' };
    const source = {
      owner: 'user:carl',
      purpose: 'Another.',
      grants: [{ type: 'ship', relations: ['crew'] }],
    };
    await expect(registerSource(service.registry, principal, 'it', source)).rejects.toMatchObject(refused);
    const agent = {
      owner: 'user:carl',
      purpose: 'Answers.',
      risk_class: 'low' as const,
      expires_at: new Date(Date.now() + 60_000).toISOString(),
      access: { rules: [{ relation: 'can_fly', rule: 'never' as const }] },
    };
    await expect(registerAgent(service.registry, principal, 'bot', agent)).rejects.toMatchObject(refused);
  });
});
