#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The disk with all its features, used by Linux's own driver, for a machine
# whose KVM can run Linux: test_guest_blk.sh brings this there.
. "$(dirname "$(realpath "$0")")/../../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/start.sh"

# The driver takes a queue for each of the four CPUs; all but one stay offline
# at first, since each takes long to boot under emulation.
defaults=(--no-trace --cpus 4 --append 'maxcpus=1 loglevel=5' --memory 384M --time-limit 900)

# finish: the run went well, and what holds for each of them
finish() {
	collect_fine
	# The driver did nothing that the device had to refuse.
	expect_eq "errors, lost chains, broken rings, stalled queues" "$(json '.disks[0].counters |
		[.io_errors, .chains_dropped, .invalid_avail_idx_count, .currently_throttled_gauge] |
		join(" ")')" "0 0 0 0"
}

counter() { json ".disks[0].counters.$1"; }

# ---- /sys/block, and a file system ----

features() {
	cat >"$T/script" <<-'SCRIPT'
		set -e
		disk=${STALLSCOPE_DISK0##*/}
		cd /sys/block/$disk
		for f in discard_granularity discard_max_bytes max_discard_segments write_zeroes_max_bytes \
			 physical_block_size logical_block_size minimum_io_size write_cache; do
			echo $f: $(cat queue/$f 2>/dev/null)
		done
		echo mq: $(ls mq | wc -l)
		echo serial: $(cat serial)
		echo cache_type: $(cat cache_type)
		echo "write through" >cache_type
		echo then: $(cat cache_type), $(cat queue/write_cache)
		dd if=/dev/zero of=$STALLSCOPE_DISK0 bs=4k count=4 oflag=direct 2>/dev/null
		echo "write back" >cache_type
		echo again: $(cat cache_type)

		# What is zeroed reads as zeroes, with and without freeing it.
		yes abcdefg | head -c 2097152 >/pattern
		dd if=/pattern of=$STALLSCOPE_DISK0 bs=1M oflag=direct 2>/dev/null
		/usr/sbin/blkdiscard -z -o 4096 -l 1044480 $STALLSCOPE_DISK0
		{ head -c 4096 /pattern; head -c 1044480 /dev/zero; tail -c 1048576 /pattern; } >/want
		dd if=$STALLSCOPE_DISK0 of=/got bs=1M count=2 iflag=direct 2>/dev/null
		cmp /want /got && echo zeroes: good
		/usr/sbin/blkdiscard -o 1048576 -l 1048576 $STALLSCOPE_DISK0
		dd if=$STALLSCOPE_DISK0 of=/got bs=1M count=1 iflag=direct 2>/dev/null
		head -c 1048576 /want | cmp - /got && echo beside the discard: good

		mkfs.ext4 -q $STALLSCOPE_DISK0 && echo mkfs: good
		mkdir -p /mnt
		mount -t ext4 -o discard $STALLSCOPE_DISK0 /mnt
		head -c 3000000 /dev/urandom >/random
		for i in 1 2 3 4; do cp /random /mnt/copy$i; done
		rm /mnt/copy2
		sync
		fstrim /mnt
		umount /mnt
		mount -t ext4 $STALLSCOPE_DISK0 /mnt
		for i in 1 3 4; do cmp /random /mnt/copy$i; done && echo copies: good
		umount /mnt
		e2fsck -fn $STALLSCOPE_DISK0 >/fsck 2>&1 && echo fsck: good || cat /fsck
	SCRIPT
	start features --disk size=32M,queues=4 --exec "$(cat "$T/script")"
	finish
	expect_eq "discard granularity" "$(said discard_granularity)" 4096
	expect_eq "largest discard" "$(said discard_max_bytes)" $((64 << 20))
	expect_eq "largest zeroing" "$(said write_zeroes_max_bytes)" $((4 << 20))
	expect_eq "segments of a discard" "$(said max_discard_segments)" 16
	expect_eq "logical block" "$(said logical_block_size)" 512
	expect_eq "physical block" "$(said physical_block_size)" 4096
	expect_eq "minimum IO" "$(said minimum_io_size)" 4096
	expect_eq "queues" "$(said mq)" 4
	expect_eq "queues in run.json" "$(json '.disks[0].queues')" 4
	expect_eq "serial" "$(said serial)" stallscope0
	expect_eq "write cache" "$(said write_cache)" "write back"
	expect_eq "cache type" "$(said cache_type)" "write back"
	expect_eq "switched to write-through" "$(said then)" "write through, write through"
	expect_eq "and back" "$(said again)" "write back"
	expect_eq "zeroes" "$(said zeroes)" good
	expect_eq "what lies beside a discard" "$(said 'beside the discard')" good
	expect_eq "mkfs" "$(said mkfs)" good
	expect_eq "copies" "$(said copies)" good
	expect_eq "fsck" "$(said fsck)" good
	[ "$(counter discards_completed)" -gt 0 ] || fail "no discard"
	[ "$(counter write_zeroes_completed)" -gt 0 ] || fail "no zeroes written"
	[ "$(counter flushes_completed)" -gt 0 ] || fail "no flush"
}

# ---- unbind and bind ----

unbind() {
	# Each time a reader has a request in the device, most often stalled there. It
	# doesn't care that its disk goes away.
	cat >"$T/script" <<-'SCRIPT'
		device=$(basename $(readlink -f /sys/block/${STALLSCOPE_DISK0##*/}/device))
		driver=/sys/bus/virtio/drivers/virtio_blk
		rounds=0 busy=0
		for i in $(seq 100); do
			disk=$(ls /sys/bus/virtio/devices/$device/block)
			dd if=/dev/$disk of=/dev/null bs=4k iflag=direct 2>/dev/null &
			for try in $(seq 100); do
				read -r reads writes </sys/block/$disk/inflight
				[ $reads = 0 ] || { busy=$((busy + 1)); break; }
				sleep 0.02
			done
			echo $device >$driver/unbind || break
			[ ! -e /sys/bus/virtio/devices/$device/block ] || break
			echo $device >$driver/bind || break
			wait
			rounds=$((rounds + 1))
		done
		echo rounds: $rounds
		echo busy: $busy
		disk=/dev/$(ls /sys/bus/virtio/devices/$device/block)
		dd if=/dev/urandom of=/random bs=64k count=4 2>/dev/null
		dd if=/random of=$disk bs=64k oflag=direct 2>/dev/null
		dd if=$disk of=/got bs=64k count=4 iflag=direct 2>/dev/null
		cmp /random /got && echo afterwards: good
	SCRIPT
	start unbind --disk size=8M,queues=4,iops=25 --exec "$(cat "$T/script")"
	finish
	expect_eq "rounds" "$(said rounds)" 100
	[ "$(said busy)" -ge 50 ] || fail "too few times with a request in the device"
	expect_eq "a write and a read afterwards" "$(said afterwards)" good
	# At least the reads of the partition table, each time.
	[ "$(counter reads_completed)" -ge 100 ] || fail "too few reads"
	[ "$(counter throttled_count)" -gt 0 ] || fail "no stall"
}

# ---- verified IO while the throttle changes ----

# verified NAME BACKING
verified() {
	local limits n=0 used most=0

	cat >"$T/script" <<-'SCRIPT'
		for cpu in 1 2 3; do
			echo 1 >/sys/devices/system/cpu/cpu$cpu/online
		done
		echo cpus: $(nproc)
		for engine in psync io_uring; do
			fio --filename=$STALLSCOPE_DISK0 --ioengine=$engine --iodepth=4 --direct=1 \
				--bs=4k --output-format=terse --verify=crc32c --verify_fatal=1 \
				--cpus_allowed=0-3 --cpus_allowed_policy=split --name=verified \
				--rw=randrw --rwmixread=30 --size=384k --numjobs=4 \
				--offset_increment=1m --fsync=16 --name=trimmed --rw=randtrimwrite \
				--offset=5m --size=256k >/fio.out 2>&1
			echo $engine: $?
			grep -v '^3;' /fio.out
		done
	SCRIPT
	start "$1" --disk "size=8M,queues=4,iops=40,backing=$2" --exec "$(cat "$T/script")"
	while kill -0 "$pid" 2>/dev/null; do
		# Even the slowest machine does more than 5 of these a second.
		for limits in iops=60 "iops=0 bps=256K" "iops=5 bps=0" "iops=90 bps=4M"; do
			# shellcheck disable=SC2086
			! "$GUEST/stallscope" throttle "$1" disk0 $limits >/dev/null 2>&1 || n=$((n + 1))
			# The last look may find a driver that has let go of its queues.
			used=$("$GUEST/stallscope" dump "$1" 2>/dev/null |
				jq '[.disks[0].queues[] | select(.next_avail > 0)] | length') || true
			[ "${used:-0}" -le "$most" ] || most=$used
			sleep 1
		done
	done
	finish
	diag "the throttle was changed $n times"
	expect_eq "CPUs" "$(said cpus)" 4
	expect_eq "fio with psync" "$(said psync)" 0
	expect_eq "fio with io_uring" "$(said io_uring)" 0
	[[ $log != *"verify:"* && $log != *"got signal"* ]] || fail "fio found an error"
	[ "$n" -gt 3 ] || fail "the throttle wasn't changed: $n"
	[ "$(counter throttled_count)" -gt 0 ] || fail "no stall"
	[ "$(counter discards_completed)" -gt 0 ] || fail "no discard"
	[ "$(counter flushes_completed)" -gt 0 ] || fail "no flush"
	expect_eq "queues that were used" "$most" 4
}

verified_sync() { verified verified_sync sync; }

verified_io_uring() {
	local off=/proc/sys/kernel/io_uring_disabled

	[ "$(cat $off 2>/dev/null || echo 0)" != 2 ] || skip "io_uring is forbidden here ($off)"
	verified verified_io_uring io_uring
}

ktap_test -T 900 features "Linux sees topology, write cache, discard, zeroes, 4 queues; ext4 lives on it"
ktap_test -T 900 unbind "the driver is unbound and bound 100 times under IO"
ktap_test -T 900 verified_sync "fio verifies reads, writes, flushes, discards on 4 queues, synchronous backing"
ktap_test -T 900 verified_io_uring "the same with the io_uring backing"
ktap_main "$@"
