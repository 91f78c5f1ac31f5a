import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The text of a key that only its owner may read, made on first use. Of several who make it at once, all get the same. */
export async function keyFile(folder: string, name: string, make: () => Promise<string>): Promise<string> {
  const path = join(folder, name);
  return (await readExisting(path)) ?? (await create(folder, path, make));
}

/** `undefined` where there is no key yet; anything else that goes wrong is thrown. */
async function readExisting(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function create(folder: string, path: string, make: () => Promise<string>): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const text = await make();

  const draft = join(folder, `${randomUUID()}.draft`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    // A rename would replace the key of a process that was first; a link refuses, and its key is then ours too.
    await link(draft, path);
    return text;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return await readFile(path, 'utf8');
    throw error;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
