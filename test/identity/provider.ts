import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { z } from 'zod';

export const API = 'urn:clearance';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const REDIRECT_URI = 'http://127.0.0.1/callback';
const SECRET = 'a secret of the agent that is long enough';
const exchange = z.object({ subject_token: z.string(), resource: z.string() });

/** A certified OpenID provider in this process: who logs in is whom `login_hint` names, and everyone consents. */
export async function startProvider() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const names = { kid: 'provider', alg: 'ES256', use: 'sig' };
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), ...names }] });
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resourceServer = {
    audience: 'clearance',
    scope: 'retrieve',
    accessTokenFormat: 'jwt' as const,
    accessTokenTTL: 300,
    jwt: { sign: { alg: 'ES256' as const } },
  };
  const provider = new Provider(url, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), ...names }] },
    clients: [
      {
        client_id: 'app',
        application_type: 'native',
        redirect_uris: [REDIRECT_URI],
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
      },
      ...['support-bot', 'research-bot'].map((client_id) => ({
        client_id,
        client_secret: SECRET,
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials', TOKEN_EXCHANGE],
        id_token_signed_response_alg: 'ES256' as const,
      })),
    ],
    cookies: { keys: ['only for this test'] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: {
      Grant: 300,
      Interaction: 300,
      Session: 300,
      AccessToken: 300,
      ClientCredentials: 300,
      IdToken: 300,
    },
    extraTokenClaims: ({ oidc }) =>
      oidc.params?.['grant_type'] === TOKEN_EXCHANGE ? { act: { sub: oidc.client?.clientId } } : undefined,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => resourceServer,
        useGrantedResource: () => true,
      },
    },
  });
  provider.registerGrantType(TOKEN_EXCHANGE, (context) => exchangeToken(provider, context), [
    'subject_token',
    'subject_token_type',
    'resource',
  ]);

  /** RFC 8693 with nothing but what is asked here: a token of the person, of whom the client that asks is the actor. */
  async function exchangeToken(
    { AccessToken, ResourceServer }: Provider,
    context: TokenEndpointGrantContext,
  ): Promise<void> {
    const { client, params } = context.oidc;
    const { subject_token, resource } = exchange.parse(params);
    const { payload } = await jwtVerify(subject_token, keys, { issuer: url, audience: 'clearance' });
    const token = new AccessToken({
      client,
      accountId: payload.sub ?? '',
      grantId: 'exchanged',
      gty: 'token-exchange',
      scope: 'retrieve',
    });
    token.resourceServer = new ResourceServer(resource, resourceServer);
    context.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: token.expiration,
    };
  }

  const answer = provider.callback();
  server.on('request', (request, response) => {
    const interaction = request.url?.startsWith('/interaction/') === true;
    const done = interaction ? consent() : answer(request, response);
    done.catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });

    async function consent(): Promise<void> {
      const { params } = await provider.interactionDetails(request, response);
      const accountId = String(params['login_hint']);
      const grant = new provider.Grant({ accountId, clientId: String(params['client_id']) });
      grant.addOIDCScope('openid');
      grant.addResourceScope(API, 'retrieve');
      const result = { login: { accountId }, consent: { grantId: await grant.save() } };
      await provider.interactionFinished(request, response, result);
    }
  });
  return {
    url,
    secret: SECRET,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
