#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the documents say of commands, options, keys, events, files and tests is there, and
# what is there is in the documents.  The lists come from the program and the sources.
# shellcheck disable=SC2086,SC2046,SC2013 # lists of words are meant to be split
# shellcheck disable=SC2016 # backquotes in patterns are those of the documents

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=${KF_BUILD:-$PWD/build/check}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export HOME=$tmp XDG_CONFIG_HOME=$tmp/config XDG_DATA_HOME=$tmp/data
export KF_PROFILE_PATH=$PWD/boards PATH=$build:$PATH
unset XDG_CACHE_HOME
n=0

# check WHAT COMMAND...: the command says on stdout what is missing, nothing when all is well.
check() {
	local what=$1 said status
	shift
	said=$("$@" 2>&1)
	status=$?
	n=$((n + 1))
	if [ $status -eq 0 ] && [ -z "$said" ]; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what (status $status)"
		printf '%s\n' "$said" | sed 's/^/# /'
	fi
}

# all_in FILE WORD...: every word is there, as scdoc has it.
all_in() {
	local file=$1 text word
	shift
	text=$(sed 's/\\//g' "$file")
	[ $# -gt 0 ] || echo "nothing to look for in $file"
	for word; do
		grep -qE -- "(^|[^A-Za-z0-9_-])${word//./\\.}([^A-Za-z0-9_-]|\$)" <<<"$text" ||
			echo "$word is not in $file"
	done
}

commands=$(kferry help | awk '/^  [a-z]+ +[A-Z]/ { print $1 }')
keys=$(kferry config keys | awk '{ print $1 }')
sources=(controller/*.c controller/*/*.c)
[ -n "$commands" ] && [ -n "$keys" ] || echo "not ok - kferry tells its commands and keys"

# sources_of COMMAND: where its options are.
sources_of() {
	case $1 in
	build) echo controller/cmd/cmd_build.c controller/cmd/build_args.h ;;
	bd) echo controller/cmd/{deploy_args.c,build_args.h,file_args.h} ;;
	deploy) echo controller/cmd/deploy_args.c controller/cmd/file_args.h ;;
	test) echo controller/cmd/cmd_test.c controller/cmd/file_args.h ;;
	backup | restore) echo controller/cmd/cmd_backup.c ;;
	*) echo controller/cmd/cmd_"$1".c ;;
	esac
}

# long_options FILE...
long_options() {
	grep -ohE '\{"[a-z-]+", *(no|required)_argument' "$@" | cut -d'"' -f2 | sed 's/^/--/'
}

# --- kferry.1 ------------------------------------------------------------------------

check "every command is in kferry(1)" all_in docs/man/kferry.1.scd $commands
check "every command is in README.md" all_in README.md $commands

help_of_each() {
	local c
	for c in $commands; do
		kferry "$c" --help >"$tmp/help" || echo "$c --help: exit status $?"
		grep -q "^  \$ .*kferry .*$c" "$tmp/help" || echo "$c --help has no example"
	done
}
check "every command has a --help with an example" help_of_each

# config's --man is the Makefile's own; --board is the global one.
options_told() {
	local c option
	for c in $commands; do
		kferry "$c" --help >"$tmp/help"
		# shellcheck disable=SC2046 # words
		for option in $(long_options $(sources_of "$c")); do
			case $c,$option in
			config,--man | bd,--from | *,--board) continue ;;
			esac
			grep -qE -- "(^|[^a-z-])$option([^a-z-]|\$)" "$tmp/help" ||
				echo "$c --help does not tell $option"
			all_in docs/man/kferry.1.scd "$option"
		done
	done
}
check "every option is told by --help and kferry(1)" options_told

examples_parse() {
	kferry help kw | awk 'NR > 1 { print substr($0, 42) }' | cut -d' ' -f1 | tr -d , |
		while read -r c; do
			kferry help "$c" >/dev/null || echo "help kw names $c"
		done
}
check "help kw names commands that are there" examples_parse

overviews_fit() {
	{ kferry help; kferry help kw; } | awk 'length($0) > 80'
}
check "the overviews fit into 80 columns" overviews_fit

check "every environment variable of ours is in kferry(1)" all_in docs/man/kferry.1.scd \
	$(grep -ohE '(getenv|user_path)\("[A-Z_]+"' "${sources[@]}" | cut -d'"' -f2 |
		grep -vxE 'HOME|TERM' | sort -u)

# --- the agent -----------------------------------------------------------------------

check "every command of kferryd is in kferryd(8)" all_in docs/man/kferryd.8.scd \
	$(kferryd help | awk '/^  [a-z]/ { print $1 }')
check "every option of kferryd is in kferryd(8)" all_in docs/man/kferryd.8.scd \
	$(long_options agent/main.c)
check "every unit is in kferryd(8)" all_in docs/man/kferryd.8.scd \
	$(cd agent/units && ls -- *.service *.socket)
agent_keys=$(sed -n '/^static const struct key keys/,/^};/s/.*{"\([a-z_]*\)".*/\1/p' $(find agent -name conf.c))
check "every key of the agent is in kferryd.conf(5)" all_in docs/man/kferryd.conf.5.scd \
	$agent_keys

# --- the man pages -------------------------------------------------------------------

pages=$(basename -a docs/man/*.scd | sed 's/\.[0-9]\.scd$//')
check "every man page is in README.md" all_in README.md $pages
check "every man page is in kferry(1)" all_in docs/man/kferry.1.scd $pages

# In the variant that is there already, so that nothing else is built.
man_pages() {
	rm -rf build/man
	env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory VARIANT=check WERROR=1 man \
		>"$tmp/make" 2>&1 || cat "$tmp/make"
	grep -vE '^ +(MAN|CC|LD|GEN) |Nothing to be done' "$tmp/make"
	for page in docs/man/*.scd; do
		page=$(basename "$page" .scd)
		[ -s "build/man/$page" ] || echo "$page was not made"
		! command -v groff >/dev/null || groff -man -Tutf8 -ww -z "build/man/$page"
	done
}
check "the man pages build without a warning" man_pages

keys_in_page() {
	local key
	for key in $keys; do
		awk -v section="[${key%%.*}]" -v name="${key#*.}" '
			{ gsub(/\\fB|\\fR|\\&/, ""); gsub(/\\-/, "-") }
			/^\.SS/ { here = $2 == section }
			here && $1 == name { found = 1 }
			END { exit !found }' build/man/kferry.ini.5 ||
			echo "$key is not in kferry.ini(5)"
	done
}
check "every key is in kferry.ini(5)" keys_in_page

profile_keys_known() {
	local key
	for key in $(grep -oE '^\| `[a-z_]+\.[a-z_0-9]+`' boards/README.md | tr -d '|` '); do
		grep -qxF "$key" <<<"$keys" || echo "boards/README.md: there is no key $key"
	done
}
check "the keys in boards/README.md are there" profile_keys_known

# --- kferry-json(7) ------------------------------------------------------------------

events=$(cat "${sources[@]}" | tr '\n\t' '  ' | grep -oE \
	'(ui_step\([^,]+, *|"event", *|(put_line|put_bytes|ui_event)\([a-z>-]+, *)"[a-z-]+"' |
	grep -oE '"[a-z-]+"$' | tr -d '"' | sort -u)
check "every event is in kferry-json(7)" all_in docs/man/kferry-json.7.scd $events
# Those of help, at least, so that an empty list does not pass for a complete one.
check "events are found in the sources" all_in <(printf '%s\n' $events) verdict push record error \
	output note setup exit
check "every reason is in kferry-json(7)" all_in docs/man/kferry-json.7.scd \
	$(sed -n 's/^\tX([0-9]*, [A-Z_]*, "\([a-z-]*\)".*/\1/p' proto/reason.h)

# --- paths and tests -----------------------------------------------------------------

# Links, and names in backquotes that begin with a folder of the tree.
paths_exist() {
	local doc path where
	for doc in README.md docs/*.md boards/README.md tests/lab/README.md; do
		where=$(dirname "$doc")
		while read -r path; do
			[ -e "$where/$path" ] || echo "$doc: there is no $path"
		done < <(grep -oE '\]\([^)#:]+\)' "$doc" | tr -d '])(')
		while read -r path; do
			compgen -G "$path" >/dev/null || echo "$doc: there is no $path"
		done < <(grep -oE '`(agent|controller|proto|boards|docs|tests)/[^` ]*`' "$doc" |
			tr -d '`' | sed 's/{.*//' | grep -vE '[<>A-Z]{2}|NAME|SOURCE')
	done
	while read -r path; do
		[ -d "$path" ] || echo "docs/HACKING.md: there is no $path"
	done < <(sed -n '/^## Where/,/^## Building/s/^    \([a-z0-9/]*\/\) .*/\1/p' docs/HACKING.md)
}
check "what the documents name is there" paths_exist

# Every folder with sources has its line in HACKING.md.
folders_told() {
	local dir
	for dir in $(git ls-files agent controller proto tests | xargs dirname | sort -u |
		grep -vE '^(tests|tests/(fuzz|golden|lab|unit)/.*)$'); do
		grep -q "^    $dir/ " docs/HACKING.md || echo "$dir is not in docs/HACKING.md"
	done
}
if git ls-files --error-unmatch Makefile >/dev/null 2>&1; then
	check "every folder is in HACKING.md" folders_told
fi

promises() {
	local i file names name found=0
	for i in 1 2 3 4 5 6 7 8 9 10; do
		grep -q "^## P$i " docs/PROMISES.md || echo "P$i is missing"
	done
	while IFS=: read -r file names; do
		file=${file#- \`}
		file=${file%\`}
		for name in ${names//,/ }; do
			found=$((found + 1))
			grep -qE "^(static void| +def) $name\(" "$file" || echo "$file has no test $name"
		done
	done < <(grep -E '^- `tests/' docs/PROMISES.md)
	[ $found -ge 40 ] || echo "only $found tests were found in docs/PROMISES.md"
}
check "every test that PROMISES.md names is there" promises

# Tests of rows and faults: `FILE`: NAME, NAME.  A name may be another's, too (NAME = OTHER).
kw_tests() {
	local said file name found=0
	while IFS= read -r said; do
		file=${said#\`}
		file=${file%%\`*}
		for name in $(tr ',' ' ' <<<"${said#*: }"); do
			found=$((found + 1))
			grep -qE "^(static void | +def | +)$name(\(| = )" "$file" ||
				echo "$file has no test $name"
		done
	done < <(grep -oE '`tests/[^`]+`: [a-z0-9_, ]+' docs/KW.md)
	[ $found -ge 50 ] || echo "only $found tests were found in docs/KW.md"
	# Each row has a test, or says that there is nothing to test.
	grep -E '^\| ' docs/KW.md | grep -vE '`tests/|not there yet|^\| (kw|`pomodoro`|`self-update`) '
	grep -A1 '^- ' docs/KW.md | grep -vE '^(- |--)|`tests/.*: test_kw_'
	return 0 # no line is no failure
}
check "every test that KW.md names is there" kw_tests

outcomes() {
	tests/lib/outcomes.py >"$tmp/outcomes" || echo "tests/lib/outcomes.py failed"
	[ -s "$tmp/outcomes" ] || echo "tests/lib/outcomes.py says nothing"
	grep -vxFf docs/boards/README.md "$tmp/outcomes" || [ $? -eq 1 ]
}
check "what docs/boards says is tried is what the tests do" outcomes

# --- completions ---------------------------------------------------------------------

mkdir -p "$XDG_CONFIG_HOME/kferry"
printf '[board desk]\nhost = h\n\n[board shelf]\nhost = h\n' >"$XDG_CONFIG_HOME/kferry/config.ini"
kferry completion bash >"$tmp/bash"
# shellcheck source=/dev/null
source "$tmp/bash"

# complete_line "WORDS": sets COMPREPLY as bash would have it.
complete_line() {
	read -ra COMP_WORDS <<<"$1"
	[[ $1 != *' ' ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_kferry 2>/dev/null # compopt complains that nothing is being completed
}

# completes "WORDS" EXPECTED...: these are among what is offered.
completes() {
	local line=$1 want
	shift
	complete_line "$line"
	for want; do
		[[ " ${COMPREPLY[*]} " == *" $want "* ]] ||
			echo "\"$line\" gives \"${COMPREPLY[*]}\", not $want"
	done
}

# exactly "WORDS" EXPECTED
exactly() {
	complete_line "$1"
	[ "${COMPREPLY[*]}" = "$2" ] || echo "\"$1\" gives \"${COMPREPLY[*]}\", not \"$2\""
}

check "bash completes commands" completes "kferry " $commands --json
check "bash completes the beginning of one" exactly "kferry dep" deploy
check "bash completes boards" completes "kferry deploy " desk shelf --from --once
check "bash completes a board behind -b" exactly "kferry -b sh" shelf
check "bash completes behind a short form" completes "kferry d " desk
check "bash completes verbs" completes "kferry -b desk board " add setup rm
check "bash completes what follows a verb" exactly "kferry board info d" desk
check "bash completes keys" exactly "kferry config get deploy.k" deploy.keep
check "bash completes profiles" exactly "kferry init --template x" x86-64
touch "$tmp/file.kferry"
check "bash completes files" exactly "kferry deploy --from $tmp/fi" "$tmp/file.kferry"

completions_know_values() {
	local c option valued
	valued=$(grep value=1 "$tmp/bash")
	for c in $commands; do
		# shellcheck disable=SC2046 # words
		while read -r option; do
			grep -qE -- "[|	]--${option}[|)]" <<<"$valued" || echo "$c --$option"
		done < <(grep -ohE '\{"[a-z-]+", *required_argument' $(sources_of "$c") |
			cut -d'"' -f2)
	done
}
check "completions know which options take a value" completions_know_values

syntax() {
	kferry completion "$1" >"$tmp/script" || echo "exit status $?"
	"$1" -n "$tmp/script"
}
for shell in bash zsh fish; do
	if command -v $shell >/dev/null; then
		check "the completions for $shell parse" syntax $shell
	else
		n=$((n + 1))
		echo "ok $n - the completions for $shell parse # SKIP no $shell"
	fi
done
echo "1..$n"
