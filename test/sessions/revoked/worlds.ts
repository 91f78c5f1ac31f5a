import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { RevocationRequest } from '../../../src/types/revocation.ts';
import type { Http } from '../../support/http.ts';

const ISSUER = 'clearance-development';

export type World = {
  token(subject: string, actor?: string): Promise<string>;
  /** Makes an agent known that may read what everyone may. */
  know(agent: string, owner: string): Promise<void>;
  readonly admin: string;
  /** Asked, and told of revocations, at random. */
  readonly doors: readonly Http[];
};

/** Everything that can be revoked, and how. `session`: in which is asked. */
type Kind = (victim: Victim) => RevocationRequest;
type Victim = {
  readonly person: string;
  readonly agent: string;
  readonly owner: string;
  readonly token: string;
  readonly session: string;
};

export const kinds: Readonly<Record<string, Kind>> = {
  token: ({ token }) => ({ kind: 'token', token }),
  jti: ({ token }) => ({ kind: 'jti', issuer: ISSUER, jti: String(decodeJwt(token).jti) }),
  session: ({ session }) => ({ kind: 'session', session_id: session }),
  person: ({ person }) => ({ kind: 'person', user: `user:${person}` }),
  login: ({ person }) => ({ kind: 'login', issuer: ISSUER, subject: person }),
  agent: ({ agent }) => ({ kind: 'agent', agent }),
  'agents of': ({ owner }) => ({ kind: 'agents_of', user: `user:${owner}` }),
};

export type Revoked = {
  readonly kind: string;
  /** Answers with text before the acknowledgement, so that there was something to stop. */
  readonly before: number;
  /** Answers with text whose end came after the acknowledgement. */
  readonly after: number;
  /** Milliseconds from the request to the acknowledgement. */
  readonly acknowledged: number;
  /** Milliseconds from the request to the end of the last answer with text, and from that to the acknowledgement. */
  readonly last: number;
};

const ASKING_AT_ONCE = 4;
const PATIENCE_MS = 60_000;
/** What was under way at the acknowledgement has ended by then. */
const WATCH_ON_MS = 2_000;

/** Somebody asks without end, several times at once, while what they ask with is revoked. */
export async function revokeOne(world: World, kind: string, request: Kind): Promise<Revoked> {
  const id = randomUUID();
  const [person, agent, owner] = [`p-${id}`, `a-${id}`, `o-${id}`];
  await world.know(agent, owner);
  const token = await world.token(person, agent);
  const started = await anyOf(world.doors).send('POST', '/v1/sessions', { token });
  const session = String(started.body.session_id);
  const given: number[] = [];
  const watching = new AbortController();
  const asking = Array.from({ length: ASKING_AT_ONCE }, async () => {
    while (!watching.signal.aborted) {
      const json = { query: 'harbour', session_id: session };
      const { status, text } = await anyOf(world.doors).send('POST', '/v1/retrieve', { token, json });
      if (status === 200 && text.includes('The harbour')) given.push(performance.now());
    }
  });
  // Else there is nothing to stop.
  for (const patience = performance.now() + PATIENCE_MS; given.length === 0; await sleep(20)) {
    if (performance.now() > patience) throw new Error(`${kind}: no answer to begin with`);
  }
  const began = performance.now();
  const victim = { person, agent, owner, token, session };
  const { status, text } = await anyOf(world.doors).send('POST', '/v1/revocations', {
    token: world.admin,
    json: request(victim),
  });
  const acknowledged = performance.now();
  if (status !== 200) throw new Error(`${kind}: ${status} ${text}`);
  await sleep(WATCH_ON_MS);
  watching.abort();
  await Promise.all(asking);
  const after = given.filter((at) => at > acknowledged).length;
  return {
    kind,
    before: given.length - after,
    after,
    acknowledged: acknowledged - began,
    last: Math.max(...given, began) - began,
  };
}

function anyOf<T>(all: readonly T[]): T {
  const one = all[Math.floor(Math.random() * all.length)];
  if (one === undefined) throw new Error('none');
  return one;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
