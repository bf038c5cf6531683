#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# agent/sysroot.sh with an mmdebstrap of our own: what it does with an index that is out of
# step for a while or for good, and what it leaves behind.

set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
	echo "debian-archive-keyring is not installed"
	exit 77
fi
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
n=0

check() {
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		sed 's/^/# /' "$tree/out" "$tree/err"
	fi
}

refused() {
	! "$@"
}

sysroot() {
	PATH=$tree/bin:$PATH KFERRY_CACHE=$tree/cache KF_SYSROOT_PAUSE=0 \
		"$top/agent/sysroot.sh" "$@" >"$tree/out" 2>"$tree/err"
}

calls() {
	[ "$(wc -l <"$tree/calls")" -eq "$1" ]
}

# It fails as often as the file `failures` says, then makes a small sysroot.
mkdir -p "$tree/bin" "$tree/root/usr/include" "$tree/root/usr/lib/aarch64-linux-gnu" \
	"$tree/root/lib/aarch64-linux-gnu" "$tree/root/etc"
touch "$tree/root/usr/include/uv.h" "$tree/root/usr/lib/aarch64-linux-gnu/libc.a" \
	"$tree/root/lib/aarch64-linux-gnu/libz.so.1" "$tree/root/etc/passwd"
ln -s /lib/aarch64-linux-gnu/libz.so.1 "$tree/root/usr/lib/aarch64-linux-gnu/libz.so"
cat >"$tree/bin/mmdebstrap" <<S
#!/bin/bash
echo "\$*" >>"$tree/calls"
if [ "\$(wc -l <"$tree/calls")" -le "\$(cat "$tree/failures")" ]; then
	echo "I: running apt-get update..."
	echo "E: Failed to fetch Packages.xz: File has unexpected size"
	exit 1
fi >&2
tar -C "$tree/root" -cf "\${@: -1}" .
S
chmod +x "$tree/bin/mmdebstrap"

: >"$tree/calls"
echo 9 >"$tree/failures"
check "an index that stays out of step is an error" refused sysroot arm64
check "after three attempts" calls 3
check "that says what failed" grep -q 'File has unexpected size' "$tree/err"
check "and what can be done" grep -q 'KF_SYSROOT_SECURITY=no' "$tree/err"
check "and leaves nothing" test -z "$(find "$tree/cache" -mindepth 1 ! -name '*.lock')"

: >"$tree/calls"
echo 1 >"$tree/failures"
check "one that is whole again is enough" sysroot arm64
check "at the second attempt" calls 2
dir=$(cat "$tree/out")
check "the sysroot is where it says" test -e "$dir/usr/include/uv.h"
check "a link to /lib stays inside" test "$(readlink -f "$dir/usr/lib/aarch64-linux-gnu/libz.so")" \
	= "$(readlink -f "$dir")/lib/aarch64-linux-gnu/libz.so.1"
check "and there is nothing else in it" test ! -e "$dir/etc"
check "it is made once" sysroot arm64
check "and kept" calls 2

echo 0 >"$tree/failures"
export KF_SYSROOT_SECURITY=no
check "one without security updates is made" sysroot arm64
check "with a name of its own" test "$(cat "$tree/out")" != "$dir"
check "and they are left out" grep -q -- '--setup-hook=sed' "$tree/calls"
check "an unknown processor is refused" refused sysroot riscv
rm -r "$tree/cache" "$tree/root/usr/include/uv.h"
check "a sysroot that lacks a part is none" refused sysroot arm64
check "and the part is named" grep -q 'usr/include/uv.h' "$tree/err"
echo "1..$n"
