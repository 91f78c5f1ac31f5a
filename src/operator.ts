import { type Writer, writerOf } from '../ingest/writer.ts';
import { developmentIdentity, mintToken, type TokenRequest } from './adapters/jwt/development-issuer.ts';
import { developmentKeys } from './adapters/jwt/development-keys.ts';
import type { Config } from './config.ts';
import { StartupError } from './types/errors.ts';

/** A token of the development issuer. Reads only its keys, so it is quick and needs no store. */
export async function developmentToken({ dataDir, oidc }: Config, request: TokenRequest): Promise<string> {
  if (oidc !== undefined) {
    throw new StartupError(
      `Tokens come from ${'file' in oidc ? `the issuers in ${oidc.file}: unset OIDC_ISSUERS` : `${oidc.issuer}: unset OIDC_ISSUER`} to use the development issuer.`,
    );
  }
  return mintToken(await developmentKeys(dataDir), request);
}

/** Whoever holds the data folder is its operator, and may write everything in it. */
export async function operatorOf({ dataDir }: Config): Promise<Writer> {
  const keys = await developmentKeys(dataDir);
  const token = await mintToken(keys, { subject: 'operator', scopes: ['admin'], lifetime: 60 });
  return writerOf(await developmentIdentity(keys).verify(token));
}
