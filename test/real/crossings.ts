import { retrieveResponse } from '../../src/types/retrieval.ts';
import type { Asked, Person } from './people.ts';

/** Looks at every answer of a run: whose it is, and whether it is one to the question that was asked. */
export class Crossings {
  /** What is wrong with them, in words. */
  readonly found: string[] = [];
  readonly #clientOfSession = new Map<string, string>();
  readonly #decisions = new Set<string>();
  #answers = 0;

  get answers(): number {
    return this.#answers;
  }

  /** Returns the session, which is the client's alone from then on. */
  see(client: string, person: Person, { target }: Asked, body: string): string {
    this.#answers += 1;
    const { results, complete, session_id, decision_id } = retrieveResponse.parse(JSON.parse(body));
    const wrong = (what: string) => this.found.push(`${person.name}, asking for ${target.id}: ${what}`);

    const readable = new Map(person.readable.map((document) => [document.id, document]));
    for (const { document_id, text } of results) {
      const document = readable.get(document_id);
      if (document === undefined) wrong(`was given ${document_id}, which is another's`);
      else if (text !== document.text) wrong(`${document_id} came with the text of another`);
    }
    if (!complete || new Set(results.map(({ document_id }) => document_id)).size !== readable.size) {
      wrong(`not all that may be read: ${results.map(({ document_id }) => document_id).join(', ')}`);
    }
    if (readable.has(target.id) && results[0]?.document_id !== target.id)
      wrong('an answer to another question');

    if ((this.#clientOfSession.get(session_id) ?? client) !== client) wrong("another client's session");
    this.#clientOfSession.set(session_id, client);
    if (this.#decisions.has(decision_id)) wrong('a decision that was given before');
    this.#decisions.add(decision_id);
    return session_id;
  }
}
