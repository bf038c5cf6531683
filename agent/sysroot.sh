#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes the sysroot that an agent for another processor is built in: headers and libraries
# of Debian's -dev packages for it, unpacked into the cache by mmdebstrap. The machine's
# own apt is left alone: no foreign architecture is added to it.
#
#   sysroot.sh ARCH          make it if it is missing, and print where it is
#   sysroot.sh --print ARCH  print where it is or would be
#
# ARCH is amd64, arm64 or armhf. It is made beside its place and renamed, under a lock; its
# name holds a digest of what it is made from. KF_SYSROOT_SECURITY=no leaves out the
# security updates: for a mirror whose index of them is out of step, and for tests; an agent
# that is to be used should not be built so. KFERRY_CACHE is where the cache is.

set -euo pipefail

readonly suite=bookworm
readonly packages=libc6-dev,libuv1-dev,libarchive-dev,libprotobuf-c-dev,libsodium-dev,\
libzstd-dev,libacl1-dev,liblz4-dev,liblzma-dev,zlib1g-dev,libcmocka-dev
readonly edition=1 # counts what the digest does not see: how it is unpacked
readonly attempts=3
readonly cache=${KFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kferry}
readonly security=${KF_SYSROOT_SECURITY:-yes}

say() { printf 'sysroot.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '/^#   sysroot/s/^#   //p' "${BASH_SOURCE[0]}"; }

triplet() {
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	arm64) echo aarch64-linux-gnu ;;
	armhf) echo arm-linux-gnueabihf ;;
	*) return 1 ;;
	esac
}

place() {
	local digest
	digest=$(printf '%s\n' "$edition" "$suite" "$packages" "$security" | sha256sum)
	printf '%s/sysroot-%s-%s\n' "$cache" "$1" "${digest:0:12}"
}

fetch() {
	local arch=$1 tmp=$2 try mode=root hook=()
	# Nothing is run of what is fetched, so that nothing more is needed.
	[ "$(id -u)" -eq 0 ] || mode=chrootless
	# shellcheck disable=SC2016 # mmdebstrap's shell expands it
	[ "$security" = yes ] ||
		hook=(--setup-hook='sed -i /-security/d "$1"/etc/apt/sources.list')
	for try in $(seq "$attempts"); do
		rm -f "$tmp/root.tar"
		if timeout -k 10 600 mmdebstrap --variant=extract --mode="$mode" \
			--architectures="$arch" --format=tar --include="$packages" \
			--aptopt='Acquire::Retries "3"' "${hook[@]}" \
			"$suite" "$tmp/root.tar" >"$tmp/log" 2>&1 </dev/null; then
			return 0
		fi
		grep '^E: ' "$tmp/log" >&2 || tail -n 5 "$tmp/log" >&2
		say "cannot fetch Debian's $arch packages (attempt $try of $attempts)"
		[ "$try" = "$attempts" ] || sleep "$((try * ${KF_SYSROOT_PAUSE:-3}))"
	done
	die "no sysroot for $arch: the lines beginning with E: say what failed. A mirror whose" \
		"index is out of step is usually whole again within hours; where only its" \
		"security updates are, KF_SYSROOT_SECURITY=no builds without them"
}

# A symbolic link from /usr/lib to /lib is absolute in a package, and would lead out.
make_links_relative() {
	local top=$1 link to
	find "$top" -type l -lname '/*' | while read -r link; do
		to=$top$(readlink "$link")
		ln -sfn "$(realpath -ms --relative-to="$(dirname "$link")" "$to")" "$link"
	done
}

# Only what compiling and running takes: the emulator looks for every path of a program
# in the sysroot first, so that it should have no /tmp or /etc.
unpack() {
	local arch=$1 tmp=$2 lib part
	lib=$(triplet "$arch")
	mkdir "$tmp/root"
	tar -xf "$tmp/root.tar" -C "$tmp/root" --no-same-owner ./lib ./usr/include \
		"./usr/lib/$lib" || die "cannot unpack into $tmp: is there space?"
	make_links_relative "$tmp/root"
	for part in "usr/lib/$lib/libc.a" usr/include/uv.h; do
		[ -e "$tmp/root/$part" ] ||
			die "the sysroot for $arch has no $part: have Debian's packages changed?"
	done
}

make_sysroot() {
	local arch=$1 dir=$2 tmp tool
	for tool in mmdebstrap tar timeout; do
		command -v "$tool" >/dev/null ||
			die "$tool is not installed: tests/lab/deps.sh cross installs it"
	done
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		die "debian-archive-keyring is not installed: tests/lab/deps.sh cross installs it"
	rm -rf "$cache/sysroot-$arch".tmp.*
	tmp=$(mktemp -d "$cache/sysroot-$arch.tmp.XXXXXX")
	# shellcheck disable=SC2064 # the directory of now
	trap "rm -rf '$tmp'" EXIT
	say "fetching Debian's $arch headers and libraries (some ten seconds, 100 MB)"
	fetch "$arch" "$tmp"
	unpack "$arch" "$tmp"
	mv -T "$tmp/root" "$dir"
}

only_print=no
case ${1-} in
--print) only_print=yes; shift ;;
-h | --help) usage; exit ;;
esac
if [ $# -ne 1 ] || ! triplet "$1" >/dev/null; then
	usage >&2
	exit 64
fi
dir=$(place "$1")
if [ "$only_print" = no ] && [ ! -d "$dir" ]; then
	mkdir -p "$cache"
	exec 9>"$cache/sysroot-$1.lock"
	flock -n 9 || { say "another run makes it; waiting for it"; flock -w 1800 9; } ||
		die "the other run holds $cache/sysroot-$1.lock for half an hour: is it stuck?"
	[ -d "$dir" ] || make_sysroot "$1" "$dir"
fi
echo "$dir"
