import { describe, expect, it } from 'vitest';
import { openServer, serverConnection, tlsProblem } from '../../src/adapters/postgres/server.ts';

describe('a database URL', () => {
  const connectionOf = (url: string) => serverConnection(url).connectionString;

  it.each([
    ['', 'disable'],
    ['?sslmode=disable', 'disable'],
    ['?sslmode=no-verify', 'no-verify'],
    ['?sslmode=require', 'verify-full'],
    ['?sslmode=verify-ca', 'verify-full'],
    ['?sslmode=verify-full', 'verify-full'],
    [`?sslrootcert=${import.meta.filename}`, 'verify-full'],
  ])('with %s means the same with every version of pg: %s', (query, mode) => {
    const url = new URL(connectionOf(`postgresql://anne:secret@db.example/clearance${query}`) ?? '');
    expect(url.searchParams.get('sslmode')).toBe(mode);
  });

  it.each([
    'anne:secret@db.example',
    'http://anne:secret@db.example/x',
    'postgres://anne:secret@db.example/x?sslmode=prefer',
    'postgres://anne:secret@db.example/x?sslmode=require&uselibpqcompat=true',
    'postgres://anne:secret@db.example/x?ssl=true',
    'postgres://anne:secret@db.example/x?sslmode=require&sslrootcert=/none.crt',
  ])('that can not be used is named without its password: %s', (url) => {
    expect(() => openServer(url)).toThrow(
      expect.objectContaining({ name: 'StartupError', message: expect.not.stringContaining('secret') }),
    );
  });

  it.each([
    ['postgres://db.example/x', 'not verified'],
    ['postgres://db.example/x?sslmode=no-verify', 'not verified'],
    ['postgres://db.example/x?sslmode=require', undefined],
    ['postgres://localhost/x', undefined],
    ['postgres:///x?host=/var/run/postgresql', undefined],
    ['postgres://localhost/x?host=db.example', 'not verified'],
  ])('%s: %s', (url, problem) => {
    const found = tlsProblem(url);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});
