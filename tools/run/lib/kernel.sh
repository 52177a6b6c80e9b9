# SPDX-License-Identifier: GPL-2.0-only
# Kernels of Debian's archive in the cache, and a user's own. A kernel is a
# directory with
#	release			its name, as uname -r says it
#	vmlinuz, vmlinux	the boot image, and the ELF file inside it
#	lib/modules/RELEASE	its modules with modules.dep; absent if a user's own has none
#	verdict			what btfcheck says about it
# Needs common.sh, apt.sh, libbpf.sh.

# How many kernels are downloaded at most in search of a good one.
kernel_tries=8

btfcheck_build() {
	local dir
	dir=$(libbpf_dir)
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -I"$top/host" -isystem "$dir/include" -isystem "$dir/uapi" \
		-o "$1/btfcheck" "$tools/btfcheck.c" "$top/host/trace/btf_check.c" \
		"$dir/lib/libbpf.a" "-L$dir/lib" $(cat "$dir/libs")
}

# An installation has no sources, but a checker that was built.
btfcheck_given() {
	[ -x "$tools/btfcheck" ]
}

# A changed checker gets another name, so that old verdicts don't count.
btfcheck_name() {
	if btfcheck_given; then
		echo "btfcheck/$(cksum <"$tools/btfcheck" | tr ' ' -)"
	else
		echo "btfcheck/$(cat "$tools/btfcheck.c" "$top"/host/trace/btf_check.? | cksum | tr ' ' -)"
	fi
}

btfcheck_get() {
	btfcheck_given || {
		libbpf_get
		cached "$(btfcheck_name)" btfcheck_build
	}
}

btfcheck() {
	if btfcheck_given; then
		"$tools/btfcheck" "$@"
	else
		"$cache/$(btfcheck_name)/btfcheck" "$@"
	fi
}

# kernel_list ROOT: "RELEASE IMAGE-PACKAGE OTHER-PACKAGES..." of the cloud
# kernels in the archive, newest first. Debian has named and split its kernel
# packages in several ways; a package that has the image goes before its meta-package.
kernel_list() {
	apt_private "$1" apt-cache pkgnames linux- | awk '
		/-cloud-amd64$/ && match($0, /^linux-(binary-unsigned|binary|modules|base|image)-/) {
			kind = substr($0, 7, RLENGTH - 7)
			release = substr($0, RLENGTH + 1)
			if (release ~ /^[0-9]/)
				have[release, kind] = seen[release] = 1
		}
		END {
			for (r in seen) {
				image = (r, "binary") in have ? "linux-binary-" r : \
					(r, "binary-unsigned") in have ? "linux-binary-unsigned-" r : ""
				if (image && (r, "modules") in have)
					print r, image, "linux-modules-" r, (r, "base") in have ? "linux-base-" r : ""
				else if (!image && (r, "image") in have)
					print r, "linux-image-" r
			}
		}' | sort -rV
}

# kernel_download ROOT PACKAGE DIR: its files in DIR/unpacked.
kernel_download() {
	local size
	size=$(apt_private "$1" apt-cache show --no-all-versions "$2" | awk '$1 == "Size:" { print int($2 / 1e6 + .5) }')
	say GET "$2 ($size MB)"
	(
		cd "$3"
		logged get-kernel apt_private "$1" apt-get download "$2"
		apt_unpack unpacked ./*.deb
		rm -- *.deb
	)
}

# kernel_examine DIR: the vmlinux and the verdict of DIR/vmlinuz. Fails if it can't be used.
kernel_examine() {
	"$tools/lib/extract-vmlinux" "$1/vmlinuz" "$1/vmlinux" || return 1
	btfcheck "$1/vmlinux" >"$1/verdict"
}

# kernel_try ROOT WANT RELEASE IMAGE [PACKAGE...]: sets fits to 1 if $cache/kernel/RELEASE
# is there now: one whose sched_ext is as wanted (with, without). A verdict that it is
# not so is kept, so that it is not downloaded again.
kernel_try() {
	local root=$1 want=$2 release=$3 image=$4 dir=$cache/kernel/$3 tmp=$cache/tmp/kernel found=with unfit package
	shift 4
	unfit=$cache/kernel/unfit/$want/$release.$(basename "$(btfcheck_name)")
	fits=
	if [ -e "$dir" ]; then
		[ "$(cat "$dir/kind")" != "$want" ] || fits=1
		return
	fi
	[ ! -e "$unfit" ] || return 0
	rm -rf "$tmp"
	mkdir -p "$tmp/unpacked" "${unfit%/*}"
	kernel_download "$root" "$image" "$tmp"
	find "$tmp/unpacked" -name 'vmlinuz*' -type f -exec mv {} "$tmp/vmlinuz" \;
	kernel_examine "$tmp" || found=without
	if [ "$found" != "$want" ]; then
		[ -s "$tmp/verdict" ] || echo "its image could not be unpacked" >"$tmp/verdict"
		say SKIP "linux $release: $(cat "$tmp/verdict")"
		cp "$tmp/verdict" "$unfit"
		return
	fi
	for package; do
		kernel_download "$root" "$package" "$tmp"
	done
	mkdir -p "$tmp/lib/modules"
	find "$tmp/unpacked" -path "*/modules/$release" -type d -exec mv {} "$tmp/lib/modules/" \; -prune
	# Beside the modules, as some distributions have it: a guest's libbpf wants it.
	find "$tmp/unpacked" -name "config-$release" -type f \
		-exec mv {} "$tmp/lib/modules/$release/config" \;
	rm -rf "$tmp/unpacked"
	[ -d "$tmp/lib/modules/$release/kernel" ] || die "Debian's packages of linux $release hold no modules"
	PATH=$PATH:/usr/sbin:/sbin logged depmod depmod -b "$tmp" "$release"
	echo "$release" >"$tmp/release"
	echo "$found" >"$tmp/kind"
	sync -f "$tmp"
	mv -T "$tmp" "$dir"
	fits=1
}

# kernel_cached WANT: the newest such kernel in the cache; empty if there's none.
kernel_cached() {
	local kind
	for kind in "$cache"/kernel/*/kind; do
		[ ! -e "$kind" ] || [ "$(cat "$kind")" != "$1" ] || echo "${kind%/kind}"
	done | sort -rV | head -n 1
}

before_6_16() {
	[ "$(printf '%s\n' "$1" 6.16 | sort -V | head -n 1)" != 6.16 ]
}

kernel_search() {
	local want=$1 tried=0 root list release packages has fits
	for root in trixie sid; do
		if [ "$root" = trixie ]; then
			apt_root trixie 'deb trixie' 'deb trixie-backports'
		else
			apt_root sid 'deb sid'
		fi
		list=$(kernel_list "$root")
		while read -r release packages; do
			[ -n "$release" ] || continue
			# Spares downloads: sched_ext is in Linux from 6.12, on in Debian from 6.16.
			before_6_16 "$release" && has=without || has=with
			[ "$has" = "$want" ] || continue
			kernel_try "$root" "$want" "$release" $packages </dev/null
			if [ -n "$fits" ]; then
				say KERNEL "linux $release, the newest in Debian's archive that is right: $(cat "$cache/kernel/$release/verdict")"
				return
			fi
			tried=$((tried + 1))
			[ "$tried" -lt "$kernel_tries" ] || break
		done <<<"$list"
	done
	die "none of the $tried newest kernels in Debian's archive is $want a usable sched_ext;" \
		"give your own with KERNEL=/path/bzImage MODULES=/path/lib/modules/x"
}

# kernel_get WANT: makes sure that there is one in the cache.
kernel_get() {
	[ -n "$(kernel_cached "$1")" ] || locked kernel kernel_search_once "$1"
}

kernel_search_once() {
	[ -n "$(kernel_cached "$1")" ] || kernel_search "$1"
}

# kernel_vmlinux_h DIR: DIR/include/vmlinux.h from the kernel's BTF
kernel_vmlinux_h() {
	[ ! -e "$1/include/vmlinux.h" ] || return 0
	bpftool_get
	mkdir -p "$1/include"
	"$cache/bpftool/run" btf dump file "$1/vmlinux" format c >"$1/include/vmlinux.h.$$" ||
		die "bpftool can't read the BTF of $1/vmlinux"
	mv "$1/include/vmlinux.h.$$" "$1/include/vmlinux.h"
}

kernel_own_make() {
	local image=$1 modules=$2 dir=$3
	"$tools/lib/extract-vmlinux" "$image" "$dir/vmlinux"
	cp "$image" "$dir/vmlinuz"
	if btfcheck "$dir/vmlinux" >"$dir/verdict"; then
		echo own >"$dir/kind"
	else
		echo unfit >"$dir/kind"
	fi
	strings -n 8 "$dir/vmlinux" |
		awk '!found && /^Linux version [^ ]+ / { found = 1; print $3 }' >"$dir/release"
	[ -s "$dir/release" ] || die "$image: no kernel: it does not say which version it is"
	if [ -n "$modules" ]; then
		mkdir -p "$dir/lib/modules"
		ln -s "$modules" "$dir/lib/modules/$(cat "$dir/release")"
	fi
}

# kernel_own IMAGE MODULES: a user's own kernel, examined; prints its directory
kernel_own() {
	local image modules='' name
	[ -f "$1" ] && [ -r "$1" ] || die "KERNEL=$1: not a readable file"
	image=$(realpath "$1")
	if [ -n "$2" ]; then
		[ -e "$2/modules.dep" ] || [ -e "$2/modules.order" ] ||
			die "MODULES=$2: not a directory of modules (/path/lib/modules/RELEASE)"
		modules=$(realpath "$2")
	fi
	name=own/$({ stat -c '%n %s %Y' "$image"; echo "$modules $(btfcheck_name)"; } | cksum | tr ' ' -)
	cached "$name" kernel_own_make "$image" "$modules"
	# Only the newest are kept: a kernel developer has a new one every few minutes.
	find "$cache/own" -mindepth 1 -maxdepth 1 -printf '%C@ %p\n' | sort -rn | tail -n +6 | cut -d ' ' -f 2- |
		xargs -r rm -rf
	echo "$cache/$name"
}
