import { type SettingNode, settingTree } from '../../src/config/index.ts';
import type { Network } from '../../src/serviceability/index.ts';
import { expectsText, wrap } from './setting-texts.ts';

/** Example values of settings without a default. */
const EXAMPLES: Readonly<Record<string, string>> = {
  device: 'PUBLIC_KEY_OF_THE_DEVICE',
  keypair: '/etc/dzd-telemetry/keypair.json',
  'http.tokenFile': '/etc/dzd-telemetry/http-token',
  'collector.sources[].url': 'https://127.0.0.1',
  'collector.sources[].username': 'dzd-telemetry',
  'collector.sources[].passwordFile': '/etc/dzd-telemetry/eapi-password',
  'collector.sources[].tls.caFile': '/etc/dzd-telemetry/eapi-ca.pem',
  'collector.sources[].host': '127.0.0.1',
  'collector.sources[].communityFile': '/etc/dzd-telemetry/snmp-community',
  'snapshots.url': 'https://state-ingest.example.org',
  'snapshots.directory': '/var/lib/dzd-telemetry/snapshots',
  'snapshots.source': 'eapi',
  'collector.wakeUps[].communityFile': '/etc/dzd-telemetry/snmp-community',
};

/** The device that `dzd-localnet` simulates, at its default port. */
const LOCALNET_EAPI = 'http://127.0.0.1:8080';

/**
 * An annotated configuration for the network. A line of prose begins with `# `; any other # hides a setting.
 */
export function exampleFile(network: Network): string {
  const root = settingTree();
  const lines = [
    ...prose(
      `Configuration of dzd-telemetry for ${network.name}. Lines such as "#device: …" show a default or an example: remove the "#" to set it. docs/configuration.md explains every key.`,
    ),
    '# yaml-language-server: $schema=../docs/configuration.schema.json',
    '',
    ...[...root.children.values()].flatMap((node) => [...entry(node, network, ''), '']),
  ];
  return lines.join('\n');
}

function entry(node: SettingNode, network: Network, indent: string): readonly string[] {
  if (node.key === 'env') return [...prose(node.meta.description, indent), `env: ${network.name}`];
  if (node.key === 'collector.sources') return sources(node, network, indent);
  if (node.key === 'collector.wakeUps') return wakeUps(node, indent);
  if (node.meta.form === 'section') return section(node, network, indent);
  const note = node.meta.form === 'publicKey' && node.required && !node.meta.ofNetwork ? ` Required: ${expectsText(node)}.` : '';
  return [...prose(`${node.meta.description}${note}`, indent), `${indent}#${node.name}: ${valueText(node, network)}`];
}

function section(node: SettingNode, network: Network, indent: string): readonly string[] {
  const lines = [...node.children.values()].flatMap((child) => entry(child, network, `${indent}  `));
  return [...prose(node.meta.description, indent), `${indent}${node.name}:`, ...lines];
}

function valueText(node: SettingNode, network: Network): string {
  if (node.key === 'ledger.rpcUrls') return JSON.stringify([network.rpcUrl]);
  if (node.key === 'ledger.programId') return network.programId;
  const value = EXAMPLES[node.key] ?? node.default;
  if (value === undefined) throw new Error(`no example of ${node.key}`);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function wakeUps(node: SettingNode, indent: string): readonly string[] {
  return [...prose(node.meta.description, indent), `${indent}#${node.name}:`, ...samples(node, `${indent}  `)];
}

/** One example item of each type. */
function samples(node: SettingNode, indent: string): readonly string[] {
  return [...node.variants.values()].flatMap((variant) => [
    ...prose(`${variant.meta.description} For example:`, indent),
    ...sampleItem(variant, indent),
  ]);
}

function sources(node: SettingNode, network: Network, indent: string): readonly string[] {
  const inner = `${indent}  `;
  const url = network.name === 'localnet' ? LOCALNET_EAPI : 'unix:///var/run/command-api.sock';
  return [
    ...prose(node.meta.description, indent),
    `${indent}${node.name}:`,
    ...samples(node, inner),
    ...prose('In use:', inner),
    `${inner}- type: eapi`,
    `${inner}  url: ${url}`,
  ];
}

/** One item of a list, commented out: the fields that have a default or an example. */
function sampleItem(variant: SettingNode, indent: string): readonly string[] {
  const lines = sampleFields(variant, '');
  return lines.map((line, index) => `${indent}#${index === 0 ? '- ' : '  '}${line}`);
}

function sampleFields(section: SettingNode, indent: string): readonly string[] {
  return [...section.children.values()].flatMap((node) => {
    if (node.name === 'type') return [`type: ${section.name}`];
    if (node.name === 'insecure') return [];
    if (node.meta.form === 'section') return [`${indent}${node.name}:`, ...sampleFields(node, `${indent}  `)];
    const value = EXAMPLES[node.key] ?? node.default;
    if (value === undefined) return [];
    return [`${indent}${node.name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`];
  });
}

const prose = (text: string, indent = ''): readonly string[] => wrap(text, 110 - indent.length).map((line) => `${indent}# ${line}`);
