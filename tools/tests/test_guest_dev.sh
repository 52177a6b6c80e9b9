#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The disk under Linux's own driver: tools/tests/guest/blk.sh, in one machine
# whose KVM can run Linux, this one or an emulated one. Its tests appear as
# subtests and can be named by -t too.
. "$(dirname "$(realpath "$0")")/../harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
runs=$src/tools/tests/guest/blk.sh
# Kept until the next start, for whoever looks into a failure.
kept=$build/tests/guest_blk
PATH=/usr/sbin:/sbin:$PATH

config() { sed -n "s/^$1 := //p" "$build/config.mk"; }

# Whether Linux guests run on this machine's own KVM.
native() { grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo && [ -w /dev/kvm ]; }

# Everything that blk.sh names under $GUEST.
prepare() {
	local fio modules tool with=()

	vmlinux=$(config GUEST_VMLINUX)
	[ -n "$vmlinux" ] || vmlinux=$(config GUEST_KERNEL)
	modules=$(config GUEST_MODULES)
	[ -e "$vmlinux" ] || skip "there is no guest kernel"
	fio=$("$src/tools/get-fio") || fio=$(command -v fio) || skip "no fio"
	for tool in mkfs.ext4 e2fsck blkdiscard; do
		command -v "$tool" >/dev/null || skip "no $tool (packages e2fsprogs and util-linux)"
		with+=(--exec-prog "$(command -v "$tool")")
	done
	cp "$build/stallscope" "$1/stallscope"
	ln -s "$vmlinux" "$1/vmlinux"
	"$build/stallscope-mkinitramfs" --output "$1/initrd.cpio" --modules "${modules:-none}" \
		--module virtio_mmio --module virtio_blk --agent "$build/guest/agent" \
		--file "$fio:/usr/bin/fio" "${with[@]}"
}

disk() {
	local tests=() t

	mkdir "$T/guest"
	rm -rf "$kept"
	mkdir -p "$kept"
	prepare "$T/guest"
	for t in ${SS_GUEST_BLK_TESTS-}; do tests+=(-t "$t"); done
	if native; then
		GUEST=$T/guest RUNS=$kept "$runs" "${tests[@]}" | sed -u 's/^/    /'
	else
		in_machine "${tests[@]}" | sed -u 's/^/    /'
	fi
}

# blk.sh and what it needs, in an emulated machine
in_machine() {
	local tool file with=()

	for tool in bash sed tail timeout find jq flock mktemp realpath; do
		with+=(--exec-bin "$(command -v "$tool")")
	done
	for file in stallscope vmlinux initrd.cpio; do
		with+=(--file "$(realpath "$T/guest/$file"):/guest/$file")
	done
	STALLSCOPE_BUILD=$build "$src/tools/nested" --timeout 2900 --memory 2560 --out "$kept" \
		"${with[@]}" --file "$src/tools/harness/ktap.sh:/t/tools/harness/ktap.sh" \
		--file "$runs:/t/tools/tests/guest/blk.sh" --env GUEST=/guest --env RUNS=/out \
		--env "SS_TEST_TIME_SCALE=${SS_TEST_TIME_SCALE:-1}" -- \
		bash /t/tools/tests/guest/blk.sh "$@"
}

# -t may name a test of blk.sh too; -l lists those as well.
list_more() { [ "$1" != -l ] || "$runs" -l; }

args=()
while [ "${1-}" = -t ] && [ $# -ge 2 ]; do
	matching=$("$runs" -l -t "$2" | cut -f1)
	if [ -n "$matching" ]; then
		SS_GUEST_BLK_TESTS="${SS_GUEST_BLK_TESTS-} $(xargs <<<"$matching")"
		export SS_GUEST_BLK_TESTS
		args+=(-t disk)
	fi
	args+=(-t "$2")
	shift 2
done
list_more "${1-}"
ktap_test -T 3000 -n disk "the disk under Linux's driver, in one machine"
ktap_main "${args[@]}" "$@"
