/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB's scripts: what is found in them, and what is written.  grub-script-check, where
 * there is one, has to agree with the latter.
 */
#include "agent/boot/grub/grubcfg.h"

#include "proto/base/proc.h"
#include "tests/lib/board.h"

#define CHECKER "/usr/bin/grub-script-check"

#define TAIL                                                                             \
	"if [ -f  ${config_directory}/custom.cfg ]; then\n"                              \
	"  source ${config_directory}/custom.cfg\n"                                      \
	"elif [ -z \"${config_directory}\" -a -f  $prefix/custom.cfg ]; then\n"          \
	"  source $prefix/custom.cfg\n"                                                  \
	"fi\n"

static const char debian[] =
	"set default=\"0\"\n"
	"menuentry 'Debian GNU/Linux' --class debian --id 'gnulinux-simple-1' {\n"
	"\tsearch --no-floppy --fs-uuid --set=root 1\n"
	"\tlinux\t/vmlinuz-6.1.0-1 root=UUID=1 ro quiet\n"
	"\tinitrd\t/ucode.img /initrd.img-6.1.0-1\n"
	"}\n"
	"menuentry 'old' {\n"
	"\tlinuxefi /vmlinuz-5.10 root=UUID=1\n"
	"}\n"
	"menuentry 'none' {\n"
	"\tinitrd /never\n"
	"}\n" TAIL;

static int check(const char *s)
{
	return grubcfg_check(s, strlen(s));
}

static void finds_custom_cfg(void **state)
{
	(void)state;
	assert_int_equal(check(debian), 0);
	assert_int_equal(check(""), -ENOENT);
	assert_int_equal(check("# source ${config_directory}/custom.cfg\n"), -ENOENT);
	assert_int_equal(check("source $prefix/mycustom.cfg\n"), -ENOENT);
	assert_int_equal(check(". \"$prefix/custom.cfg\""), 0);
	assert_int_equal(check(TAIL "set default=\"1\"\n"), -EEXIST);
	assert_int_equal(check(TAIL "set default_x=1\n# set default=1\n"), 0);
}

static char *merged(const char *s)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(grubcfg_merge(s, strlen(s), &b), 0);
	assert_true(grubcfg_has_block(buf_data(&b), buf_len(&b)));
	return strdup(buf_str(&b));
}

static void keeps_what_others_wrote(void **state)
{
	static const char *const foreign[] = {"", "menuentry 'Mine' {\n\ttrue\n}\n",
					      "no end of line"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		_free_ char *once = merged(foreign[i]), *twice = merged(once);
		_buf_ struct buf b = BUF_INIT;
		size_t n = strlen(foreign[i]);

		assert_string_equal(once, twice);
		assert_memory_equal(once, foreign[i], n);
		assert_int_equal(grubcfg_strip(once, strlen(once), &b), 0);
		assert_memory_equal(buf_str(&b), foreign[i], n);
		assert_true(buf_len(&b) <= n + 1);
		assert_false(grubcfg_has_block(foreign[i], n));
	}
}

static void brings_a_changed_block_up_to_date(void **state)
{
	_free_ char *fresh = merged(""), *changed = NULL, *want = NULL, *got = NULL;

	(void)state;
	assert_true(asprintf(&changed, "before\n### BEGIN kferry ###\nset kferry_dir=/x\n"
				       "### END kferry ###\nafter\n") > 0);
	assert_true(asprintf(&want, "before\n%safter\n", fresh) > 0);
	assert_false(grubcfg_has_block(changed, strlen(changed)));
	got = merged(changed);
	assert_string_equal(got, want);
}

static void refuses_damaged_blocks(void **state)
{
	static const char *const bad[] = {
		"### BEGIN kferry ###\n",
		"### END kferry ###\n",
		"### END kferry ###\n### BEGIN kferry ###\n",
		"### BEGIN kferry ###\n### BEGIN kferry ###\n### END kferry ###\n",
		"### BEGIN kferry ###\n### END kferry ###\n### END kferry ###\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_buf_ struct buf b = BUF_INIT;

		assert_int_equal(grubcfg_merge(bad[i], strlen(bad[i]), &b), -EBADMSG);
		assert_int_equal(grubcfg_strip(bad[i], strlen(bad[i]), &b), -EBADMSG);
		assert_int_equal(buf_len(&b), 0);
	}
	assert_int_equal(grubcfg_merge("a\0b", 3, NULL), -EBADMSG);
}

static char *entry(const char *cmdline, bool initrd)
{
	_buf_ struct buf b = BUF_INIT;
	int r = grubcfg_entry(TEST_SLOT, "6.18.0-rc3", cmdline, initrd, &b);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		return NULL;
	}
	return strdup(buf_str(&b));
}

static void assert_words(const char *cmdline, const char *want)
{
	_free_ char *text = entry(cmdline, false), *line = NULL;

	assert_non_null(text);
	assert_true(asprintf(&line, "linux \"${kferry_path}/linux\"%s; then\n", want) >
		    0);
	assert_non_null(strstr(text, line));
}

static void passes_the_command_line_on(void **state)
{
	(void)state;
	assert_words("", "");
	assert_words("  ro  a=$b;reboot ", " 'ro' 'a=$b;reboot'");
	/* GRUB puts the quotes back, around all of the word. */
	assert_words("dyndbg=\"file x +p\" ro", " 'dyndbg=file x +p' 'ro'");
	assert_words("\"a b=c d\"", " 'a b=c d'");
	assert_null(entry("a=\\x", false));
	assert_null(entry("a='x'", false));
	assert_null(entry("a=b\"c d\"", false));
	assert_null(entry("a=\"b\"c", false));
	assert_null(entry("a=b=\"c d\"", false));
	assert_null(entry("a=\"b", false));
	assert_null(entry("a\nb", false));
}

static void names_the_initramfs_only_if_there_is_one(void **state)
{
	_free_ char *with = entry("ro", true), *without = entry("ro", false);

	(void)state;
	assert_non_null(strstr(with, "if initrd \"${kferry_path}/initrd\"; then"));
	assert_non_null(strstr(with, "-a -s \"${kferry_path}/initrd\" ]"));
	assert_null(strstr(without, "/initrd"));
	assert_non_null(strstr(without, "set default='kferry-" TEST_SLOT "'"));
	assert_null(entry(NULL, true));
}

static void finds_the_initramfs_of_an_image(void **state)
{
	_free_ char *path = NULL, *none = NULL;
	size_t n = strlen(debian);

	(void)state;
	assert_int_equal(grubcfg_initrd(debian, n, "(hd0,gpt2)/vmlinuz-6.1.0-1", &path),
			 0);
	assert_string_equal(path, "/initrd.img-6.1.0-1");
	assert_int_equal(grubcfg_initrd(debian, n, "/vmlinuz-5.10", &none), -ENOENT);
	assert_int_equal(grubcfg_initrd(debian, n, "/vmlinuz", &none), -ENOENT);
	assert_int_equal(grubcfg_initrd(debian, n, "", &none), -ENOENT);
}

static void check_with_grub(struct board *b, const char *name, const char *text)
{
	const char *argv[] = {CHECKER, NULL, NULL};
	_free_ char *path = NULL;
	int status = -1;

	put_text(b, name, text);
	assert_true(asprintf(&path, "%s/%s", b->path, name) > 0);
	argv[1] = path;
	assert_int_equal(
		proc_run(argv, &(struct proc_opts){.timeout_ms = 20000}, &status), 0);
	assert_int_equal(status, 0);
}

static void grub_reads_what_is_written(void **state)
{
	_free_ char *custom = merged("menuentry 'Mine' {\n\ttrue\n}\n");
	_free_ char *with = entry("root=/dev/vda2 dyndbg=\"file x +p\" a=$b", true);
	_free_ char *without = entry("ro", false);
	struct board b;

	(void)state;
	if (access(CHECKER, X_OK) < 0)
		skip();
	board_init(&b);
	check_with_grub(&b, "custom.cfg", custom);
	check_with_grub(&b, "with.cfg", with);
	check_with_grub(&b, "without.cfg", without);
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_custom_cfg),
		cmocka_unit_test(keeps_what_others_wrote),
		cmocka_unit_test(brings_a_changed_block_up_to_date),
		cmocka_unit_test(refuses_damaged_blocks),
		cmocka_unit_test(passes_the_command_line_on),
		cmocka_unit_test(names_the_initramfs_only_if_there_is_one),
		cmocka_unit_test(finds_the_initramfs_of_an_image),
		cmocka_unit_test(grub_reads_what_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
