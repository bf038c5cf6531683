/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which agent a board gets, by its uname -m; what is said where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/setup/agentfile.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kf-agents-XXXXXX");
	return !mkdtemp(dir) || setenv("KF_AGENT_DIR", dir, 1) < 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("KF_AGENT_DIR");
	return fs_remove_tree(AT_FDCWD, dir);
}

static void put(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static void takes(const char *machine, const char *name)
{
	_free_ char *path = NULL;
	struct kf_error err = {0};
	char want[128];

	snprintf(want, sizeof(want), "%s/%s", dir, name);
	assert_int_equal(agentfile_find(machine, &path, &err), 0);
	assert_string_equal(path, want);
}

static void the_machine_decides(void **state)
{
	(void)state;
	put("kferryd-x86_64");
	put("kferryd-aarch64");
	put("kferryd-armv7l");
	put("kferryd-loongarch64");
	takes("x86_64", "kferryd-x86_64");
	takes("aarch64", "kferryd-aarch64");
	takes("armv7l", "kferryd-armv7l");
	takes("armv8l", "kferryd-armv7l");
	takes("loongarch64", "kferryd-loongarch64");
}

static void lacks(const char *machine, int code, int reason, const char *says)
{
	struct kf_error err = {0};
	char *path = NULL;

	assert_int_equal(agentfile_find(machine, &path, &err), code);
	assert_null(path);
	assert_int_equal(err.reason, reason);
	if (!strstr(err.msg, says))
		fail_msg("not in it: \"%s\": %s", says, err.msg);
}

static void what_is_missing_is_said_with_the_command(void **state)
{
	(void)state;
	put("kferryd-armv7l"); /* not for these */
	lacks("aarch64", -ENOENT, KF_REASON_NOT_FOUND, "make agent-static ARCH=arm64");
	lacks("x86_64", -ENOENT, KF_REASON_NOT_FOUND, "make agent-static ARCH=amd64");
	lacks("armv6l", -ENOTSUP, KF_REASON_ARCH, "needs ARMv7");
	lacks("i686", -ENOTSUP, KF_REASON_ARCH, "kferryd-i686");
	lacks("loongarch64", -ENOTSUP, KF_REASON_ARCH, "kferryd-loongarch64");
}

static void a_32_bit_arm_board_without_its_agent(void **state)
{
	(void)state;
	put("kferryd-aarch64");
	lacks("armv7l", -ENOENT, KF_REASON_NOT_FOUND, "make agent-static ARCH=armhf");
	lacks("armv8l", -ENOENT, KF_REASON_NOT_FOUND, "make agent-static ARCH=armhf");
}

static bool fits(uint16_t elf, const char *machine)
{
	_buf_ struct buf b = BUF_INIT;
	Elf64_Ehdr head = {.e_ident = ELFMAG, .e_machine = elf};

	assert_int_equal(buf_append(&b, &head, sizeof(head)), 0);
	return agentfile_fits(&b, machine);
}

static void a_program_for_another_machine_is_seen(void **state)
{
	_buf_ struct buf text = BUF_INIT;

	(void)state;
	assert_true(fits(EM_X86_64, "x86_64"));
	assert_true(fits(EM_AARCH64, "aarch64"));
	assert_true(fits(EM_ARM, "armv7l"));
	assert_true(fits(EM_ARM, "armv8l"));
	assert_false(fits(EM_X86_64, "aarch64"));
	assert_false(fits(EM_ARM, "aarch64"));
	assert_false(fits(EM_AARCH64, "armv7l"));
	assert_true(fits(EM_AARCH64, "loongarch64"));
	assert_int_equal(buf_printf(&text, "#!/bin/sh\necho no program at all\n"), 0);
	assert_false(agentfile_fits(&text, "x86_64"));
	assert_false(agentfile_fits(&text, "loongarch64"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_machine_decides),
		TEST(what_is_missing_is_said_with_the_command),
		TEST(a_32_bit_arm_board_without_its_agent),
		TEST(a_program_for_another_machine_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
