#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds what tests/run runs under qemu's user emulation: the unit tests of proto and of
# the agent for another processor, in build/check-ARCH/, and the static agent, to which
# build/check-ARCH/kferryd-static points.  Its result is TAP.
#
#   build.sh arm64|armhf
#
# Without a sysroot arm64 fails.  armhf is Debian's oldest processor, and its index is the
# one that mirrors have out of step: there the security updates are left out, in an agent
# that is not installed, and where that does not help the exit status is 77, a skip.

set -euo pipefail
cd "$(dirname "$0")/../.."

arch=${1:-}
case $arch in
arm64 | armhf) ;;
*)
	sed -n '/^#   build/s/^#   //p' "$0" >&2
	exit 64
	;;
esac

run_make() {
	env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory -j"$(nproc)" WERROR=1 "$@" >&2
}

if agent/sysroot.sh "$arch" >&2; then
	agent=build/static-$arch/kferryd
	run_make agent-static ARCH="$arch"
	echo "ok 1 - sysroot for $arch"
elif [ "$arch" = armhf ]; then
	export KF_SYSROOT_SECURITY=no
	if ! agent/sysroot.sh "$arch" >&2; then
		echo "Debian's $arch packages cannot be fetched from this mirror: see the log"
		exit 77
	fi
	agent=build/check-$arch/static/kferryd
	run_make VARIANT="static-$arch" O="build/check-$arch/static" "$agent"
	echo "ok 1 - sysroot for $arch # SKIP the mirror's security updates for it are out of" \
		"step: built without them, not to be installed"
else
	echo "not ok 1 - sysroot for $arch"
	exit 1
fi
run_make VARIANT="check-$arch" check-build-agent
ln -sfn "$PWD/$agent" "build/check-$arch/kferryd-static"
echo "ok 2 - agent and unit tests for $arch"
echo 1..2
