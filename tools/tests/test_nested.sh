#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/run/nested: what comes out of the emulated machine, and what happens to it
# when the command, the machine or the user doesn't play along.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
export STALLSCOPE_BUILD=${SS_BUILD:-$src/build}
cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/stallscope}

need_machine() {
	[ -x "$STALLSCOPE_BUILD/tools/nested-run" ] && [ -x "$STALLSCOPE_BUILD/guest/nested-init" ] ||
		skip "tools/run/nested isn't built"
	[ -d "$cache/kernel" ] || skip "no kernel in the cache: make fetches one"
}

# nested ARG...: sets rc, $T/stdout, $T/stderr
nested() {
	rc=0
	"$src/tools/run/nested" "$@" >"$T/stdout" 2>"$T/stderr" || rc=$?
}

# A machine whose command says "up" and then goes on; sets pid.
start() {
	mkfifo "$T/live"
	"$src/tools/run/nested" "$@" >"$T/live" 2>"$T/stderr" &
	pid=$!
	exec 3<"$T/live"
	read -r -t 120 line <&3
	expect_eq "first line" "$line" up
}

# children PID: of all generations
children() {
	local child
	for child in $(cat "/proc/$1/task/"*/children 2>/dev/null || true); do
		echo "$child"
		children "$child"
	done
}

# One boot that shows everything that goes well.
everything() {
	local out
	need_machine
	command -v gcc >/dev/null || skip "no gcc, for a program that tries KVM"
	head -c 2000000 /dev/urandom >"$T/data"
	cat >"$T/kvm.c" <<-'EOF'
	#include <fcntl.h>
	#include <linux/kvm.h>
	#include <stdio.h>
	#include <sys/ioctl.h>
	int main(void)
	{
		int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);

		puts(vm >= 0 && ioctl(vm, KVM_CREATE_IRQCHIP, 0) == 0 && ioctl(vm, KVM_CREATE_VCPU, 0) >= 0 ?
		     "kvm works" : "kvm fails");
		return 0;
	}
	EOF
	gcc -o "$T/kvm" "$T/kvm.c"
	printf 'read-only' >"$T/a,b.img"
	truncate -s 1M "$T/a,b.img" "$T/c.img"
	nested --file "$T/data:/data" --file "$T/kvm:/opt/kvm" --drive "$T/a,b.img,ro" --drive "$T/c.img" --env 'WORDS=a  b' --out "$T/out" -- sh -c '
		cat /data
		{
			/opt/kvm
			echo "$WORDS $STALLSCOPE_NESTED $1"
			date +%s
			mount -t bpf,tracefs,debugfs,cgroup2
			mount
			echo "$(id -u) $PWD"
			echo "drive: $(head -c 9 /dev/vda) $(blockdev --getro /dev/vda) $(blockdev --getro /dev/vdb)"
			printf written | dd of=/dev/vdb conv=fsync status=none
		} >&2
		mkdir -p /out/deep/er
		cp /data /out/deep/er/
		printf x >/out/exe && chmod 755 /out/exe
		exit 42' name "it's"
	expect_eq "exit status" "$rc" 42
	cmp "$T/stdout" "$T/data"
	cmp "$T/out/deep/er/data" "$T/data"
	[ -x "$T/out/exe" ] || fail "the mode of a file in /out is lost"
	out=$(cat "$T/stderr")
	expect_has "stderr" "$out" 'kvm works'
	expect_has "stderr" "$out" "a  b 1 it's"
	expect_has "stderr" "$out" '0 /'
	expect_has "stderr" "$out" 'drive: read-only 1 0'
	expect_eq "the drive written to" "$(head -c 7 "$T/c.img")" written
	for fs in /sys/fs/bpf /sys/kernel/tracing /sys/kernel/debug /sys/fs/cgroup /dev/shm; do
		expect_has "mounts" "$out" " on $fs "
	done
	expect_has "kernel log" "$(cat "$T/out/l1-kernel.log")" 'Linux version'
	expect_no_file "$T/out/initrd"
	# Within a minute of ours: the emulated clock would otherwise say anything.
	local there
	there=$(grep -m 1 -E '^[0-9]{9,}$' "$T/stderr")
	[ $(($(date +%s) - there)) -lt 60 ] || fail "the clock is wrong: $there"
}

refused() {
	need_machine
	local args
	while read -r wanted args; do
		eval "nested $args"
		expect_eq "exit status of nested $args" "$rc" "$wanted"
		expect_eq "lines said to $args" "$(wc -l <"$T/stderr")" 1
		expect_eq "stdout of $args" "$(cat "$T/stdout")" ''
	done <<-'EOF'
	2
	2 true
	2 --timeout x -- true
	2 --timeout
	2 --env x -- true
	2 --bogus 1 -- true
	8 -- no-such-program-here
	8 --file /nonexistent/file -- true
	8 --exec-bin no-such-program-here -- true
	8 --drive /nonexistent/image -- true
	9 --out /proc/nowhere -- true
	EOF
}

interrupted() {
	need_machine
	start --out "$T/out" -- sh -c 'trap "echo got it; echo partial >/out/result; exit 5" INT
		echo up; while :; do sleep 0.1; done'
	kill -TERM "$pid"
	read -r -t 60 line <&3
	expect_eq "the command" "$line" 'got it'
	rc=0
	wait "$pid" || rc=$?
	expect_eq "exit status" "$rc" 5
	expect_eq "its result" "$(cat "$T/out/result")" partial
}

interrupted_booting() {
	need_machine
	"$src/tools/run/nested" --out "$T/out" -- echo ran >"$T/stdout" 2>"$T/stderr" &
	pid=$!
	# Once the emulator is there the machine's kernel starts.
	until for child in $(children "$pid"); do cat "/proc/$child/cmdline"; done 2>/dev/null |
		grep -q qemu-system; do
		kill -0 "$pid" || fail "it ended: $(cat "$T/stderr")"
		sleep 0.05
	done
	kill -INT "$pid"
	rc=0
	wait "$pid" || rc=$?
	expect_eq "exit status" "$rc" 130
	expect_eq "stdout" "$(cat "$T/stdout")" ''
	expect_eq "files left" "$(find "$T/out" -mindepth 1 2>/dev/null)" ''
}

output_full() {
	need_machine
	mkdir "$T/out"
	mount -t tmpfs -o size=64K none "$T/out" || skip "no right to mount"
	nested --out "$T/out" -- sh -c 'head -c 300000 /dev/zero >/out/large'
	umount "$T/out"
	expect_eq "exit status" "$rc" 9
	expect_eq "lines on stderr" "$(wc -l <"$T/stderr")" 1
	expect_match "stderr" "$(cat "$T/stderr")" "into $T/out: No space left on device"
}

interrupted_twice() {
	local all
	need_machine
	start -- sh -c 'trap "echo got it" INT; echo up; while :; do sleep 0.1; done'
	all=$(children "$pid")
	[ -n "$all" ] || fail "no emulator among the children"
	kill -INT "$pid"
	read -r -t 60 line <&3
	expect_eq "the command" "$line" 'got it'
	kill -INT "$pid"
	rc=0
	wait "$pid" || rc=$?
	expect_eq "exit status" "$rc" 130
	for pid in $all; do
		! kill -0 "$pid" 2>/dev/null || fail "process $pid lives on"
	done
}

cleanup() { umount "$T/out" 2>/dev/null || true; }

killed() {
	local all tries=0
	need_machine
	start -- sh -c 'echo up; sleep 1000'
	all=$(children "$pid")
	[ -n "$all" ] || fail "no emulator among the children"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	# The kernel kills it, which takes a moment.
	for pid in $all; do
		while kill -0 "$pid" 2>/dev/null; do
			[ $((tries++)) -lt 100 ] || fail "process $pid lives on"
			sleep 0.05
		done
	done
	# A directory that nobody holds was left behind.
	exec 7>"$cache/lock/nested"
	flock 7
	for dir in "$cache"/run/nested.*; do
		[ ! -d "$dir" ] || ! flock -n "$dir" true || fail "$dir is left behind"
	done
}

stale_scratch() {
	need_machine
	mkdir -p "$cache/run/nested.stale"
	: >"$cache/run/nested.stale/initrd"
	mkdir -p "$cache/run/nested.inuse"
	exec 5<"$cache/run/nested.inuse"
	flock 5
	nested -- no-such-program-here
	[ -x "$STALLSCOPE_BUILD/stallscope-mkinitramfs" ] || skip "tools/run/nested isn't built"
	rm -f "$T/kept"
	[ ! -d "$cache/run/nested.inuse" ] || : >"$T/kept"
	rmdir "$cache/run/nested.inuse"
	expect_file "$T/kept"
	expect_no_file "$cache/run/nested.stale"
}

time_limit() {
	need_machine
	nested --timeout 1 --out "$T/out" -- sh -c 'echo before; echo part >/out/part; sleep 1000; echo never'
	expect_eq "exit status" "$rc" 124
	expect_eq "stdout" "$(cat "$T/stdout")" before
	expect_has "message" "$(cat "$T/stderr")" 'time limit of 1 s reached'
	expect_eq "partial result" "$(cat "$T/out/part")" part
}

panic() {
	need_machine
	# The machine has one CPU: asleep, the command leaves it to what carries its output out.
	nested --out "$T/out" -- sh -c 'echo before; sleep 2; echo c >/proc/sysrq-trigger; sleep 1000'
	expect_eq "exit status" "$rc" 20
	expect_eq "stdout: the command ran once" "$(cat "$T/stdout")" before
	expect_has "message" "$(cat "$T/stderr")" 'died while the command ran: '
	expect_has "message" "$(cat "$T/stderr")" 'sysrq triggered crash'
	expect_has "kernel log" "$(cat "$T/out/l1-kernel.log")" 'Kernel panic'
}

never_up() {
	need_machine
	nested --append mem=80M --boot-timeout 60 -- echo ran
	expect_eq "exit status" "$rc" 20
	expect_eq "stdout" "$(cat "$T/stdout")" ''
	expect_eq "tries" "$(grep -c 'trying once more' "$T/stderr")" 1
	expect_has "message" "$(cat "$T/stderr")" 'could not be started: '
}

signalled() {
	need_machine
	# The reader goes away: the command gets SIGPIPE, as it would have here.
	rc=0
	"$src/tools/run/nested" -- yes 2>"$T/stderr" | head -n 1 >"$T/stdout" || rc=${PIPESTATUS[0]}
	expect_eq "stdout" "$(cat "$T/stdout")" y
	expect_eq "exit status" "$rc" 141
}

ktap_test -T 180 everything "output, status, files, environment, clock and KVM"
ktap_test refused "bad usage and missing files: one line, before any boot"
ktap_test -T 180 interrupted "an interrupt goes to the command; what it then leaves is kept"
ktap_test -T 180 interrupted_booting "an interrupt while the machine boots leaves nothing"
ktap_test -T 180 output_full "an output directory that fills up: one line"
ktap_test -T 180 interrupted_twice "a second interrupt ends the machine at once"
ktap_test -T 180 killed "kill -9 takes the machine along and leaves no file"
ktap_test stale_scratch "what a dead run left is cleared, what a live one has is not"
ktap_test -T 180 time_limit "the time limit stops the command and keeps what it left"
ktap_test -T 180 panic "a machine that dies under the command isn't started again"
ktap_test -T 240 never_up "a machine that doesn't come up is tried twice"
ktap_test -T 180 signalled "a closed pipe reaches the command"
ktap_main "$@"
