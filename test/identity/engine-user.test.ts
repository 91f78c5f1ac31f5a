import { describe, expect, it } from 'vitest';
import { engineUser, loginNames } from '../../src/adapters/jwt/engine-user.ts';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';

describe('the engine’s name of a person', () => {
  it('leaves everyday names readable', () => {
    for (const name of ['anne', 'anne@example.com', 'auth0|5f7c-88_9~x', 'a+b=c/d.e', 'AbC019']) {
      expect(engineUser('user', name)).toBe(`user:${name}`);
    }
  });

  it.each([
    ['*', '%2A'],
    ['%2A', '%252A'],
    ['a:b', 'a%3Ab'],
    ['group:eng#member', 'group%3Aeng%23member'],
    ['a b\t\n\u00a0', 'a%20b%09%0A%C2%A0'],
    ["!'()", '%21%27%28%29'],
    ['é', '%C3%A9'],
    ['e\u0301', 'e%CC%81'],
    ['👩', '%F0%9F%91%A9'],
  ])('encodes %j', (name, id) => {
    expect(engineUser('user', name)).toBe(`user:${id}`);
    expect(engineUser('agent', name)).toBe(`agent:${id}`);
  });

  it('refuses what is no text', () => {
    for (const name of ['', '\ud800', 'a\udc00b']) {
      expect(() => engineUser('user', name)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
    }
  });

  it('never lets two names meet, nor one be more than a name', () => {
    const pieces = [
      '%',
      '2',
      'A',
      'a',
      '*',
      ':',
      '#',
      ' ',
      '\n',
      '@',
      '+',
      '/',
      '|',
      '=',
      '.',
      'é',
      '👩',
      '%2A',
      'user:',
    ];
    const wrong: string[] = [];
    const seen = new Map<string, string>();
    let random = 42;
    for (let round = 0; round < 20_000; round += 1) {
      let name = '';
      do {
        random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
        name += pieces[Math.floor(random / 65_536) % pieces.length];
      } while (random % 7 !== 0 && name.length < 20);
      const user = engineUser('user', name);
      const isOneName = /^user:(?:[A-Za-z0-9\-._~@+=/|]|%[0-9A-F]{2})+$/.test(user);
      const isTheirs =
        (seen.get(user) ?? name) === name && decodeURIComponent(user.slice('user:'.length)) === name;
      if (!isOneName || !isTheirs) wrong.push(name);
      seen.set(user, name);
    }
    expect(wrong).toEqual([]);
    expect(seen.size).toBeGreaterThan(1_000);
  });

  it('encodes every character there is to an id that OpenFGA takes', () => {
    const characters = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code));
    const refused = characters
      .filter((character) => character.isWellFormed())
      .filter((character) => !/^user:[^:#\s*]+$/.test(engineUser('user', character)));
    expect(refused).toEqual([]);
  });
});

describe('a record’s name of a login', () => {
  const [own, partner] = ['https://own.example', 'https://partner.example'];
  const nameOf = loginNames([
    onlyIssuer(own, 'clearance'),
    { ...onlyIssuer(partner, 'clearance'), namespace: 'partner' },
  ]);

  it('is the engine’s of its person, so that both have one pseudonym', () => {
    expect(nameOf({ issuer: own, subject: 'a*b' })).toBe(engineUser('user', 'a*b'));
    expect(nameOf({ issuer: partner, subject: 'anne' })).toBe('user:partner!anne');
  });

  it('is a person’s, whatever the issuer says', () => {
    for (const subject of ['x'.repeat(1_000), '\u00e9'.repeat(200), 'a\ud800b']) {
      expect(nameOf({ issuer: partner, subject })).toMatch(/^user:partner![\w%-]{1,499}$/);
    }
  });
});
