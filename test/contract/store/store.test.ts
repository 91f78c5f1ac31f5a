import { afterAll, beforeAll, describe } from 'vitest';
import { realParts } from '../../support/real-parts.ts';
import { agentsContract } from './agents.ts';
import { auditContract } from './audit.ts';
import { documentsContract } from './documents.ts';
import { embeddingSpaceContract } from './embedding-space.ts';
import { ledgerContract } from './ledger.ts';
import { outboxContract } from './outbox.ts';
import { readingContract } from './reading.ts';
import { relationshipsContract } from './relationships.ts';
import { revocationsContract } from './revocations.ts';
import { searchContract } from './search.ts';
import { sessionsContract } from './sessions.ts';
import { embeddedStore, type Store, serverStore } from './stores.ts';
import { usedProofsContract } from './used-proofs.ts';

const stores = [
  { name: 'PGlite', open: embeddedStore, there: true },
  { name: 'a Postgres server', open: serverStore, there: realParts() !== undefined },
];

describe.each(stores)('the store on $name', ({ open, there }) => {
  let store: Store;
  beforeAll(async () => {
    if (there) store = await open();
  });
  afterAll(() => store?.close());

  describe.skipIf(!there)('keeps', () => {
    const opened = () => store;
    readingContract(opened);
    documentsContract(opened);
    outboxContract(opened);
    relationshipsContract(opened);
    ledgerContract(opened);
    sessionsContract(opened);
    agentsContract(opened);
    usedProofsContract(opened);
    revocationsContract(opened);
    auditContract(opened);
    // The last two leave an index and other vectors behind.
    searchContract(opened);
    embeddingSpaceContract(opened);
  });
});
