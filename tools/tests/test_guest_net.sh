#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The network device under Linux's own driver: tools/tests/guest/net.sh.
# NET_FRAMES=1000000 has it check so many frames, which takes some twenty minutes.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/guest/machine.sh"

runs=$src/tools/tests/guest/net.sh
kept=$build/tests/guest_net
tools=(bpftool)
guest_env=("FRAMES=${NET_FRAMES:-3000}")

prepare() {
	need_fio
	make_initrd "$1/initrd.cpio" "$modules" --module virtio_net --optional-module af_packet \
		--file "$build/guest/netcheck:/usr/bin/netcheck" \
		--file "$build/guest/scx_vtime:/usr/bin/scx_vtime" --file "$fio:/usr/bin/fio"
}

network() { guest_machine; }

ktap_test -T 3000 -n network "the network device under Linux's driver, in one machine"
guest_main network "$@"
