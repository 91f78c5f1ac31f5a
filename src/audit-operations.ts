import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import pg from 'pg';
import { auditKeys, publicKeys } from './adapters/audit-keys.ts';
import { postgresDecisions } from './adapters/postgres/audit.ts';
import { postgresArchive } from './adapters/postgres/audit-archive.ts';
import type { Database } from './adapters/postgres/database.ts';
import { eraseName, prune } from './audit/archive.ts';
import { explainRecord } from './audit/explain.ts';
import { exportOcsf, exportTrail, type Selection } from './audit/export.ts';
import { type ExportVerification, verifyExport } from './audit/export-file.ts';
import type { AuditKeys, PublicKeys } from './audit/keys.ts';
import { trailRules } from './audit/rules.ts';
import { type Verification, verifyTrail } from './audit/verify.ts';
import type { Config } from './config.ts';
import { withTrail } from './operations.ts';
import { openStore } from './parts.ts';
import type { TrailArchive } from './ports/audit-store.ts';
import { StartupError } from './types/errors.ts';

/** What an operator does with the audit trail: as the owner of its tables, but for `explainDecision`. */

/** Whose signatures are to count: of the files given, else of the configured key. */
export async function trustedKeys(config: Config, files: readonly string[]): Promise<PublicKeys> {
  return files.length > 0 ? publicKeys(files) : (await ownKeys(config)).trusted;
}

const ownKeys = ({ auditSigningKey, dataDir }: Config) => auditKeys(auditSigningKey, dataDir);

/** The public keys, as a JWK Set: what who verifies needs. */
export async function publicAuditKeys(config: Config): Promise<string> {
  const { trusted } = await ownKeys(config);
  const keys = [...trusted].map(([kid, key]) => ({
    ...key.export({ format: 'jwk' }),
    kid,
    alg: 'EdDSA',
    use: 'sig',
  }));
  return JSON.stringify({ keys }, undefined, 2);
}

/** Each tenant's trail. With an export of before: that one's tenant alone, whose trail has to go on from it. */
export async function verifyStore(
  config: Config,
  keyFiles: readonly string[],
  exported: string | undefined,
): Promise<readonly (Verification & { readonly tenant: string })[]> {
  const trusted = await trustedKeys(config, keyFiles);
  const before = exported === undefined ? undefined : await verifyFile(exported, trusted);
  if (before !== undefined && (before.problemCount > 0 || before.lastCheckpoint === undefined)) {
    throw new StartupError(
      `${exported} is no whole export that proves itself: ${before.problems[0] ?? 'it has no checkpoint'}.`,
    );
  }
  return withArchive(config, async (archive) => {
    const found: (Verification & { tenant: string })[] = [];
    const tenants = before?.head === undefined ? await archive.tenants() : [before.head.tenant];
    for (const tenant of tenants) {
      found.push({
        tenant,
        ...(await verifyTrail(archive, tenant, trusted, trailRules, before?.lastCheckpoint)),
      });
    }
    return found;
  });
}

export function verifyFile(path: string, trusted: PublicKeys): Promise<ExportVerification> {
  return verifyExport(linesOf(path), trusted);
}

/** Lines with their ends, of bytes that are UTF-8: what is not becomes something that no export holds. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  try {
    for await (const chunk of createReadStream(path)) {
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield `${line}\n`;
    }
  } catch (error) {
    throw new StartupError(`${path} can't be read: ${error instanceof Error ? error.message : ''}`);
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

export type Format = 'ndjson' | 'ocsf';

/** Gives the lines to `write`, and says what was found wrong with the trail on the way. */
export function exportStore(
  config: Config,
  tenant: string,
  format: Format,
  selection: Selection,
  write: (lines: AsyncIterable<string>) => Promise<void>,
): Promise<Verification | undefined> {
  return withArchive(config, async (archive, _database, keys) => {
    let found: Verification | undefined;
    const lines = format === 'ocsf' ? exportOcsf : exportTrail;
    await write(
      lines(archive, keys, tenant, selection, (verification) => {
        found = verification;
      }),
    );
    return found;
  });
}

export function pruneStore(config: Config, tenant: string, before: Date) {
  return withArchive(config, (archive, _database, keys) => prune(archive, keys, tenant, before));
}

export function erasePerson(config: Config, tenant: string, name: string): Promise<string> {
  return withArchive(config, (archive, database) =>
    withTrail(config, database, (audit) => eraseName(archive, audit, tenant, name, randomUUID())),
  );
}

/** Sentences, or undefined where there is no such decision. */
export async function explainDecision(
  config: Config,
  tenant: string,
  decisionId: string,
): Promise<{ readonly at: Date; readonly lines: readonly string[] } | undefined> {
  const store = await openStore(config);
  try {
    const found = await postgresDecisions(store.database).find(tenant, decisionId);
    return found && { at: found.at, lines: explainRecord(found) };
  } finally {
    await store.close();
  }
}

async function withArchive<T>(
  config: Config,
  work: (archive: TrailArchive, database: Database, keys: AuditKeys) => Promise<T>,
): Promise<T> {
  const keys = await ownKeys(config);
  const store = await openStore(config, true);
  try {
    return await work(postgresArchive(store.database), store.database, keys);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== '42501') throw error;
    throw new StartupError(
      'This role may not do that to the audit trail: set DATABASE_MIGRATION_URL to the login of the owner of its tables.',
      { cause: error },
    );
  } finally {
    await store.close();
  }
}
