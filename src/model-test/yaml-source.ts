import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { StoreError } from './store-error.ts';

type Path = readonly PropertyKey[];

/** `tests[0].check[2].user` */
export function pathText(path: Path): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

/** A YAML (or JSON) text which knows at what line each of its values stands. */
export class YamlSource {
  readonly file: string;
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #lines = new LineCounter();

  /** Throws `StoreError` where it is not YAML. */
  constructor(file: string, text: string) {
    this.file = file;
    // Merge keys (`<<`) are no part of YAML 1.2, but OpenFGA's own command line reads them.
    this.#document = parseDocument(text, { lineCounter: this.#lines, merge: true, prettyErrors: false });
    const problems = this.#document.errors.map(
      ({ pos, message }) => `${file}:${this.#lines.linePos(pos[0]).line}: ${message}`,
    );
    if (problems.length > 0) throw new StoreError(problems);
  }

  /** Throws `StoreError` with a line for everything that the schema refuses. */
  read<T>(schema: z.ZodType<T>): T {
    let value: unknown;
    try {
      // Throws for an alias without an anchor, and for aliases that multiply without end.
      value = this.#document.toJS();
    } catch (cause) {
      throw new StoreError([`${this.file}: ${cause instanceof Error ? cause.message : String(cause)}`], {
        cause,
      });
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw new StoreError(result.error.issues.flatMap((issue) => this.#problems(issue)));
  }

  /** `store.fga.yaml:12: tests[0].check[2].user` */
  place(path: Path): string {
    const line = this.#line(path);
    return [line ? `${this.file}:${line}` : this.file, pathText(path)].filter(Boolean).join(': ');
  }

  #problems(issue: z.core.$ZodIssue): string[] {
    if (issue.code !== 'unrecognized_keys') return [`${this.place(issue.path)}: ${issue.message}`];
    return issue.keys.map((key) => `${this.place([...issue.path, key])}: unknown key`);
  }

  /** That of the value, or of the nearest one around it: what is missing has no line. */
  #line(path: Path): number | undefined {
    for (let length = path.length; length >= 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return this.#lines.linePos(node.range[0]).line;
    }
    return undefined;
  }
}
