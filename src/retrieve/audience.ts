import type { Engine } from '../ports/engine.ts';
import type { Members } from '../ports/members.ts';
import { ClearanceError } from '../types/errors.ts';
import { orAborted } from '../types/or-aborted.ts';
import { type Principal, readersOf } from '../types/principal.ts';
import { Verdicts } from './verdicts.ts';

/** Whom one answer may be shown to, at most: each document is asked about for each of them. */
export const MAX_AUDIENCE = 100;

/** `nobody`: an entry stands for nobody, and `too_many` for more than can be asked about. Nothing is released to either. */
export type Audience = readonly string[] | 'nobody' | 'too_many';

/** All who must be able to read what is released; none where that can't be said, and then nothing is. */
export function readersFor(principal: Principal, audience: Audience): readonly string[] {
  return typeof audience === 'string' ? [] : [...new Set([...readersOf(principal), ...audience])];
}

/** The people whom an answer will be shown to. Each has to be allowed: a group may read what one of its members is denied. */
export async function audienceOf(
  { members, engine }: { readonly members: Members; readonly engine: Engine },
  tenant: string,
  entries: readonly string[],
  signal: AbortSignal,
): Promise<Audience> {
  const all = new Set<string>();
  for (const entry of new Set(entries)) {
    if (signal.aborted) throw noVerdict();
    const membership = await orAborted(members.of(tenant, entry, signal), signal, noVerdict);
    if (membership.kind !== 'people') return membership.kind;
    const { people, exact } = membership;
    const found = exact ? people : await confirmed(engine, tenant, entry, people, signal);
    if (found.length === 0) return 'nobody';
    for (const person of found) all.add(person);
  }
  return all.size > MAX_AUDIENCE ? 'too_many' : [...all];
}

/** Those of whom the engine says that they are in it. */
async function confirmed(
  engine: Engine,
  tenant: string,
  entry: string,
  people: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const hash = entry.lastIndexOf('#');
  const [object, relation] = [entry.slice(0, hash), entry.slice(hash + 1)];
  const questions = people.map((user) => ({ user, relation, object }));
  const found: string[] = [];
  let at = 0;
  for await (const verdicts of new Verdicts(engine, tenant, signal).on(questions)) {
    for (const { kind } of verdicts) {
      const person = people[at];
      at += 1;
      if (kind === 'undetermined') throw noVerdict();
      if (kind === 'allowed' && person !== undefined) found.push(person);
    }
  }
  return found;
}

function noVerdict(): ClearanceError {
  return new ClearanceError(
    'engine_unavailable',
    'The authorization engine did not say who is in the audience, so nothing was released. Try again.',
  );
}
