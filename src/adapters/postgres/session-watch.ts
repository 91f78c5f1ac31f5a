import type { SessionWatch } from '../../ports/session-watch.ts';
import type { Database } from './database.ts';
import { OPEN_SESSION } from './sessions.ts';

export function postgresSessionWatch(database: Database): SessionWatch {
  return {
    async look(streams) {
      const keys = streams.flatMap((stream, at) =>
        stream.keys.map((key) => ({ at, key, since: stream.since })),
      );
      const { rows } = await database.prepared<{
        versions: Record<string, number>;
        revoked: number[];
        over: number[];
      }>(
        `SELECT
           (SELECT coalesce(jsonb_object_agg(tenant, version), '{}') FROM relationship_versions
             WHERE tenant = ANY($1::text[])) AS versions,
           ARRAY(SELECT DISTINCT k.at FROM unnest($2::int[], $3::bytea[], $4::timestamptz[]) AS k (at, key, since)
             JOIN revocations r ON r.key = k.key AND r.before >= k.since) AS revoked,
           ARRAY(SELECT w.at - 1 FROM unnest($5::text[], $6::text[]) WITH ORDINALITY AS w (tenant, id, at) WHERE NOT EXISTS (
             SELECT FROM sessions s WHERE s.tenant = w.tenant AND s.id = w.id AND s.expires_at > now() AND ${OPEN_SESSION})) AS over`,
        [
          [...new Set(streams.map(({ tenant }) => tenant))],
          keys.map(({ at }) => at),
          keys.map(({ key }) => key),
          keys.map(({ since }) => since ?? '-infinity'),
          streams.map(({ tenant }) => tenant),
          streams.map(({ sessionId }) => sessionId),
        ],
      );
      const [seen] = rows;
      if (seen === undefined) throw new Error('no answer to a question without FROM');
      return {
        versions: new Map(Object.entries(seen.versions)),
        revoked: new Set(seen.revoked),
        over: new Set(seen.over.map(Number)),
      };
    },
  };
}
