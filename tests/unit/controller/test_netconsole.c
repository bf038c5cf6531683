// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagrams of netconsole, as lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/console/netconsole.h"

/* All datagrams, and what they say. */
static void says(const char *const datagrams[], const char *expected)
{
	struct netconsole n = {0};
	_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; datagrams[i]; i++)
		assert_int_equal(
			netconsole_feed(&n, datagrams[i], strlen(datagrams[i]), &out), 0);
	assert_string_equal(buf_str(&out), expected);
}

static void basic_is_the_text(void **state)
{
	(void)state;
	says((const char *const[]){"[    1.000000] first\n", "[    2.000000] a long ",
				   "line\n", NULL},
	     "[    1.000000] first\n[    2.000000] a long line\n");
}

static void extended_is_a_record(void **state)
{
	(void)state;
	says(
		(const char *const[]){
			"6,444,501151268,-;netconsole: started\n",
			"2,445,501251268,-,caller=T1;BUG: oops\n SUBSYSTEM=net\n"
			" DEVICE=+pci:0000\n",
			NULL},
		"<6>[  501.151268] netconsole: started\n<2>[  501.251268] BUG: oops\n");
}

static void a_release_may_stand_before_it(void **state)
{
	(void)state;
	says((const char *const[]){"6.4.0-rc1+,13,444,501151268,-;netconsole: started\n",
				   NULL},
	     "<13>[  501.151268] netconsole: started\n");
}

static void lines_of_one_record(void **state)
{
	(void)state;
	says((const char *const[]){"4,1,2000000,-;one\\x0atwo\n", NULL},
	     "<4>[    2.000000] one\ntwo\n");
}

static void fragments_are_one_line(void **state)
{
	(void)state;
	says((const char *const[]){"6,416,1758426,-,ncfrag=0/33;the first chunk, ",
				   "6,416,1758426,-,ncfrag=17/33;the 2nd chunk.\n",
				   "6,417,1800000,-;next\n", NULL},
	     "<6>[    1.758426] the first chunk, the 2nd chunk.\n<6>[    1.800000] "
	     "next\n");
}

/* Nothing waits for what may never come. */
static void a_lost_fragment_ends_its_line(void **state)
{
	(void)state;
	says((const char *const[]){"6,416,1758426,-,ncfrag=0/60;the first chunk, ",
				   "6,417,1800000,-;next\n",
				   "6,418,1900000,-,ncfrag=40/60;the end\n", NULL},
	     "<6>[    1.758426] the first chunk, \n<6>[    1.800000] next\n<6>[    "
	     "1.900000] the end\n");
}

static void what_belongs_to_a_record_is_not_its_text(void **state)
{
	(void)state;
	says((const char *const[]){"6,416,1758426,-,ncfrag=0/40;text\n SUBSYS",
				   "6,416,1758426,-,ncfrag=12/40;TEM=net\n DEVICE=+pci",
				   "6,416,1758426,-,ncfrag=32/40;:0000:1\n", NULL},
	     "<6>[    1.758426] text\n");
}

static void what_only_looks_like_a_header_is_text(void **state)
{
	static const char *const odd[] = {
		"6,416,1758426,-,ncfrag=40/33;behind its end\n",
		"6,416,1758426,-,ncfrag=/33;no offset\n",
		"6,416,1758426,-,ncfrag=0/99999999;too long\n",
		"6,x,1758426,-;no number\n",
		"6;7\n",
		";\n",
		"6,416,\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		says((const char *const[]){odd[i], NULL}, odd[i]);
}

static void nothing_is_nothing(void **state)
{
	struct netconsole n = {0};
	_buf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(netconsole_feed(&n, "", 0, &out), 0);
	assert_int_equal(netconsole_feed(&n, "\0\0", 2, &out), 0);
	assert_int_equal(buf_len(&out), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(basic_is_the_text),
		cmocka_unit_test(extended_is_a_record),
		cmocka_unit_test(a_release_may_stand_before_it),
		cmocka_unit_test(lines_of_one_record),
		cmocka_unit_test(fragments_are_one_line),
		cmocka_unit_test(a_lost_fragment_ends_its_line),
		cmocka_unit_test(what_belongs_to_a_record_is_not_its_text),
		cmocka_unit_test(what_only_looks_like_a_header_is_text),
		cmocka_unit_test(nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
