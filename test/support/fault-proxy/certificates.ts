import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Certificate = { readonly cert: string; readonly key: string };

export type Authority = {
  readonly ca: string;
  /** For one host name or address. */
  issue(host: string): Certificate;
};

/** A certificate authority that nobody knows yet. Needs the `openssl` command: Node can't sign certificates. */
export function newAuthority(): Authority {
  const root = inFolder((folder) => {
    openssl(
      folder,
      `req -x509 -newkey ec ${CURVE} -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=authority`,
    );
    return pairOf(folder);
  });
  return {
    ca: root.cert,
    issue: (host) =>
      inFolder((folder) => {
        writeFileSync(join(folder, 'ca.pem'), root.cert);
        writeFileSync(join(folder, 'ca.key'), root.key);
        const name = /^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`;
        openssl(
          folder,
          `req -x509 -CA ca.pem -CAkey ca.key -newkey ec ${CURVE} -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=${host} -addext subjectAltName=${name} -addext basicConstraints=critical,CA:FALSE`,
        );
        return pairOf(folder);
      }),
  };
}

const CURVE = '-pkeyopt ec_paramgen_curve:P-256';

function openssl(folder: string, args: string): void {
  execFileSync('openssl', args.split(' '), { cwd: folder, stdio: 'pipe' });
}

function pairOf(folder: string): Certificate {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { cert: read('cert.pem'), key: read('key.pem') };
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'clearance-certificates-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
