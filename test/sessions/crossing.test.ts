import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putDocument } from '../../ingest/ingest.ts';
import { parseDocument } from '../../ingest/parse.ts';
import type { HandOvers } from '../../src/ports/hand-overs.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import type { Principal } from '../../src/types/principal.ts';
import { type Answer, type Http, serveHttp } from '../support/http.ts';
import { writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

/** `npm run test:crossing` sets it. */
const CONVERSATIONS = Number(process.env.CONVERSATIONS ?? 60);
const [PEOPLE, AGENTS] = CONVERSATIONS < 1_000 ? [12, 4] : [200, 20];
/** People and agents of the same names are in both, with documents of the same ids. */
const TENANTS = ['acme', 'globex'];
const TURNS = 2;

/** One person through one agent. */
type Party = {
  readonly tenant: string;
  readonly person: string;
  readonly agent: string;
  readonly token: string;
};
const nameOf = ({ tenant, person }: Pick<Party, 'tenant' | 'person'>) => `${person} of ${tenant}`;

describe(`${CONVERSATIONS} conversations at once of ${PEOPLE} people through ${AGENTS} agents`, () => {
  let service: TestService;
  let parties: Party[];

  beforeAll(async () => {
    service = await openTestService({ MAX_REQUESTS_IN_FLIGHT: '64', RATE_LIMIT_PER_MINUTE: '1000000' });
    const agents = Array.from({ length: AGENTS }, (_, a) => `agent-${a}`);
    for (const tenant of TENANTS) {
      const as = await writer(service, { tenant });
      for (let p = 0; p < PEOPLE / TENANTS.length; p += 1) {
        const person = `person-${p}`;
        const readers = [`user:${person}`, ...agents.map((agent) => `agent:${agent}`)];
        const body = {
          title: 'Diary',
          text: `The diary of ${nameOf({ tenant, person })}.`,
          relationships: readers.map((user) => ({ user, relation: 'viewer' })),
        };
        await putDocument(service.write, as, parseDocument(`diary-${p}`, body));
      }
    }
    parties = [];
    for (let c = 0; c < CONVERSATIONS; c += 1) {
      const tenant = TENANTS[c % TENANTS.length] ?? '';
      const person = `person-${Math.floor(c / TENANTS.length) % (PEOPLE / TENANTS.length)}`;
      const agent = agents[c % AGENTS] ?? '';
      parties.push({ tenant, person, agent, token: await service.token(person, { tenant, actor: agent }) });
    }
  }, 240_000);
  afterAll(() => service.close());

  it('never meet', { timeout: 300_000 }, async () => {
    const found = await converse(service.read);
    expect(found.crossings).toEqual([]);
    expect(found.given).toBe(CONVERSATIONS * TURNS);
    expect(found.remembered).toBe(CONVERSATIONS);
  });

  const careless: Record<string, (read: ReadPath) => ReadPath> = {
    'whose session it is does not count': (read) => {
      const owners = new Map<string, Principal>();
      const sessions: Sessions = {
        ...read.sessions,
        async create(session) {
          owners.set(session.id, session.principal);
          await read.sessions.create(session);
        },
        isOpen: async (id) => owners.has(id),
        remembered: (id, principal, now) => read.sessions.remembered(id, owners.get(id) ?? principal, now),
      };
      return { ...read, sessions };
    },
    'what is given is remembered in the session that was started last': (read) => {
      let last = '';
      const sessions: Sessions = {
        ...read.sessions,
        async create(session) {
          await read.sessions.create(session);
          last = session.id;
        },
      };
      const handOvers: HandOvers = {
        confirm: ({ session, ...rest }) =>
          read.handOvers.confirm({ ...rest, ...(session && { session: { ...session, id: last } }) }),
      };
      return { ...read, sessions, handOvers };
    },
  };

  it.each(Object.entries(careless))(
    'and the test sees it where %s',
    { timeout: 300_000 },
    async (_, spoil) => {
      const { crossings } = await converse(spoil(service.read));
      expect(crossings.length).toBeGreaterThan(0);
    },
  );

  /** All at the same time, each under the same request id; and each tries what its neighbours hold. */
  async function converse(read: ReadPath) {
    const http = await serveHttp({ ...service, read });
    const crossings: string[] = [];
    let [given, remembered] = [0, 0];
    const ids: string[] = [];
    const told = (who: Party, what: string) => crossings.push(`${nameOf(who)} through ${who.agent}: ${what}`);
    await atOnce(parties, async (party, c) => {
      let session: string | undefined;
      for (let turn = 0; turn < TURNS; turn += 1) {
        const json = { query: 'diary', k: 10, ...(session === undefined ? {} : { session_id: session }) };
        const { status, text, body } = await send(http, party, 'POST', '/v1/retrieve', json);
        if (status !== 200) told(party, `was answered ${status}`);
        session ??= String(body.session_id);
        if (body.session_id !== session) told(party, "was answered in another's session");
        const owners = [...text.matchAll(/The diary of (\S+ of \w+)\./g)].map(([, owner]) => owner);
        if (owners.join() === nameOf(party)) given += 1;
        else told(party, `was given the diaries of ${owners.join()}`);
      }
      ids[c] = session ?? '';
    });
    if (new Set(ids).size < ids.length) crossings.push("somebody was given another's session");
    await atOnce(parties, async (party, c) => {
      const own = `diary-${party.person.slice('person-'.length)}`;
      const { body } = await send(http, party, 'POST', `/v1/sessions/${ids[c]}/revalidate`);
      const kept =
        (body.keep as { document_id: string }[] | undefined)?.map((each) => each.document_id) ?? [];
      if (kept.join() === own) remembered += 1;
      else told(party, `remembers ${kept.join()}`);
      // The neighbour is of another tenant; the one after of the same, and another person.
      for (const step of [1, 2]) {
        const id = ids[(c + step) % ids.length];
        for (const [method, path, json] of [
          ['POST', `/v1/sessions/${id}/revalidate`],
          ['POST', '/v1/retrieve', { query: 'diary', session_id: id }],
        ] as const) {
          const { status } = await send(http, party, method, path, json);
          if (status !== 404) told(party, `reaches another's session by ${method} ${path}`);
        }
      }
    });
    await http.close();
    return { crossings, given, remembered };
  }
});

/** Until it is answered: a machine that does much else may be late. */
async function send(
  http: Http,
  { token }: Party,
  method: string,
  path: string,
  json?: unknown,
): Promise<Answer> {
  const sent = { token, headers: { 'x-request-id': '1' }, ...(json === undefined ? {} : { json }) };
  for (let tries = 1; ; tries += 1) {
    const answer = await http.send(method, path, sent);
    if (answer.status !== 503 || tries === 20) return answer;
  }
}

const CONNECTIONS = 30;

async function atOnce<T>(all: readonly T[], work: (each: T, at: number) => Promise<void>): Promise<void> {
  const waiting = [...all.entries()];
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        await work(next[1], next[0]);
    }),
  );
}
