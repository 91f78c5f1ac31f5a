// The whole organisation on both kinds of parts, asked the same by the same people. Fails where two answers differ.
import { readAddresses } from '../../scripts/parts/addresses.ts';
import { durations, table } from '../bench/table.ts';
import { type Answered, embeddedDoor, realDoor } from './both-parts.ts';
import { loadOrganisation, spreadUsers } from './data.ts';
import { everyNth } from './slice.ts';

const USERS = Number(process.argv[2] ?? 210);
const EVERY = Number(process.argv[3] ?? 1);
const organisation = loadOrganisation();
const parts = readAddresses();
if (organisation === undefined) process.exit(1);
if (parts === undefined) {
  console.error('There are no real parts: start them with "npm run parts".');
  process.exit(1);
}
const { queries } = organisation;
const slice = everyNth(organisation, EVERY);
const shares: readonly (readonly [name: string, upTo: number])[] = [
  ['nothing', 0],
  ['under 1 %', 0.01],
  ['1 to 10 %', 0.1],
  ['10 to 50 %', 0.5],
  ['over 50 %', 1],
];
type Pair = { readonly share: string; readonly embedded: Answered; readonly real: Answered };

// One after the other, for the times.
const embedded = await embeddedDoor(slice);
console.log(`${slice.documents.length} documents and ${slice.relationships.length} relationships written`);
console.log(`on embedded parts in ${embedded.seconds.toFixed(0)} s`);
const real = await realDoor(slice, parts);
console.log(`on real parts in ${real.seconds.toFixed(0)} s\n`);
const pairs: Pair[] = [];
const users = spreadUsers(slice.reads, USERS);
const step = Math.floor(queries.length / (2 * users.length));
for (const [i, user] of users.entries()) {
  for (const n of [2 * i, 2 * i + 1]) {
    const query = queries[n * step] ?? '';
    pairs.push({
      share: shareOf(user),
      embedded: await embedded.ask(user, query),
      real: await real.ask(user, query),
    });
  }
}
await embedded.close();
await real.close();

const answered = pairs.filter((pair) => pair.real.status === 200);
const different = answered.filter((pair) => pair.real.body !== pair.embedded.body);
const rows = shares.map(([share]) => {
  const asked = pairs.filter((pair) => pair.share === share);
  const got = asked.filter((pair) => pair.real.status === 200);
  const times = (of: readonly Answered[]) => durations(of.map(({ ms }) => ms));
  const here = times(asked.map((pair) => pair.embedded));
  const there = times(got.map((pair) => pair.real));
  return [share, String(asked.length), here.p50, here.p95, String(got.length), there.p50, there.p95];
});
console.log(table(['readable', 'questions', 'embedded p50', 'p95', 'real answered', 'p50', 'p95'], rows));
const refused = pairs.filter((pair) => pair.real.status !== 200);
for (const [said, some] of Map.groupBy(refused, (pair) => `${pair.real.status} ${codeOf(pair.real.body)}`)) {
  console.log(`${said}: ${some.length} of ${pairs.length}`);
}
console.log(`${answered.length} answers of both, byte for byte: ${different.length} differ.`);
for (const { embedded: one, real: other } of different.slice(0, 3))
  console.log(firstDifference(one.body, other.body));
process.exitCode = different.length === 0 && answered.length > 0 ? 0 : 1;

function shareOf(user: string): string {
  const share = (slice.reads.get(user)?.size ?? 0) / slice.documents.length;
  return shares.find(([, upTo]) => share <= upTo)?.[0] ?? '';
}

function codeOf(body: string): string {
  return (JSON.parse(body) as { code?: string }).code ?? '';
}

function firstDifference(one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return [one, other].map((body) => body.slice(Math.max(0, at - 80), at + 80)).join('\n');
}
