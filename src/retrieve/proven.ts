import { type Engine, MAX_CHECKS_A_BATCH } from '../ports/engine.ts';
import type { Proofs } from '../ports/proofs.ts';
import { type TupleKey, tupleKey } from '../types/tuple.ts';
import { allowedBy, type Verdict } from '../types/verdict.ts';
import { askBatch } from './verdicts.ts';

/** Questions of one call, by their keys. */
type Call = Map<string, TupleKey>;
type Proof = { readonly call: Call; readonly questions: readonly TupleKey[] };

/** What to ask for some claims; a proof for each of those that have one. */
export type ProofPlan = { readonly proofs: readonly (Proof | undefined)[]; readonly calls: readonly Call[] };

/**
 * All that proves one claim is asked in one call, so no relationship counts that was found before another was looked for by a
 * later call: someone who leaves a group does not get what is put there afterwards.
 */
export function planProofs(
  { reasons, questionsOf }: Proofs,
  tenant: string,
  claims: readonly TupleKey[],
): ProofPlan {
  const chains = reasons.chains(tenant, claims);
  const calls: Call[] = [];
  const proofs = claims.map((claim, i): Proof | undefined => {
    const chain = chains[i];
    const questions = chain && questionsOf(claim, chain);
    return questions && { questions, call: callFor(calls, questions) };
  });
  return { proofs, calls };
}

export type Proven = {
  /** On those claims whose links are all allowed; undefined for the others, which have to be asked whole. */
  readonly verdicts: (Verdict | undefined)[];
  /** Whether the engine answered all that it was asked. */
  readonly answered: boolean;
};

export async function provenVerdicts(
  { proofs, calls }: ProofPlan,
  engine: Engine,
  tenant: string,
  signal: AbortSignal,
  onDenied: () => void,
): Promise<Proven> {
  const answers = new Map(
    await Promise.all(calls.map(async (call) => [call, await ask(engine, tenant, call, signal)] as const)),
  );
  const answered = [...answers.values()].every((kinds) => ![...kinds.values()].includes('undetermined'));
  const verdicts = proofs.map((proof) => {
    if (proof === undefined) return undefined;
    const kinds = proof.questions.map((question) => answers.get(proof.call)?.get(tupleKey(question)));
    if (kinds.length > 0 && kinds.every((kind) => kind === 'allowed'))
      return allowedBy({ links: proof.questions });
    // The first is of the principal, who may be denied what relationships lead to; the others are relationships themselves.
    if (kinds.indexOf('denied', 1) > 0) onDenied();
    return undefined;
  });
  return { verdicts, answered };
}

/** The last call, where there is room for what it doesn't ask yet, else a new one. */
function callFor(calls: Call[], questions: readonly TupleKey[]): Call {
  const last = calls.at(-1);
  const missing = questions.filter((question) => last?.has(tupleKey(question)) !== true);
  const call = last !== undefined && last.size + missing.length <= MAX_CHECKS_A_BATCH ? last : new Map();
  if (call !== last) calls.push(call);
  for (const question of questions) call.set(tupleKey(question), question);
  return call;
}

async function ask(
  engine: Engine,
  tenant: string,
  call: Call,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Verdict['kind'] | undefined>> {
  const verdicts = await askBatch(engine, tenant, [...call.values()], signal);
  return new Map([...call.keys()].map((key, i) => [key, verdicts[i]?.kind]));
}
