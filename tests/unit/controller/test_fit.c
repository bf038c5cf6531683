/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile held against boards that it does and does not fit. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/deploy/fit.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static Kferry__Chain hook, grub;
static Kferry__Chain *chains[] = {&hook, &grub};
static Kferry__Watchdog dog;
static Kferry__Watchdog *dogs[] = {&dog};
static Kferry__Facts facts;
static Kferry__Hello hello;
static char top[32], said[2048];

/* An arm64 board with a watchdog of 15 s that GRUB starts. */
static int setup(void **state)
{
	(void)state;
	kferry__chain__init(&hook);
	kferry__chain__init(&grub);
	kferry__watchdog__init(&dog);
	kferry__facts__init(&facts);
	kferry__hello__init(&hello);
	hook.name = (char *)"rpi-firmware";
	hook.reason = (char *)"no config.txt";
	grub.name = (char *)"grub";
	grub.usable = true;
	dog.device = (char *)"/dev/watchdog0";
	dog.identity = (char *)"bcm";
	dog.max_timeout_s = 15;
	facts.chain = chains;
	facts.n_chain = ARRAY_SIZE(chains);
	facts.watchdog = dogs;
	facts.n_watchdog = 1;
	facts.chain_in_use = (char *)"grub";
	facts.pstore = (char *)"efi_pstore";
	hello.arch = (char *)"arm64";
	snprintf(top, sizeof(top), "/tmp/kf-fit-XXXXXX");
	assert_non_null(mkdtemp(top));
	*said = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(AT_FDCWD, top);
}

static struct config *with(const char *lines)
{
	_free_ char *user = NULL, *text = NULL;
	struct config_paths paths = {.tree_dir = "", .profile_dir = top};
	struct config *c = NULL;
	struct kf_error err = {0};

	assert_true(asprintf(&user, "%s/user.ini", top) > 0);
	assert_true(asprintf(&text, "[board x]\nhost = x\n%s", lines) > 0);
	assert_int_equal(fs_replace(AT_FDCWD, user, text, strlen(text), 0600), 0);
	paths.user_file = user;
	if (config_load(&paths, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static void take(void *arg, const char *text)
{
	unsigned *n = arg;

	(*n)++;
	strncat(said, text, sizeof(said) - strlen(said) - 1);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

static unsigned contradictions(const char *lines)
{
	struct config *c = with(lines);
	unsigned n = 0;

	*said = '\0';
	fit_check(c, "x", &hello, &facts, take, &n);
	config_free(c);
	return n;
}

static void says(const char *lines, const char *what, const char *other)
{
	if (contradictions(lines) != 1 || !strstr(said, what) || !strstr(said, other))
		fail_msg("%s\n%s", lines, said);
	/* One line each. */
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void what_fits_is_not_mentioned(void **state)
{
	(void)state;
	assert_int_equal(contradictions(""), 0);
	assert_int_equal(contradictions("build.arch = arm64\nboot.chain = grub\n"
					"watchdog.device = /dev/watchdog0\n"
					"watchdog.timeout = 15s\n"
					"pstore.backend = ramoops efi\n"),
			 0);
	/* Nothing is wanted, so nothing lacks. */
	facts.n_watchdog = 0;
	facts.pstore = (char *)"";
	assert_int_equal(contradictions("watchdog.device = none\n"), 0);
}

static void what_does_not_is_one_line_each(void **state)
{
	(void)state;
	says("build.arch = x86_64\n", "x86_64", "arm64");
	says("boot.chain = rpi-firmware\n", "no config.txt", "grub");
	says("boot.chain = nonsense\n", "the agent does not know it", "grub");
	says("watchdog.device = auto\nwatchdog.timeout = 60\n", "60 s", "15 s at most");
	says("watchdog.device = /dev/watchdog1\n", "/dev/watchdog1", "no such one");
	says("pstore.backend = ramoops\n", "ramoops", "efi_pstore");
	hello.arch = (char *)"arm";
	says("build.arch = arm64\n", "32 bits", "arm_64bit=1");
	hello.arch = (char *)"arm64";
	facts.pstore = (char *)"";
	says("pstore.backend = ramoops\n", "ramoops", "has none");
	dog.holder = (char *)"RuntimeWatchdogSec=1min in /etc/x";
	says("watchdog.device = auto\n", "petted by systemd", "deadline");
	dog.holder = (char *)"";
	dog.software = true;
	says("watchdog.device = auto\n", "softdog", "hangs");
	facts.n_watchdog = 0;
	says("watchdog.device = auto\n", "no such one", "stays so");
}

static void a_chain_that_the_agent_does_not_prefer_is_said(void **state)
{
	(void)state;
	hook.usable = true;
	says("boot.chain = rpi-firmware\n", "the agent uses grub", "board setup x");
}

/* What keeps a deploy from being begun. */
static void only_the_chain_refuses(void **state)
{
	struct config *c = with("boot.chain = rpi-firmware\nwatchdog.device = "
				"/dev/watchdog3\n");
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(fit_chain(c, "x", &facts, &err), -ENOTSUP);
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	assert_non_null(strstr(err.msg, "boot.chain is rpi-firmware"));
	assert_non_null(strstr(err.msg, "It has grub"));
	hook.usable = true;
	assert_int_equal(fit_chain(c, "x", &facts, &err), 0);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(what_fits_is_not_mentioned),
		T(what_does_not_is_one_line_each),
		T(a_chain_that_the_agent_does_not_prefer_is_said),
		T(only_the_chain_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
