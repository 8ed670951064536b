/** Raw state snapshots: what is collected, and where it goes. None of them touches a user's status. */
export const SNAPSHOT_CODES = {
  SNAPSHOT__SERVER_UNREACHABLE: {
    class: 'retry-later',
    message: 'the state-ingest server {server} cannot be reached: {problem}',
    remedy: 'check snapshots.url, and that this host reaches it; statuses do not depend on it',
  },
  SNAPSHOT__SERVER_BUSY: {
    class: 'retry-later',
    message: 'the state-ingest server {server} takes nothing now (HTTP {status}); it is asked again in {seconds} s',
    remedy: 'nothing to do: it says so while it cannot read the ledger itself; if it persists, ask who runs it',
  },
  SNAPSHOT__SERVER_STATUS: {
    class: 'retry-later',
    message: 'the state-ingest server {server} answered {request} with HTTP {status}: {problem}',
    remedy: 'check that snapshots.url is that of a state-ingest server; a proxy or a redirect in front of it is not followed',
  },
  SNAPSHOT__SERVER_MALFORMED: {
    class: 'retry-later',
    message: 'the answer of the state-ingest server {server} to {request} makes no sense: {problem}',
    remedy: 'check that snapshots.url is that of a state-ingest server',
  },
  SNAPSHOT__UNAUTHORIZED: {
    class: 'retry-later',
    message: 'the state-ingest server {server} refuses the signature of {publisher} for device {device}: {problem}',
    remedy:
      'the device must name this key as its metrics publisher, on the ledger that the server reads; it may take a minute to notice a change',
  },
  SNAPSHOT__CLOCK_SKEW: {
    class: 'retry-later',
    message: 'the clock of this host is {skew} {direction} the one of the state-ingest server {server}, which accepts 5 min',
    remedy: 'set the clock (`ntp server` on the switch, chrony or systemd-timesyncd elsewhere)',
  },
  SNAPSHOT__TOO_LARGE: {
    class: 'retry-later',
    message: 'the snapshot of {kind} has {bytes} bytes, and {place} does not take it: {problem}',
    remedy: 'raise the bound of whoever refuses it, or leave this kind out',
  },
  SNAPSHOT__UPLOAD_REFUSED: {
    class: 'retry-later',
    message: 'the snapshot of {kind} is not uploaded to {place}: {problem}',
    remedy: 'the state-ingest server names where to upload; ask who runs it',
  },
  SNAPSHOT__UPLOAD_FAILED: {
    class: 'retry-later',
    message: 'the snapshot of {kind} could not be uploaded to {place}: {problem}',
    remedy: 'check that this host reaches the storage behind the state-ingest server; the next snapshot is tried in any case',
  },
  SNAPSHOT__ENTRY_REFUSED: {
    class: 'agent-never',
    message: '{entry} is asked for and not collected: {problem}',
    remedy: 'only plain `show` commands that reveal no configuration are run, and the custom kind bgp-sockets',
  },
  SNAPSHOT__NO_SHOW_SOURCE: {
    class: 'agent-never',
    message: 'no source can run `{command}`',
    remedy: 'add a source of type eapi; if BGP is read in another way, put it last in collector.sources',
  },
  SNAPSHOT__FOLDER: {
    class: 'retry-later',
    message: 'the snapshot of {kind} could not be written to {directory}: {problem}',
    remedy: 'check that the folder of snapshots.directory can be written by the user of this process, and that its disk has room',
  },
  SNAPSHOT__DEFECT: {
    class: 'retry-later',
    message: 'a snapshot met with a defect of the agent: {problem}',
    remedy: 'report it with this line and the version; statuses do not depend on it',
  },
} as const;
