#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs of Linux guests, for a machine whose KVM can run them: test_guest.sh
# brings this into the emulated machine, or starts it where it is.
. "$(dirname "$(realpath "$0")")/../../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/start.sh"

# One CPU unless a run is about scheduling: under emulation a second one doubles the
# time to boot.
defaults=(--append loglevel=5 --cpus 1 --memory 256M --time-limit 300)
complains=
vtime=(--sched /usr/bin/scx_vtime)

# host/lib/exitcodes.h
OUTPUT=9 SCHED_LOAD=10 SCHED_EXITED=11 SCHED_KICKED=12 WORKLOAD=13 PANIC=14 TIMEOUT=16 REBOOT=17
UNFIT=5 INTERRUPTED=130

# One random read or write at a time, unbuffered.
io() {
	echo "fio --name=io --filename=\$STALLSCOPE_DISK0 --direct=1 --bs=4k --ioengine=psync" \
		"--output-format=terse --time_based=1 --runtime=$1 --rw=randrw"
}

# The same, but limited by number, not by time.
io_count() {
	echo "fio --name=io --filename=\$STALLSCOPE_DISK0 --direct=1 --bs=4k --ioengine=psync" \
		"--output-format=terse --number_ios=$1 --rw=randrw"
}

# finish: collects it and checks what holds for every run; the guest's kernel
# may complain if $complains says so
finish() {
	collect
	nothing_left
	[ -n "$complains" ] || expect_quiet_kernel "$dir/console.log"
}

go() {
	start "$@"
	finish
}

nothing_left() {
	local left

	expect_no_file "$pins"
	expect_eq "processes left" "$(find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*' \
		-name exe -lname "$(realpath "$GUEST/stallscope")" 2>/dev/null || true)" ""
	left=$(find "$dir" -mindepth 1 ! -name run.json ! -name events.bin ! -name console.log \
		! -name workload.log ! -name dump.json)
	expect_eq "what else is in the run directory" "$left" ""
}

# ended STATUS END: and run.json says the same
ended() {
	expect_eq "exit status" "$rc" "$1"
	expect_eq "end" "$(json .end)" "$2"
	expect_eq "exit status in run.json" "$(json .exit_status)" "$1"
}

# failed STATUS END PART...: with one line on stderr that has these parts
failed() {
	local part

	ended "$1" "$2"
	expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
	expect_match "stderr" "$err" '^stallscope: '
	for part in "${@:3}"; do expect_has "stderr" "$err" "$part"; done
}

# The report and run.json are kept after a failure too.
reported() {
	expect_has "report" "$out" "DISKS"
	expect_has "the report again" "$("$GUEST/stallscope" report "$dir")" "DISKS"
}

# What holds for the figures of any run that was traced to its end.
sound() {
	expect_eq "records lost" "$(json .events.lost)" 0
	expect_eq "throttled_count less traced stalls" \
		"$(json '.disks | map(.counters.throttled_count - .traced.stalls) | add')" 0
	expect_eq "stalls still going on" \
		"$(json '.disks | map(.counters.currently_throttled_gauge) | add')" 0
	# Each part's time is cut from the same IO: they add up, within the clocks' error.
	expect_eq "the parts of an IO's time add up" "$(json '
		([.io.parts[].sum] | add - $all | fabs) <= (.clock.error_ns + 1) * .io.count
		' --argjson all "$(json .io.end_to_end_ns.sum)")" true
	expect_eq "IOs there are" "$(json '.io.count > 0')" true
}

# ---- runs ----

# What the run holds for itself now, in KiB: not the guest's memory, the one large mapping.
# The traces' ring buffer is mapped twice in a row, so that records wrap: the same pages.
own_memory() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { twice = /bpf-map/ }
		$1 == "Size:" { guest = $2 >= 32768 }
		$1 == "Rss:" && !guest { kib += twice && $2 > 1024 ? $2 / 2 : $2 }
		END { print kib + 0 }' "/proc/$pid/smaps" 2>/dev/null
}

throttled() {
	local dump last='' seen now own=0

	# A limit so low that the slowest machine reaches it. The guest stays a while
	# after its last IO, so that a dump shows the final count.
	start throttled "${vtime[@]}" --cpus 2 --disk size=64M,iops=2 --exec "$(io_count 20); sleep 3"
	while kill -0 "$pid" 2>/dev/null; do
		dump=$(bpftool -j map dump pinned "$pins/counters" 2>/dev/null) && last=$dump
		now=$(own_memory) || true
		# Without its pins it has ended, and reads all it recorded for the report.
		[ ! -e "$pins/counters" ] || [ "${now:-0}" -le "$own" ] || own=$now
		sleep 0.3
	done
	finish
	ended 0 poweroff
	sound
	reported
	expect_eq "stderr" "$err" ""
	expect_eq "what the kernel says of PCI" "$(grep -E 'PCI: (Fatal|System does not)' \
		"$dir/console.log" || true)" ""
	expect_eq "the scheduler" "$(json '.scheduler | .name, .loaded, .exit' | xargs)" "vtime true 0"
	[ "$(json '.disks[0].counters.throttled_count')" -ge 5 ] || fail "hardly any stall"
	expect_eq "cause" "$(json .verdict.cause)" throttle
	echo "# the run's own memory: $own KiB"
	{ [ "$own" -gt 0 ] && [ "$own" -lt 8192 ]; } || fail "own memory: $own KiB, wanted below 8192"
	[ -n "$last" ] || fail "bpftool never showed $pins/counters"
	printf '%s\n' "$last" >"$dir/counters.json"
	seen=$(jq '[.. | .throttled_count? // empty] | max' "$dir/counters.json")
	rm "$dir/counters.json"
	expect_eq "throttled_count in bpftool's last dump" "$seen" \
		"$(json '.disks[0].counters.throttled_count')"
}

several_queues() {
	local used most=0

	# Both CPUs, each with a queue of its own, at the same places: only the queue tells
	# whose request is whose.
	start several_queues --cpus 2 --disk size=8M,queues=2,iops=2 --exec "fio --name=same \
		--filename=\$STALLSCOPE_DISK0 --direct=1 --bs=4k --ioengine=psync --rw=randrw --size=32k \
		--numjobs=2 --cpus_allowed=0-1 --cpus_allowed_policy=split --fsync=3 --time_based=1 \
		--runtime=8 --output-format=terse; fio --name=trim --rw=trim --direct=1 --bs=64k \
		--filename=\$STALLSCOPE_DISK0 --size=512k --offset=1m --output-format=terse; sleep 2"
	while kill -0 "$pid" 2>/dev/null; do
		used=$("$GUEST/stallscope" dump several_queues 2>/dev/null |
			jq '[.disks[0].queues[] | select(.next_avail > 0)] | length') || true
		[ "${used:-0}" -le "$most" ] || most=$used
		sleep 1
	done
	finish
	ended 0 poweroff
	sound
	expect_eq "queues that were used" "$most" 2
	expect_eq "IOs without a request, requests without an IO, beyond the clocks' error" \
		"$(json '.io | [.count - .matched - .unissued, .host_unmatched, .beyond_error] | join(" ")')" \
		"0 0 0"
	expect_eq "flushes, discards, stalls" "$(json '.disks[0].counters |
		[.flushes_completed > 0, .discards_completed > 0, .throttled_count > 0] | join(" ")')" \
		"true true true"
	expect_eq "the verdict is complete" "$(json .verdict.complete)" true
}

unlimited() {
	# What a killed run left is cleared by the next one.
	start killed --disk size=64M --exec 'sleep 100'
	for _ in {1..200}; do
		[ ! -e "$pins" ] || break
		sleep 0.1
	done
	[ -e "$pins" ] || fail "no $pins"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	go unlimited "${vtime[@]}" --cpus 2 --disk size=64M,iops=0,bps=0 --exec "$(io 4)"
	expect_no_file /sys/fs/bpf/stallscope/killed
	expect_no_file /run/stallscope/killed.sock
	rm -rf "$RUNS/killed"
	ended 0 poweroff
	sound
	expect_eq "stalls" "$(json '.disks[0].counters.throttled_count')" 0
	expect_ne "cause" "$(json .verdict.cause)" throttle
}

several_disks() {
	dd if=/dev/urandom of="$T/image" bs=1M count=8 2>/dev/null
	sum=$(sha256sum <"$T/image")
	cat >"$T/script" <<-'SCRIPT'
		sha256sum <$STALLSCOPE_DISK0
		dd if=/dev/zero of=$STALLSCOPE_DISK0 bs=4k count=1 oflag=direct 2>/dev/null && echo written
		cat /sys/block/vda/ro
		dd if=/dev/zero of=$STALLSCOPE_DISK1 bs=64k count=32 oflag=direct 2>/dev/null
		blockdev --getsize64 $STALLSCOPE_DISK1
	SCRIPT
	go several_disks --disk "file=$T/image,ro" --disk size=16M,bps=1M --no-trace \
		--exec "$(cat "$T/script")"
	ended 0 poweroff
	expect_has "what the guest read" "$(cat "$dir/workload.log")" "${sum%% *}"
	[[ $(cat "$dir/workload.log") != *written* ]] || fail "it could write to a read-only disk"
	expect_has "the size it saw" "$(cat "$dir/workload.log")" 16777216
	expect_eq "the image" "$(sha256sum <"$T/image")" "$sum"
	expect_eq "bytes written" "$(json '.disks[1].counters.bytes_written')" 2097152
	[ "$(json '.disks[1].counters.throttled_count')" -gt 0 ] || fail "1 MiB/s wasn't limited"
}

json_output() {
	go json_output --json --no-trace --disk size=16M --duration 2 \
		--exec 'echo from the guest; sleep 1000'
	ended 0 poweroff
	expect_eq "stdout" "$(jq -S . "$T/out")" "$(jq -S . "$dir/run.json")"
	expect_eq "stderr" "$err" ""
	expect_has "the workload's output" "$(cat "$dir/workload.log")" "from the guest"
	expect_eq "the scheduler" "$(json .scheduler.loaded)" false
}

scheduler_rejected() {
	go scheduler_rejected --sched /usr/bin/scx_bad --sched-arg --reject --disk size=16M \
		--exec 'echo not reached'
	failed $SCHED_LOAD poweroff --sched /usr/bin/scx_bad
	expect_eq "loaded" "$(json .scheduler.loaded)" false
	[ -n "$(json .scheduler.message)" ] || fail "the verifier's words are missing"
	[[ $(cat "$dir/workload.log") != *"not reached"* ]] || fail "the workload ran"
}

scheduler_exits() {
	go scheduler_exits --sched /usr/bin/scx_bad --sched-arg --exit-now --disk size=16M \
		--exec 'sleep 30'
	failed $SCHED_EXITED poweroff --sched /usr/bin/scx_bad
}

scheduler_ejected() {
	go scheduler_ejected --sched /usr/bin/scx_bad --sched-arg --error --sched-arg --after \
		--sched-arg 2000 --disk size=16M --exec "$(io 30)"
	failed $SCHED_KICKED poweroff --sched /usr/bin/scx_bad
	expect_eq "it was loaded" "$(json .scheduler.loaded)" true
	[ -n "$(json .scheduler.message)" ] || fail "the kernel's words are missing"
	reported
}

scheduler_stalls() {
	go scheduler_stalls --sched /usr/bin/scx_bad --sched-arg --stall --sched-arg --after \
		--sched-arg 1000 --disk size=16M --exec "$(io 30)"
	failed $SCHED_KICKED poweroff --sched /usr/bin/scx_bad
	expect_match "the kernel's words" "$(json .scheduler.message)" 'stall|watchdog'
}

workload_fails() {
	go workload_fails --disk size=16M --exec 'echo some words; exit 7'
	failed $WORKLOAD poweroff --exec 7
	expect_eq "its exit status" "$(json .workload.exit)" 7
	expect_has "its output" "$(cat "$dir/workload.log")" "some words"
	reported
}

guest_panics() {
	complains=yes
	go guest_panics --disk size=16M,iops=2 --exec "$(io_count 8); echo c >/proc/sysrq-trigger; sleep 100"
	failed $PANIC panic panicked
	expect_has "complaints" "$(kernel_complaints <"$dir/console.log")" "Kernel panic - "
	expect_has "the console's log" "$(cat "$dir/console.log")" "sysrq"
	[ "$(json '.disks[0].counters.throttled_count')" -gt 0 ] || fail "what was measured is lost"
	expect_eq "the disk at the end" "$(jq -c ".disks[0] | [.name, .consistent, .queues[0].ready]" \
		"$dir/dump.json")" '["disk0",true,true]'
	reported
}

kernel_complains() {
	# A write takes four times as long as the hung task detector lets a task wait.
	complains=yes
	go kernel_complains --disk size=16M,bps=64K --exec 'echo 2 >/proc/sys/kernel/hung_task_timeout_secs
		dd if=/dev/zero of=$STALLSCOPE_DISK0 bs=512K count=2 conv=fsync 2>&1'
	ended 0 poweroff
	expect_match "complaints" "$(kernel_complaints <"$dir/console.log")" \
		'INFO: task .* for more than 2 seconds'
}

guest_reboots() {
	go guest_reboots --disk size=16M --exec 'reboot -f; sleep 100'
	failed $REBOOT reboot rebooted
}

guest_hangs() {
	go guest_hangs --disk size=16M --initrd "$GUEST/silent.cpio" --time-limit 15
	failed $TIMEOUT timeout "time limit of 15 s"
	reported
}

time_limit() {
	go time_limit --disk size=16M,iops=5 --time-limit 45 --exec "$(io 1000)"
	failed $TIMEOUT timeout "time limit of 45 s"
	reported
	# A slow machine may not have reached the workload.
	[ "$(json '.workload.seconds > 3')" = true ] || return 0
	[ "$(json '.disks[0].counters.throttled_count')" -gt 0 ] || fail "what was measured is lost"
}

interrupted() {
	start interrupted "${vtime[@]}" --cpus 2 --disk size=64M,iops=2 --exec "$(io 1000)"
	for _ in {1..600}; do
		! grep -q "workload is running" "$T/out" || break
		sleep 0.1
	done
	sleep 6
	kill -INT "$pid"
	finish
	failed $INTERRUPTED interrupted interrupted
	[ "$(json '.disks[0].counters.throttled_count')" -gt 0 ] || fail "what was measured is lost"
	[ "$(json .io.count)" -gt 0 ] || fail "what was traced is lost"
	reported
}

output_full() {
	mkdir "$T/small"
	mount -t tmpfs -o size=3M none "$T/small"
	compose output_full --disk size=1M --exec 'yes | head -c 8000000'
	rc=0
	"${run[@]}" --out "$T/small/run" >"$T/out" 2>"$T/err" || rc=$?
	err=$(cat "$T/err")
	diag "$err"
	umount "$T/small"
	expect_eq "exit status" "$rc" $OUTPUT
	expect_match "stderr" "$err" "^stallscope: --out: $T/small/run.*No space left"
	expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
}

kernel_without_sched_ext() {
	[ -e "$GUEST/old/vmlinuz" ] || skip "$(cat "$GUEST/old/why" 2>/dev/null || echo "no such kernel")"
	go kernel_without_sched_ext "${vtime[@]}" --kernel "$GUEST/old/vmlinuz" \
		--initrd "$GUEST/old/initrd.cpio" --disk size=16M --exec true
	failed $UNFIT "$(json .end)" --kernel "$GUEST/old/vmlinuz" sched_ext
}

kernel_without_sched_ext_traced() {
	[ -e "$GUEST/old/vmlinuz" ] || skip "$(cat "$GUEST/old/why" 2>/dev/null || echo "no such kernel")"
	go kernel_without_sched_ext_traced --kernel "$GUEST/old/vmlinuz" \
		--initrd "$GUEST/old/initrd.cpio" --disk size=16M,iops=10 \
		--exec "dd if=\$STALLSCOPE_DISK0 of=/dev/null bs=4k count=30 iflag=direct"
	ended 0 poweroff
	sound
	expect_eq "what tracing lacks" "$(json '.tracing | [.host.missing[], .guest.missing[]] | join(" ")')" ""
	expect_eq "cause" "$(json '.verdict | .cause, .complete' | xargs)" "throttle true"
}

# live COMMAND...: asks the run; sets rc, answer
live() {
	rc=0
	answer=$("$GUEST/stallscope" "$@" 2>&1) || rc=$?
	diag "${answer:0:300}"
}

# now N FILTER: a figure of disk N, as it is now
now() { "$GUEST/stallscope" stat steered --json | jq -r ".disks[$1]$2"; }

# until_more N FILTER FIGURE: waits until it is more than that
until_more() {
	for _ in {1..300}; do
		[ "$(now "$1" "$2")" -le "$3" ] || return 0
		sleep 0.2
	done
	fail "disk$1$2 stays at $(now "$1" "$2")"
}

steered() {
	printf '%s\n' 'seed 1' 'error every=5' 'stall every=2s for=300ms' \
		'square period=1s iops=2 else iops=3' >"$T/p.profile"
	start steered --disk size=16M,iops=2 --disk "size=16M,profile=$T/p.profile" \
		--disk size=16M,iops=3,group=g --disk size=16M,group=g \
		--exec "while dd if=\$STALLSCOPE_DISK1 of=/dev/null bs=4k count=1 iflag=direct \
			2>/dev/null || true; do :; done & fio --name=io --filename=\$STALLSCOPE_DISK0 \
			--direct=1 --bs=4k --ioengine=psync --rw=randread --number_ios=1000 \
			--output-format=terse; kill \$!"
	for _ in {1..600}; do
		! grep -q "workload is running" "$T/out" || break
		sleep 0.1
	done
	expect_eq "the socket's mode" "$(stat -c %a /run/stallscope/steered.sock)" 600
	# It waits in its queue, where a dump shows it.
	until_more 0 .counters.throttled_count 2
	for _ in {1..20}; do
		live dump steered
		expect_eq "exit status of dump" "$rc" 0
		[ "$(jq '.disks[0].queues[0].stalled.for_ns // 0' <<<"$answer")" = 0 ] || break
		sleep 0.1
	done
	expect_eq "what dump shows" "$(jq -c '.disks[0] | [.consistent, (.status | index("DRIVER_OK")),
		(.queues[0] | .stalled.for_ns > 0, .ring.avail_idx - .next_avail, .poison)]' \
		<<<"$answer")" '[true,2,true,1,null]'
	live throttle steered disk9 iops=5
	expect_eq "exit status for no such disk" "$rc" 6
	live throttle steered disk0 iops=5 iops_burst=4
	expect_eq "exit status for a burst below its rate" "$rc" 22
	live throttle nobody disk0 iops=5
	expect_eq "exit status for no such run" "$rc" 21
	expect_eq "the limit, after all that" "$(now 0 .throttle.limits.iops)" 2
	live throttle steered disk3 iops=9
	expect_eq "a group" "$answer" $'disk2: iops=3 -> 9 bps=0\ndisk3: iops=3 -> 9 bps=0'
	until_more 1 .counters.io_errors 0
	# At 2 a second there would be no end.
	live throttle steered disk0 iops=0
	expect_eq "old and new" "$answer" "disk0: iops=2 -> 0 bps=0"
	finish
	ended 0 poweroff
	[ "$(json '.disks[0].counters.reads_completed')" -ge 1000 ] || fail "hardly any read"
	sound
	expect_no_file /run/stallscope/steered.sock
	expect_eq "changes of limits" "$(json '.disks | map(.limit_changes)' -c)" '[1,0,1,1]'
	expect_eq "stalls as the device measured them" \
		"$(json '.disks[:2] | map(.latency.stall_ns.count > 0)' -c)" '[true,true]'
	expect_eq "the limit that stalled it most" "$(json '.disks[0].traced.stalled_under[0].iops')" 2
	expect_eq "limits of the profile that stalled it" \
		"$(json '.disks[1].traced.stalled_under | map(.iops) | sort' -c)" '[2,3]'
	expect_eq "stalls that only the profile orders" "$(json '.disks[:2] |
		map(.traced.profile_stall_ns > 0)' -c)" '[false,true]'
	expect_has "report" "$out" "limit 2 IOPS; changed 1 time"
}

cleanup() {
	jobs -p | xargs -r kill -KILL 2>/dev/null || true
	umount "$T/small" 2>/dev/null || true
}

[ "${1-}" != --ktap-run ] || need_bpffs
ktap_test -T 400 throttled "a throttled disk: the report, bpftool and the trace agree"
ktap_test -T 400 several_queues "two queues at the same places: each IO has its own queue's request"
ktap_test -T 400 unlimited "an unlimited disk; what kill -9 left is cleared"
ktap_test -T 400 several_disks "a read-only file and a limited disk"
ktap_test -T 400 json_output "--json prints run.json; --no-trace; --duration is no failure"
ktap_test -T 400 scheduler_rejected "a scheduler that fails to load"
ktap_test -T 400 scheduler_exits "a scheduler that exits at once"
ktap_test -T 400 scheduler_ejected "a scheduler that the kernel ejects"
ktap_test -T 400 scheduler_stalls "a scheduler that the watchdog ejects"
ktap_test -T 400 workload_fails "a workload that fails"
ktap_test -T 400 guest_panics "a guest that panics"
ktap_test -T 400 kernel_complains "a guest whose kernel finds a task hung is noticed"
ktap_test -T 400 guest_reboots "a guest that reboots"
ktap_test -T 400 guest_hangs "a guest that says nothing"
ktap_test -T 400 time_limit "a workload that doesn't end"
ktap_test -T 400 interrupted "ctrl-C keeps what was measured"
ktap_test -T 400 output_full "an output disk that fills up"
ktap_test -T 400 steered "limits changed, counters and rings looked at while it runs; a profile"
ktap_test -T 400 kernel_without_sched_ext "a kernel without sched_ext"
ktap_test -T 400 kernel_without_sched_ext_traced "such a kernel's IO and waits are traced all the same"
ktap_main "$@"
