# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced, after ktap.sh, by the scripts that machine.sh brings to where Linux guests
# can run: starting a run there, and seeing what came of it.
#
#	defaults=(OPTION...)	of each run; a test's own follow them
#
# $GUEST holds stallscope, vmlinux, initrd.cpio and what else a script names; $RUNS gets
# the run directories.

: "${GUEST:=/none}" "${RUNS:=/none}"
defaults=()

# compose NAME OPTION...: sets run, its command line, dir and pins
compose() {
	dir=$RUNS/$1
	pins=/sys/fs/bpf/stallscope/$1
	run=("$GUEST/stallscope" run --machine=kvm --kernel "$GUEST/vmlinux" "${defaults[@]}"
		--name "$1" --out "$dir" "${@:2}")
	[[ " $* " == *" --initrd "* ]] || run+=(--initrd "$GUEST/initrd.cpio")
}

# start NAME OPTION...: in the background, as $pid
start() {
	compose "$@"
	rm -rf "$dir"
	"${run[@]}" >"$T/out" 2>"$T/err" </dev/null &
	pid=$!
}

# collect: waits for its end; sets rc, out and err
collect() {
	rc=0
	wait "$pid" || rc=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
	head -n 60 "$T/out"
	diag "$err"
}

# collect_fine: it went well; the guest's words are in $log
collect_fine() {
	collect
	log=$(cat "$dir/workload.log")
	diag "$log"
	expect_eq "exit status" "$rc" 0
	expect_quiet_kernel "$dir/console.log"
}

# json FILTER [JQ-OPTION...]: of the run's figures
json() { jq -r "${@:2}" "$1" "$dir/run.json"; }

# said KEY: what the guest printed as "KEY: ..."
said() { sed -n "s/^$1: //p" <<<"$log"; }

cleanup() { jobs -p | xargs -r kill -KILL 2>/dev/null || true; }

# A traced run needs bpffs for its pins.
need_bpffs() { grep -q ' /sys/fs/bpf bpf ' /proc/mounts || mount -t bpf bpffs /sys/fs/bpf; }

if [ "${1-}" = --ktap-run ] && [ ! -x "$GUEST/stallscope" ]; then
	skip "started by the test_guest scripts only"
fi
