import { createSign, KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';

export type SigningKey = Awaited<ReturnType<typeof signingKey>>;

export async function signingKey(kid: string, alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg };
  return { kid, alg, privateKey, jwk, pem: await exportSPKI(publicKey) };
}

/** Signs any claims under any header, so that a test can make exactly one thing wrong. */
export async function sign(
  key: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  const whole = { alg: key.alg, kid: key.kid, ...header } as JWTHeaderParameters;
  return await new SignJWT(claims).setProtectedHeader(whole).sign(key.privateKey, { crit: { odd: true } });
}

/** A good signature of an ES256 key under any header at all, one that no library would sign too. */
export function signRaw({ privateKey }: SigningKey, header: unknown, claims: unknown): string {
  const unsigned = assemble(header, claims).slice(0, -1);
  const key = KeyObject.from(privateKey);
  const signature = createSign('SHA256').update(unsigned).sign({ key, dsaEncoding: 'ieee-p1363' });
  return `${unsigned}.${signature.toString('base64url')}`;
}

/** A header and claims with no signature, or one given. */
export function assemble(header: unknown, claims: unknown, signature = ''): string {
  return `${encode(header)}.${encode(claims)}.${signature}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** An OpenID Connect issuer on this machine: its routes can be changed while it runs, and its requests are counted. */
export async function startIssuer() {
  const routes = new Map<string, unknown>();
  const redirects = new Map<string, string>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const found = routes.has(path);
    const moved = redirects.get(path);
    if (moved !== undefined) response.setHeader('location', moved);
    const status = moved === undefined ? (found ? 200 : 404) : 302;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(routes.get(path) ?? {}));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests,
    discovers(document: Record<string, unknown> = {}) {
      routes.set('/.well-known/openid-configuration', { issuer: url, jwks_uri: `${url}/keys`, ...document });
    },
    publishes(...keys: SigningKey[]) {
      routes.set('/keys', { keys: keys.map(({ jwk }) => jwk) });
    },
    answers(path: string, answer: unknown) {
      routes.set(path, answer);
    },
    withdraws(path: string) {
      routes.delete(path);
    },
    redirects(from: string, to: string) {
      redirects.set(from, to);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
