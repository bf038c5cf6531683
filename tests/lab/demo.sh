#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# `make demo`: from nothing to a verdict. Installs what is missing, builds kferry, makes a
# virtual board, builds a small kernel from Debian's linux-source, and runs `kferry bd`:
# push, boot once, verify, confirm. Ends with the tail of the new kernel's log.
#
# Everything it makes is below build/demo/ (board, configuration, runs) and in the cache
# (guest image, kernel trees); the user's own kferry configuration is not touched. The
# board is switched off and removed at the end; KEEP=1 keeps it.

set -euo pipefail
cd "$(dirname "$0")/../.."

lab=tests/lab
demo=$PWD/build/demo
kferry=$PWD/build/release/kferry
board=demo

step() { printf '\n== %s\n' "$*"; }
run() {
	printf '$ kferry %s\n' "$*"
	"$kferry" "$@"
}

step "what is needed"
"$lab/deps.sh" demo

step "kferry"
make --no-print-directory -j"$(nproc)" all agent-static

export XDG_CONFIG_HOME=$demo/config XDG_DATA_HOME=$demo/data
rm -rf "$demo/config" "$demo/runs"
mkdir -p "$demo"

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	if [ "${KEEP:-0}" = 1 ]; then
		printf '\nThe board is kept: XDG_CONFIG_HOME=%s XDG_DATA_HOME=%s %s board info %s\n' \
			"$XDG_CONFIG_HOME" "$XDG_DATA_HOME" "$kferry" "$board"
	else
		"$kferry" -q vm rm "$board" || true
	fi
}
if [ -d "$XDG_DATA_HOME/kferry/vm/$board" ]; then
	"$kferry" -q vm rm "$board" || rm -rf "$XDG_DATA_HOME/kferry/vm/$board"
fi

step "a virtual board"
run vm create "$board"
trap cleanup EXIT
run vm up "$board"
run board setup "$board"

step "a kernel tree (the first time this builds it: some ten minutes on two cores)"
"$lab/kernel.sh"
src=$("$lab/kernel.sh" --print src)
obj=$("$lab/kernel.sh" --print obj)
run config set run.dir "$demo/runs"
run -b "$board" config set build.output "$obj"
run -b "$board" config set kernel.initramfs none

step "build, deploy, boot once, verdict"
cd "$src"
status=0
run bd "$board" || status=$?

step "the tail of the new kernel's log"
"$kferry" dmesg "$board" | tail -n 12
"$kferry" -b "$board" kernels list
exit "$status"
