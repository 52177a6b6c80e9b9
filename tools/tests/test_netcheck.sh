#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# netcheck, the workload for network devices: its options, and its frames over
# the loopback interface of a network namespace, which gives them back too.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
netcheck=$build/guest/netcheck

# refused STATUS PART OPTION...: with one line on stderr
refused() {
	local rc=0

	timeout 60 "$netcheck" "${@:3}" >"$T/out" 2>"$T/err" </dev/null || rc=$?
	expect_eq "exit status of ${*:3}" "$rc" "$1"
	expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
	expect_match "stderr" "$(cat "$T/err")" "^(netcheck|$netcheck): "
	expect_has "stderr" "$(cat "$T/err")" "$2"
	expect_eq "stdout" "$(cat "$T/out")" ""
}

bad_options() {
	unset STALLSCOPE_NET0
	refused 2 "STALLSCOPE_NET0 isn't set"
	refused 2 "--bogus" --bogus
	refused 2 "stray" --interface lo stray
	refused 2 "--frames: 'x' is not a number" --frames x
	refused 2 "--frames: '-1' is not a number" --frames -1
	refused 2 "--window: '0' is not a number from 1 to 4096" --window 0
	refused 2 "--min: '59' is not a number from 60" --min 59
	refused 2 "--max: '65550' is not a number" --max 65550
	refused 2 "--seed: '4294967296' is not a number" --seed 4294967296
	refused 3 "none-such" --interface none-such
	"$netcheck" --help >"$T/out"
	for option in interface frames window min max seed quiet lossy; do
		expect_has "help" "$(cat "$T/out")" "--$option"
	done
}

# own_net COMMAND...: in a network namespace
own_net() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare --net true 2>/dev/null || skip "no right to a network namespace"
	unshare --net "$@"
}

frames() {
	export STALLSCOPE_NET0=lo STALLSCOPE_FIGURES=$T/figures

	own_net "$netcheck" --frames 3000 --window 50 | tee "$T/out"
	grep -q '^frames_received: 3000$' "$T/out" || fail "not all of them came back"
	expect_eq "figures" "$(xargs <"$T/figures")" "frames_sent 3000 frames_received 3000 \
frames_lost 0 frames_broken 0 frames_disordered 0 frames_socket_dropped 0"
	# A second run adds its own; the frames differ.
	own_net "$netcheck" --frames 7 --seed 5 --min 1000 --max 1000 >/dev/null
	expect_eq "lines of figures" "$(wc -l <"$T/figures")" 12
}

# The other end of a veth pair sends nothing back: all frames are lost, window by window.
lost() {
	local rc option

	command -v ip >/dev/null || skip "no ip"
	for option in "" --lossy; do
		rc=0
		# shellcheck disable=SC2016 # for the shell in there
		own_net bash -c '
			ip link add name tx0 type veth peer name rx0 2>/dev/null && ip link set dev rx0 up || exit 99
			"$@"' bash "$netcheck" --interface tx0 --frames 20 --window 8 --quiet 200 $option \
			>"$T/out" || rc=$?
		[ "$rc" != 99 ] || skip "no veth here"
		diag "$(cat "$T/out")"
		expect_eq "exit status" "$rc" $([ -n "$option" ] && echo 0 || echo 1)
		grep -q '^frames_sent: 20$' "$T/out" || fail "not all of them were sent"
		grep -q '^frames_lost: 20$' "$T/out" || fail "not all of them were lost"
	done
}

until_told() {
	local pid rc=0

	own_net true
	unshare --net "$netcheck" --interface lo --frames 0 >"$T/out" &
	pid=$!
	# Not before it has a handler for the signal, 15.
	until [ $((0x$(sed -n 's/^SigCgt:\t//p' /proc/$pid/status) >> 14 & 1)) = 1 ]; do sleep 0.02; done
	kill "$pid"
	wait "$pid" || rc=$?
	expect_eq "exit status" "$rc" 0
	grep -q '^frames_lost: 0$' "$T/out" || fail "it didn't wait for what was under way"
}

ktap_test bad_options "bad options have one line and their status"
ktap_test frames "every frame comes back, and the figures say so"
ktap_test lost "a lost frame is counted, and a failure"
ktap_test until_told "without a number it goes on until it is told to stop"
ktap_main "$@"
