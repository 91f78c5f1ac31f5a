import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OPENFGA_VERSION } from '../../scripts/parts/install-openfga.ts';
import { readConfig } from '../../src/config.ts';
import { POSTGRES_IMAGE } from '../support/containers.ts';
import { realParts } from '../support/real-parts.ts';
import { environmentOf, filled, interpolate, read, root, services } from './compose-file.ts';

describe('docker-compose.yml', () => {
  test('gives Clearance a configuration that it takes, and no variable that it does not read', () => {
    const known = read('src/config.ts');
    for (const name of ['clearance', 'clearance-migrate']) {
      const environment = environmentOf(name);
      expect(() => readConfig(environment)).not.toThrow();
      for (const variable of Object.keys(environment)) expect(known).toContain(`${variable}: `);
    }
    const config = readConfig(environmentOf('clearance'));
    expect(config.mode).toBe('development');
    expect(config.metrics).toEqual({ host: '0.0.0.0', port: 9464 });
    expect(config.openfga?.credentials).toEqual({ kind: 'token', token: filled.OPENFGA_API_TOKEN });
  });

  test('takes production and its issuer from .env', () => {
    const production = {
      ...filled,
      CLEARANCE_MODE: 'production',
      OIDC_ISSUER: 'https://issuer.example.com',
      AUDIT_SIGNING_KEY: '/data/audit-key.pem',
    };
    const config = readConfig(environmentOf('clearance', production));
    expect(config.oidc).toEqual({ issuer: 'https://issuer.example.com', audience: 'clearance' });
    expect(config.auditSigningKey).toBe('/data/audit-key.pem');
    const withoutIssuer = { ...filled, CLEARANCE_MODE: 'production' };
    expect(() => readConfig(environmentOf('clearance', withoutIssuer))).toThrow('OIDC_ISSUER');
  });

  test('only the one-shot migration is given the role that owns the tables', () => {
    expect(environmentOf('clearance-migrate').DATABASE_MIGRATION_URL).toContain('//clearance_owner:');
    expect(JSON.stringify(environmentOf('clearance'))).not.toContain(filled.CLEARANCE_OWNER_PASSWORD);
    expect(environmentOf('clearance').DATABASE_URL).toContain('//clearance_app:');
  });

  test('says what to do where a secret is missing, and has none of its own', () => {
    for (const name of Object.keys(filled).filter((name) => filled[name]?.startsWith('secret-'))) {
      const without = { ...filled, [name]: '' };
      const all = (): unknown[] => Object.keys(services).map((service) => environmentOf(service, without));
      expect(all).toThrow(`${name}: copy .env.example to .env`);
    }
  });

  test('passes the init file what it asks for, and mounts files that are there', () => {
    const wanted = [...read('deploy/postgres-init.sql').matchAll(/^\\getenv \w+ (\w+)$/gm)].map(
      ([, name]) => name,
    );
    expect(wanted).toHaveLength(3);
    expect(Object.keys(environmentOf('postgres'))).toEqual(expect.arrayContaining(wanted));
    const mounted = Object.values(services)
      .flatMap(({ volumes = [] }) => volumes)
      .filter((volume) => volume.startsWith('./'))
      .map((volume) => volume.split(':')[0] ?? '');
    expect(mounted).toEqual(['./deploy/postgres-init.sql']);
    expect(existsSync(join(root, mounted[0] ?? ''))).toBe(true);
  });

  test('publishes on loopback only', () => {
    for (const { ports = [] } of Object.values(services)) {
      for (const port of ports) expect(interpolate(port, filled)).toMatch(/^127\.0\.0\.1:/);
    }
  });

  test('starts what waits for another once that one is ready', () => {
    const waits = Object.entries(services).flatMap(([name, { depends_on = {} }]) =>
      Object.entries(depends_on).map(([on, { condition }]) => `${name} ${on} ${condition}`),
    );
    expect(waits).toEqual([
      'openfga-migrate postgres service_healthy',
      'openfga openfga-migrate service_completed_successfully',
      'clearance-migrate postgres service_healthy',
      'clearance-migrate openfga service_healthy',
      'clearance clearance-migrate service_completed_successfully',
    ]);
  });

  test('pins what npm run parts and the containers of npm test use', () => {
    expect(services.openfga?.image).toBe(`openfga/openfga:${OPENFGA_VERSION}`);
    expect(services['openfga-migrate']?.image).toBe(services.openfga?.image);
    expect(services.postgres?.image).toBe(POSTGRES_IMAGE);
  });

  test.skipIf(realParts()?.native === undefined)("each of OpenFGA's settings is one of its flags", () => {
    const binary = realParts()?.native?.server.binary ?? '';
    const help = execFileSync(binary, ['run', '--help'], { encoding: 'utf8' });
    const settings = Object.keys(environmentOf('openfga'));
    expect(settings).toContain('OPENFGA_LOG_LEVEL');
    for (const setting of settings) {
      expect(help).toContain(` --${setting.replace('OPENFGA_', '').toLowerCase().replaceAll('_', '-')} `);
    }
  });
});
