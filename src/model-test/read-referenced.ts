import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { StoreError } from './store-error.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a folder',
  EACCES: 'not allowed to read it',
};

/** Throws `StoreError`. `place` is where the name is written, if anywhere. */
export async function readText(file: string, place?: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new StoreError([[place, file, reasons[code ?? ''] ?? message].filter(Boolean).join(': ')], {
      cause,
    });
  }
}

/** The path of a file named in another one: relative to the folder of that other one. */
export function besides(referrer: string, name: string): string {
  return isAbsolute(name) ? name : join(dirname(referrer), name);
}
