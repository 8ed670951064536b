import { describeFaultPairs } from './fault-pairs.ts';

describeFaultPairs(4, 4);
