#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes the kernel that the lab deploys: the source tree of Debian's package
# linux-source-6.1, unpacked as a developer would have it, and beside it an object tree
# (make O=) built from tinyconfig merged with small-vm.config. Both live in the cache and
# are kept: with them a one-line change costs seconds, without them minutes.
#
# The source tree is unpacked beside its place and renamed. The object tree is built where
# it stays, because its files hold its path; it counts only once its stamp is written, and
# a build that was interrupted is taken up again where it was.
#
#   kernel.sh                          make what is missing
#   kernel.sh --print src|obj|release  say where it is; exit 1 if it is not made yet

set -euo pipefail

readonly package=linux-source-6.1
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly lab
readonly fragment=$lab/small-vm.config
readonly cache=${KFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kferry}
readonly top=$cache/kernel
readonly src=$top/src obj=$top/obj stamp=$top/obj.made

# What a calling make, or a developer's shell, has set is meant for another tree.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CROSS_COMPILE LLVM LOCALVERSION
unset KBUILD_OUTPUT KCONFIG_CONFIG KCFLAGS CC

say() { printf 'kernel.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '/^#   kernel/s/^#   //p' "${BASH_SOURCE[0]}"; }

# What the object tree was made from. A change of either part makes it stale.
recipe() {
	sha256sum <"$fragment"
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

configure() {
	make -s -C "$src" O="$obj" tinyconfig >/dev/null
	(cd "$obj" && "$src/scripts/kconfig/merge_config.sh" -m .config "$fragment" >/dev/null)
	make -s -C "$src" O="$obj" olddefconfig >/dev/null
	local lost
	lost=$(grep '^CONFIG_' "$fragment" | grep -vxFf "$obj/.config" || true)
	[ -z "$lost" ] || die "this kernel does not take these lines of small-vm.config: ${lost//$'\n'/ }"
}

make_objects() {
	rm -f "$stamp"
	mkdir -p "$obj"
	configure
	say "building in $obj (the first time takes about 9 minutes on two cores)"
	make -s -C "$src" O="$obj" -j"$(nproc)" bzImage modules >&2 ||
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

case ${1-} in
--print) [ $# -eq 2 ] || { usage >&2; exit 64; }; print "$2"; exit ;;
-h | --help) usage; exit ;;
'') ;;
*) usage >&2; exit 64 ;;
esac

mkdir -p "$top"
exec 9>"$top/lock"
flock -n 9 || { say "another run is building; waiting for it"; flock 9; }
if ! made; then
	rm -rf "$top"/src.tmp.*
	make_source
	make_objects
fi
say "source tree $src"
say "object tree $obj, release $(print release)"
