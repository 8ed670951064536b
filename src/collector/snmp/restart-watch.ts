import type { Oid } from './peer-mib.ts';
import type { SnmpSession } from './snmp-session.ts';

/** SNMPv2-MIB sysUpTime, hundredths of a second since the agent's start. */
const SYS_UP_TIME: Oid = [1, 3, 6, 1, 2, 1, 1, 3, 0];

export interface RestartWatch {
  /** Whether the agent has started anew since the last look; false where it does not tell. Rejects as the session does. */
  hasRestarted(session: SnmpSession, signal: AbortSignal): Promise<boolean>;
}

/** The counter wraps after 497 days, which passes for a restart and costs one probe. */
export function createRestartWatch(): RestartWatch {
  let last = 0;
  return {
    async hasRestarted(session, signal) {
      const [upTime] = await session.request({ kind: 'get', oids: [SYS_UP_TIME] }, signal);
      if (upTime?.value.kind !== 'unsigned') return false;
      const restarted = upTime.value.value < last;
      last = upTime.value.value;
      return restarted;
    },
  };
}
