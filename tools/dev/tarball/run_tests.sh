#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
set -euo pipefail
usage='usage: run_tests.sh [OPTION OF run_tests]... [TARGET]...
Runs these tests on this machine; see run_tests.sh -h for the options, -l for a list.
Nothing is built, installed or downloaded, and nothing is written outside this
directory but temporary files. Tests with Linux guests need a guest kernel and an
emulator: they came along if the tarball was made with GUEST=1, else those are taken
that a build of stallscope has left in $STALLSCOPE_CACHE (~/.cache/stallscope); without
them these tests are skipped. $GUEST_KERNEL, $GUEST_VMLINUX and $GUEST_MODULES name
another kernel. As root more tests can run.'

cd "$(dirname "$(realpath "$0")")"
here=$PWD
[ "$(uname -m)" = x86_64 ] || { echo "run_tests.sh: these programs are for x86-64" >&2; exit 2; }
! grep -q '[[:space:]]' <<<"$here" ||
	{ echo "run_tests.sh: $here: a directory with a blank in its name won't do" >&2; exit 2; }
case ${1-} in
--help)	echo "$usage"; exit ;;
esac

export STALLSCOPE_OFFLINE=1 PATH=$PATH:/usr/sbin:/sbin:$here/bin
[ ! -d cache ] || export STALLSCOPE_CACHE=$here/cache
cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/stallscope}

# Of the libraries that came along, only those that are missing here.
rm -rf build/lib
mkdir build/lib
missing() {
	{
		find build bin -type f -perm -u=x -exec ldd {} + 2>/dev/null || true
	} | awk '$2 == "=>" && $3 == "not" { print $1 }' | sort -u
}
# What a library from here needs may be missing in its turn.
for _ in 1 2 3 4 5; do
	new=
	for lib in $(missing); do
		[ -e "lib/$lib" ] && [ ! -e "build/lib/$lib" ] || continue
		ln -s "../../lib/$lib" "build/lib/$lib"
		new=1
	done
	[ -z "${LD_LIBRARY_PATH-}" ] || [ -n "$new" ] || break
	export LD_LIBRARY_PATH=$here/build/lib
	[ -n "$new" ] || break
done
[ -n "$(ls build/lib)" ] || unset LD_LIBRARY_PATH
# A C library older than the one of the build shows here, in one line.
if ! said=$(build/run_tests -h 2>&1 >/dev/null); then
	echo "run_tests.sh: the programs don't run here: $(tail -n 1 <<<"$said")" >&2
	exit 2
fi

# The newest kernel in the cache that has sched_ext.
kernel=
if [ -z "${GUEST_KERNEL-}" ]; then
	for kind in "$cache"/kernel/*/kind; do
		[ "$(cat "$kind" 2>/dev/null)" != with ] || echo "${kind%/kind}"
	done | sort -V >build/kernels
	kernel=$(tail -n 1 build/kernels)
	rm build/kernels
fi
if [ -n "$kernel" ]; then
	GUEST_KERNEL=$kernel/vmlinuz GUEST_VMLINUX=$kernel/vmlinux
	GUEST_MODULES=$kernel/lib/modules/$(cat "$kernel/release")
fi
QEMU=$cache/qemu/run
[ -x "$QEMU" ] || QEMU=$(command -v qemu-system-x86_64) || QEMU=
cat >build/config.mk <<END
GUEST_KERNEL := ${GUEST_KERNEL-}
GUEST_VMLINUX := ${GUEST_VMLINUX-}
GUEST_MODULES := ${GUEST_MODULES-}
BUSYBOX := $(command -v busybox || true)
QEMU := $QEMU
END
export GUEST_KERNEL=${GUEST_KERNEL-} QEMU
exec build/run_tests -b build "$@"
