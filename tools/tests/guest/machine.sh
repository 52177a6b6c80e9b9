# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced, after ktap.sh, by the tests that run Linux guests. A script with such
# runs is brought into one machine whose KVM can run them: this one, or an
# emulated one. Its tests appear as subtests and can be named by -t too.
#
#	runs=$src/tools/tests/guest/x.sh	the script; it reads from $GUEST and
#						leaves run directories in $RUNS
#	kept=$build/tests/guest_x		... which stay here till the next start
#	tools=(bpftool)				programs it needs besides guest_tools
#	scripts=($src/...)			what it sources or starts, besides ktap.sh and start.sh
#	guest_env=(NAME=VALUE)			for it
#	prepare DIR				fills $GUEST
#	guest_machine				the body of the test
#	guest_main "$@"				in place of ktap_main

src=$(realpath "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../../..")
build=${SS_BUILD:-$src/build}
PATH=/usr/sbin:/sbin:$PATH
guest_tools=(bash sed tail timeout find jq flock mktemp realpath)
tools=() scripts=() guest_env=()

config() { sed -n "s/^$1 := //p" "$build/config.mk"; }

# Whether Linux guests run on this machine's own KVM.
hardware_kvm() { grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo && [ -w /dev/kvm ]; }

# Sets vmlinux and modules.
need_kernel() {
	vmlinux=$(config GUEST_VMLINUX)
	[ -n "$vmlinux" ] || vmlinux=$(config GUEST_KERNEL)
	modules=$(config GUEST_MODULES)
	[ -e "$vmlinux" ] || skip "there is no guest kernel"
}

# Sets fio, one for guests.
need_fio() {
	fio=$("$src/tools/get-fio") || fio=$(command -v fio) || skip "no fio"
}

# make_initrd OUTPUT MODULES OPTION...
make_initrd() {
	"$build/stallscope-mkinitramfs" --output "$1" --modules "${2:-none}" --module virtio_mmio \
		--module virtio_blk --agent "$build/guest/agent" "${@:3}"
}

guest_machine() {
	local tests=() t

	for t in "${guest_tools[@]}" "${tools[@]}"; do
		command -v "$t" >/dev/null || skip "no $t"
	done
	need_kernel
	mkdir "$T/guest"
	rm -rf "$kept"
	mkdir -p "$kept"
	cp "$build/stallscope" "$T/guest/stallscope"
	ln -s "$vmlinux" "$T/guest/vmlinux"
	prepare "$T/guest"
	for t in ${SS_GUEST_TESTS-}; do tests+=(-t "$t"); done
	if hardware_kvm; then
		env "${guest_env[@]}" "GUEST=$T/guest" "RUNS=$kept" "$runs" "${tests[@]}" | sed -u 's/^/    /'
	else
		in_machine "${tests[@]}" | sed -u 's/^/    /'
		expect_quiet_kernel "$kept/l1-kernel.log"
	fi
}

# The script and what it needs, in an emulated machine
in_machine() {
	local t file with=()

	for t in "${guest_tools[@]}" "${tools[@]}"; do
		file=$(command -v "$t")
		case $file in
		# In a place of our own, where nobody looks for it there.
		"$src"/*)	with+=(--file "$file:/usr/bin/$t") ;;
		*)		with+=(--exec-bin "$file") ;;
		esac
	done
	while read -r file; do
		with+=(--file "$(realpath "$T/guest/$file"):/guest/$file")
	done < <(find "$T/guest" -mindepth 1 ! -type d -printf '%P\n')
	for file in "$src"/tools/dev/harness/{ktap.sh,kernel-complaints} \
		"$src/tools/tests/guest/start.sh" "$runs" "${scripts[@]}"; do
		with+=(--file "$file:/t${file#"$src"}")
	done
	for t in "${guest_env[@]}"; do with+=(--env "$t"); done
	STALLSCOPE_BUILD=$build "$src/tools/run/nested" --timeout 2900 --memory 2560 --out "$kept" \
		"${with[@]}" --env GUEST=/guest --env RUNS=/out --env "SS_KERNEL_LOG=dmesg -r" \
		--env "SS_TEST_TIME_SCALE=${SS_TEST_TIME_SCALE:-1}" -- bash "/t${runs#"$src"}" "$@"
}

# Each run.json in $kept, and the demo's, is as the schema says.
valid_runs() {
	local schema=$src/Documentation/run.schema.json run n=0

	python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema isn't there"
	for run in "$kept"/*/run.json "$build"/demo/run.json; do
		[ -e "$run" ] || continue
		python3 - "$schema" "$run" <<-'EOS'
			import json, jsonschema, sys
			schema, run = (json.load(open(name)) for name in sys.argv[1:])
			jsonschema.Draft7Validator.check_schema(schema)
			jsonschema.validate(run, schema)
		EOS
		n=$((n + 1))
	done
	[ "$n" -gt 0 ] || skip "no run was made"
	diag "$n runs"
}

# guest_main TEST ARG...: TEST is the one whose body is guest_machine; -t may
# name a subtest of it, and -l lists those as well.
guest_main() {
	local shared=$1 args=() matching

	shift
	[ "${1-}" != -l ] || "$runs" -l
	while [ "${1-}" = -t ] && [ $# -ge 2 ]; do
		matching=$("$runs" -l -t "$2" | cut -f1)
		if [ -n "$matching" ]; then
			export SS_GUEST_TESTS="${SS_GUEST_TESTS-} $(xargs <<<"$matching")"
			args+=(-t "$shared")
		fi
		args+=(-t "$2")
		shift 2
	done
	ktap_main "${args[@]}" "$@"
}
