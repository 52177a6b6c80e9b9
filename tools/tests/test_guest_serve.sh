#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A stock QEMU guest, without KVM, on a disk of `stallscope serve`, which is killed and
# started again while the guest writes and its limits change.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
KILLS=5

config() { sed -n "s/^$1 := //p" "$build/config.mk"; }

need_all() {
	vmlinux=$(config GUEST_VMLINUX)
	modules=$(config GUEST_MODULES)
	[ -e "$vmlinux" ] || skip "there is no guest kernel"
	qemu=$("$src/tools/run/get-qemu") || skip "no QEMU"
	fio=$("$src/tools/get-fio") || skip "no fio"
	busybox=$(command -v busybox) || skip "no busybox"
}

server="" guest=""

cleanup() {
	[ -z "$guest" ] || kill -9 "$guest" 2>/dev/null || true
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
}

serve() {
	"$build/stallscope" serve --socket "$T/socket" \
		--disk "file=$T/disk,queues=2,backing=io_uring,profile=$T/profile" >>"$T/server.log" 2>&1 &
	server=$!
}

boot() {
	timeout 120 "$qemu" -accel tcg,thread=multi -M q35,memory-backend=m -cpu max -smp 2 -m 512M \
		-object memory-backend-memfd,id=m,size=512M,share=on -nodefaults -no-reboot -display none \
		-serial stdio -kernel "$vmlinux" -initrd "$T/initrd" \
		-append "console=ttyS0 panic=-1 nokaslr mitigations=off tsc=reliable no_timer_check audit=0 quiet" \
		-chardev "socket,id=c,path=$T/socket,reconnect-ms=100" \
		-device vhost-user-blk-pci,chardev=c,num-queues=2 >"$T/guest.log" 2>&1 </dev/null &
	guest=$!
}

# wait_for PATTERN: until the guest has said it, or is gone
wait_for() {
	until grep -q "$1" "$T/guest.log"; do
		kill -0 "$guest" 2>/dev/null || { cat "$T/guest.log"; fail "the guest ended before '$1'"; }
		sleep 0.1
	done
}

said() {
	grep -q "^$1" "$T/guest.log" || { cat "$T/guest.log" "$T/server.log"; fail "the guest didn't say '$1'"; }
}

killed() {
	local kills=0 round

	need_all
	"$build/stallscope-mkinitramfs" --no-base-modules --modules "$modules" --module virtio_blk \
		--agent "$src/tools/tests/guest/serve-init.sh" --busybox "$busybox" \
		--file "$fio:/usr/bin/fio" --output "$T/initrd"
	printf 'square period=600ms duty=25%% iops=20 else iops=20000\n' >"$T/profile"
	truncate -s 64M "$T/disk"
	serve
	boot
	wait_for "writing begins"
	while [ "$kills" -lt "$KILLS" ] && ! grep -q "^deep:" "$T/guest.log"; do
		sleep 1.3
		kill -9 "$server"
		wait "$server" 2>/dev/null || true
		kills=$((kills + 1))
		sleep 0.2
		serve
	done
	wait_for "guest is done"
	wait "$guest"
	guest=
	expect_eq "kills" "$kills" "$KILLS"
	said "queues: 2"
	said "serial: stallscope0"
	for round in 1 2 3; do said "round $round: fio ended with 0"; done
	said "deep: fio ended with 0"
	said "io errors: 0"
	kill -TERM "$server"
	wait "$server"
	server=
	[ ! -e "$T/socket" ] || fail "the socket was left behind"
	grep -q "throttled [1-9]" "$T/server.log" || { cat "$T/server.log"; fail "nothing was throttled"; }
	! grep -q "the connection ends" "$T/server.log" || { cat "$T/server.log"; fail "a message was refused"; }
}

ktap_test -T 180 killed "V16 V25 V28 a QEMU guest loses nothing when its disk's server is killed again and again"
ktap_main "$@"
