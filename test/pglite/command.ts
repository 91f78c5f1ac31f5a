// A second command, as its own process: `node command.ts FOLDER hold|insert`. Says what it opened; `insert` goes on
// to add rows to `acks` one by one, and says each number only once the store has acknowledged it.

import { Pool } from 'pg';
import { openEmbeddedStore } from '../../src/adapters/pglite/embedded-store.ts';

const [folder = '', mode = ''] = process.argv.slice(2);
const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

try {
  const store = await openEmbeddedStore(folder);
  say({ owned: store.owned });
  process.once('SIGTERM', () => void store.close().then(() => process.exit(0)));
  if (mode === 'insert') {
    const pool = new Pool(store.connection);
    for (let n = 0; ; n++) {
      await pool.query('INSERT INTO acks VALUES ($1)', [n]);
      say({ n });
    }
  }
  setInterval(() => undefined, 1_000);
} catch (error) {
  say({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  process.exit(1);
}
