#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line: each bad input that shows before a guest is booted gives
# one clear line, an exit status of its own, and leaves nothing behind.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
stallscope=$build/stallscope
name=test-cli-$$

# host/lib/exitcodes.h: numbers never change meaning, so they are written out here.
USAGE=2 KERNEL=3 UNFIT=5 DISK=6 KVM=7 FILE=8 OUTPUT=9 LIMITS=22 QEMU=24 QEMU_OLD=25 QEMU_DIED=26 INTERRUPTED=130

# What tools/setup found, unless the environment says it.
config() {
	local value=${!1-}

	[ -n "$value" ] || value=$(sed -n "s/^$1 := //p" "$build/config.mk" 2>/dev/null) || true
	[ -n "$value" ] || skip "no $1: make fetches a guest kernel"
	[ -e "$value" ] || skip "$1=$value isn't there"
	printf '%s' "$value"
}

# Options of a run that could start, to which something wrong is added.
need_kernel() {
	kernel=$(config GUEST_KERNEL)
	modules=$(sed -n 's/^GUEST_MODULES := //p' "$build/config.mk")
	good=(--kernel "$kernel" ${modules:+--modules "$modules"} --name "$name" --out "$T/here/run")
}

# Sets own_mounts: runs a command as root with mounts of its own.
need_own_mounts() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	own_mounts=(unshare --mount --propagation private)
	"${own_mounts[@]}" true 2>/dev/null && return
	# In a chroot whose root is no mount nothing can be made private: it must be so already.
	! grep -q ' shared:' /proc/self/mountinfo || skip "mounts are shared with other machines' roots"
	own_mounts=(unshare --mount --propagation unchanged)
	"${own_mounts[@]}" true || skip "no right to a mount namespace"
}

# Root without the right to ignore permissions, as any other user.
powerless=(setpriv --bounding-set=-dac_override,-dac_read_search)

# try COMMAND...: sets rc, out, err; runs in an empty directory
try() {
	mkdir -p "$T/here"
	rc=0
	(cd "$T/here" && exec timeout 60 "$@") >"$T/out" 2>"$T/err" </dev/null || rc=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

# refused STATUS PART...: it ended with that status and one line that has these parts
refused() {
	local part

	expect_eq "exit status (stderr: $err)" "$rc" "$1"
	expect_eq "number of lines on stderr ($err)" "$(wc -l <"$T/err")" 1
	expect_match "stderr" "$err" '^stallscope: '
	for part in "${@:2}"; do expect_has "stderr" "$err" "$part"; done
	expect_eq "files left" "$(find "$T/here" -mindepth 1)" ""
	expect_no_file "/sys/fs/bpf/stallscope/$name"
}

# bad STATUS PART... -- OPTION...: `run` with these options besides good ones
bad() {
	local expected=()

	while [ "$1" != -- ]; do
		expected+=("$1")
		shift
	done
	shift
	try "$stallscope" run "${good[@]}" "$@"
	refused "${expected[@]}"
}

# ---- words ----

commands() {
	try "$stallscope" bogus
	refused $USAGE "'bogus'" "run, report, doctor"
	try "$stallscope"
	expect_eq "exit status without a command" "$rc" $USAGE
	expect_has "stderr" "$err" "Usage: stallscope COMMAND"
	try "$stallscope" --version
	expect_eq "exit status of --version" "$rc" 0
	expect_match "version" "$out" '^stallscope [0-9]+\.[0-9]+\.[0-9]+$'
	for word in --help -h help; do
		try "$stallscope" "$word"
		expect_eq "exit status of $word" "$rc" 0
		expect_has "help" "$out" "Usage: stallscope COMMAND"
		expect_eq "stderr of $word" "$err" ""
	done
}

help_names_each_option() {
	local option

	for command in run report doctor; do
		try "$stallscope" $command --help
		expect_eq "exit status of $command --help" "$rc" 0
		expect_eq "stderr of $command --help" "$err" ""
		[ -n "$out" ] || fail "$command --help says nothing"
	done
	try "$stallscope" run --help
	for option in kernel initrd modules cpus memory disk net sched exec file duration name out \
		no-trace no-huge-pages trace-tasks json; do
		expect_has "help" "$out" "--$option"
		expect_has "the man page" "$(tr -d '\\' <"$src/Documentation/stallscope.1")" \
			"--$option"
	done
}

unknown_options() {
	good=(--kernel /dev/null)
	bad $USAGE "'--bogus'" -- --bogus
	bad $USAGE "'stray'" -- stray
	bad $USAGE -- -x
	for command in report doctor; do
		try "$stallscope" $command --bogus
		refused $USAGE "'--bogus'"
	done
}

missing_values() {
	local option

	for option in kernel initrd modules append cpus memory disk net sched sched-arg exec file \
		duration time-limit name out machine qemu; do
		good=()
		bad $USAGE "--$option" -- "--$option"
	done
	for option in kernel initrd modules sched exec file out name disk net cpus memory; do
		good=(--kernel /dev/null)
		bad $USAGE -- "--$option="
	done
	good=()
	bad $USAGE "--kernel" --
}

exclusive_options() {
	good=(--kernel /dev/null)
	bad $USAGE --initrd --modules -- --initrd=/dev/null --modules=/
	bad $USAGE --file --initrd -- --initrd=/dev/null --file=/etc/passwd
	bad $USAGE --sched-arg -- --sched-arg=x
	bad $USAGE --time-limit=9 --duration=10 -- --exec=true --duration=10 --time-limit=9
	bad $KERNEL --kernel -- --exec=true --duration=10 --time-limit=10
}

too_long() {
	local long

	good=(--kernel /dev/null)
	long=$(printf '%020000d' 0)
	bad $USAGE --append -- --append "${long:0:801}"
	bad $USAGE --exec --file -- --exec "true $long"
	bad $USAGE --sched-arg "new line" -- --sched /bin/true --sched-arg $'a\nb'
}

control_characters() {
	try "$stallscope" $'bo\e[31mgus\r\nx\xc2\x9b2Jy\x9b'
	refused $USAGE "'bo?[31mgus  x?2Jy?'"
}

# ---- numbers ----

numbers() {
	local v

	good=(--kernel /dev/null)
	for v in 0 -1 -0 +1 2x x ' 2' 1.5 0x2 65 1000 4294967297 18446744073709551617; do
		bad $USAGE --cpus "$v" -- "--cpus=$v"
	done
	bad $USAGE "too many" -- --cpus=65
	for v in -1 x 0 1 1K 64 M 1.5G 512m1 512X 99999999T 8388608T 9223372036854775808 \
		18446744073709551616 99999999999999999999999; do
		bad $USAGE --memory "$v" -- "--memory=$v"
	done
	for v in 0 -1 x 604801 99999999999999999999; do
		bad $USAGE --duration "$v" -- --exec=true "--duration=$v"
		bad $USAGE --time-limit "$v" -- "--time-limit=$v"
	done
}

names() {
	local v

	good=(--kernel /dev/null)
	for v in . .. a/b ../x 'a b' "$(printf 'x%.0s' {1..65})" $'a\nb'; do
		try "$stallscope" run --kernel /dev/null "--name=$v"
		expect_eq "exit status of --name='$v'" "$rc" $USAGE
		expect_has "stderr" "$err" "--name"
	done
	bad $USAGE --machine "'maybe'" -- --machine=maybe
	bad $USAGE --qemu --machine=qemu -- --machine=kvm --qemu=/bin/true
	bad $USAGE --net --machine=nested -- --machine=qemu --net=loopback
}

disk_words() {
	local v

	good=(--kernel /dev/null)
	for v in size file ro, bogus=1 ,size=1M size=1M, size=1M,,iops=1 ro size=1M,ro \
		iops=5 size=1M,file=/x file=; do
		bad $USAGE --disk -- "--disk=$v"
	done
	for v in 0 -1 -512 1 511 513 1000 x 1Q 1MM 9223372036854775808 16E 8388608T \
		18446744073709551616; do
		bad $USAGE --disk -- "--disk=size=$v"
	done
	bad $USAGE "1000" "512" -- --disk=size=1000
	for v in size=1M,size=2M size=1M,iops=1,iops=1 file=/a,file=/b,size=1M file=/a,ro,ro \
		size=1M,group=a,group=a size=1M,backing=sync,backing=auto; do
		bad $USAGE --disk "is given twice" -- "--disk=$v"
	done
	bad $USAGE --disk "is empty" -- --disk=
	bad $USAGE "a comma too many" -- --disk=size=1M,
	for v in -1 x 1K 1.5 18446744073709551616 9223372036854775808; do
		bad $USAGE "iops=$v" -- "--disk=size=1M,iops=$v"
	done
	bad $USAGE "iops=9223372036854775807 is too high" -- --disk=size=1M,iops=9223372036854775807
	for v in -1 x 1Q 18446744073709551616; do
		bad $USAGE "bps=$v" -- "--disk=size=1M,bps=$v"
	done
	for v in 0 9 1000 18446744073709551616 -1 x 1.5; do
		bad $USAGE "queues=$v" -- "--disk=size=1M,queues=$v"
	done
	for v in x 0- 3-2 -1 0-1,,,,2 1024 0:1; do
		bad $USAGE "worker_cpus=" -- "--disk=size=1M,worker_cpus=$v"
	done
	bad $USAGE "worker_cpus=" -- --disk=size=1M,worker_cpus=
	bad $USAGE "auto, sync or io_uring" -- --disk=size=1M,backing=mmap
	bad $USAGE "auto, sync or io_uring" -- --disk=size=1M,backing=
	bad $USAGE "format=qcow2" "convert" -- --disk=file=/x,format=qcow2
	bad $USAGE "share=yes" -- --disk=file=/x,share=yes
	bad $USAGE "want file=PATH" -- --disk=size=1M,format=raw
	bad $USAGE "want file=PATH" -- --disk=size=1M,share=on
	bad $USAGE "'size' is given twice" -- --disk=size=1M,size=2M
	bad $USAGE "'ro' is given twice" -- --disk=file=/x,ro,ro
	bad $USAGE "disks" -- --disk=size=1M --disk=size=1M --disk=size=1M --disk=size=1M \
		--disk=size=1M --disk=size=1M --disk=size=1M --disk=size=1M --disk=size=1M
}

network_words() {
	local v

	good=(--kernel /dev/null)
	for v in tap loop LOOPBACK pps=5 mac=52:54:00:00:00:01 pps=5,loopback loopback=1; do
		bad $USAGE --net "unknown backend" loopback -- "--net=$v"
	done
	bad $USAGE "loopback" "twice" -- --net=loopback,loopback
	bad $USAGE "'bogus'" "pps_burst" -- --net=loopback,bogus=1
	bad $USAGE "'iops'" -- --net=loopback,iops=5
	for v in ,loopback loopback,; do
		bad $USAGE --net "a comma too many" -- "--net=$v"
	done
	for v in mac mtu pps bps; do
		bad $USAGE "'$v' wants a value" -- "--net=loopback,$v"
	done
	for v in '' 1 x 52:54:00:12:34 52:54:00:12:34:5 52:54:00:12:34:567 52:54:00:12:34:56: \
		52-54-00-12-34-56 525400123456 5g:54:00:12:34:56 ' 2:54:00:12:34:56' 52:54:00:12:34:56:78; do
		bad $USAGE "mac=$v is not a MAC address" -- "--net=loopback,mac=$v"
	done
	for v in 01:00:5e:00:00:01 ff:ff:ff:ff:ff:ff 53:54:00:12:34:56; do
		bad $USAGE "mac=$v" multicast -- "--net=loopback,mac=$v"
	done
	bad $USAGE "mac=00:00:00:00:00:00" -- --net=loopback,mac=00:00:00:00:00:00
	for v in 0 1 67 65536 4294967364; do
		bad $USAGE "mtu=$v" "from 68 to 65535" -- "--net=loopback,mtu=$v"
	done
	for v in -1 x '' 1K 1.5; do
		bad $USAGE "mtu=$v is not a whole number" -- "--net=loopback,mtu=$v"
		bad $USAGE "pps=$v is not a whole number" -- "--net=loopback,pps=$v"
	done
	bad $USAGE "pps=9223372036854775808 is too large" -- --net=loopback,pps=9223372036854775808
	bad $USAGE "pps=9223372036854775807 is too high" -- --net=loopback,pps=9223372036854775807
	bad $USAGE "bps=1Q is not a number of bytes" -- --net=loopback,bps=1Q
	bad $USAGE "'pps' is given twice" -- --net=loopback,pps=5,bps=1M,pps=5
	bad $USAGE "'mac' is given twice" -- \
		--net=loopback,mac=52:54:00:00:00:01,mac=52:54:00:00:00:02
	bad $USAGE "net0 and net1 have the same MAC" -- --net=loopback,mac=52:54:00:aa:bb:cc \
		--net=loopback,mac=52:54:00:AA:BB:CC
	# The second one's own address, taken by the first.
	bad $USAGE "net0 and net1 have the same MAC" -- --net=loopback,mac=52:54:00:53:53:01 \
		--net=loopback
	bad $USAGE "more than 4 network devices" -- --net=loopback --net=loopback --net=loopback \
		--net=loopback --net=loopback
	bad $LIMITS pps_burst=9 pps=10 -- --net=loopback,pps=10,pps_burst=9
	bad $LIMITS bps_burst=1048575 bps=1048576 -- --net=loopback,bps=1M,bps_burst=1048575
	bad $LIMITS pps_burst "without pps" -- --net=loopback,pps_burst=10
	bad $LIMITS bps_burst "without bps" -- --net=loopback,bps_burst=1M
}

# What is right gets as far as the kernel, which isn't one.
good_devices() {
	local v

	good=(--kernel /dev/null)
	for v in loopback loopback,mac=02:00:00:00:00:01,mtu=68 loopback,mtu=65535,pps=0 \
		loopback,pps=10,pps_burst=10,bps=1M,bps_burst=2M; do
		bad $KERNEL "--kernel" -- "--net=$v"
	done
	bad $KERNEL "--kernel" -- --net=loopback --net=loopback --net=loopback --net=loopback
	bad $KERNEL "--kernel" -- --disk=size=1M,queues=8,bps=0,group=a,,b,worker_cpus=0,,1
}

bursts() {
	good=(--kernel /dev/null)
	bad $LIMITS iops_burst=9 iops=10 -- --disk=size=1M,iops=10,iops_burst=9
	bad $LIMITS bps_burst=1048575 bps=1048576 -- --disk=size=1M,bps=1M,bps_burst=1048575
	bad $LIMITS iops_burst -- --disk=size=1M,iops_burst=10
	bad $LIMITS bps_burst -- --disk=size=1M,bps_burst=1M
}

# refused_serve STATUS PART... -- OPTION...: with a disk that could be served
refused_serve() {
	local parts=()

	while [ "$1" != -- ]; do
		parts+=("$1")
		shift
	done
	shift
	try "$stallscope" serve "$@"
	refused "${parts[@]}"
}

serve_words() {
	local good=(--disk=size=1M --socket=s)

	refused_serve $USAGE --disk --socket --
	refused_serve $USAGE "2 --disk" "1 --socket" -- "${good[@]}" --disk=size=1M
	refused_serve $USAGE "1 --disk" "2 --socket" -- "${good[@]}" --socket=t
	refused_serve $USAGE --socket "no file" -- --disk=size=1M --socket=
	refused_serve $USAGE word -- "${good[@]}" word
	refused_serve $USAGE "unknown key 'x'" -- --disk=x=1 --socket=s
	refused_serve $LIMITS iops_burst=9 -- --disk=size=1M,iops=10,iops_burst=9 --socket=s
	refused_serve $DISK none -- --disk=file=none --socket=s
	refused_serve $DISK profile none -- --disk=size=1M,profile=none --socket=s
	refused_serve $OUTPUT none/s "No such file" -- --disk=size=1M --socket=none/s
	: >"$T/file"
	refused_serve $OUTPUT "$T/file" -- --disk=size=1M --socket="$T/file"
	# The first disk's socket is gone again when the second can't be had.
	refused_serve $DISK none -- "${good[@]}" --disk=file=none --socket=t
	expect_eq "files left" "$(ls "$T/here")" ""
	rm "$T/file"
}

# A server that waits for somebody, and is told to end.
serve_ends() {
	local sig pid

	cd "$T"
	for sig in INT TERM; do
		"$stallscope" serve --disk=size=1M,queues=2 --socket=s --disk=size=2M --socket=t >out 2>err &
		pid=$!
		until [ -s out ]; do sleep 0.02; done
		[ -S s ] && [ -S t ] || fail "no sockets"
		kill -$sig $pid
		rc=0
		wait $pid || rc=$?
		expect_eq "status after SIG$sig" "$rc" 0
		[ ! -e s ] && [ ! -e t ] || fail "sockets were left behind"
		expect_eq "stderr" "$(cat err)" ""
		expect_has "stdout" "$(cat out)" "disk 1: 0 reads"
		rm out err
	done
}

# As a daemon starts it: without standard descriptors.
no_descriptors() {
	local pid fd

	cd "$T"
	truncate -s 1M image
	"$stallscope" serve --disk=file=image --socket=s <&- >&- 2>&- &
	pid=$!
	until [ -S s ]; do sleep 0.02; done
	for fd in 0 1 2; do
		expect_eq "descriptor $fd" "$(readlink "/proc/$pid/fd/$fd")" /dev/null
	done
	expect_has "descriptors" "$(readlink "/proc/$pid/fd/"*)" "$(realpath image)"
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	expect_eq "status" "$rc" 0
	rm image
}

# ---- files ----

kernels() {
	mkdir "$T/files" "$T/files/dir"
	good=(--name "$name" --out "$T/here/run")
	bad $KERNEL "$T/files/none" "No such file" -- --kernel "$T/files/none"
	bad $KERNEL "$T/files/dir" -- --kernel "$T/files/dir"
	: >"$T/files/empty"
	bad $KERNEL "$T/files/empty" -- --kernel "$T/files/empty"
	head -c 100000 /dev/zero >"$T/files/zeroes"
	bad $KERNEL "$T/files/zeroes" -- --kernel "$T/files/zeroes"
	bad $KERNEL "$stallscope" -- --kernel "$stallscope"
	bad $KERNEL /dev/zero -- --kernel /dev/zero
}

truncated_kernel() {
	need_kernel
	mkdir "$T/files"
	head -c 100000 "$kernel" >"$T/files/half"
	bad $KERNEL "$T/files/half" -- --kernel "$T/files/half"
}

memory_beyond_the_host() {
	need_kernel
	bad $USAGE --memory -- --memory=100000G
}

unreadable_kernel() {
	need_kernel
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir "$T/files"
	cp "$kernel" "$T/files/secret"
	chmod 0 "$T/files/secret"
	try "${powerless[@]}" "$stallscope" run --kernel "$T/files/secret" --out "$T/here/run"
	refused $KERNEL "$T/files/secret" "Permission denied"
}

# Kernels made unfit by hand: the archive has none without BTF, and virtio is what
# modules bring.
unfit_kernels() {
	command -v objcopy >/dev/null || skip "no objcopy (package binutils)"
	need_kernel
	local elf

	elf=$(config GUEST_VMLINUX)
	mkdir -p "$T/files/modules/kernel/fs/ext4"
	: >"$T/files/modules/kernel/fs/ext4/ext4.ko"
	objcopy --remove-section .BTF --remove-section .BTF_ids "$elf" "$T/files/vmlinux"
	bad $UNFIT BTF "$T/files/vmlinux" -- --kernel "$T/files/vmlinux" --sched "$build/guest/scx_vtime"
	printf 'kernel/fs/ext4/ext4.ko:\n' >"$T/files/modules/modules.dep"
	: >"$T/files/modules/modules.builtin"
	bad $UNFIT virtio -- --modules "$T/files/modules"
	elf=$(KERNEL='' "$src/tools/run/get-kernel" --without sched_ext 2>/dev/null)/vmlinux ||
		skip "no kernel without sched_ext to be had"
	bad $UNFIT sched_ext "$elf" -- --kernel "$elf" --sched "$build/guest/scx_vtime"
}

module_directories() {
	need_kernel
	mkdir -p "$T/files/empty"
	bad $KERNEL /none "No such file" -- --modules /none
	bad $KERNEL "$T/files/empty" modules.dep modules.order -- --modules "$T/files/empty"
	bad $KERNEL "$kernel" -- --modules "$kernel"
	good=(--kernel "$kernel" --out "$T/here/run")
	bad $KERNEL /none "No such file" -- --initrd /none
	bad $KERNEL "$T/files/empty" -- --initrd "$T/files/empty"
}

disks() {
	need_kernel
	mkdir -p "$T/files/dir"
	bad $DISK "$T/files/none" "no such file" -- "--disk=file=$T/files/none"
	bad $DISK "$T/files/dir" directory -- "--disk=file=$T/files/dir"
	bad $DISK /dev/null -- --disk=file=/dev/null
	: >"$T/files/empty"
	bad $DISK "$T/files/empty" -- "--disk=file=$T/files/empty"
	truncate -s 511 "$T/files/short"
	bad $DISK "$T/files/short" -- "--disk=file=$T/files/short"
	mkfifo "$T/files/fifo"
	bad $DISK "$T/files/fifo" -- "--disk=file=$T/files/fifo"
	expect_eq "size of the untouched file" "$(stat -c %s "$T/files/short")" 511
}

images() {
	local pid

	need_kernel
	mkdir "$T/files"
	truncate -s 1M "$T/files/image"
	bad $DISK "$T/files/image" "in use" "share=on" -- "--disk=file=$T/files/image" \
		"--disk=file=$T/files/image"
	"$stallscope" serve --disk="file=$T/files/image" --socket="$T/s" >"$T/log" &
	pid=$!
	until [ -S "$T/s" ]; do sleep 0.02; done
	bad $DISK "$T/files/image" "in use" -- "--disk=file=$T/files/image"
	bad $DISK "$T/files/image" "in use" -- "--disk=file=$T/files/image,ro"
	kill $pid
	wait $pid
	printf 'QFI\373\0\0\0\3' | dd of="$T/files/image" conv=notrunc status=none
	bad $DISK "$T/files/image" qcow2 format=raw -- "--disk=file=$T/files/image"
}

odd_disk() {
	need_kernel
	mkdir "$T/files"
	truncate -s 100000 "$T/files/odd"
	bad $DISK "$T/files/odd" 512 -- "--disk=file=$T/files/odd"
}

read_only_disk() {
	need_kernel
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir "$T/files"
	truncate -s 1M "$T/files/disk"
	chmod 444 "$T/files/disk"
	try "${powerless[@]}" "$stallscope" run "${good[@]}" "--disk=file=$T/files/disk"
	refused $DISK "$T/files/disk"
	expect_match "stderr" "$err" '(ro|read-only)'
}

programs_and_files() {
	need_kernel
	mkdir "$T/files"
	cp /etc/hostname "$T/files/plain"
	chmod 644 "$T/files/plain"
	bad $FILE --sched /none "No such file" -- --sched /none
	bad $FILE --sched "$T/files" -- --sched "$T/files"
	bad $FILE --sched "$T/files/plain" executable -- --sched "$T/files/plain"
	bad $FILE --file /none "No such file" -- --file /none
	bad $FILE --file /none -- --file /none:/etc/x
	bad $FILE --exec no-such-program -- --exec 'no-such-program --fast'
	bad $FILE --exec no-such-program -- --exec 'true && no-such-program'
}

# ---- the machine ----

no_kvm() {
	need_kernel
	need_own_mounts
	try "${own_mounts[@]}" bash -euc '
		mkdir "$1"; mknod -m 666 "$1/null" c 1 3
		mount -n --bind "$1" /dev; shift; exec "$@"' sh "$T/dev" \
		"$stallscope" run "${good[@]}" --machine=kvm
	refused $KVM /dev/kvm
}

no_right_to_kvm() {
	need_kernel
	[ -e /dev/kvm ] || skip "no /dev/kvm"
	need_own_mounts
	for machine in auto kvm; do
		try "${own_mounts[@]}" bash -euc '
			mknod "$1" c 10 232; chmod 0 "$1"; mount --bind "$1" /dev/kvm; rm "$1"
			shift; exec "$@"' sh "$T/kvm" "${powerless[@]}" \
			"$stallscope" run "${good[@]}" --machine=$machine
		refused $KVM /dev/kvm "permission"
	done
}

not_a_kvm() {
	need_kernel
	[ -e /dev/kvm ] || skip "no /dev/kvm"
	need_own_mounts
	try "${own_mounts[@]}" bash -euc '
		mount --bind /dev/null /dev/kvm; exec "$@"' sh \
		"$stallscope" run "${good[@]}" --machine=kvm
	refused $KVM /dev/kvm
}

# a_qemu WORDS: a program that is started as QEMU, and says its control channel's words
a_qemu() {
	printf '#!/bin/bash\nfor w; do case $w in socket,id=qmp,fd=*) qmp=${w##*=};; esac; done\n%s\n' \
		"$1" >"$T/qemu"
	chmod +x "$T/qemu"
}

bad_qemu() {
	need_kernel
	bad $QEMU --qemu "$T/none: No such file" -- --machine=qemu --qemu="$T/none"
	: >"$T/qemu"
	bad $QEMU --qemu "Permission denied" -- --machine=qemu --qemu="$T/qemu"
	a_qemu 'echo "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 6, \"minor\": 2}}}}" >&$qmp; exec sleep 100'
	bad $QEMU_OLD --qemu "QEMU 6.2: 7.2 or newer" -- --machine=qemu --qemu="$T/qemu"
	a_qemu 'echo "qemu: no memory" >&2; exit 1'
	bad $QEMU_DIED --qemu "ended at once (exit status 1): qemu: no memory" -- --machine=qemu --qemu="$T/qemu"
}

# While tools/run/nested still fetches and packs, before there is a machine.
interrupted_starter() {
	local i

	need_kernel
	mkdir "$T/lib"
	printf '#!/bin/bash\n: >"%s/ready"\nsleep 1000\nexit 20\n' "$T" >"$T/lib/nested"
	chmod +x "$T/lib/nested"
	mkdir "$T/here"
	STALLSCOPE_LIBEXEC=$T/lib "$stallscope" run --kernel "$kernel" --name "$name" \
		--out "$T/here/run" --initrd "$kernel" --machine=nested >"$T/out" 2>"$T/err" &
	for ((i = 0; i < 1000; i++)); do
		[ ! -e "$T/ready" ] || break
		sleep 0.02
	done
	kill -INT $!
	rc=0
	wait $! || rc=$?
	err=$(cat "$T/err")
	refused $INTERRUPTED "interrupted: nothing was measured"
}

output_directories() {
	need_kernel
	mkdir "$T/files"
	: >"$T/files/file"
	bad $OUTPUT "$T/files/file" -- --out "$T/files/file"
	bad $OUTPUT "$T/files/file/x" -- --out "$T/files/file/x"
	bad $OUTPUT "$T/files/none/x" -- --out "$T/files/none/x"
	mkdir -m 555 "$T/files/dir"
	try "${powerless[@]}" "$stallscope" run "${good[@]}" --out "$T/files/dir"
	refused $OUTPUT "$T/files/dir"
}

output_in_use() {
	local lock

	need_kernel
	mkdir "$T/files"
	: >"$T/files/run.json"
	exec {lock}<"$T/files"
	flock "$lock"
	bad $OUTPUT "$T/files: another run is writing there" -- --out "$T/files"
	expect_file "$T/files/run.json"
	exec {lock}<&-
}

# Input files that a run would replace in --out, named in other ways.
output_holds_input() {
	local option file

	need_kernel
	mkdir "$T/files" "$T/files/out"
	truncate -s 1M "$T/files/image"
	echo 'limit iops=5' >"$T/files/profile"
	cp "$kernel" "$T/files/kernel"
	good=(--name "$name" --out "$T/files/out")
	while read -r file source option; do
		ln "$T/files/$source" "$T/files/out/$file"
		: >"$T/files/out/run.json"
		try "$stallscope" run "${good[@]}" --kernel "$kernel" --machine=nested \
			${option//OUT/$T/files/out}
		expect_eq "exit status (stderr: $err)" "$rc" $OUTPUT
		expect_eq "stderr" "$err" "stallscope: --out: $T/files/out/$file is what ${option%%[ =]*} names, and a run replaces it there: choose another directory"
		cmp "$T/files/$source" "$T/files/out/$file"
		expect_file "$T/files/out/run.json"
		rm "$T/files/out/$file"
	done <<-'EOF'
	initrd.cpio image --initrd OUT/initrd.cpio
	initrd.cpio kernel --kernel=OUT/../kernel
	console.log image --disk file=OUT/console.log
	workload.log profile --disk size=1M,profile=OUT/workload.log
	dump.json image --file OUT/dump.json
	dump.json image --file OUT/dump.json:/etc/dump
	EOF
}

full_output() {
	need_kernel
	need_own_mounts
	mkdir "$T/small"
	try "${own_mounts[@]}" bash -euc '
		mount -t tmpfs -o size=256k none "$1"; mkdir "$1/run"; shift
		rc=0; "$@" || rc=$?
		[ -z "$(find "${!#}" -type f)" ] || echo "left files behind" >&2
		exit $rc' sh "$T/small" "$stallscope" run "${good[@]}" --out "$T/small/run"
	refused $OUTPUT "$T/small/run" "No space left"
}

# ---- the other commands ----

reports() {
	mkdir -p "$T/files/empty" "$T/files/broken"
	echo '{ "not": finished' >"$T/files/broken/run.json"
	try "$stallscope" report
	refused $USAGE
	try "$stallscope" report /none
	refused $USAGE /none
	try "$stallscope" report "$T/files/empty"
	refused $USAGE "$T/files/empty"
	try "$stallscope" report "$T/files/empty" "$T/files/broken"
	refused $USAGE "$T/files/broken"
	try "$stallscope" report "$T/files/broken"
	refused 1 "$T/files/broken"
}

doctor() {
	try "$stallscope" doctor
	[ "$rc" -le 7 ] || fail "exit status $rc"
	[ "$(wc -l <"$T/out")" -le 40 ] || fail "it is longer than a screen"
	for part in kvm bpf btf kernel; do expect_has "doctor" "$out" "$part"; done
	try "$stallscope" doctor extra
	refused $USAGE "'extra'"
}

doctor_without_kvm() {
	[ -e /dev/kvm ] || skip "no /dev/kvm: the plain one shows it"
	need_own_mounts
	try "${own_mounts[@]}" bash -euc '
		mount --bind /dev/null /dev/kvm; exec "$@"' sh "$stallscope" doctor
	expect_match "doctor" "$out" '(^|'$'\n'')(warn|fail|FAIL) +kvm '
	expect_has "doctor" "$out" /dev/kvm
}

# A compressed image, which is unpacked to look into it.
doctor_image() {
	local program

	need_kernel
	TMPDIR=/nonexistent try "$stallscope" doctor --kernel "$kernel"
	expect_match "doctor" "$out" '(^|'$'\n'')(ok|warn) +kernel '
	[[ $out != *"can't look"* ]] || fail "it can't look into it: $out"
	try "$stallscope" doctor --json --kernel $'/no\xffkernel'
	expect_eq "exit status" "$rc" 1
	expect_has "stderr" "$err" "as JSON"
	mkdir "$T/files" "$T/bin"
	head -c 100000 "$kernel" >"$T/files/half"
	try "$stallscope" doctor --kernel "$T/files/half"
	expect_eq "exit status" "$rc" $KERNEL
	expect_has "doctor" "$(tr -s ' \n' ' ' <"$T/out")" \
		"FAIL kernel $T/files/half: its payload lies outside the file"
	for program in env bash od stat tr dd; do ln -s "$(command -v $program)" "$T/bin"; done
	try env PATH="$T/bin" "$stallscope" doctor --kernel "$kernel"
	expect_match "doctor" "$(tr -s ' \n' ' ' <"$T/out")" 'warn kernel .*is needed to unpack it'
}

doctor_offline() {
	local doctor

	[ -e /dev/kvm ] || skip "no /dev/kvm to hide"
	need_own_mounts
	mkdir "$T/bin"
	cp "$stallscope" "$T/bin"
	printf '#!/bin/sh\n' >"$T/bin/nested"
	chmod +x "$T/bin/nested"
	doctor=("${own_mounts[@]}" bash -euc 'mount --bind /dev/null /dev/kvm; exec "$@"' sh
		"$T/bin/stallscope" doctor)
	export STALLSCOPE_CACHE=$T/cache
	STALLSCOPE_OFFLINE='' try "${doctor[@]}"
	expect_eq "exit status" "$rc" 0
	expect_match "doctor" "$out" '(^|'$'\n'')ok +emulation +the first run fetches'
	STALLSCOPE_OFFLINE=1 try "${doctor[@]}"
	expect_eq "exit status" "$rc" $KVM
	expect_match "doctor" "$out" '(^|'$'\n'')FAIL +emulation +no QEMU'
	expect_has "doctor" "$out" "STALLSCOPE_OFFLINE"
}

ktap_test commands "commands, versions and help"
ktap_test help_names_each_option "help and the man page name each option"
ktap_test unknown_options "unknown options and stray words"
ktap_test missing_values "options without their value"
ktap_test exclusive_options "options that don't go together"
ktap_test too_long "commands and words that are too long to pass on"
ktap_test control_characters "what isn't ours can't drive the terminal"
ktap_test numbers "vCPUs, memory and times: no number, negative, too large"
ktap_test names "names that aren't file names"
ktap_test disk_words "disks: keys, sizes and limits"
ktap_test network_words "network devices: backend, addresses, frame sizes and limits"
ktap_test good_devices "disks and network devices as they should be"
ktap_test bursts "D74 a burst below its rate, or without one, is refused"
ktap_test serve_words "serve: disks and sockets that don't go together, or can't be had"
ktap_test no_descriptors "D106 a disk never takes the place of a standard descriptor that is closed"
ktap_test serve_ends "V28 serve ends with ctrl-C and SIGTERM, and removes its sockets"
ktap_test kernels "kernels that are missing, a directory, or none"
ktap_test truncated_kernel "a kernel cut short"
ktap_test memory_beyond_the_host "memory that the host hasn't got"
ktap_test unreadable_kernel "a kernel that can't be read"
ktap_test unfit_kernels "kernels without BTF, virtio or sched_ext"
ktap_test module_directories "modules and initramfs that are missing or none"
ktap_test disks "disks that are missing, a directory, empty or too short"
ktap_test images "D106 an image that is in use, twice given, or of another program's format"
ktap_test odd_disk "a disk that isn't a multiple of 512 bytes"
ktap_test read_only_disk "a disk that can't be written"
ktap_test programs_and_files "schedulers, workloads and files that are missing"
ktap_test no_kvm "no /dev/kvm"
ktap_test bad_qemu "QEMU missing, too old, ended at once"
ktap_test no_right_to_kvm "no right to /dev/kvm"
ktap_test not_a_kvm "a /dev/kvm that isn't one"
ktap_test interrupted_starter "ctrl-C while an emulated machine is being made"
ktap_test output_directories "output directories that can't be"
ktap_test output_in_use "a directory where another run is writing"
ktap_test output_holds_input "files to be used that a run would replace"
ktap_test full_output "a full output disk"
ktap_test reports "reports of what isn't a run"
ktap_test doctor "doctor answers in a screen"
ktap_test doctor_without_kvm "doctor misses /dev/kvm"
ktap_test doctor_image "doctor looks into a bzImage, wherever temporary files may not be"
ktap_test doctor_offline "doctor counts on no download where none is allowed"
ktap_main "$@"
