# What the steps have in common that need a root file system of their own: .ci/packages, .ci/systemd, .ci/container. Sourced, never run;
# the caller sets `name` and is in the folder of the checkout.
#
#   the name in DZD_CI_SKIP? ──► left out, said so
#   a tool, a right or the network is missing? ──► cannot: says what, and fails
set -euo pipefail
# A `test` that fails prints nothing by itself.
set -o errtrace
trap 'echo "== $name: ${BASH_SOURCE[0]}:$LINENO failed: $BASH_COMMAND" >&2' ERR
export DEBIAN_FRONTEND=noninteractive

# Made anew where it is missing; nothing else outlives a run. Deleting it costs the next run a debootstrap.
roots=${DZD_CI_ROOTS:-/var/cache/dzd-telemetry}
release=bookworm

say() { echo "== $1 ($SECONDS s)"; }

# WHAT VALUE EXPECTED
is() { if [ "$2" != "$3" ]; then echo "$1 is \"$2\", not \"$3\"" >&2; return 1; fi; }

# Why this cannot be tried on this machine. A step that is silently left out would pass for one that passed, hence the variable.
cannot() {
  echo "== $name: cannot be tried on this machine: $1" >&2
  echo "== $name: DZD_CI_SKIP=$name leaves it out (several: with commas)" >&2
  exit 1
}

leave_out_if_told() {
  case ",${DZD_CI_SKIP:-}," in
    *",$name,"*) echo "== $name: LEFT OUT, as DZD_CI_SKIP says"; exit 0 ;;
  esac
  if [ "$(id -u)" -ne 0 ]; then cannot 'it takes root, and this is another user'; fi
}

# one_at_a_time COMMAND …: runs it while no other step installs packages or makes a root file system.
one_at_a_time() {
  mkdir -p "$roots"
  (flock 9 && "$@" 9>&-) 9>"$roots/lock"
}

# PACKAGE or PACKAGE:PROGRAM …: Debian packages, installed where their program is missing.
need() { one_at_a_time install_missing "$@"; }
install_missing() {
  local missing='' wanted problem
  for wanted in "$@"; do
    if ! command -v "${wanted#*:}" >/dev/null; then missing="$missing ${wanted%:*}"; fi
  done
  if [ -z "$missing" ]; then return; fi
  if ! command -v apt-get >/dev/null; then cannot "it needs Debian's packages$missing, and there is no apt-get"; fi
  # shellcheck disable=SC2086 # several words
  if ! problem=$({ apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends $missing; } 2>&1); then
    cannot "Debian's packages$missing could not be installed: $(tail -n 2 <<<"$problem" | tr '\n' ' ')"
  fi
}

# Lets the kernel run programs of arm64 through QEMU, as Debian's package does at its installation where it can. Stays until the next boot.
emulate_arm64() {
  if [ "$(uname -m)" = aarch64 ]; then return; fi
  need qemu-user-static:qemu-aarch64-static
  local registry=/proc/sys/fs/binfmt_misc
  if [ ! -e $registry/register ]; then mount -t binfmt_misc binfmt_misc $registry || cannot 'it may not mount binfmt_misc'; fi
  if [ ! -e $registry/qemu-aarch64 ]; then cat /usr/lib/binfmt.d/qemu-aarch64.conf >$registry/register || cannot 'it may not register QEMU for arm64'; fi
}

# Prints the folder of a clean root file system: Debian's minbase without Node.js, with the packages that are named. $architecture, where it
# is set, is not this machine's own.
clean_root() { one_at_a_time make_clean_root "$@"; }
make_clean_root() {
  local root="$roots/$release${architecture:+-$architecture}" problem
  if [ ! -d "$root" ]; then
    mkdir -p "$roots"
    rm -rf --one-file-system "$root.unfinished"
    if ! problem=$(debootstrap --variant=minbase ${architecture:+"--arch=$architecture"} "$release" "$root.unfinished" 2>&1); then
      cannot "debootstrap made no root file system of Debian $release: $(tail -n 3 <<<"$problem" | tr '\n' ' ')"
    fi
    mv "$root.unfinished" "$root"
  fi
  if [ $# -gt 0 ]; then
    local with="$root+${*// /+}"
    with=${with// /+}
    if [ ! -d "$with" ]; then
      rm -rf --one-file-system "$with.unfinished"
      cp -a "$root" "$with.unfinished"
      if ! problem=$({ chroot "$with.unfinished" apt-get update --quiet && chroot "$with.unfinished" apt-get install --yes --quiet --no-install-recommends "$@"; } 2>&1); then
        cannot "Debian's packages $* could not be installed into a clean root file system: $(tail -n 3 <<<"$problem" | tr '\n' ' ')"
      fi
      mv "$with.unfinished" "$with"
    fi
    root=$with
  fi
  echo "$root"
}

# CLEAN INTO: a root file system to change at will. Over the clean one where the kernel does that here, else a copy, which takes longer.
changeable() {
  mkdir -p "$2" "$2.upper" "$2.work"
  if ! mount -t overlay -o "lowerdir=$1,upperdir=$2.upper,workdir=$2.work" overlay "$2" 2>/dev/null; then cp -a "$1/." "$2"; fi
}

# WORK ROOT…: what is mounted goes, then the folder.
throw_away() {
  local work=$1 root mounted
  for root in "${@:2}"; do
    for mounted in "$root/proc" "$root"; do
      if mountpoint --quiet "$mounted"; then umount "$mounted"; fi
    done
  done
  rm -rf --one-file-system "$work"
}

# The release of this checkout, into out/; --built takes the one that is there, if there is one.
build_packages() {
  if [ "${1:-}" != --built ] || [ ! -s out/SHA256SUMS ]; then
    need rpm:rpmbuild
    rm -rf out
    npm run --silent release
  fi
  deb=$(ls out/*_"$(dpkg --print-architecture)".deb)
  rpm=$(ls out/*."$(uname -m)".rpm)
  version=$(node -p 'require("./package.json").version')
}

# FILE PATTERN [SECONDS]
wait_for() {
  for _ in $(seq $((${3:-30} * 5))); do
    if grep --quiet --text -e "$2" "$1" 2>/dev/null; then return; fi
    sleep 0.2
  done
  echo "nothing like '$2' came within ${3:-30} s; there is:" >&2
  cat "$1" >&2
  return 1
}

# Starts a localnet on ports that are free, and waits for it. FILE COMMAND…, with $localnet_options: its addresses go to FILE, its process id to $localnet.
start_localnet() {
  local addresses=$1
  shift
  # shellcheck disable=SC2086 # several words
  env -i PATH="$PATH" "$@" start --users 5 --rpc-port 0 --eapi-port 0 --snmp-port 0 --grpc-port 0 --output json ${localnet_options:-} >"$addresses" &
  localnet=$!
  wait_for "$addresses" '"ready"'
}

# ADDRESSES KEY: one of the things that localnet said.
localnet_says() { node -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8").split("\n")[0])[process.argv[2]]' "$1" "$2"; }

# ADDRESSES [JSON]: prints a configuration for that localnet, with the JSON's members over it.
localnet_config() {
  node - "$@" <<'END'
const [addresses, over = '{}'] = process.argv.slice(2);
const { device, rpcUrl, eapiUrl } = JSON.parse(require('node:fs').readFileSync(addresses, 'utf8').split('\n')[0]);
const collector = { interval: '1s', sources: [{ type: 'eapi', url: eapiUrl }] };
console.log(JSON.stringify({ env: 'localnet', device, ledger: { rpcUrls: [rpcUrl] }, collector, ...JSON.parse(over) }));
END
}
