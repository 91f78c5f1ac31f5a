import { refused } from './refusal.ts';

/** How issuers name the grant by which a client asks for itself: Auth0 in `gty`, others in `grant_type`. */
const CLIENT_CREDENTIALS = /^client[-_]credentials$/;
/** What is said only of someone who has logged in: the time of it, and Okta's id of the person. */
const OF_A_LOGIN = ['auth_time', 'uid'];

type Payload = Readonly<Record<string, unknown>>;

/** Whom a token was given to: `cid` is Okta's name of it, and `appid` that of an older Entra. */
export function clientsIn({ client_id, azp, cid, appid }: Payload): ReadonlySet<string> {
  return new Set([client_id, azp, cid, appid].filter((client) => typeof client === 'string'));
}

/**
 * The client that asks for itself, which is an agent and nobody's person; undefined where the token is a person's. One that is
 * a machine's and does not say for certain which is refused: taken for a person it would pass by all that holds for agents.
 */
export function machineIn(payload: Payload): string | undefined {
  const { sub, client_id, idtyp } = payload;
  // RFC 9068, section 2.2.
  if (typeof client_id === 'string' && client_id === sub) return client_id;
  const clients = clientsIn(payload);
  // As its own subject, in Auth0's form of it, or where Entra says so.
  const [machine] = [...clients].filter(
    (client) => sub === client || sub === `${client}@clients` || idtyp === 'app',
  );
  if (machine === undefined) {
    if (isMachines(payload)) throw unclear('its subject ("sub") is not its client ("client_id", "azp")');
    return undefined;
  }
  if (clients.size > 1) throw unclear('it names several clients ("client_id", "azp", "cid", "appid")');
  const login = OF_A_LOGIN.find((claim) => claim in payload);
  if (login !== undefined) throw unclear(`it is also of someone who has logged in ("${login}")`);
  return machine;
}

function isMachines({ idtyp, gty, grant_type, preferred_username }: Payload): boolean {
  return (
    idtyp === 'app' ||
    [gty, grant_type].some((grant) => typeof grant === 'string' && CLIENT_CREDENTIALS.test(grant)) ||
    // Keycloak's. A person may have taken such a name, and is refused too.
    (typeof preferred_username === 'string' && preferred_username.startsWith('service-account-'))
  );
}

function unclear(why: string) {
  return refused(`it is a machine's, and does not say for certain which agent asks: ${why}.`);
}
