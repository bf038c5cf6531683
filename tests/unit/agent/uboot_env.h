/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A U-Boot environment of two files on a scratch board, as env/common.c has it: CRC32 of
 * the data, a flag that says which copy is newer, then name=value strings.
 */
#ifndef KF_TEST_UBOOT_ENV_H
#define KF_TEST_UBOOT_ENV_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "proto/base/fs.h"

#define UBOOT_ENV_SIZE 4096

static inline void uboot_env_write(int dir_fd, const char *name, const void *data,
				   size_t n)
{
	int fd;

	assert_int_equal(fs_mkdirs_parent(dir_fd, name), 0);
	fd = fs_open_beneath(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
	close(fd);
}

/* vars: n bytes, each string with its NUL.  path: that of dir_fd. */
static inline void uboot_env_put(int dir_fd, const char *path, const char *vars, size_t n)
{
	uint8_t *env = calloc(1, UBOOT_ENV_SIZE);
	char config[256];
	uint32_t crc;

	assert_non_null(env);
	assert_true(n < UBOOT_ENV_SIZE - 6);
	memcpy(env + 5, vars, n);
	crc = (uint32_t)crc32(0, env + 5, UBOOT_ENV_SIZE - 5);
	for (unsigned i = 0; i < 4; i++)
		env[i] = (uint8_t)(crc >> (8 * i));
	for (env[4] = 1; env[4] <= 2; env[4]++)
		uboot_env_write(dir_fd, env[4] == 1 ? "env1" : "env2", env,
				UBOOT_ENV_SIZE);
	snprintf(config, sizeof(config), "%s/env1 0x0 0x%x\n%s/env2 0x0 0x%x\n", path,
		 UBOOT_ENV_SIZE, path, UBOOT_ENV_SIZE);
	uboot_env_write(dir_fd, "etc/fw_env.config", config, strlen(config));
	free(env);
}

#endif
