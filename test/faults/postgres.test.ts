import { quickFaults, serverFaults, slowFaults } from './postgres-faults.ts';
import { faultTable, inLanes } from './table.ts';
import { ownServers } from './world.ts';

faultTable(
  'Postgres',
  ownServers,
  [...inLanes(quickFaults, 2), ...slowFaults.map((fault) => [fault])],
  serverFaults,
);
