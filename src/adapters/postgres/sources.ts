import type { Sources } from '../../ports/sources.ts';
import type { Source } from '../../types/source.ts';
import type { Database } from './database.ts';
import { postgresEntries } from './entries.ts';

type Row = { grants: Source['grants'] };

export function postgresSources(database: Database): Sources {
  return postgresEntries<Source, Row>(database, {
    name: 'sources',
    columns: { grants: ({ grants }) => JSON.stringify(grants) },
    fromRow: (known, { grants }) => ({ ...known, grants }),
  });
}
