/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pattern files: kferry's own finds every one of its examples under its class and none of
 * what looks alike; what is wrong in a file is told with its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/log/classifier.h"
#include "controller/place.h"
#include "proto/base/fs.h"

static struct patterns *own(void)
{
	_free_ char *dir = NULL;
	struct kf_error err = {0};
	struct patterns *ps;

	assert_int_equal(place_find("controller/log/patterns", "patterns", &dir), 0);
	assert_int_equal(patterns_new(&ps), 0);
	if (patterns_read(ps, dir, &err) < 0 || patterns_build(ps, &err) < 0)
		fail_msg("%s", err.msg);
	return ps;
}

static struct findings *found(struct classifier *c, const char *line)
{
	assert_int_equal(classifier_source(c, "test", NULL), 0);
	assert_int_equal(classifier_text(c, line, strlen(line)), 0);
	assert_int_equal(classifier_end(c), 0);
	return classifier_findings(c);
}

/* Each in a classifier of its own: what went before must not matter. */
static const char *class_of(const struct patterns *ps, const char *line, char out[64])
{
	struct classifier *c;
	struct findings *f;

	assert_int_equal(classifier_new(ps, &c), 0);
	f = found(c, line);
	if (findings_count(f) > 1)
		fail_msg("%zu findings in: %s", findings_count(f), line);
	snprintf(out, 64, "%s", findings_count(f) ? findings_at(f, 0)->class_name : "");
	classifier_free(c);
	return out;
}

static void test_own_examples_hold_by_themselves(void **state)
{
	struct patterns *ps = own();
	struct kf_error err = {0};

	(void)state;
	if (patterns_check(ps, 0, &err) < 0)
		fail_msg("%s", err.msg);
	patterns_free(ps);
}

/* Among all the others, and through the whole engine. */
static void test_own_examples_get_their_class(void **state)
{
	struct patterns *ps = own();
	char class[64];

	(void)state;
	assert_true(patterns_count(ps) > 40);
	for (size_t i = 0; i < patterns_count(ps); i++) {
		const struct pattern *p = patterns_at(ps, i);

		assert_true(p->yes.n > 0 && p->no.n > 0);
		for (size_t k = 0; k < p->yes.n; k++) {
			const char *want = p->kind == PATTERN_FINDING ? p->name : "";

			if (strcmp(class_of(ps, p->yes.v[k], class), want) != 0)
				fail_msg("%s: \"%s\", not \"%s\", for: %s", p->place,
					 class, want, p->yes.v[k]);
		}
	}
	patterns_free(ps);
}

/* A slip of the pen in one of several literals would go unnoticed. */
static void test_own_literals_all_have_an_example(void **state)
{
	struct patterns *ps = own();
	bool all = true;

	(void)state;
	for (size_t i = 0; i < patterns_count(ps); i++) {
		const struct pattern *p = patterns_at(ps, i);

		for (size_t t = 0; t < p->text.n; t++) {
			bool shown = false;

			for (size_t k = 0; k < p->yes.n && !shown; k++)
				shown = strstr(p->yes.v[k], p->text.v[t]) != NULL;
			if (!shown)
				print_message("%s: no example of \"%s\"\n", p->place,
					      p->text.v[t]);
			all = all && shown;
		}
	}
	assert_true(all);
	patterns_free(ps);
}

static void wrong(const char *text, const char *says)
{
	struct kf_error err = {0};
	struct patterns *ps;

	assert_int_equal(patterns_new(&ps), 0);
	if (patterns_parse(ps, "my.patterns", text, strlen(text), &err) == 0 &&
	    patterns_check(ps, 0, &err) == 0)
		fail_msg("taken: %s", text);
	if (!strstr(err.msg, says))
		fail_msg("\"%s\" is not in: %s", says, err.msg);
	patterns_free(ps);
}

#define REST "text = foo: bar\nyes = foo: bar 1\nno = foo: baz\n"

static void test_what_is_wrong_is_told_with_its_line(void **state)
{
	(void)state;
	wrong("text = foo\n", "my.patterns:1: \"text\" stands in no section");
	wrong("[finding foo\n", "my.patterns:1: a section ends with ]");
	wrong("[findings foo]\n", "my.patterns:1: there is no section [findings foo]");
	wrong("[finding a b]\n", "my.patterns:1: \"a b\" is no name");
	wrong("\n\n[finding foo]\ntexts = x\n",
	      "my.patterns:4: a section of this kind has "
	      "no \"texts\"; is \"text\" meant?");
	wrong("[ignore foo]\nseverity = warn\n", "my.patterns:2: a section of this kind");
	wrong("[finding foo]\nseverity = bad\n", "my.patterns:2: \"bad\" is no severity");
	wrong("[finding foo]\nlines = 1000\n", "my.patterns:2: \"1000\" is no number");
	wrong("[finding foo]\nlines = x\n", "my.patterns:2: \"x\" is no number");
	wrong("[finding foo]\nwhere = here\n", "my.patterns:2: \"here\" is neither");
	wrong("[finding foo]\ntext = ab\n", "my.patterns:2: \"ab\" is too short");
	wrong("[finding foo]\ntext =\n", "my.patterns:2: \"text\" has no value");
	wrong("[finding foo]\nnonsense\n", "my.patterns:2: neither [section]");
	wrong("[finding foo]\nmatch = a(b\n",
	      "my.patterns:2: regular expression, byte 4: missing closing parenthesis");
	wrong("[finding foo]\nmatch = a\nmatch = b\n", "my.patterns:3: one regular");
	wrong("[prefix]\nskip = a\n", "my.patterns:2: this section has nothing but");
}

static void test_a_pattern_without_examples_fails(void **state)
{
	(void)state;
	wrong("[finding foo]\nseverity = warn\ntext = foo: bar\nno = x\n",
	      "my.patterns:1: [foo] has no yes:");
	wrong("\n[finding foo]\nseverity = warn\ntext = foo: bar\nyes = foo: bar\n",
	      "my.patterns:2: [foo] has no no:");
	wrong("[finding foo]\n" REST, "my.patterns:1: [foo] has no severity:");
	wrong("[finding foo]\nseverity = warn\nyes = a\nno = b\n", "[foo] has no text:");
	wrong("[range foo]\n" REST, "[foo] has no end or until:");
	/* The first of two sections. */
	wrong("[ignore a]\ntext = foo\n[ignore b]\n" REST,
	      "my.patterns:1: [a] has no yes");
}

static void test_an_example_that_does_not_hold_fails(void **state)
{
	(void)state;
	wrong("[finding foo]\nseverity = warn\nmatch = ^foo: bar \\d\\d\n" REST,
	      "my.patterns:1: [foo] does not fit its own example \"foo: bar 1\"");
	wrong("[finding foo]\nseverity = warn\n" REST "no = foo: bar none\n",
	      "my.patterns:1: [foo] fits \"foo: bar none\"");
}

static void test_binary_and_endless_files_are_refused(void **state)
{
	struct kf_error err = {0};
	char line[PATTERN_LINE_MAX + 100];
	struct patterns *ps;

	(void)state;
	assert_int_equal(patterns_new(&ps), 0);
	assert_true(patterns_parse(ps, "x", "a\0b = c\n", 8, &err) < 0);
	assert_non_null(strstr(err.msg, "x:1: a NUL byte"));
	memset(line, 'x', sizeof(line));
	assert_true(patterns_parse(ps, "x", line, sizeof(line), &err) < 0);
	assert_non_null(strstr(err.msg, "x:1: a line of more than 4096 bytes"));
	patterns_free(ps);
}

static void test_too_many_patterns_are_refused(void **state)
{
	struct kf_error err = {0};
	_buf_ struct buf b = BUF_INIT;
	struct patterns *ps;

	(void)state;
	for (unsigned i = 0; i <= PATTERNS_MAX; i++)
		assert_int_equal(buf_printf(&b, "[ignore i%u]\n" REST, i), 0);
	assert_int_equal(patterns_new(&ps), 0);
	assert_true(patterns_parse(ps, "x", buf_str(&b), buf_len(&b), &err) < 0);
	assert_non_null(strstr(err.msg, "more than 512 patterns"));
	patterns_free(ps);
}

static void test_a_slow_expression_ends(void **state)
{
	static const char text[] = "[finding slow]\nseverity = warn\n"
				   "text = slow: \nmatch = ^slow: (a+)+(b+)+$\n"
				   "yes = slow: aab\nno = slow: c\n";
	char line[3000] = "slow: ", class[64];
	struct kf_error err = {0};
	struct patterns *ps;

	(void)state;
	assert_int_equal(patterns_new(&ps), 0);
	assert_int_equal(patterns_parse(ps, "x", text, strlen(text), &err), 0);
	assert_int_equal(patterns_check(ps, 0, &err), 0);
	assert_int_equal(patterns_build(ps, &err), 0);
	memset(line + 6, 'a', sizeof(line) - 7);
	assert_string_equal(class_of(ps, line, class), "");
	assert_string_equal(class_of(ps, "slow: aaab", class), "slow");
	patterns_free(ps);
}

/* --- those of a board ------------------------------------------------------------- */

static struct patterns *load(const char *dir, const char *config, const char *patterns,
			     const char *board, struct kf_error *err)
{
	_free_ char *file = NULL, *own_file = NULL;
	struct config_paths paths = {.tree_dir = dir, .profile_dir = dir};
	struct patterns *ps = NULL;
	struct config *cfg;

	assert_true(asprintf(&file, "%s/config.ini", dir) > 0);
	assert_true(asprintf(&own_file, "%s/patterns.d/my.patterns", dir) > 0);
	assert_int_equal(fs_replace(AT_FDCWD, file, config, strlen(config), 0644), 0);
	assert_int_equal(fs_replace(AT_FDCWD, own_file, patterns, strlen(patterns), 0644),
			 0);
	paths.user_file = file;
	if (config_load(&paths, &cfg, err) < 0)
		fail_msg("%s", err->msg);
	if (patterns_load(cfg, board, &ps, err) < 0)
		ps = NULL;
	config_free(cfg);
	return ps;
}

static char scratch[] = "/tmp/kf-patterns-XXXXXX";

static int make_scratch(void **state)
{
	_free_ char *sub = NULL;

	(void)state;
	assert_non_null(mkdtemp(scratch));
	assert_true(asprintf(&sub, "%s/patterns.d", scratch) > 0);
	return mkdir(sub, 0755);
}

static int remove_scratch(void **state)
{
	_close_ int tmp = fs_open_dir(AT_FDCWD, "/tmp");

	(void)state;
	return fs_remove_tree(tmp, scratch + strlen("/tmp/"));
}

#define BOARDS                                                                           \
	"[board one]\nhost = a\nlog.ignore = \"I/O error, dev sr0\"\n\t\"vc4_hdmi\"\n"   \
	"[board two]\nhost = b\n"

static void test_users_patterns_and_a_boards_ignores(void **state)
{
	static const char mine[] = "[finding fuse]\nseverity = error\n" REST
				   "[ignore known]\ntext = BUG: of ours\n"
				   "yes = BUG: of ours 1\nno = BUG: of yours\n";
	struct kf_error err = {0};
	char class[64];
	struct patterns *ps;

	(void)state;
	ps = load(scratch, BOARDS, mine, "one", &err);
	if (!ps)
		fail_msg("%s", err.msg);
	assert_string_equal(class_of(ps, "[    1.000000] foo: bar 7", class), "fuse");
	assert_string_equal(class_of(ps, "BUG: of ours 3", class), "");
	assert_string_equal(class_of(ps, "BUG: of yours", class), "bug");
	assert_string_equal(class_of(ps, "I/O error, dev sr0, sector 0", class), "");
	assert_string_equal(class_of(ps, "I/O error, dev vda, sector 0", class),
			    "storage");
	assert_string_equal(
		class_of(ps, "WARNING: CPU: 0 PID: 1 at drivers/vc4_hdmi.c:12 x+0x1",
			 class),
		"");
	patterns_free(ps);
	ps = load(scratch, BOARDS, mine, "two", &err);
	assert_string_equal(class_of(ps, "I/O error, dev sr0, sector 0", class),
			    "storage");
	patterns_free(ps);
}

static void test_a_users_file_that_is_wrong_is_named(void **state)
{
	struct kf_error err = {0};

	(void)state;
	assert_null(load(scratch, "", "[finding x]\nseverity = warn\n" REST "match = [\n",
			 NULL, &err));
	assert_non_null(strstr(err.msg, "/patterns.d/my.patterns:6: regular expression"));
	assert_null(load(scratch, "[log]\npatterns = /nonexistent/x\n", "", NULL, &err));
	assert_non_null(strstr(err.msg, "read the patterns of /nonexistent/x: No such"));
	assert_null(load(scratch, "[log]\nignore = \"ab\"\n", "", NULL, &err));
	assert_non_null(strstr(err.msg, "log.ignore"));
	assert_null(load(scratch, "[log]\nignore = two words\n", "", NULL, &err));
	assert_non_null(strstr(err.msg, "log.ignore"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_examples_hold_by_themselves),
		cmocka_unit_test(test_own_examples_get_their_class),
		cmocka_unit_test(test_own_literals_all_have_an_example),
		cmocka_unit_test(test_what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(test_a_pattern_without_examples_fails),
		cmocka_unit_test(test_an_example_that_does_not_hold_fails),
		cmocka_unit_test(test_binary_and_endless_files_are_refused),
		cmocka_unit_test(test_too_many_patterns_are_refused),
		cmocka_unit_test(test_a_slow_expression_ends),
		cmocka_unit_test(test_users_patterns_and_a_boards_ignores),
		cmocka_unit_test(test_a_users_file_that_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
