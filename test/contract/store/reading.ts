import { expect, it } from 'vitest';
import type { Store } from './stores.ts';

export function readingContract(opened: () => Store): void {
  const setting = "current_setting('work_mem') AS memory";

  it('nothing of a reading transaction, in which each statement has its own answer, however they are sent', async () => {
    const { database } = opened();
    const read = (n: number) =>
      database.reading(`SET LOCAL work_mem = '${n}MB'`, async (tx) => {
        const sent = [1, 2, 3].map((i) =>
          tx.query<{ n: number; memory: string }>(`SELECT $1::int AS n, ${setting}`, [n * 10 + i]),
        );
        return (await Promise.all(sent)).flatMap(({ rows }) => rows);
      });
    const numbers = Array.from({ length: 30 }, (_, i) => i + 1);
    expect(await Promise.all(numbers.map(read))).toEqual(
      numbers.map((n) => [1, 2, 3].map((i) => ({ n: n * 10 + i, memory: `${n}MB` }))),
    );
    const { rows } = await database.query<{ memory: string }>(`SELECT ${setting}`);
    expect(Number.parseInt(rows[0]?.memory ?? '', 10)).toBeGreaterThan(0);
  });

  it('nothing that a reading transaction tries to write, and goes on after one that failed', async () => {
    const { database } = opened();
    const attempts = [
      { settings: '', text: `INSERT INTO collections (tenant, chunks) VALUES ('reading', 1)` },
      { settings: '', text: 'SELECT nonsense' },
      { settings: 'SET LOCAL nonsense', text: 'SELECT 1' },
    ];
    for (const { settings, text } of attempts) {
      for (let time = 0; time < 12; time += 1) {
        const failing = database.reading(settings, (tx) =>
          Promise.all([tx.query(text), tx.query('SELECT 1'), tx.query('SELECT 2')]),
        );
        await expect(failing).rejects.toBeInstanceOf(Error);
        const { rows } = await database.query<{ n: number }>('SELECT $1::int AS n', [time]);
        expect(rows).toEqual([{ n: time }]);
      }
    }
    const { rows } = await database.query(`SELECT FROM collections WHERE tenant = 'reading'`);
    expect(rows).toEqual([]);
  });
}
