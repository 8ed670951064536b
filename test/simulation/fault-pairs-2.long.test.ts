import { describeFaultPairs } from './fault-pairs.ts';

describeFaultPairs(2, 4);
