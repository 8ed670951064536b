/** What the real server asks for unless told otherwise: each kind is the show command of that name. */
export const DEFAULT_KINDS = [
  'snmp-mib-ifmib-ifindex',
  'isis-database-detail',
  'ip-mroute',
  'ip-mroute-count',
  'ip-msdp-summary',
  'ip-msdp-pim-sa-cache',
  'ip-msdp-sa-cache',
  'ip-msdp-sa-cache-rejected',
];

const CUSTOM = ['bgp-sockets'];

export const DEFAULT_STATE_TO_COLLECT = {
  show_commands: DEFAULT_KINDS.map((kind) => ({ kind, command: commandOf(kind) })),
  custom: CUSTOM,
};

export const ALLOWED_KINDS: ReadonlySet<string> = new Set([...DEFAULT_KINDS, ...CUSTOM]);

/** `ip-mroute-count` is `show ip mroute count`; the dash of `sa-cache` is the command's own. */
function commandOf(kind: string): string {
  return `show ${kind.replaceAll('-', ' ').replace('sa cache', 'sa-cache')}`;
}
