#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The rules that a compiler does not know.  Each breach is one line, file:line: why;
# the exit status is 1 when there was any.  Comments and strings are not code: they
# are blanked before code is looked at.  Run from anywhere.

set -euo pipefail
cd "${LINT_ROOT:-$(dirname "$0")/..}"

shopt -s nullglob globstar
c_files=(proto/**/*.[ch] agent/**/*.[ch] controller/**/*.[ch] tests/**/*.[ch])
other_files=(Makefile .ci/run proto/*.proto agent/**/*.{mk,sh} controller/**/*.sh tests/*.mk
	tests/run tests/**/*.sh tests/**/*.py)

breaches=$(mktemp)
trap 'rm -f "$breaches"' EXIT

# Prints file:line: why for each breach in the C files given.
check_code() {
	awk '
	function say(why) { printf "%s:%d: %s\n", FILENAME, FNR, why }

	# The code of a line: comments, strings and character constants blanked.
	function code(line,    out, c, two, i, n) {
		out = ""
		n = length(line)
		for (i = 1; i <= n; i++) {
			c = substr(line, i, 1)
			two = substr(line, i, 2)
			if (in_comment) {
				if (two == "*/") { in_comment = 0; i++ }
				continue
			}
			if (quote != "") {
				if (c == "\\") i++
				else if (c == quote) { quote = ""; out = out c }
				continue
			}
			if (two == "/*") { in_comment = 1; i++; out = out " "; continue }
			if (two == "//") break
			if (c == "\"" || c == "\047") quote = c
			out = out c
		}
		quote = ""
		return out
	}

	function included(line,    name) {
		if (!match(line, /["<][^">]*[">]/)) return ""
		name = substr(line, RSTART, RLENGTH)
		return name
	}

	function check_include(name,    ours, path) {
		path = substr(name, 2, length(name) - 2)
		ours = substr(name, 1, 1) == "\""
		if (!ours) {
			if (path ~ /^(proto|agent|controller|tests)\//)
				say("include rule: " name " is ours: use quotes")
			return
		}
		if (FILENAME ~ /^proto\/base\//) {
			if (path !~ /^proto\/base\/[^.]/)
				say("include rule: proto/base may not include " name)
		} else if (FILENAME ~ /^proto\//) {
			if (path !~ /^proto\/[^.]/ && path != "kferry.pb-c.h")
				say("include rule: proto may not include " name)
		} else if (FILENAME ~ /^agent\//) {
			if (path !~ /^(agent|proto)\/[^.]/ && path != "kferry.pb-c.h")
				say("include rule: agent may not include " name)
		} else if (FILENAME ~ /^controller\//) {
			if (path !~ /^(controller|proto)\/[^.]/ && path != "kferry.pb-c.h")
				say("include rule: controller may not include " name)
		}
	}

	FNR == 1 { in_comment = 0; before = "" }
	{
		was_comment = in_comment
		text = code($0)
		if (!was_comment && $0 ~ /^[ \t]*#[ \t]*include/)
			check_include(included($0))
		if (text ~ /(^|[^A-Za-z0-9_.>])(system|popen|alloca|strcpy|v?sprintf|gets)[ \t]*\(/)
			say("forbidden function")
		if (FILENAME !~ /^(tests\/|proto\/base\/fs[_a-z]*\.c$)/ &&
		    text ~ /(^|[^A-Za-z0-9_.>])(open|openat|fopen)(64)?[ \t]*\(/ &&
		    $0 !~ /\/\* lint: / && before !~ /\/\* lint: /)
			say("bare open: use proto/base/fs.h, or say why in /* lint: ... */")
		# See agent/cross.mk: on armhf the libarchive of Debian has another time_t.
		if (FILENAME ~ /^(proto|agent)\// &&
		    text ~ /archive_entry_([a-z_]*time|[a-z_]*stat)[a-z_]*[ \t]*\(|archive_read_disk/)
			say("libarchive with time_t or struct stat: of another size on armhf")
		if (FNR == 801)
			say("file is longer than 800 lines")
		before = $0
	}' "$@"
}

for f in "${c_files[@]}" "${other_files[@]}"; do
	[ -e "$f" ] || continue
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' ||
		echo "$f:1: no SPDX-License-Identifier line"
	# Written apart, so that this file passes.
	grep -nE '(^|[^A-Za-z])(TO''DO|FIX''ME|X''XX)([^A-Za-z]|$)' "$f" |
		sed "s|^\([0-9]*\):.*|$f:\1: unfinished work: do it, or make it an issue|" || true
done >"$breaches"
if [ ${#c_files[@]} -gt 0 ]; then
	check_code "${c_files[@]}" >>"$breaches"
fi

if [ -s "$breaches" ]; then
	sort -t: -k1,1 -k2,2n "$breaches"
	exit 1
fi
