import { readDocument } from '../../src/retrieve/read-document.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import type { AgentAccess } from '../../src/types/access.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { randomFrom } from '../bench/search/random.ts';
import type { Parts } from '../support/parts.ts';
import { put, writer } from '../support/seed.ts';
import { has, type Known, mayUse } from './truth.ts';

export type Faults = Partial<Pick<ReadPath, 'engine' | 'rules'>>;
export type Totals = { cases: number; withheld: number; never: number; full: number };

const PEOPLE = ['user:anne', 'user:bob'];
const AGENT = 'agent:bot';
const RELATIONS = ['viewer', 'editor', 'owner'];
const LABELS = ['pii', 'legal', 'draft'];
const USAGES = ['alone', 'approval', 'never'] as const;
const WORDS = ['harbour', 'crane', 'quay', 'tide', 'ledger', 'invoice'];
const QUERIES = ['harbour crane', 'quay', 'the tide of invoices', 'ledger'];
const DOCUMENTS = 12;

type Passage = { readonly chunkId: string; readonly documentId: string; readonly score: number };

/** Plays cases of random rules, labels, relationships and documents; throws on the first answer that is wrong, as `stopAt` says. */
export async function playWorlds(
  parts: Parts,
  tenant: string,
  cases: number,
  seed: number,
  faults: (read: ReadPath) => Faults = () => ({}),
  stopAt = /./,
): Promise<Totals> {
  const random = randomFrom(seed);
  const pick = <T>(some: readonly T[]): T => some[Math.floor(random() * some.length)] as T;
  const totals: Totals = { cases: 0, withheld: 0, never: 0, full: 0 };
  const documents = new Map<string, Known>();
  /** By query, until a document changes. */
  const rankings = new Map<string, readonly Passage[]>();
  const as = await writer(parts, { tenant });
  const token = new Map<string, string>();
  for (const person of PEOPLE) {
    token.set(person, await parts.token(person.slice('user:'.length), { tenant, actor: 'bot' }));
  }
  const all = await parts.token('root', { tenant });
  const read: ReadPath = { ...parts.read, ...faults(parts.read) };
  const unguarded: ReadPath = {
    ...parts.read,
    engine: {
      batchCheck: async ({ checks }) => checks.map(({ correlationId }) => ({ correlationId, allowed: true })),
    },
  };

  const renew = async (id: string) => {
    const labels = pick<unknown>([
      undefined,
      pick(LABELS),
      [pick(LABELS), pick(LABELS)],
      [],
      { name: 'pii' },
    ]);
    const relations = new Map(
      RELATIONS.map((relation) => [
        relation,
        new Set([...PEOPLE, AGENT].filter(() => random() < (relation === 'viewer' ? 0.75 : 0.25))),
      ]),
    );
    // One passage, or two of different length.
    const line = () => `${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)}.`;
    const text = random() < 0.7 ? line() : `${line().repeat(70)}\n\n# ${pick(WORDS)}\n\n${line()}`;
    // Everyone may be read by `root`, who is only asked for through an engine that allows all.
    await put(parts.write, as, id, text, ['user:root'], labels === undefined ? {} : { labels });
    const own = [...relations].flatMap(([relation, users]) =>
      [...users].map((user) => ({ user, relation, object: `document:${id}` })),
    );
    const before = await parts.write.relationships.ofObject(tenant, `document:${id}`);
    const wanted = new Set(own.map(({ user, relation }) => `${user} ${relation}`));
    await parts.write.relationships.write(tenant, {
      writes: own,
      deletes: before.filter(
        ({ user, relation }) => user !== 'user:root' && !wanted.has(`${user} ${relation}`),
      ),
    });
    documents.set(id, { id, labels, relations });
    rankings.clear();
  };
  const rankingOf = async (query: string): Promise<readonly Passage[]> => {
    const { results } = await retrieve(unguarded, all, { query, k: 50 });
    return results.map(({ chunk_id: chunkId, document_id: documentId, score }) => ({
      chunkId,
      documentId,
      score,
    }));
  };
  const fail = (problem: string) => {
    if (stopAt.test(problem)) throw new Error(problem);
  };
  const changeRules = async (): Promise<AgentAccess> => {
    const rules = Array.from({ length: Math.floor(random() * 4) }, () => {
      const rule = pick(USAGES);
      return random() < 0.5 ? { label: pick(LABELS), rule } : { relation: pick(RELATIONS), rule };
    });
    const access = { default: pick(['alone', 'alone', 'alone', 'approval', 'never'] as const), rules };
    const [agent] = await parts.registry.agents.find(tenant, ['bot']);
    if (agent === undefined) throw new Error('no agent');
    await parts.registry.agents.put(tenant, { ...agent, access }, agent.revision);
    return access;
  };

  for (let i = 0; i < DOCUMENTS; i += 1) await renew(`d${i}`);
  while (totals.cases < cases) {
    const access = await changeRules();
    if (random() < 0.5) await renew(pick([...documents.keys()]));
    for (let asked = 0; asked < 4; asked += 1) {
      totals.cases += 1;
      const person = pick(PEOPLE);
      const [query, k] = [pick(QUERIES), 1 + Math.floor(random() * 8)];
      const passages = rankings.get(query) ?? (await rankingOf(query));
      rankings.set(query, passages);
      const uses = new Map(
        [...documents.values()].map((each) => {
          const readable = has(each, person, 'can_read') && has(each, AGENT, 'can_read');
          const holds = (relation: string) => has(each, AGENT, relation);
          return [each.id, readable ? mayUse(each.labels, access, holds) : 'forbidden'] as const;
        }),
      );
      const world = `tenant ${tenant}, ${person}, k ${k}, "${query}", ${JSON.stringify({ access, uses: [...uses] })}`;
      const answer = await retrieve(read, token.get(person) ?? '', { query, k });
      const problem = wrong(answer, { passages, uses, k });
      if (problem !== undefined) fail(`${problem}\n${world}`);
      const values = [...uses.values()];
      if (answer.shortfall === 'approval_required') totals.withheld += 1;
      if (values.includes('never')) totals.never += 1;
      if (answer.results.length === k) totals.full += 1;

      const id = pick([...documents.keys()]);
      const expected = { alone: 'read', approval: 'approval_required' }[String(uses.get(id))] ?? 'not_found';
      const told = await readDocument(read, token.get(person) ?? '', id).then(
        () => 'read',
        (error: unknown) => (error instanceof ClearanceError ? error.code : String(error)),
      );
      if (told !== expected)
        fail(`${told === 'read' ? 'LEAK' : 'LOSS'}: ${id} is ${told}, not ${expected}\n${world}`);
    }
  }
  return totals;
}

type Expected = {
  readonly passages: readonly Passage[];
  readonly uses: ReadonlyMap<string, string>;
  readonly k: number;
};

function wrong(
  answer: Awaited<ReturnType<typeof retrieve>>,
  { passages, uses, k }: Expected,
): string | undefined {
  const of = (use: string) => passages.filter(({ documentId }) => uses.get(documentId) === use);
  const [may, withheld] = [of('alone'), of('approval')];
  const stray = answer.results.find(({ chunk_id }) => !may.some(({ chunkId }) => chunkId === chunk_id));
  if (stray !== undefined) return `LEAK: ${stray.document_id} is ${uses.get(stray.document_id)}`;
  const [best, given] = [may.slice(0, k), answer.results].map((some) => some.map(({ score }) => score));
  if (JSON.stringify(best) !== JSON.stringify(given)) return `LOSS: ${given?.join()} and not ${best?.join()}`;
  // Whatever comes before the last one given, or anything at all where fewer than k are given, is missed.
  const last = answer.results.length < k ? Number.NEGATIVE_INFINITY : (best?.at(-1) ?? 0);
  const missed = withheld.some(({ score }) => score > last);
  const told = answer.complete ? 'complete' : answer.shortfall;
  const expected = missed ? 'approval_required' : 'complete';
  return told === expected ? undefined : `It says ${told}, and is ${expected}`;
}
