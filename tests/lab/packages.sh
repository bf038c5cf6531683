#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes the packages that the fast boards boot, from the lab's kernel tree, and prints the
# directory they are in:
#
#   own.kferry    the kernel that a board has before kferry comes
#   trial.kferry  another release of it
#   twin.kferry   the release of trial.kferry, but another build, and without the module veth
#
# Cached beside the kernel tree; made anew when that or what packs them changes.
#
#   packages.sh [ARCH]    x86_64 (the default) or arm64

set -euo pipefail

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$lab/../.." && pwd)
readonly lab top arch=${1-x86_64}
readonly kferry=${KFERRY:-$top/build/release/kferry}
readonly cache=${KFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kferry}
readonly out=$cache/packages-$arch

say() { printf 'packages.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

recipe() {
	cat "$lab/packages.sh" "$top"/controller/kernel/*.c "$top"/proto/{manifest,package}.c |
		sha256sum
	cat "$("$lab/kernel.sh" --print obj "$arch").made"
}

made() { [ -f "$out/made" ] && [ "$(recipe)" = "$(cat "$out/made")" ]; }

# make_one NAME KEY=VALUE...: with these settings of kferry.
make_one() {
	local name=$1 option options=()
	shift
	for option; do options+=(-o "$option"); done
	say "building and packing $name"
	(cd "$src" && "$kferry" -q "${options[@]}" build >&2 &&
		"$kferry" -q "${options[@]}" pack -o "$out/$name.kferry" >&2) ||
		die "cannot make $name.kferry: the message is above"
}

make_all() {
	local home
	home=$(mktemp -d)
	# shellcheck disable=SC2064 # its value now
	trap "rm -rf '$home'" EXIT
	export XDG_CONFIG_HOME=$home/config XDG_DATA_HOME=$home/data
	local common=("build.output=$obj" "build.arch=$arch")
	[ "$arch" != arm64 ] || common+=(build.cross_compile=aarch64-linux-gnu-
		build.image=arch/arm64/boot/Image)
	rm -rf "$out"
	mkdir -p "$out"
	# One that was interrupted may have left the twin's configuration as the newest.
	touch "$obj/.config"
	make_one own "${common[@]}"
	make_one trial "${common[@]}" build.extra=LOCALVERSION=-trial
	sed 's/^CONFIG_VETH=m$/# CONFIG_VETH is not set/' "$obj/.config" >"$obj/twin.config"
	make_one twin "${common[@]}" \
		"build.extra=LOCALVERSION=-trial KBUILD_BUILD_VERSION=77 KCONFIG_CONFIG=$obj/twin.config"
	# So that the next build goes by this one again.
	touch "$obj/.config"
	recipe >"$out/made"
}

if [ "${2-}" = --under-lock ]; then
	src=$("$lab/kernel.sh" --print src "$arch")
	obj=$("$lab/kernel.sh" --print obj "$arch")
	made || make_all
	exit
fi
[ -x "$kferry" ] || die "$kferry is missing: run make first"
"$lab/kernel.sh" "$arch"
made || "$lab/kernel.sh" --locked "$arch" "${BASH_SOURCE[0]}" "$arch" --under-lock
echo "$out"
