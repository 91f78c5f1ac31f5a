import type { DocumentLabels } from '../../ports/labels.ts';
import { LABELS_FIELD, labelsIn } from '../../types/access.ts';
import type { Database } from './database.ts';

export function postgresLabels(database: Database): DocumentLabels {
  return {
    async of(tenant, documents) {
      const { rows } = await database.prepared<{ there: boolean; labels: unknown }>(
        `SELECT v.version IS NOT NULL AS there, v.labels
         FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS asked (id, version, place)
         LEFT JOIN LATERAL (
           SELECT v.version, v.metadata -> '${LABELS_FIELD}' AS labels
           FROM documents d JOIN versions v ON v.document_no = d.no
           WHERE d.tenant = $1 AND d.id = asked.id AND v.version = asked.version OFFSET 0) v ON true
         ORDER BY asked.place`,
        [tenant, documents.map(({ documentId }) => documentId), documents.map(({ version }) => version)],
      );
      return rows.map(({ there, labels }) => (there ? labelsIn(labels) : undefined));
    },
  };
}
