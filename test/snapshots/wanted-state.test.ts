import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problemOfShowCommand, readConfiguredState, readStateToCollect } from '../../src/snapshots/snapshot.ts';

const messages = (state: ReturnType<typeof readStateToCollect>): readonly string[] => (state?.refused ?? []).map(({ message }) => message);

describe('a show command', () => {
  test.for([
    'show snmp mib ifmib ifindex',
    'show isis database detail',
    'show ip msdp sa-cache rejected',
    'show ip route vrf all 10.0.0.0/8',
    'show interfaces Ethernet1/1-4,7 counters',
    'show version',
  ])('the command %s is harmless', (command) => {
    expect(problemOfShowCommand(command)).toBeUndefined();
  });

  test.for([
    ['configure', 'it does not begin with `show `'],
    ['configure terminal', 'it does not begin with `show `'],
    ['Show version', 'it does not begin with `show `'],
    [' show version', 'it does not begin with `show `'],
    ['show\tversion', 'it does not begin with `show `'],
    ['showversion', 'it does not begin with `show `'],
    ['show version | tee flash:x', 'it contains more than plain words'],
    ['show version; reload', 'it contains more than plain words'],
    ['show version\nreload', 'it contains more than plain words'],
    ['show version\rreload', 'it contains more than plain words'],
    ['show version > flash:x', 'it contains more than plain words'],
    ['show version >> flash:x', 'it contains more than plain words'],
    ['show version $(reload)', 'it contains more than plain words'],
    ['show version `reload`', 'it contains more than plain words'],
    ['show version & reload', 'it contains more than plain words'],
    ['show version \u2028reload', 'it contains more than plain words'],
    ['show ', 'it shows nothing'],
    ['show    ', 'it shows nothing'],
    [`show ${'x'.repeat(200)}`, 'it has more than 200 characters'],
  ] as const)('the command %s is not run', ([command, problem]) => {
    expect(problemOfShowCommand(command)).toBe(problem);
  });

  test.for(
    [
      ...[
        'running-config',
        'run',
        ' Running-Config all',
        'startup-config',
        'session-config',
        'configuration sessions',
        'archive',
        'tech',
        'file systems',
      ],
      ...[
        'snmp community',
        'snmp',
        'snmp user',
        'snmp mib walk 1.3.6.1.6.3.18',
        'snmp mib',
        'agent logs',
        'logging',
        'users accounts',
        'users detail',
      ],
      ...[
        'aaa',
        'management api http-commands',
        'tacacs',
        'radius',
        'ip security',
        'ip access-lists',
        'role',
        'event-monitor',
        'history',
        'boot-config',
      ],
      ...[
        'ip',
        'ip ospf',
        'ip b',
        'isisx',
        'ver',
        'VERSION',
        'interface',
        'email',
        'privilege',
        'reload cause',
        'processes',
        'kernel',
        'bash',
      ],
    ].map((rest) => `show ${rest}`),
  )('what may hold secrets is not run: %s', (command) => {
    expect(problemOfShowCommand(command)).toBe('it is not among the commands that may be shown, see docs/snapshots.md');
  });
});

describe("a server's list of what to collect", () => {
  test('a server’s list is used as it is', () => {
    const answer = { show_commands: [{ kind: 'ip-mroute', command: 'show ip mroute' }], custom: ['bgp-sockets'] };
    expect(readStateToCollect(answer)).toEqual({
      items: [
        { type: 'bgp-sockets', kind: 'bgp-sockets' },
        { type: 'show', kind: 'ip-mroute', command: 'show ip mroute' },
      ],
      refused: [],
    });
  });

  test.for([[{}], [{ show_commands: null, custom: null }], [{ show_commands: [] }]])('a server’s list may be empty: %j', ([answer]) => {
    expect(readStateToCollect(answer)).toEqual({ items: [], refused: [] });
  });

  test.for([[null], ['text'], [17], [[]], [{ show_commands: {} }], [{ custom: 'bgp-sockets' }]])(
    'an answer of another shape is not a list: %j',
    ([answer]) => {
      expect(readStateToCollect(answer)).toBeUndefined();
    },
  );

  test('a server’s list loses harmful and malformed entries, with one line each', () => {
    const state = readStateToCollect({
      show_commands: [
        { kind: 'evil', command: 'configure terminal' },
        { kind: 'pipe', command: 'show version | tee flash:x\nreload' },
        { kind: '../../etc', command: 'show version' },
        { kind: 'half' },
        'show version',
        { kind: 'version', command: 'show version' },
        { kind: 'version', command: 'show clock' },
      ],
      custom: ['kernel-log', 17],
    });
    expect(state?.items).toEqual([{ type: 'show', kind: 'version', command: 'show version' }]);
    expect(messages(state)).toEqual([
      'custom “kernel-log” is requested but not collected: this agent does not know it',
      'custom “number” is requested but not collected: this agent does not know it',
      'kind evil, “configure terminal”, is requested but not collected: it does not begin with `show `',
      'kind pipe, “show version | tee flash:x?reload”, is requested but not collected: it contains more than plain words',
      'kind “../../etc” is requested but not collected: a kind is at most 64 lower-case letters, digits, dashes and dots',
      'entry “object” is requested but not collected: it has no kind and command',
      'entry “show version” is requested but not collected: it has no kind and command',
      'kind version is requested but not collected: it is in the list twice',
    ]);
  });

  test('a server’s list of 10,000 entries is cut to 32, with one line', () => {
    const state = readStateToCollect({
      show_commands: Array.from({ length: 10_000 }, (_, n) => ({ kind: `k${n}`, command: `show vlan ${n}` })),
    });
    expect(state?.items).toHaveLength(32);
    expect(messages(state)).toEqual(['the rest of the list (9968) is requested but not collected: at most 32 are collected']);
  });

  test('a server’s list of 10,000 refused entries makes nine lines', () => {
    const state = readStateToCollect({ show_commands: Array.from({ length: 10_000 }, () => ({ kind: 'x', command: 'reload' })) });
    expect(state?.items).toEqual([]);
    expect(messages(state)).toHaveLength(9);
    expect(messages(state).at(-1)).toBe('the rest of the list (9992) is requested but not collected: for similar reasons');
  });
});

test('the configured list names each kind by its command', () => {
  expect(readConfiguredState(['show ip mroute count', 'show ip msdp sa-cache rejected', 'bgp-sockets'])).toEqual({
    items: [
      { type: 'show', kind: 'ip-mroute-count', command: 'show ip mroute count' },
      { type: 'show', kind: 'ip-msdp-sa-cache-rejected', command: 'show ip msdp sa-cache rejected' },
      { type: 'bgp-sockets', kind: 'bgp-sockets' },
    ],
    refused: [],
  });
});

test('whatever a server asks for, only harmless show commands are run', () => {
  const marks = fc.constantFrom(' ', '|', ';', '\n', '\r', '>', '<', '&', '$(', '`', '\u2028', '\0', '"', "'", '\\', 'reload');
  const words = fc.constantFrom('show', 'show ', 'ip', ' mroute', ' run', 'configure', 'version');
  const command = fc.array(fc.oneof(words, marks, fc.string()), { maxLength: 6 }).map((parts) => parts.join(''));
  const entry = fc.record({
    kind: fc.oneof(fc.constantFrom('a', 'b', '../c', ''), fc.string()),
    command: fc.oneof(command, fc.jsonValue()),
  });
  const answer = fc.oneof(fc.jsonValue(), fc.record({ show_commands: fc.array(fc.oneof(entry, fc.jsonValue())), custom: fc.jsonValue() }));
  fc.assert(
    fc.property(answer, (given) => {
      const { items, refused } = readStateToCollect(given) ?? { items: [], refused: [] };
      expect(items.length).toBeLessThanOrEqual(32);
      for (const item of items) {
        expect(item.kind).toMatch(/^[a-z0-9][a-z0-9._-]{0,63}$/);
        if (item.type === 'show') expect(item.command).toMatch(/^show [^|;<>&$`"'\\\p{Cc}\p{Zl}\p{Zp}]+$/u);
      }
      for (const { message } of refused) expect(message).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]{1,400}$/u);
    }),
    { numRuns: 1_000 },
  );
});
