#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes the kernels that the lab deploys: the source tree of Debian's package
# linux-source-6.1, unpacked as a developer would have it, and beside it an object tree
# (make O=) for each architecture, built from tinyconfig merged with small-vm.config and
# small-vm.ARCH.config. They live in the cache and are kept: with them a one-line change
# costs seconds, without them minutes. ARCH is the kernel's: x86_64 (the default) or arm64.
#
# The source tree is unpacked beside its place and renamed. The object tree is built where
# it stays, because its files hold its path; it counts only once its stamp is written, and
# a build that was interrupted is taken up again where it was.
#
#   kernel.sh [ARCH]                          make what is missing
#   kernel.sh --print src|obj|release [ARCH]  say where it is; exit 1 if it is not made yet
#   kernel.sh --locked ARCH COMMAND...        run it while nobody else builds in the tree

set -euo pipefail

readonly package=linux-source-6.1
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly lab
readonly cache=${KFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kferry}
readonly top=$cache/kernel
readonly src=$top/src

# What a calling make, or a developer's shell, has set is meant for another tree.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CROSS_COMPILE LLVM LOCALVERSION
unset KBUILD_OUTPUT KCONFIG_CONFIG KCFLAGS CC

# choose ARCH: where its objects are, and what make is told.
choose() {
	arch=$1
	fragments=("$lab/small-vm.config" "$lab/small-vm.$arch.config")
	case $arch in
	x86_64) obj=$top/obj target=bzImage make_arch=(ARCH=x86_64) ;;
	arm64)
		obj=$top/obj-arm64 target=Image
		make_arch=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
		;;
	*) usage >&2; exit 64 ;;
	esac
	stamp=$obj.made
}

say() { printf 'kernel.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '/^#   kernel/s/^#   //p' "${BASH_SOURCE[0]}"; }

# What the object tree was made from. A change of either part makes it stale.
recipe() {
	cat "${fragments[@]}" | sha256sum
	sed -n '1,5p' "$src/Makefile"
}

made() { [ -d "$src" ] && [ -f "$stamp" ] && [ -d "$obj" ] && [ "$(recipe)" = "$(cat "$stamp")" ]; }

fetch_package() {
	local dir=$1 try
	for try in 1 2 3; do
		if (cd "$dir" && apt-get -q -o APT::Sandbox::User=root download "$package" >&2); then
			return 0
		fi
		say "cannot download $package (attempt $try of 3); refreshing the package index"
		"$lab/deps.sh" update || true
	done
	die "cannot download the Debian package $package: check the network and the apt sources"
}

make_source() {
	[ -d "$src" ] && return 0
	local archive=/usr/src/$package.tar.xz tmp
	tmp=$(mktemp -d "$top/src.tmp.XXXXXX")
	if [ ! -r "$archive" ]; then
		say "downloading $package"
		fetch_package "$tmp"
		dpkg-deb -x "$tmp/${package}"_*.deb "$tmp/deb" ||
			die "the downloaded $package is damaged: run this again"
		archive=$tmp/deb/usr/src/$package.tar.xz
	fi
	say "unpacking the source tree into $src"
	mkdir "$tmp/tree"
	tar -xJf "$archive" -C "$tmp/tree" --strip-components=1 ||
		die "cannot unpack $archive: is there 2 GiB of space in $top?"
	mv -T "$tmp/tree" "$src"
	rm -rf "$tmp"
}

make_kernel() { make -s -C "$src" O="$obj" "${make_arch[@]}" "$@"; }

configure() {
	make_kernel tinyconfig >/dev/null
	(cd "$obj" && "$src/scripts/kconfig/merge_config.sh" -m .config "${fragments[@]}" >/dev/null)
	make_kernel olddefconfig >/dev/null
	local lost
	lost=$(cat "${fragments[@]}" | grep '^CONFIG_' | grep -vxFf "$obj/.config" || true)
	[ -z "$lost" ] || die "this kernel does not take these lines of ${fragments[*]##*/}: ${lost//$'\n'/ }"
}

make_objects() {
	rm -f "$stamp"
	mkdir -p "$obj"
	configure
	say "building in $obj (the first time takes about 9 minutes on two cores)"
	make_kernel -j"$(nproc)" "$target" modules >&2 ||
		die "the kernel did not build: the compiler's message is above"
	recipe >"$stamp.tmp"
	mv "$stamp.tmp" "$stamp"
}

print() {
	made || die "not made yet: run $lab/kernel.sh first"
	case $1 in
	src) echo "$src" ;;
	obj) echo "$obj" ;;
	release) cat "$obj/include/config/kernel.release" ;;
	*) usage >&2; exit 64 ;;
	esac
}

locked=()
case ${1-} in
--print)
	if [ $# -lt 2 ] || [ $# -gt 3 ]; then usage >&2; exit 64; fi
	choose "${3-x86_64}"
	print "$2"
	exit
	;;
--locked)
	[ $# -ge 3 ] || { usage >&2; exit 64; }
	choose "$2"
	locked=("${@:3}")
	;;
-h | --help) usage; exit ;;
*)
	[ $# -le 1 ] || { usage >&2; exit 64; }
	choose "${1-x86_64}"
	;;
esac

mkdir -p "$top"
exec 9>"$top/lock"
if [ ! -d "$src" ]; then
	flock -n 9 || { say "another run is unpacking; waiting for it"; flock 9; }
	rm -rf "$top"/src.tmp.*
	make_source
fi
exec 9>"$obj.lock"
flock -n 9 || { say "another run is building; waiting for it"; flock 9; }
made || make_objects
if [ ${#locked[@]} -gt 0 ]; then
	# Not handed down: whoever it leaves behind must not keep the lock.
	"${locked[@]}" 9>&-
	exit
fi
say "source tree $src"
say "object tree $obj, release $(print release)"
