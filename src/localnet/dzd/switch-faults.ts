/**
 * What can go wrong between the truth of the simulated switch and one that reads it. The faces (eAPI, SNMP, …) play a fault in the way of
 * their protocol, and ignore the ones that it does not know.
 */
export type SwitchFault =
  /** Nobody answers at the address: connections are torn down as they arrive, the open ones too. */
  | { readonly kind: 'refuse' }
  /** Requests are taken and never answered. */
  | { readonly kind: 'hang' }
  /** Every answer comes this much later, milliseconds. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The answer ends in its middle, and the connection with it. */
  | { readonly kind: 'cut' }
  /** An answer that is not of the protocol at all, as a captive portal or another service on the port would send. */
  | { readonly kind: 'garbage' }
  /** The answer has the right frame, and values of the wrong types in it. */
  | { readonly kind: 'wrong-types' }
  /** A well-formed answer without a single VRF or row. */
  | { readonly kind: 'empty' }
  /** This VRF is not in the answer, as though it did not exist. */
  | { readonly kind: 'vrf-missing'; readonly vrf: string }
  /** This VRF cannot be read; the others can. */
  | { readonly kind: 'vrf-failing'; readonly vrf: string }
  /** SNMP: each answer carries another request's number. */
  | { readonly kind: 'wrong-request-id' }
  /** HTTP faces: this status instead of an answer. */
  | { readonly kind: 'http-status'; readonly status: 401 | 403 | 404 | 500 | 502 | 503 }
  /** eAPI: this command, or every one, fails with this code and these `errors`. */
  | { readonly kind: 'command-error'; readonly code: number; readonly errors: readonly string[]; readonly command?: string }
  /** eAPI: this command answers with so many bytes more than it has to say. */
  | { readonly kind: 'large-answer'; readonly command: string; readonly bytes: number };

export type SwitchFaultKind = SwitchFault['kind'];

/** The faults that hold now. One instance is shared by every face of one switch. */
export interface SwitchFaults {
  /** Lets a fault begin; what comes back ends it. Several may hold at once. */
  begin(fault: SwitchFault): () => void;
  /** Ends all of them. */
  clear(): void;
  /** The one of this kind that began last, if any holds. */
  current<K extends SwitchFaultKind>(kind: K): Extract<SwitchFault, { kind: K }> | undefined;
  /** Whether this VRF is under the given fault. */
  affects(kind: 'vrf-missing' | 'vrf-failing', vrf: string): boolean;
  active(): readonly SwitchFault[];
}

export function createSwitchFaults(): SwitchFaults {
  const held = new Set<{ readonly fault: SwitchFault }>();
  const active = (): readonly SwitchFault[] => [...held].map(({ fault }) => fault);

  return {
    begin(fault) {
      const entry = { fault };
      held.add(entry);
      return () => {
        held.delete(entry);
      };
    },
    clear: () => held.clear(),
    current<K extends SwitchFaultKind>(kind: K) {
      return active().findLast((fault): fault is Extract<SwitchFault, { kind: K }> => fault.kind === kind);
    },
    affects: (kind, vrf) => active().some((fault) => fault.kind === kind && 'vrf' in fault && fault.vrf === vrf),
    active,
  };
}
