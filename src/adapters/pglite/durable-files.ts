import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeFS } from '@electric-sql/pglite/nodefs';

type Stream = { readonly nfd?: number; readonly node: unknown };
/** The part of Emscripten's NODEFS that is changed here; its typings leave it out. */
type HostFiles = {
  readonly stream_ops: { fsync?: (stream: Stream) => number };
  realPath(node: unknown): string;
};
type Init = NodeFS['init'];

/** Files synced at once; libuv runs four. */
const SYNCS_AT_ONCE = 8;

/**
 * PGlite's file system on the host's, with an fsync that is one: PGlite's own does nothing, so that a commit
 * would outlive its process but not a power failure. Reaches only `fsync`, not `fdatasync`.
 */
export class DurableFiles extends NodeFS {
  /** The file system's time at which every file was synced; those not changed since need no other sync. */
  #syncedAt = Number.NEGATIVE_INFINITY;
  readonly #folder: string;

  constructor(folder: string) {
    super(folder);
    this.#folder = folder;
  }

  /**
   * Syncs every file there is. Recovery after a crash wants that too, but one file after another (2,111 took
   * 8 s); this takes 0.1 to 0.5 s. `clockFile` is a file written just now.
   */
  async syncAll(clockFile: string): Promise<void> {
    const entries = await readdir(this.#folder, { recursive: true, withFileTypes: true });
    const paths = entries.map((entry) => join(entry.parentPath, entry.name));
    const worker = async (): Promise<void> => {
      for (let path = paths.pop(); path; path = paths.pop()) {
        await using file = await open(path);
        await file.sync();
      }
    };
    const { ctimeMs } = await stat(clockFile);
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, worker));
    this.#syncedAt = ctimeMs;
  }

  /** From now on every fsync is carried out. */
  syncAlways(): void {
    this.#syncedAt = Number.NEGATIVE_INFINITY;
  }

  override async init(...[database, options]: Parameters<Init>): ReturnType<Init> {
    const { emscriptenOpts } = await super.init(database, options);
    const install: NonNullable<typeof emscriptenOpts.preRun>[number] = (module) => {
      const files = module.FS.filesystems.NODEFS as unknown as HostFiles;
      files.stream_ops.fsync = (stream) => {
        this.#sync(stream, files);
        return 0;
      };
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), install] } };
  }

  #sync(stream: Stream, files: HostFiles): void {
    // A folder has no descriptor in Emscripten.
    const file = stream.nfd ?? openSync(files.realPath(stream.node), 'r');
    if (fstatSync(file).ctimeMs >= this.#syncedAt) fsyncSync(file);
    if (stream.nfd === undefined) closeSync(file);
  }
}
