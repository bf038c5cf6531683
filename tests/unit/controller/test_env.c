/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Environments of trees: kept apart, a layer of the configuration, removed with care. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/env/env.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct place {
	char top[64];
	char *tree, *user;
	struct config *cfg; /* plain */
};

static void put(const char *dir, const char *name, const char *text)
{
	_free_ char *path = strf("%s/%s", dir, name);

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static struct config *load(struct place *p, const char *tree, bool plain,
			   struct kf_error *err)
{
	struct config_paths paths = {
		.user_file = p->user, .tree_dir = tree, .profile_dir = "/nonexistent"};
	struct config *c = NULL;

	if (plain)
		return config_load_plain(&paths, &c, err) < 0 ? NULL : c;
	return config_load(&paths, &c, err) < 0 ? NULL : c;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->top, sizeof(p->top), "/tmp/kf-env-XXXXXX");
	if (!mkdtemp(p->top))
		return -1;
	p->tree = strf("%s/linux", p->top);
	p->user = strf("%s/user.ini", p->top);
	put(p->tree, "arch/arm64/Kconfig", "");
	put(p->tree, "arch/x86/Kconfig", "");
	put(p->tree, ".kferry/config.ini", "[build]\narch = x86_64\nllvm = 1\n");
	put(p->top, "user.ini", "[board pi]\nhost = pi\nbuild.arch = riscv\n");
	setenv("XDG_DATA_HOME", p->top, 1);
	p->cfg = load(p, p->tree, true, NULL);
	*state = p;
	return p->cfg ? 0 : -1;
}

static int teardown(void **state)
{
	struct place *p = *state;
	int r = fs_remove_tree(AT_FDCWD, p->top);

	config_free(p->cfg);
	free(p->tree);
	free(p->user);
	free(p);
	return r;
}

static void create(struct place *p, const char *name, struct env_spec spec)
{
	struct kf_error err = {0};

	if (env_create(p->cfg, name, &spec, &err) < 0)
		fail_msg("%s", err.msg);
}

static void refused(struct place *p, const char *name, struct env_spec spec, int reason,
		    const char *word)
{
	struct kf_error err = {0};

	assert_true(env_create(p->cfg, name, &spec, &err) < 0);
	assert_int_equal(err.reason, reason);
	if (!strstr(err.msg, word))
		fail_msg("\"%s\" is not in: %s", word, err.msg);
}

static void use(struct place *p, const char *name)
{
	struct kf_error err = {0};

	if (env_use(p->cfg, name, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_it_is_a_layer_between_tree_and_command(void **state)
{
	struct place *p = *state;
	const char *where = NULL;
	enum config_layer layer;
	struct config *c;

	create(p, "pi", (struct env_spec){.arch = "arm64", .board = "pi"});
	c = load(p, p->tree, false, NULL);
	assert_string_equal(config_get(c, NULL, "build.arch"), "x86_64");
	assert_null(config_env(c));
	config_free(c);

	use(p, "pi");
	c = load(p, p->tree, false, NULL);
	assert_string_equal(config_env(c), "pi");
	assert_string_equal(config_origin(c, NULL, "build.arch", &layer, &where),
			    "arm64");
	assert_int_equal(layer, CONFIG_ENV);
	assert_non_null(strstr(where, "env: "));
	assert_non_null(strstr(where, "/pi/env.ini:"));
	/* A board's own value of a lower layer, too. */
	assert_string_equal(config_get(c, "pi", "build.arch"), "arm64");
	assert_string_equal(config_default_board(c), "pi");
	/* What it leaves open is as before. */
	assert_string_equal(config_get(c, NULL, "build.llvm"), "1");
	assert_int_equal(config_override(c, "build.arch", "arm", NULL), 0);
	assert_string_equal(config_get(c, NULL, "build.arch"), "arm");
	config_free(c);

	assert_int_equal(env_exit(p->cfg, NULL), 0);
	assert_int_equal(env_exit(p->cfg, NULL), 1);
	c = load(p, p->tree, false, NULL);
	assert_string_equal(config_get(c, NULL, "build.arch"), "x86_64");
	config_free(c);
}

static void test_trees_are_kept_apart(void **state)
{
	struct place *p = *state;
	_free_ char *other = strf("%s/deep/linux", p->top);
	_free_ char *link = strf("%s/link", p->top);
	_cleanup_(env_list_fini) struct env_list l = {0};
	struct config *c;

	put(other, ".kferry/config.ini", "");
	put(other, "arch/arm64/Kconfig", "");
	create(p, "same", (struct env_spec){0});
	use(p, "same");
	c = load(p, other, true, NULL);
	assert_string_not_equal(config_env_dir(c), config_env_dir(p->cfg));
	assert_int_equal(env_list(c, &l, NULL), 0);
	assert_int_equal(l.n, 0);
	assert_null(l.current);
	assert_int_equal(env_create(c, "same", &(struct env_spec){.arch = "arm64"}, NULL),
			 0);
	config_free(c);
	/* By another way into the same tree they are the same. */
	assert_int_equal(symlink(p->tree, link), 0);
	c = load(p, link, false, NULL);
	assert_string_equal(config_env(c), "same");
	config_free(c);
}

static void test_nothing_in_the_tree_is_touched(void **state)
{
	struct place *p = *state;
	uint64_t before, after;

	assert_int_equal(fs_tree_bytes(AT_FDCWD, p->tree, &before), 0);
	create(p, "a", (struct env_spec){.arch = "arm64", .llvm = "-18"});
	use(p, "a");
	assert_int_equal(env_exit(p->cfg, NULL), 0);
	assert_int_equal(env_remove(p->cfg, "a", NULL), 0);
	assert_int_equal(fs_tree_bytes(AT_FDCWD, p->tree, &after), 0);
	assert_int_equal(before, after);
}

static void test_list(void **state)
{
	_cleanup_(env_list_fini) struct env_list l = {0};
	struct place *p = *state;
	_free_ char *own = strf("%s/b/obj", config_env_dir(p->cfg));
	_free_ char *config = strf("%s/.config", own);
	_free_ char *given = strf("%s/given", p->top);
	_buf_ struct buf text = BUF_INIT;

	assert_int_equal(buf_printf(&text, "CONFIG_A=y\n"), 0);
	create(p, "b",
	       (struct env_spec){.board = "pi", .arch = "arm64", .config = &text});
	create(p, "a", (struct env_spec){.output = given});
	use(p, "b");
	put(config_env_dir(p->cfg), "half/obj/x", "");
	put(config_env_dir(p->cfg), "odd/env.ini", "[nonsense]\nx = y\n");
	put(config_env_dir(p->cfg), ".new-123456/env.ini", "");
	assert_int_equal(env_list(p->cfg, &l, NULL), 0);
	assert_int_equal(l.n, 5);
	assert_string_equal(l.current, "b");
	assert_non_null(strstr(l.entries[0].trouble, "interrupted"));
	assert_string_equal(l.entries[1].name, "a");
	assert_string_equal(l.entries[1].output, given);
	assert_false(l.entries[1].own_output);
	assert_null(l.entries[1].board);
	assert_string_equal(l.entries[2].board, "pi");
	assert_string_equal(l.entries[2].arch, "arm64");
	assert_string_equal(l.entries[2].output, own);
	assert_true(l.entries[2].own_output);
	assert_non_null(strstr(l.entries[3].trouble, "no env.ini"));
	assert_non_null(strstr(l.entries[4].trouble, "there is no key"));
	buf_reset(&text);
	assert_int_equal(fs_read_file(AT_FDCWD, config, 100, &text), 0);
	assert_string_equal(buf_str(&text), "CONFIG_A=y\n");
}

static void test_removing(void **state)
{
	struct place *p = *state;
	_free_ char *given = strf("%s/given", p->top);
	_free_ char *mine = strf("%s/given/mine", p->top);
	_free_ char *own = strf("%s/own", config_env_dir(p->cfg));
	struct kf_error err = {0};

	put(given, "mine", "bytes");
	create(p, "given", (struct env_spec){.output = given});
	create(p, "own", (struct env_spec){0});
	put(own, "obj/vmlinux", "big");
	use(p, "own");
	assert_int_equal(env_remove(p->cfg, "own", &err), -EBUSY);
	assert_non_null(strstr(err.msg, "in use"));
	assert_true(fs_exists(AT_FDCWD, own));
	use(p, "given");
	assert_int_equal(env_remove(p->cfg, "own", &err), 0);
	assert_false(fs_exists(AT_FDCWD, own));
	assert_int_equal(env_exit(p->cfg, &err), 0);
	assert_int_equal(env_remove(p->cfg, "given", &err), 0);
	/* It did not make that directory. */
	assert_true(fs_exists(AT_FDCWD, mine));
	assert_int_equal(env_remove(p->cfg, "given", &err), -ENOENT);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"",	"a/b",	     "../a", ".current",
					  ".x", "two words", "-x",   "a\nb"};
	struct place *p = *state;
	_free_ char *given = strf("%s/given", p->top);
	_free_ char *inside = strf("%s/envs/x", config_data_dir(p->cfg));

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kf_error err = {0};

		refused(p, bad[i], (struct env_spec){0}, KF_REASON_USAGE,
			"cannot be a name");
		assert_true(env_use(p->cfg, bad[i], &err) < 0);
		assert_true(env_remove(p->cfg, bad[i], &err) < 0);
	}
	create(p, "a", (struct env_spec){.output = given});
	refused(p, "a", (struct env_spec){0}, KF_REASON_EXISTS, "already");
	refused(p, "b", (struct env_spec){.output = given}, KF_REASON_EXISTS,
		"environment a");
	refused(p, "b", (struct env_spec){.output = inside}, KF_REASON_USAGE,
		"another directory");
	refused(p, "b", (struct env_spec){.arch = "vax"}, KF_REASON_USAGE,
		"no arch/vax: it has arm64 x86");
	refused(p, "b", (struct env_spec){.arch = "../x86"}, KF_REASON_USAGE, "arch/");
	refused(p, "b", (struct env_spec){.llvm = "two\nlines"}, KF_REASON_USAGE,
		"one line");
}

static void test_bad_one_in_use_can_be_left(void **state)
{
	struct place *p = *state;
	struct kf_error err = {0};

	create(p, "a", (struct env_spec){0});
	use(p, "a");
	put(config_env_dir(p->cfg), "a/env.ini", "[build]\narhc = x\n");
	assert_null(load(p, p->tree, false, &err));
	assert_int_equal(err.reason, KF_REASON_CONFIG);
	assert_non_null(strstr(err.msg, "kferry env exit"));
	put(config_env_dir(p->cfg), CONFIG_ENV_CURRENT, "../../x\n");
	assert_null(load(p, p->tree, false, &err));
	put(config_env_dir(p->cfg), CONFIG_ENV_CURRENT, "gone\n");
	assert_null(load(p, p->tree, false, &err));
	assert_non_null(strstr(err.msg, "not there"));
	assert_int_equal(env_exit(p->cfg, &err), 0);
	config_free(load(p, p->tree, false, &err));
	assert_int_equal(env_use(p->cfg, "a", &err), -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_a_layer_between_tree_and_command),
		TEST(trees_are_kept_apart),
		TEST(nothing_in_the_tree_is_touched),
		TEST(list),
		TEST(removing),
		TEST(refused),
		TEST(bad_one_in_use_can_be_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
