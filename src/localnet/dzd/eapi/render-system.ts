import type { SimulatedSwitch } from '../simulated-switch.ts';
import { spread } from './render-values.ts';

/** `show version`, as cEOS 4.33 answers. */
export function renderVersion(sim: SimulatedSwitch): Record<string, unknown> {
  const mac = `00:1c:73:${[3, 5, 7].map((salt) => (spread(`${sim.hostname}${salt}`, 256) | 0x10).toString(16)).join(':')}`;
  return {
    mfgName: 'Arista',
    modelName: 'cEOSLab',
    hardwareRevision: '',
    serialNumber: `SIM${spread(sim.hostname, 1_000_000).toString().padStart(8, '0')}`,
    systemMacAddress: mac,
    hwMacAddress: '00:00:00:00:00:00',
    configMacAddress: '00:00:00:00:00:00',
    version: '4.33.1F-39879738.4331F (engineering build)',
    architecture: 'x86_64',
    internalVersion: '4.33.1F-39879738.4331F',
    internalBuildId: '7d1b8a4c-0000-4000-8000-000000000000',
    imageFormatVersion: '1.0',
    imageOptimization: 'None',
    kernelVersion: '6.1.0',
    cEosToolsVersion: '(unknown)',
    bootupTimestamp: sim.bootedAt() / 1_000,
    uptime: Number(((sim.now() - sim.bootedAt()) / 1_000).toFixed(2)),
    memTotal: 16_299_220,
    memFree: 9_120_112,
    isIntlVersion: false,
  };
}

export function renderHostname(sim: SimulatedSwitch): Record<string, unknown> {
  return { hostname: sim.hostname, fqdn: sim.hostname };
}

export function renderVrfs(sim: SimulatedSwitch): Record<string, unknown> {
  const protocol = { supported: true, protocolState: 'up', routingState: 'up' };
  const vrfs = sim.vrfs().map((vrf, index) => [
    vrf,
    {
      routeDistinguisher: vrf === 'default' ? '' : `65342:${index}`,
      protocols: { ipv4: protocol, ipv6: { ...protocol, routingState: 'down' } },
      vrfState: 'up',
      interfacesV4: [],
      interfacesV6: [],
      interfaces: [],
    },
  ]);
  return { vrfs: Object.fromEntries(vrfs) };
}

export function renderClock(sim: SimulatedSwitch): Record<string, unknown> {
  const now = new Date(sim.now());
  return {
    utcTime: sim.now() / 1_000,
    timezone: 'UTC',
    localTime: {
      year: now.getUTCFullYear(),
      month: now.getUTCMonth() + 1,
      dayOfMonth: now.getUTCDate(),
      hour: now.getUTCHours(),
      min: now.getUTCMinutes(),
      sec: now.getUTCSeconds(),
      dayOfWeek: (now.getUTCDay() + 6) % 7,
      dayOfYear: Math.floor((now.getTime() - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000) + 1,
      daylightSavingsAdjust: 0,
    },
    clockSource: { local: true },
  };
}
