#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# /init of the guest of test_guest_serve.sh: writes to its disk from several threads, and
# reads it back. What it prints is read there.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
busybox mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
insmod /stallscope/ko/virtio_blk.ko
tries=0
until [ -b /dev/vda ] || [ "$tries" = 50 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
echo "queues: $(find /sys/block/vda/mq -mindepth 1 -maxdepth 1 | wc -l)"
echo "serial: $(cat /sys/block/vda/serial)"
echo "writing begins"
for round in 1 2 3; do
	rc=0
	fio --name=v --filename=/dev/vda --direct=1 --rw=randwrite --bs=4k --size=10M --offset_increment=12M \
		--numjobs=4 --thread --ioengine=psync --verify=crc32c --do_verify=1 --verify_fatal=1 \
		--output-format=terse --terse-version=3 >/tmp/fio 2>&1 || rc=$?
	echo "round $round: fio ended with $rc"
	[ "$rc" = 0 ] || tail -5 /tmp/fio
done
# With several queues a request may be done out of order; so is one after the other.
rc=0
fio --name=d --filename=/dev/vda --direct=1 --rw=randrw --bs=4k --size=16M --io_size=8M --iodepth=32 \
	--ioengine=io_uring --verify=crc32c --verify_fatal=1 --output-format=terse --terse-version=3 >/tmp/fio 2>&1 || rc=$?
echo "deep: fio ended with $rc"
[ "$rc" = 0 ] || tail -5 /tmp/fio
echo "io errors: $(dmesg | grep -c 'I/O error')"
echo "guest is done"
poweroff -f
