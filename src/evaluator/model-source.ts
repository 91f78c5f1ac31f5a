import { errors, transformer, validator } from '@openfga/syntax-transformer';
import { ModelError } from './errors.ts';

export type ModuleFile = { readonly name: string; readonly contents: string };

export function jsonFromDsl(dsl: string): unknown {
  return readable(() => {
    validate(dsl);
    return transformer.transformDSLToJSONObject(dsl);
  });
}

/**
 * For the line numbers of its messages: whatever it lets pass is checked again. It crashes on some valid
 * models (0.2.2: `x from parent` where `parent` allows a type with a condition), which must not refuse them.
 */
function validate(dsl: string): void {
  try {
    validator.validateDSL(dsl);
  } catch (error) {
    if (error instanceof errors.BaseMultiError) throw error;
  }
}

export function jsonFromModules(files: readonly ModuleFile[], schemaVersion: string): unknown {
  return readable(() => transformer.transformModuleFilesToModel([...files], schemaVersion));
}

/** The transformer's errors as one that a person can act on. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ModelError(problemsOf(error).join('\n'), { cause: error });
  }
}

function problemsOf(error: unknown): string[] {
  if (error instanceof errors.BaseMultiError) return error.errors.flatMap(problemsOf);
  if (error instanceof errors.BaseError) {
    const line = error.line ? `line ${error.line.start + 1}: ` : '';
    return [`${error.file ? `${error.file}: ` : ''}${line}${error.msg}`];
  }
  return [error instanceof Error ? error.message : String(error)];
}
