import { quickFaults, slowFaults } from './openfga-faults.ts';
import { faultTable, inLanes } from './table.ts';
import { sharedServers } from './world.ts';

faultTable('OpenFGA', sharedServers, [...inLanes(quickFaults, 3), ...slowFaults.map((fault) => [fault])]);
