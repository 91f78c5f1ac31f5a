import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Crossings } from './crossings.ts';
import { type Person, questionOf } from './people.ts';

export type Outcome = {
  readonly status: number;
  /** Of a refusal; `broken` where the connection ended without an answer. */
  readonly code?: string;
  /** Seconds. */
  readonly retryAfter?: number;
  readonly ms: number;
};

/** One client on one connection. Its answers go through `crossings`; refusals are only counted. */
export class Client {
  readonly #name: string;
  readonly #person: Person;
  readonly #people: readonly Person[];
  readonly #target: URL;
  readonly #token: string;
  readonly #crossings: Crossings;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #session: string | undefined;
  #asked = 0;

  constructor(
    name: string,
    person: Person,
    {
      people,
      url,
      token,
      crossings,
    }: {
      readonly people: readonly Person[];
      readonly url: string;
      readonly token: string;
      readonly crossings: Crossings;
    },
  ) {
    this.#name = name;
    this.#person = person;
    this.#people = people;
    this.#target = new URL('/v1/retrieve', url);
    this.#token = token;
    this.#crossings = crossings;
  }

  /** The next question, in the session that the first answer began. */
  async ask(): Promise<Outcome> {
    const asked = questionOf(this.#people, this.#person, this.#asked);
    this.#asked += 1;
    const session = this.#session === undefined ? {} : { session_id: this.#session };
    const begin = performance.now();
    let answer: Awaited<ReturnType<Client['send']>>;
    try {
      answer = await this.send(JSON.stringify({ query: asked.query, k: asked.k, ...session }));
    } catch {
      return { status: 0, code: 'broken', ms: performance.now() - begin };
    }
    const { status, body, retryAfter } = answer;
    const ms = performance.now() - begin;
    if (status === 200) {
      this.#session = this.#crossings.see(this.#name, this.#person, asked, body);
      return { status, ms };
    }
    const { code = 'none' } = JSON.parse(body) as { code?: string };
    return { status, code, ms, ...(retryAfter === undefined ? {} : { retryAfter: Number(retryAfter) }) };
  }

  close(): void {
    this.#agent.destroy();
  }

  private send(body: string): Promise<{ status: number; body: string; retryAfter?: string | undefined }> {
    const { promise, resolve, reject } = Promise.withResolvers<{
      status: number;
      body: string;
      retryAfter?: string | undefined;
    }>();
    const headers = {
      authorization: `Bearer ${this.#token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    request(this.#target, { method: 'POST', agent: this.#agent, headers }, (response) => {
      text(response).then(
        (read) =>
          resolve({
            status: response.statusCode ?? 0,
            body: read,
            retryAfter: response.headers['retry-after'],
          }),
        reject,
      );
    })
      .on('error', reject)
      .end(body);
    return promise;
  }
}
