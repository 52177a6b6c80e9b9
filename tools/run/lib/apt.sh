# SPDX-License-Identifier: GPL-2.0-only
# Packages of Debian releases other than the system's, through a private apt
# configuration in the cache. The system's package sources, lists and installed
# packages are neither changed nor looked at, but its mirror and its apt.conf
# settings (a proxy, say) hold. Needs common.sh.

apt_keyring() {
	local f
	for f in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		[ ! -e "$f" ] || { echo "$f"; return; }
	done
	die "no Debian archive keys here: install debian-archive-keyring"
}

# The mirror of the first Debian release the system is set up for.
apt_mirror() {
	local uri release component found=
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		while read -r uri release component; do
			# All of it is read: apt-get must not die of a closed pipe.
			[ -z "$found" ] || continue
			case $uri in
			cdrom:*|*debian-security*)	continue ;;
			esac
			case $release:$component in
			bookworm:main|trixie:main|forky:main|duke:main|sid:main) ;;
			oldstable:main|stable:main|testing:main|unstable:main) ;;
			*)	continue ;;
			esac
			echo "$uri"
			found=1
		done
}

apt_write_root() {
	local root=$1 mirror keyring line
	shift
	mirror=$(apt_mirror)
	[ -n "$mirror" ] ||
		die "apt has no Debian release among its sources; add one to /etc/apt/sources.list"
	keyring=$(apt_keyring)
	mkdir -p "$root/empty" "$root/lists/partial" "$root/archives/partial"
	: >"$root/status"
	for line; do
		echo "${line%% *} [signed-by=$keyring] $mirror ${line#* } main"
	done >"$root/sources.list"
	cat >"$root/apt.conf" <<-EOF
	Dir::Etc::sourcelist "$root/sources.list";
	Dir::Etc::sourceparts "$root/empty";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "$root/empty";
	Dir::State "$root";
	Dir::State::lists "$root/lists";
	Dir::State::status "$root/status";
	Dir::Cache "$root";
	Dir::Cache::archives "$root/archives";
	Dir::Cache::pkgcache "pkgcache.bin";
	Dir::Cache::srcpkgcache "srcpkgcache.bin";
	Dir::Log "$root";
	APT::Architecture "amd64";
	#clear APT::Architectures;
	APT::Sandbox::User "root";
	APT::Get::List-Cleanup "true";
	APT::Install-Recommends "false";
	Acquire::Languages "none";
	Acquire::Retries "3";
	#clear APT::Update::Pre-Invoke;
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear DPkg::Pre-Install-Pkgs;
	#clear DPkg::Pre-Invoke;
	#clear DPkg::Post-Invoke;
	EOF
}

apt_update_root() {
	local name=$1 root=$cache/apt/$1
	shift
	[ -z "$(find "$root/updated" -mmin -720 2>/dev/null)" ] || return 0
	apt_write_root "$root" "$@"
	say LIST "Debian packages of ${*#* }"
	logged "apt-$name" apt-get -c "$root/apt.conf" -o APT::Update::Error-Mode=any -qq update
	touch "$root/updated"
}

# apt_root NAME 'deb RELEASE'...: a private apt configuration called NAME, its
# lists at most half a day old.
apt_root() {
	[ -z "${STALLSCOPE_OFFLINE:-}" ] || die "not in the cache $cache, and STALLSCOPE_OFFLINE is set"
	mkdir -p "$cache/apt"
	locked "apt-$1" apt_update_root "$@"
}

# apt_private NAME COMMAND ARGS...: apt-get or apt-cache with that configuration.
# When it fails, the archive may have moved on: the next run fetches new lists.
apt_private() {
	local root=$cache/apt/$1 command=$2
	shift 2
	LC_ALL=C "$command" -c "$root/apt.conf" -q "$@" || { rm -f "$root/updated"; return 1; }
}

# apt_unpack DIR DEB...: the files of packages, without installing them.
apt_unpack() {
	local dir=$1 deb
	shift
	for deb; do
		dpkg-deb -x "$deb" "$dir" || die "can't unpack ${deb##*/} into $dir"
	done
}

# apt_tree NAME RELEASE PACKAGE DIR: PACKAGE and all it depends on, down to
# libc, in DIR/root, with the versions in DIR/packages.
apt_tree() {
	local name=$1 release=$2 package=$3 dir=$4
	mkdir -p "$dir/archives/partial" "$dir/root"
	logged "get-$package" apt_private "$name" apt-get -y -o Dir::Cache::archives="$dir/archives" \
		-t "$release" install --download-only "$package"
	(cd "$dir/archives" && ls -- *.deb) >"$dir/packages"
	apt_unpack "$dir/root" "$dir"/archives/*.deb
	rm -rf "$dir/archives"
}

# apt_version NAME PACKAGE [RELEASE]: the version that would be taken, empty if none.
apt_version() {
	apt_private "$1" apt-cache ${3:+-t "$3"} policy "$2" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# loader_wrapper DIR PROGRAM [ARGS]: DIR/run starts DIR/root/PROGRAM with that
# tree's own dynamic loader and libraries, whatever libc the system has.
loader_wrapper() {
	local dir=$1 program=$2 args=${3:-} loader
	loader=$(cd "$dir/root" && find . -name 'ld-linux-x86-64.so.2' ! -type d | sort | head -n 1)
	[ -n "$loader" ] && [ -e "$dir/root/$program" ] || die "the package of ${program##*/} lacks $program or its loader"
	cat >"$dir/run" <<-EOF
	#!/bin/sh
	d=\${0%/*}/root
	l=\$d/usr/lib/x86_64-linux-gnu:\$d/lib/x86_64-linux-gnu
	exec "\$d/${loader#./}" --library-path "\$l" "\$d/$program" $args "\$@"
	EOF
	chmod +x "$dir/run"
}
