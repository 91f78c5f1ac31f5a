import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonical, hashOf } from './canonical.ts';
import { type AuditKeys, type PublicKeys, signatureProblem, signHash } from './keys.ts';
import type { Rule } from './rules.ts';
import { trailRules } from './rules.ts';
import { type Verification, Verifier } from './verify.ts';

// An export: lines of canonical JSON. What it is, checkpoints, records, names, and a signed seal over every byte before it.

const signature = { key: z.string(), signature: z.string() };

export const exportHead = z.strictObject({
  kind: z.literal('export'),
  version: z.literal(1),
  tenant: z.string(),
  at: z.iso.datetime(),
  /** `all`: the whole trail, up to the last checkpoint in it. Else some of its records alone. */
  holds: z.enum(['all', 'agents', 'people']),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
});
export type ExportHead = z.infer<typeof exportHead>;

const line = z.discriminatedUnion('kind', [
  exportHead,
  z.strictObject({ kind: z.literal('checkpoint'), checkpoint: z.unknown(), ...signature }),
  z.strictObject({
    kind: z.literal('record'),
    record: z.unknown(),
    key: z.string().nullable(),
    signature: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('name'), name: z.string(), pseudonym: z.string(), salt: z.string() }),
  z.strictObject({
    kind: z.literal('seal'),
    /** Before it. */
    lines: z.int(),
    digest: z.string(),
    /** What was found wrong with the whole trail when this was made of it. */
    problems: z.int(),
    ...signature,
  }),
]);
export type ExportLine = z.infer<typeof line>;

/** Whether a file holds the trail with nothing left out, so that its records prove each other. */
export function isWhole({ holds, since, until }: ExportHead): boolean {
  return holds === 'all' && since === undefined && until === undefined;
}

/** Takes lines and gives them as they are written; the seal last. */
export class ExportWriter {
  readonly #digest = createHash('sha256');
  #lines = 0;

  line(value: Exclude<ExportLine, { kind: 'seal' }>): string {
    const text = `${canonical(value)}\n`;
    this.#digest.update(text);
    this.#lines += 1;
    return text;
  }

  seal(keys: AuditKeys, problems: number): string {
    const seal = { kind: 'seal', lines: this.#lines, digest: this.#digest.digest('hex'), problems } as const;
    return `${canonical({ ...seal, ...signHash(keys, 'export', hashOf(seal)) })}\n`;
  }
}

/** What else an export has to be, beside what the trail in it has to be. */
export type FileRules = { readonly form: boolean; readonly seal: boolean };

export type ExportVerification = Verification & { readonly head: ExportHead | undefined };

/** Verifies an export by itself: lines with their ends. Throws for nothing in it: what is wrong is among the problems. */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  trusted: PublicKeys,
  rules: Readonly<Record<string, Rule>> = trailRules,
  file: FileRules = { form: true, seal: true },
): Promise<ExportVerification> {
  const digest = createHash('sha256');
  let head: ExportHead | undefined;
  let verifier = new Verifier('', trusted, {});
  let [count, sealed] = [0, false];
  for await (const text of lines) {
    count += 1;
    const read = parseLine(text);
    if (read === undefined || (file.form && `${canonical(read)}\n` !== text))
      verifier.report(`line ${count} is not a line of an export as it was written`);
    if (sealed) {
      verifier.report(`line ${count} comes after the seal`);
      continue;
    }
    if (read?.kind === 'seal') {
      sealed = true;
      if (!file.seal) continue;
      for (const problem of sealProblems(read, count, digest.digest('hex'), trusted))
        verifier.report(problem);
      if (read.problems > 0)
        verifier.report(`the trail that it was made of had ${read.problems} problems then`);
      continue;
    }
    digest.update(text);
    if (read === undefined) continue;
    if ((count === 1) !== (read.kind === 'export')) verifier.report(`line ${count} is a "${read.kind}"`);
    else if (read.kind === 'export') {
      head = read;
      verifier = new Verifier(read.tenant, trusted, isWhole(read) ? rules : {});
    } else if (read.kind === 'checkpoint') verifier.checkpoint({ ...read, value: read.checkpoint });
    else if (read.kind === 'record') verifier.record(read);
    else verifier.person(read);
  }
  if (file.seal && !sealed) verifier.report('it ends without a seal: its end is missing');
  return { ...verifier.end(), head };
}

function* sealProblems(
  { key, signature, ...seal }: Extract<ExportLine, { kind: 'seal' }>,
  line: number,
  digest: string,
  trusted: PublicKeys,
): Iterable<string> {
  const problem = signatureProblem(trusted, 'export', hashOf(seal), { key, signature });
  if (problem !== undefined) yield `the seal ${problem}`;
  if (seal.digest !== digest || seal.lines !== line - 1) yield 'the seal is not of these lines';
}

function parseLine(text: string): ExportLine | undefined {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
