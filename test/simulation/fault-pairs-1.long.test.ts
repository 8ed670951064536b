import { describeFaultPairs } from './fault-pairs.ts';

describeFaultPairs(1, 4);
