import { execFile } from 'node:child_process';
import { StartupError } from '../../src/types/errors.ts';

export type User = { readonly uid: number; readonly gid: number };

type Options = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Run as this user; needs root. */
  readonly as?: User | undefined;
};

/** Lines of a failed command's output that its error shows. */
const TAIL = 30;

/** Runs a command to its end and returns what it printed; its failure is an error that shows the end of that. */
export function run(command: string, args: readonly string[], options: Options = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = {
      maxBuffer: 100_000_000,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.as,
    };
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-TAIL).join('\n');
      reject(
        new StartupError(`Failed: ${command} ${args.join(' ')}\n${tail || error.message}`, { cause: error }),
      );
    });
    child.stdin?.end();
  });
}
