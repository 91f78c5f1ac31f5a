/** What the documents of a tenant are made of: short texts of few words, so that every query meets many of them. */

export type Metadata = { readonly shelf: number; readonly year: number };

/** Generated worlds speak of documents 1 to 3; the others are their copies, with relationships of their own. */
export const DOCUMENTS = 12;
export const ids: readonly string[] = Array.from({ length: DOCUMENTS }, (_, i) => String(i + 1));

/** The document of the generated world that this one is a copy of, or is itself. */
export function originalOf(id: string): string {
  return String(((Number(id) - 1) % 3) + 1);
}

const words =
  'river boat harbour winter market bread baker garden apple orchard letter post train ticket station'.split(
    ' ',
  );

export const queries: readonly string[] = [
  'boat in the harbour',
  'winter market bread',
  'apple orchard garden',
  'letter',
  'train ticket at the station',
  'river river',
  'nothing known of unicorns',
];

/** Characters that make a paragraph a chunk of its own. */
const LONG = 1_000;

/** Of one passage or, every fourth, of three. */
export function textOf(random: () => number): string {
  const paragraph = (length: number) => {
    const said: string[] = [];
    while (said.join(' ').length < length) said.push(pick(words, random));
    return said.join(' ');
  };
  return random() < 0.25
    ? [paragraph(LONG), paragraph(LONG), paragraph(LONG)].join('\n\n')
    : paragraph(20 + random() * 60);
}

export function metadataOf(random: () => number): Metadata {
  return { shelf: Math.floor(random() * 3), year: 2_020 + Math.floor(random() * 5) };
}

export type Narrowing = {
  readonly filter: Readonly<Record<string, unknown>>;
  readonly keeps: (metadata: Metadata) => boolean;
};

export const filters: readonly Narrowing[] = [
  { filter: { shelf: { eq: 1 } }, keeps: ({ shelf }) => shelf === 1 },
  { filter: { year: { gte: 2_023 } }, keeps: ({ year }) => year >= 2_023 },
  { filter: { not: { shelf: { in: [0, 2] } } }, keeps: ({ shelf }) => shelf === 1 },
  {
    filter: { or: [{ shelf: { eq: 0 } }, { year: { lte: 2_020 } }] },
    keeps: ({ shelf, year }) => shelf === 0 || year <= 2_020,
  },
];

export function pick<T>(from: readonly T[], random: () => number): T {
  const [first, ...others] = from;
  const i = Math.floor(random() * from.length);
  if (first === undefined) throw new Error('there is nothing to pick from');
  return others[i - 1] ?? first;
}
