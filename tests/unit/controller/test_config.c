// SPDX-License-Identifier: GPL-2.0-or-later
/* Layers and their order, origins, errors that help, values and their types. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/config/config.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct dirs {
	char top[64], user[96], tree[96], tree_file[128], profiles[96];
	struct config_paths paths;
};

static void put(const char *path, const char *text)
{
	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static int setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));
	char path[160];

	snprintf(d->top, sizeof(d->top), "/tmp/kf-config-XXXXXX");
	assert_non_null(mkdtemp(d->top));
	snprintf(d->user, sizeof(d->user), "%s/user.ini", d->top);
	snprintf(d->tree, sizeof(d->tree), "%s/linux", d->top);
	snprintf(d->tree_file, sizeof(d->tree_file), "%s/.kferry/config.ini", d->tree);
	snprintf(d->profiles, sizeof(d->profiles), "%s/boards", d->top);
	snprintf(path, sizeof(path), "%s/fast.ini", d->profiles);
	put(path,
	    "[profile]\ndescription = fast boards\n[build]\narch = arm64\njobs = 3\n");
	snprintf(path, sizeof(path), "%s/slow.ini", d->profiles);
	put(path, "[build]\narch = riscv\n[timeout]\nreboot = 9m\n");
	d->paths = (struct config_paths){d->user, d->tree, d->profiles};
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct dirs *d = *state;

	assert_int_equal(fs_remove_tree(AT_FDCWD, d->top), 0);
	free(d);
	return 0;
}

static struct config *load(struct dirs *d)
{
	struct kf_error err = {0};
	struct config *c = NULL;
	int rc = config_load(&d->paths, &c, &err);

	if (rc < 0)
		print_message("%s\n", err.msg);
	assert_int_equal(rc, 0);
	return c;
}

static void assert_where(struct config *c, const char *board, const char *key,
			 const char *value, const char *where)
{
	enum config_layer layer;
	const char *origin = NULL;

	assert_string_equal(config_origin(c, board, key, &layer, &origin), value);
	assert_non_null(strstr(origin, where));
}

static void without_files_there_are_defaults(void **state)
{
	struct config *c = load(*state);

	assert_string_equal(config_get(c, NULL, "deploy.after_pass"), "default");
	assert_null(config_get(c, NULL, "board.host"));
	assert_null(config_board(c, 0));
	assert_null(config_default_board(c));
	assert_int_equal(config_ms(c, NULL, "timeout.connect"), 10000);
	assert_int_equal(config_uint(c, NULL, "deploy.keep"), 3);
	assert_true(config_bool(c, NULL, "kernel.strip"));
	config_free(c);
}

static void later_layers_win(void **state)
{
	struct dirs *d = *state;
	struct kf_error err = {0};
	struct config *c;

	put(d->user, "[build]\njobs = 5\n\n[board a]\nhost = a.lan\nprofile = slow\n"
		     "build.jobs = 6\n[board b]\nhost = b.lan\n");
	put(d->tree_file, "[board]\nprofile = fast\n[deploy]\nkeep = 7\n");
	c = load(d);
	/* The tree's profile, and the board's own, which wins although it is the user's.
	 */
	assert_where(c, NULL, "build.arch", "arm64", "profile: ");
	assert_where(c, "b", "build.arch", "arm64", "fast.ini:4");
	assert_where(c, "a", "build.arch", "riscv", "slow.ini:2");
	assert_where(c, NULL, "build.jobs", "5", "user: ");
	assert_where(c, "a", "build.jobs", "6", "user.ini:7");
	assert_where(c, "b", "build.jobs", "5", "user.ini:2");
	assert_where(c, "a", "deploy.keep", "7", "tree: ");
	assert_where(c, "a", "timeout.reboot", "9m", "profile: ");
	assert_int_equal(config_ms(c, "a", "timeout.reboot"), 540000);
	assert_where(c, "b", "timeout.reboot", "5m", "built-in");
	assert_int_equal(config_override(c, "build.jobs", "1", &err), 0);
	assert_where(c, "a", "build.jobs", "1", "command line");
	assert_int_equal(config_override(c, "build.jobs", "2", &err), 0);
	assert_where(c, "a", "build.jobs", "2", "command line");
	config_free(c);
}

static void boards_keep_their_order(void **state)
{
	struct dirs *d = *state;
	struct config *c;

	put(d->user, "[board zeta]\nhost = z\n[board alpha]\nhost = a\n");
	put(d->tree_file, "[board mid]\nlink = unix:/x\n[board zeta]\nport = 99\n");
	c = load(d);
	assert_string_equal(config_board(c, 0), "zeta");
	assert_string_equal(config_board(c, 1), "alpha");
	assert_string_equal(config_board(c, 2), "mid");
	assert_null(config_board(c, 3));
	assert_int_equal(config_board_layer(c, "zeta"), CONFIG_TREE);
	assert_int_equal(config_board_layer(c, "alpha"), CONFIG_USER);
	assert_int_equal(config_uint(c, "zeta", "board.port"), 99);
	assert_string_equal(config_get(c, "zeta", "board.host"), "z");
	assert_null(config_default_board(c));
	config_free(c);
	put(d->tree_file, "");
	put(d->user, "[board only]\nhost = z\n");
	c = load(d);
	assert_string_equal(config_default_board(c), "only");
	config_free(c);
}

static void errors_name_place_and_remedy(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{"[build]\narhc = arm\n", "user.ini:2: there is no key build.arhc; the "
					  "nearest is build.arch"},
		{"[deploy]\n\nkeep = many\n", "user.ini:3: deploy.keep is \"many\""},
		{"[deploy]\nafter_pass = never\n", "default|once"},
		{"[deploy]\nafter_pass = def\n", "default|once"},
		{"[timeout]\nreboot = soon\n", "90s or 2m"},
		{"[timeout]\nreboot = 99999999999999999999\n", "90s or 2m"},
		{"[kernel]\nstrip = perhaps\n", "yes or no"},
		{"[build]\nextra = 'open\n", "closed quotes"},
		{"[build]\narch = a\narch = b\n", "set twice, first at"},
		{"[build]\n[board x]\nhost = a\n[build]\narch = a\n arch = b\nllvm\n",
		 "user.ini:7: neither"},
		{"[board]\nhost = a\n", "belongs into a section [board NAME]"},
		{"[board ../x]\nhost = a\n", "cannot be the name of a board"},
		{"[board x\x01]\nhost = a\n", "control characters"},
		{"[build]\n\tarch = a\n", "keys begin in the first column"},
		{"[board]\nprofile = nosuch\n", "no profile \"nosuch\""},
		{"nothing\n", "user.ini:1:"},
		{"[board aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n",
		 "too long"},
	};
	struct dirs *d = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct kf_error err = {0};
		struct config *c = NULL;

		put(d->user, wrong[i].text);
		assert_true(config_load(&d->paths, &c, &err) < 0);
		assert_null(c);
		if (!strstr(err.msg, wrong[i].says))
			print_message("%s\n", err.msg);
		assert_non_null(strstr(err.msg, wrong[i].says));
		assert_int_equal(err.reason, KF_REASON_CONFIG);
	}
}

static void long_lines_are_refused_and_continued_ones_taken(void **state)
{
	struct dirs *d = *state;
	struct kf_error err = {0};
	struct config *c = NULL;
	char text[600];

	snprintf(text, sizeof(text), "[build]\narch = %0300d\n", 7);
	put(d->user, text);
	assert_true(config_load(&d->paths, &c, &err) < 0);
	assert_non_null(strstr(err.msg, "user.ini:2: the line has more than"));
	put(d->user,
	    "[build]\nextra = W=1\n\tC=2 ; a comment\n# another\n 'a b'\n\n"
	    "[health]\nchecks =\n\tsystemctl is-system-running\n\tping -c 1 'x y'\n");
	c = load(d);
	assert_string_equal(config_get(c, NULL, "build.extra"), "W=1 C=2 'a b'");
	assert_string_equal(config_get(c, NULL, "health.checks"),
			    "systemctl is-system-running\nping -c 1 'x y'");
	config_free(c);
}

static void words_are_split_as_a_shell_would(void **state)
{
	struct config *c = load(*state);
	struct kf_error err = {0};
	char **w;

	assert_int_equal(config_override(c, "build.extra",
					 "  a 'b c' \"d 'e'\" f\\ g '' h'i'j \"\\\"\" ",
					 &err),
			 0);
	w = config_argv(c, NULL, "build.extra");
	assert_non_null(w);
	assert_string_equal(w[0], "a");
	assert_string_equal(w[1], "b c");
	assert_string_equal(w[2], "d 'e'");
	assert_string_equal(w[3], "f g");
	assert_string_equal(w[4], "");
	assert_string_equal(w[5], "hij");
	assert_string_equal(w[6], "\"");
	assert_null(w[7]);
	free(w);
	assert_null(config_argv(c, NULL, "build.targets"));
	assert_int_equal(config_words("a\\", &w), -EINVAL);
	assert_int_equal(config_words("", &w), 0);
	assert_null(w[0]);
	free(w);
	config_free(c);
}

static void override_refuses_what_is_wrong(void **state)
{
	struct config *c = load(*state);
	struct kf_error err = {0};

	assert_int_equal(config_override(c, "deploy.kep", "3", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "deploy.keep"));
	assert_int_equal(config_override(c, "deploy.keep", "-1", &err), -EINVAL);
	assert_int_equal(config_override(c, "board.host", "a\x1b[2J", &err), -EINVAL);
	assert_int_equal(config_override(c, "board.profile", "nosuch", &err), -ENOENT);
	config_free(c);
}

static void an_empty_value_unsets(void **state)
{
	struct dirs *d = *state;
	struct config *c;

	put(d->user, "[build]\narch =\n[board]\nprofile = fast\n");
	c = load(d);
	assert_null(config_get(c, NULL, "build.arch"));
	config_free(c);
	put(d->user, "[watchdog]\ntimeout =\n");
	c = load(d);
	assert_int_equal(config_ms(c, NULL, "watchdog.timeout"), 0);
	config_free(c);
	/* A default cannot be unset: nothing could be meant by it. */
	put(d->user, "[timeout]\nconnect =\n");
	c = NULL;
	assert_true(config_load(&d->paths, &c, NULL) < 0);
	assert_null(c);
}

static void profiles_are_found_and_read(void **state)
{
	struct config *c = load(*state);
	char **names, *path, *text;

	assert_int_equal(config_profiles(c, &names), 0);
	assert_string_equal(names[0], "fast");
	assert_string_equal(names[1], "slow");
	assert_null(names[2]);
	free(names);
	path = config_profile_path(c, "fast");
	assert_non_null(path);
	free(path);
	assert_null(config_profile_path(c, "../boards/fast"));
	text = config_profile_value(c, "fast", "profile.description");
	assert_string_equal(text, "fast boards");
	free(text);
	assert_null(config_profile_value(c, "slow", "profile.description"));
	config_free(c);
}

static void a_profile_may_not_name_hosts(void **state)
{
	struct dirs *d = *state;
	struct kf_error err = {0};
	struct config *c = NULL;
	char path[160];

	snprintf(path, sizeof(path), "%s/fast.ini", d->profiles);
	put(path, "[board]\ndefault = x\n");
	put(d->user, "[board]\nprofile = fast\n");
	assert_true(config_load(&d->paths, &c, &err) < 0);
	assert_non_null(strstr(err.msg, "a profile cannot set board.default"));
}

/* A board whose profile is not there, or is a bad one, is no matter to the others. */
static void one_board_s_profile_is_no_matter_to_others(void **state)
{
	struct dirs *d = *state;
	struct kf_error err = {0};
	struct config *c = NULL;
	char path[160];

	snprintf(path, sizeof(path), "%s/broken.ini", d->profiles);
	put(path, "[build]\narch = arm64\nnonsense = 1\n");
	put(d->user, "[board a]\nhost = a\nprofile = nosuch\n"
		     "[board b]\nhost = b\nprofile = broken\n"
		     "[board c]\nhost = c\nprofile = fast\n");
	c = load(d);
	assert_int_equal(config_check_board(c, "c", &err), 0);
	assert_int_equal(config_check_board(c, NULL, &err), 0);
	assert_string_equal(config_get(c, "c", "build.arch"), "arm64");
	assert_int_equal(config_check_board(c, "a", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "user.ini:3"));
	assert_non_null(strstr(err.msg, "no profile \"nosuch\""));
	assert_true(config_check_board(c, "b", &err) < 0);
	assert_non_null(strstr(err.msg, "broken.ini:3"));
	/* Nothing of what came before the mistake counts. */
	assert_null(config_get(c, "b", "build.arch"));
	config_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_files_there_are_defaults),
		TEST(later_layers_win),
		TEST(boards_keep_their_order),
		TEST(errors_name_place_and_remedy),
		TEST(long_lines_are_refused_and_continued_ones_taken),
		TEST(words_are_split_as_a_shell_would),
		TEST(override_refuses_what_is_wrong),
		TEST(an_empty_value_unsets),
		TEST(profiles_are_found_and_read),
		TEST(a_profile_may_not_name_hosts),
		TEST(one_board_s_profile_is_no_matter_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
