import { describeFaultPairs } from './fault-pairs.ts';

describeFaultPairs(3, 4);
