import { z } from 'zod';
import type { Decision } from '../ports/audit.ts';

const details = z.looseObject({
  released: z.array(z.object({ documentId: z.string(), version: z.int() })).catch([]),
  reasons: z
    .record(
      z.string(),
      z.array(
        z.object({
          user: z.string(),
          by: z.union([z.string(), z.array(z.string())]),
          way: z.array(z.string()).optional(),
        }),
      ),
    )
    .catch({}),
});

/** Why what was released was released, from the record alone: as the relationships were then. */
export function explainRecord(
  record: Pick<Decision, 'event' | 'subject' | 'chain' | 'details' | 'withheld'>,
): readonly string[] {
  const { released, reasons } = details.parse(record.details);
  const through = record.chain.length === 0 ? '' : `, through ${record.chain.join(', ')}`;
  const versions = new Map(released.map(({ documentId, version }) => [documentId, version]));
  const lines = [`${record.subject}${through}: ${record.event}.`];
  if (record.withheld) lines.push('It was withheld after all: nothing was given, or done.');
  if (released.length === 0) return [...lines, 'Nothing was released.'];
  for (const [documentId, version] of versions) {
    lines.push(`${documentId}, version ${version}, was ${record.withheld ? 'to be ' : ''}released:`);
    for (const { user, by, way } of reasons[documentId] ?? []) {
      if (typeof by === 'string') {
        const how = by === 'list' ? 'has it on the list of what they may read' : 'may read it';
        lines.push(
          `  The engine said that ${user} ${how}${way === undefined ? '.' : ', and these relationships led there:'}`,
        );
      } else lines.push(`  ${user} may read it, for the engine said, all at one time:`);
      for (const each of typeof by === 'string' ? (way ?? []) : by) lines.push(`    ${sentence(each)}`);
    }
  }
  return lines;
}

/** `group:eng#member viewer folder:x`: every member of group:eng is viewer of folder:x. */
function sentence(relationship: string): string {
  const [user = '', relation = '', object = ''] = relationship.split(' ');
  return `${nameOf(user)} is ${relation} of ${object}`;
}

function nameOf(user: string): string {
  const hash = user.lastIndexOf('#');
  if (hash > 0) return `every ${user.slice(hash + 1)} of ${user.slice(0, hash)}`;
  return user.endsWith(':*') ? `every ${user.slice(0, -2)}` : user;
}
