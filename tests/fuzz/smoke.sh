#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs every fuzzer in build/fuzz/ for SECONDS, two at a time, each on a scratch copy of its
# corpus.  What crashes one is kept in build/fuzz/crashes/.  `make fuzz-smoke` builds them.
set -eu

usage() {
	echo "usage: tests/fuzz/smoke.sh SECONDS" >&2
	exit 64
}

[ $# -eq 1 ] || usage
case $1 in
'' | *[!0-9]* | 0) usage ;;
esac
seconds=$1
cd "$(dirname "$0")/../.."
bin=build/fuzz/tests/fuzz
crashes=build/fuzz/crashes
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$crashes"

# One fuzzer; its result is a file, because it runs beside another.
run() {
	name=$1
	program=$bin/fuzz_$name
	[ -x "$program" ] || program=$bin/controller/fuzz_$name
	[ -x "$program" ] || {
		echo skipped >"$scratch/$name.result"
		return
	}
	mkdir -p "$scratch/$name"
	if [ -d "tests/fuzz/corpus/$name" ]; then
		cp "tests/fuzz/corpus/$name"/* "$scratch/$name/"
	fi
	# The limit catches a fuzzer that hangs where libFuzzer cannot see it.
	if timeout -k 10 $((seconds + 60)) "$program" -max_total_time="$seconds" \
		-timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$crashes/$name-" "$scratch/$name" \
		>"$scratch/$name.log" 2>&1; then
		echo passed >"$scratch/$name.result"
	else
		cp "$scratch/$name.log" "$crashes/$name.log"
		echo failed >"$scratch/$name.result"
	fi
}

report() {
	result=$(cat "$scratch/$1.result" 2>/dev/null || echo failed)
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$1.log" 2>/dev/null ||
		true)
	printf '  %-7s fuzz_%s%s\n' "$result" "$1" "${runs:+ ($runs runs)}"
	case $result in
	passed) passed=$((passed + 1)) ;;
	skipped) skipped=$((skipped + 1)) ;;
	*)
		failed=$((failed + 1))
		tail -n 25 "$scratch/$1.log" || true
		echo "  kept: $crashes/$1-*, $crashes/$1.log"
		;;
	esac
}

passed=0
failed=0
skipped=0
set --
for source in tests/fuzz/fuzz_*.c tests/fuzz/controller/fuzz_*.c; do
	name=${source##*/fuzz_}
	set -- "$@" "${name%.c}"
done
while [ $# -gt 0 ]; do
	run "$1" &
	first=$1
	shift
	if [ $# -gt 0 ]; then
		run "$1" &
		wait
		report "$first"
		report "$1"
		shift
	else
		wait
		report "$first"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
