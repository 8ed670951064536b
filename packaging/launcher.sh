#!/bin/sh
# Names in one line what this system lacks, which the dynamic loader would say in several, or not at all. Then becomes the agent (exec).
program=/usr/lib/dzd-telemetry/dzd-telemetry
loader=@LOADER@

# Exit code 2, as of a mistake in the configuration: another start does not help.
refuse() {
  echo "dzd-telemetry: $1; run the agent in its container on another host (docs/install.md, \"In a container\")" >&2
  exit 2
}

if [ ! -e "$loader" ]; then refuse "this is a 32-bit system or one without glibc: there is no $loader"; fi
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null)
case $libc in
  'glibc '[01].* | 'glibc 2.'[0-9] | 'glibc 2.'[0-9].* | 'glibc 2.'1[0-9]* | 'glibc 2.'2[0-7]*) refuse "this system has $libc, and 2.28 is the oldest that works" ;;
esac
# glibc would keep an arena of its own for each thread, and what it once got between what is still used: 15 MB of an agent at rest.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}" MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-32768}"
exec "$program" "$@"
