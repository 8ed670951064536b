import { type AgentRequest, answerTo, encodeAnswer } from '../../../localnet/switch/snmp.ts';
import { createBgpView, type SimulatedMib } from '../../../localnet/switch/snmp-mibs.ts';
import { createSimulatedSwitch, type SimulatedSwitch } from '../../../localnet/switch/switch.ts';
import { type Clock, epochMs, monotonicMs } from '../../../src/lib/index.ts';
import { type Script, type ScriptedAgent, startAgent } from './scripted-agent.ts';

export interface ViewsBed {
  readonly sim: SimulatedSwitch;
  readonly agent: ScriptedAgent;
  readonly clock: Clock;
  pass(ms: number): void;
  /** The tables that the agent has from now on. */
  mibs: readonly SimulatedMib[];
  /** Asked before the views are: what it returns is sent, `undefined` leaves the answer to the views, `silence` says nothing. */
  intercept: (request: AgentRequest, vrf: string) => Buffer | 'silence' | undefined;
  /** The requests since the last call, as words: kind, VRF, and the columns or objects asked for. */
  asked(): readonly string[];
}

const TABLES: readonly (readonly [root: string, name: string])[] = [
  ['1.3.6.1.4.1.30065.4.1.1.', 'arista'],
  ['1.3.6.1.2.1.15.3.1.', 'bgp4'],
  ['1.3.6.1.2.1.15.2.0', 'bgpLocalAs'],
  ['1.3.6.1.4.1.30065.3.18.', 'vrfs'],
  ['1.3.6.1.2.1.1.3.0', 'sysUpTime'],
];

/** An SNMPv2c agent that shows the simulated switch, and what it is asked. */
export async function prepareViews(): Promise<ViewsBed> {
  let now = 1_700_000_000_000;
  const clock: Clock = {
    wall: () => epochMs(now),
    monotonic: () => monotonicMs(now - 1_600_000_000_000),
    sleep: () => Promise.reject(new Error('nothing here waits')),
  };
  const sim = createSimulatedSwitch({ clock });
  let shown = 0;
  const script: Script = (request) => {
    const vrf = vrfOf(request);
    const intercepted = fixture.intercept(request, vrf);
    if (intercepted !== undefined) return intercepted === 'silence' ? undefined : intercepted;
    if (!sim.vrfs().includes(vrf)) return undefined;
    return encodeAnswer(request, answerTo(request, createBgpView(sim, vrf, fixture.mibs)()));
  };
  const agent = await startAgent(script);
  const fixture: ViewsBed = {
    sim,
    agent,
    clock,
    pass(ms) {
      now += ms;
    },
    mibs: ['bgp4', 'arista'],
    intercept: () => undefined,
    asked() {
      const news = agent.requests.slice(shown).map((request) => `${request.kind} ${vrfOf(request)} ${tablesOf(request)}`);
      shown = agent.requests.length;
      return news;
    },
  };
  return fixture;
}

function vrfOf({ community }: AgentRequest): string {
  return community.split('@')[1] ?? 'default';
}

function tablesOf({ oids }: AgentRequest): string {
  const names = oids.map((oid) => TABLES.find(([root]) => `${oid.join('.')}.`.startsWith(root) || oid.join('.').startsWith(root))?.[1]);
  return [...new Set(names)].join(' ');
}
