#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The network device under Linux's own driver, for a machine whose KVM can run
# Linux: test_guest_net.sh brings this there.
# $FRAMES: how many the plain check sends.
. "$(dirname "$(realpath "$0")")/../../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/start.sh"

: "${FRAMES:=3000}"
defaults=(--append loglevel=5 --memory 256M --time-limit 3000 --disk size=16M)

# finish: the run went well, and what holds for each of them
finish() {
	collect_fine
	expect_eq "records lost" "$(json .events.lost)" 0
	expect_eq "rings broken, chains refused" "$(counters invalid_avail_idx_count tx_chain_invalid \
		rx_chain_invalid rx_write_failed tx_add_used_failures rx_add_used_failures)" "0 0 0 0 0 0"
	expect_eq "throttled_count less traced stalls" \
		"$(json '.nets | map(.pressure.throttled_count - .traced.stalls) | add')" 0
	expect_eq "stalled at the end" "$(json '.nets[0].pressure.currently_throttled_gauge')" 0
	expect_eq "frames sent less those that came back and those that found no buffer" \
		"$(json '.nets | map(.counters | .tx_packets - .rx_packets - .tx_dropped_no_rx_buffer -
			.tx_dropped_rx_poisoned) | map(tostring) | unique | join(" ")')" 0
}

# counters NAME..., figures NAME...: the device's, and what netcheck said, in one line
counters() { json "[.nets[0].counters | $(printf '.%s, ' "$@")empty] | map(tostring) | join(\" \")"; }
figures() { json "[.stats | $(printf '.["workload.%s"], ' "$@")empty] | map(tostring) | join(\" \")"; }

# accounted: every frame that netcheck sent came back whole, or the device counted why
# not; and netcheck alone sent some
accounted() {
	expect_eq "broken, out of order, dropped by the socket" \
		"$(figures frames_broken frames_disordered frames_socket_dropped)" "0 0 0"
	expect_eq "frames the device took and gave back" "$(counters tx_packets rx_packets)" \
		"$(figures frames_sent frames_received)"
	expect_eq "frames lost, by the device's count" "$(json '.nets[0].lost')" "$(figures frames_lost)"
	diag "lost, and counted: $(figures frames_lost)"
}

# ---- what Linux sees, every frame, every counter ----

net_driver() {
	local dump last=''

	start net_driver --cpus 1 --net loopback,mac=52:54:00:ab:cd:ef,mtu=1420 --exec "
		cd /sys/class/net/\$STALLSCOPE_NET0 || exit
		echo address: \$(cat address)
		echo mtu: \$(cat mtu)
		echo driver: \$(basename \$(readlink device/driver))
		netcheck --frames $FRAMES; rc=\$?
		echo own count: \$(cat statistics/tx_packets) \$(cat statistics/rx_packets) \$(cat \
			statistics/rx_dropped)
		netcheck --frames 3 --min 1434 --max 1434 >/dev/null; echo longest: \$?
		# More at once than RX has buffers: some may be lost, none without being counted.
		netcheck --frames 2000 --window 1000 --lossy >/dev/null; echo flood: \$?
		sleep 3; exit \$rc"
	while kill -0 "$pid" 2>/dev/null; do
		dump=$(bpftool -j map dump pinned "$pins/net_counters" 2>/dev/null) && last=$dump
		sleep 0.5
	done
	finish
	expect_eq "address" "$(said address)" 52:54:00:ab:cd:ef
	expect_eq "MTU" "$(said mtu)" 1420
	expect_eq "driver" "$(said driver)" virtio_net
	expect_eq "the driver's own count" "$(said 'own count')" "$FRAMES $FRAMES 0"
	expect_eq "the longest frames" "$(said longest)" 0
	expect_eq "a flood" "$(said flood)" 0
	expect_eq "frames sent" "$(figures frames_sent)" $((FRAMES + 2003))
	accounted
	[ -n "$last" ] || fail "bpftool never showed $pins/net_counters"
	expect_eq "counters in bpftool's last dump" "$(jq -cS '.[0].formatted.value' <<<"$last")" \
		"$(jq -cS '.nets[0].counters' "$dir/run.json")"
	expect_eq "counters" "$(json '.nets[0].counters | length')" 13
	expect_has "report" "$out" "NETWORK"
	expect_eq "ksoftirqd" "$(json '.ksoftirqd | has("p99_ns")')" true
}

# ---- a receiver that gets no CPU ----

net_starved() {
	# TX has no NAPI of its own and goes on while RX's waits.
	start net_starved --cpus 1 --append "loglevel=5 virtio_net.napi_tx=0" --net loopback --exec "
		netcheck --frames 900 --window 900 --max 200 --starve 400 --quiet 3000 --lossy"
	finish
	accounted
	[ "$(figures frames_lost)" -gt 0 ] || fail "nothing was lost"
	[ "$(figures frames_received)" -ge 200 ] || fail "RX had a ring full of buffers"
	expect_eq "frames that found no buffer" "$(counters tx_dropped_no_rx_buffer)" \
		"$(figures frames_lost)"
}

# ---- the throttle ----

net_throttled() {
	local answer

	start net_throttled --cpus 1 --net loopback --net loopback,pps=7 --exec \
		"netcheck --frames 60 --window 8; netcheck --interface \$STALLSCOPE_NET1 --frames 20 --window 4"
	for _ in {1..600}; do
		! grep -q "guest is up" "$T/out" || break
		sleep 0.1
	done
	rc=0
	answer=$("$GUEST/stallscope" throttle net_throttled net0 pps=5 2>&1) || rc=$?
	expect_eq "exit status of throttle" "$rc" 0
	expect_eq "old and new" "$answer" "net0: pps=0 -> 5 bps=0"
	rc=0
	"$GUEST/stallscope" throttle net_throttled net7 pps=5 2>/dev/null || rc=$?
	expect_eq "exit status for no such device" "$rc" 23
	for _ in {1..900}; do
		[ "$(now 0 .pressure.throttled_count)" -le 2 ] || break
		sleep 0.2
	done
	[ "$(now 0 .pressure.throttled_count)" -gt 2 ] || fail "no stall"
	expect_has "stat" "$("$GUEST/stallscope" stat net_throttled)" "net0   pps=5 bps=0"
	expect_eq "what dump shows" "$("$GUEST/stallscope" dump net_throttled |
		jq -c '.nets[0] | [.consistent, (.status | index("DRIVER_OK")), (.features |
			index("MAC") != null), .queues[0].ready, .queues[1].poison]')" \
		'[true,2,true,true,null]'
	finish
	all_stalls
}

# now N FILTER: a figure of network device N, as it is now
now() { "$GUEST/stallscope" stat net_throttled --json | jq -r ".nets[$1]$2"; }

all_stalls() {
	# The stalls that were traced are net0's and net1's by name, and nobody else's.
	[ "$(json '.nets[0].traced.stalls')" -ge 10 ] || fail "hardly any stall of net0"
	[ "$(json '.nets[1].traced.stalls')" -ge 5 ] || fail "hardly any stall of net1"
	expect_eq "names" "$(json '.nets | map(.name) | join(" ")')" "net0 net1"
	expect_eq "stalls of the disk" "$(json '.disks[0].traced.stalls')" 0
	expect_eq "counters agree" "$(json '.nets | map(.traced.agrees) | all')" true
	expect_eq "changes of limits" "$(json '.nets | map(.limit_changes) | join(" ")')" "1 0"
	expect_eq "frames lost or broken" "$(figures frames_lost frames_broken)" "0 0"
	expect_eq "frames of both" "$(json '.nets | map(.counters.rx_packets) | join(" ")')" "60 20"
	expect_has "report" "$out" "stalls traced"
	expect_has "verdict" "$(json .verdict.sentence)" "net0's throttle stalled"
	expect_has "verdict" "$(json .verdict.sentence)" "net1's throttle stalled"
}

# ---- unbind and bind ----

net_unbind() {
	# netcheck runs each time, and notices that its interface disappears.
	cat >"$T/script" <<-'SCRIPT'
		device=$(basename $(readlink -f /sys/class/net/$STALLSCOPE_NET0/device))
		driver=/sys/bus/virtio/drivers/virtio_net
		rounds=0 busy=0
		interface() { ls /sys/bus/virtio/devices/$device/net; }
		for i in $(seq 10); do
			netcheck --interface $(interface) --frames 0 --lossy --quiet 1000 >/log 2>&1 &
			for try in $(seq 500); do
				packets=$(cat /sys/class/net/$(interface)/statistics/rx_packets)
				[ $packets -lt 100 ] || { busy=$((busy + 1)); break; }
				sleep 0.02
			done
			echo $device >$driver/unbind || break
			[ ! -e /sys/bus/virtio/devices/$device/net ] || break
			wait $!
			[ $? = 3 ] || { echo "netcheck: $(cat /log)"; break; }
			echo $device >$driver/bind || break
			rounds=$((rounds + 1))
		done
		echo rounds: $rounds
		echo busy: $busy
		: >$STALLSCOPE_FIGURES
		netcheck --interface $(interface) --frames 500
	SCRIPT
	start net_unbind --cpus 1 --net loopback --exec "$(cat "$T/script")"
	finish
	expect_eq "rounds" "$(said rounds)" 10
	[ "$(said busy)" -ge 7 ] || fail "too few times with frames under way"
	expect_eq "frames afterwards" "$(figures frames_received)" 500
	[ "$(counters rx_packets)" -ge 1000 ] || fail "too few frames"
}

# ---- disk and network at once ----

disk_and_net() {
	start disk_and_net --cpus 2 --sched /usr/bin/scx_vtime --disk size=16M,iops=6 --net loopback,pps=60 --exec \
		'netcheck --frames 0 & fio --name=io --filename=$STALLSCOPE_DISK1 \
			--direct=1 --bs=4k --ioengine=psync --rw=randread --number_ios=50 \
			--output-format=terse >/dev/null; rc=$?; kill $!; wait $! && exit $rc'
	finish
	accounted
	expect_eq "frames lost" "$(figures frames_lost)" 0
	expect_eq "the scheduler" "$(json '.scheduler | .name, .loaded, .exit' | xargs)" "vtime true 0"
	expect_eq "cause" "$(json .verdict.cause)" throttle
	[ "$(json '.disks[1].traced.stalls')" -ge 20 ] || fail "hardly any stall of the disk"
	[ "$(json '.nets[0].traced.stalls')" -ge 5 ] || fail "hardly any stall of the network"
	[ "$(figures frames_received)" -ge 50 ] || fail "hardly any frame"
	expect_match "ksoftirqd's waits" "$(json '.ksoftirqd.p99_ns')" '^[0-9]+$'
}

[ "${1-}" != --ktap-run ] || need_bpffs
ktap_test -T 3000 net_driver "address and MTU, every frame back or counted, 13 counters alike everywhere"
ktap_test -T 600 net_starved "frames that find no buffer since the receiver gets no CPU: each is counted"
ktap_test -T 600 net_throttled "a throttle set while it runs makes stalls, traced by the device's name"
ktap_test -T 600 net_unbind "the driver is unbound and bound 10 times under traffic"
ktap_test -T 600 disk_and_net "disk and network pressure together, under a scheduler"
ktap_main "$@"
