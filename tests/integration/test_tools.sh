#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tools that judge the others, tests/run, tests/lib/tap.py and tests/lint.sh, on a
# scratch tree: they must see what is wrong, and say nothing of what is not.

set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
n=0

# check WHAT COMMAND...
check() {
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		sed 's/^/# /' "$tree/out"
	fi
}

# prog PATH: an executable from stdin.
prog() {
	mkdir -p "$tree/$(dirname "$1")"
	cat >"$tree/$1"
	chmod +x "$tree/$1"
}

# unit NAME: a unit test program from stdin, with its source.
unit() {
	mkdir -p "$tree/tests/unit/base"
	: >"$tree/tests/unit/base/$1.c"
	prog "build/check/tests/unit/base/$1"
}

run() {
	KF_TEST_SCALE=${scale:-1} "$tree/tests/run" "$@" >"$tree/out" 2>&1
}

says() {
	grep -qE "$1" "$tree/out"
}

ends_with() {
	[ "$(tail -n 1 "$tree/out")" = "$1" ]
}

refused() {
	! "$@"
}

mkdir -p "$tree/tests"
cp "$top/tests/run" "$top/tests/lint.sh" "$tree/tests/"

check "nothing to run is a failure" refused run fast
check "and is counted as nothing" ends_with "0 passed, 0 failed, 0 skipped"
check "an unknown level is a usage error" refused run sometimes

unit test_good <<'S'
#!/bin/sh
echo '[  PASSED  ] 3 test(s).'
S
prog tests/integration/test_tap.sh <<'S'
#!/bin/sh
echo 1..3; echo 'ok 1 - a'; echo 'ok 2 - b # SKIP no such thing'; echo 'ok 3 - c'
S
prog tests/integration/test_plain.py <<'S'
#!/bin/sh
exit 0
S
prog tests/integration/test_none.sh <<'S'
#!/bin/sh
echo first; echo no board here; exit 77
S
prog tests/e2e/boot.sh <<'S'
#!/bin/sh
echo 'ok 1 - boots'
S
check "all good passes" run fast
check "cmocka, TAP, plain and skipped are counted" ends_with "6 passed, 0 failed, 2 skipped"
check "and why is said" says "ok 2 - b # SKIP no such thing"
check "a skip says why" says '^skip integration/test_none.sh: no board here$'
check "full also runs e2e" run full
check "and says that there is no fuzzer" ends_with "7 passed, 0 failed, 3 skipped"
check "a pattern chooses" run fast 'unit/*'
check "and nothing else runs" ends_with "3 passed, 0 failed, 0 skipped"

unit test_bad <<'S'
#!/bin/sh
echo '[  PASSED  ] 1 test(s).'; echo '[  FAILED  ] 2 test(s), listed below:'
echo ' 2 FAILED TEST(S)'; exit 2
S
unit test_leaky <<'S'
#!/bin/sh
echo '[  PASSED  ] 1 test(s).'; exit 23
S
unit test_crash <<'S'
#!/bin/sh
kill -SEGV $$
S
: >"$tree/tests/unit/base/test_absent.c"
prog tests/integration/test_short.sh <<'S'
#!/bin/sh
echo 1..2; echo 'ok 1 - a'
S
prog tests/integration/test_not_ok.sh <<'S'
#!/bin/sh
echo 'ok 1 - a'; echo 'not ok 2 - b'
S
: >"$tree/tests/integration/test_mode.py"
check "failures fail the run" refused run fast
check "each is counted" ends_with "10 passed, 8 failed, 2 skipped"
for name in unit/base/test_bad unit/base/test_leaky unit/base/test_crash \
	unit/base/test_absent integration/test_short.sh integration/test_not_ok.sh \
	integration/test_mode.py; do
	check "$name is named" says "^FAIL $name "
done

prog tests/integration/test_hang.sh <<'S'
#!/bin/sh
sleep 600 & wait
S
scale=0.01
check "a hanging program fails" refused run fast 'integration/test_hang.sh'
check "and its limit is named" says 'time limit'

# tap TEST: those tests of cases.py.
tap() {
	PYTHONPATH=$top/tests/lib PYTHONDONTWRITEBYTECODE=1 python3 "$tree/cases.py" "$1" \
		>"$tree/out" 2>&1
}

cat >"$tree/cases.py" <<'S'
import unittest
import tap

class Cases(unittest.TestCase):
    def test_good(self):
        for n in (1, 2):
            with self.subTest(n=n):
                self.assertTrue(n)

    def test_bad(self):
        self.fail("by order")

    def test_crash(self):
        raise OSError("by order")

    def test_skipped(self):
        self.skipTest("by order")

    def test_parts(self):
        for n in (1, 2, 3):
            with self.subTest(n=n):
                self.assertEqual(n, 2)

    def test_odd_part(self):
        with self.subTest("odd"):
            raise OSError("by order")

    def test_cleanup(self):
        self.addCleanup(lambda: self.fail("by order"))

tap.main()
S
check "a case with good parts passes" tap test_good
check "and is one line" says '^ok 1 - Cases.test_good '
check "a skipped case passes" tap test_skipped
check "and says why" says '^ok 1 - Cases.test_skipped .*# SKIP by order$'
for name in test_bad test_crash test_odd_part test_cleanup; do
	check "$name fails" refused tap "$name"
	check "$name is a line" says "^not ok 1 - Cases.$name "
	check "$name is counted" ends_with 1..1
done
check "two of three parts fail" refused tap test_parts
check "the first is named" says '^not ok 1 - Cases.test_parts \(n=1\) '
check "the last is named" says '^not ok 2 - Cases.test_parts \(n=3\) '
check "both are counted" ends_with 1..2
check "no case at all fails" refused tap test_of_nothing

lint() {
	LINT_ROOT=$tree "$tree/tests/lint.sh" >"$tree/out" 2>&1
}

# source PATH: a C file from stdin, with its licence line.
source_file() {
	mkdir -p "$tree/$(dirname "$1")"
	{
		echo '/* SPDX-License-Identifier: GPL-2.0-or-later */'
		cat
	} >"$tree/$1"
}

rm -r "$tree/build" "$tree/tests/unit" "$tree/tests/integration" "$tree/tests/e2e"
source_file proto/base/fs.c <<'S'
#include "proto/base/fs.h"
int f(void) { return openat(1, x, 0); }
S
source_file proto/good.c <<'S'
#include <fcntl.h>
#include "proto/base/buf.h"
#include "kferry.pb-c.h"
/* system("x") and open(2), not strcpy(a, b)
   nor gets(c) */
const char *s = "open(\"x\") system(";
int a = fs_open(1) + o->open(2) + snprintf(x) + open("/dev/x", 0); /* lint: fixed */
S
source_file agent/good.c <<'S'
#include "agent/boot/boot.h"
#include "proto/frame.h"
S
check "a clean tree passes lint" lint

source_file proto/base/bad.c <<'S'
#include "proto/frame.h"
#include "../x.h"
S
source_file proto/bad.c <<'S'
#include "agent/deploy/deploy.h"
int f(void) { return openat(1, x, 0); }
S
source_file agent/bad.c <<'S'
#include "controller/link.h"
int g(void) { /* why */ return system(x); }
int h(void) { sprintf(a, "b"); } /* gets( */
void t(void) { archive_entry_set_mtime(e, 0, 0); }
S
source_file controller/bad.c <<'S'
#include "agent/slot/slot.h"
FILE *f = fopen(x, "r");
S
printf '/* FIX''ME later */\n' >"$tree/controller/unfinished.c"
{ for _ in $(seq 801); do echo; done; } | source_file controller/long.c
check "a bad tree does not" refused lint
for breach in 'proto/base/bad.c:2: include' 'proto/base/bad.c:3: include' \
	'proto/bad.c:2: include' 'proto/bad.c:3: bare' 'agent/bad.c:2: include' \
	'agent/bad.c:3: forbidden' 'agent/bad.c:4: forbidden' 'agent/bad.c:5: libarchive' \
	'controller/bad.c:2: include' 'controller/bad.c:3: bare' 'controller/unfinished.c:1: no SPDX' \
	'controller/unfinished.c:1: unfinished' 'controller/long.c:801: file'; do
	check "lint says $breach" says "^$breach"
done
check "and no more" test "$(wc -l <"$tree/out")" -eq 13
echo "1..$n"
