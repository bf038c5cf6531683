/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A backup from anywhere: all or nothing of it comes to be, as plain files in the two
 * directories, and nothing is left of making it ready.
 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/backup/backup.h"
#include "controller/strf.h"
#include "proto/base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t files;
};

static int look(void *arg, int dirfd, const char *name, const char *path,
		const struct stat *st)
{
	struct seen *s = arg;

	(void)dirfd;
	(void)name;
	assert(S_ISREG(st->st_mode) && !(st->st_mode & 07000));
	assert(!strncmp(path, "config/", 7) || !strncmp(path, "kferry/", 7));
	assert(!strstr(path, ".restore-"));
	/* What SQLite makes of a history. */
	if (!strncmp(path, "kferry/history.db", 17))
		return 0;
	s->files++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char top[] = "/tmp/kf-fuzz-XXXXXX";
	struct config_paths paths = {.tree_dir = "", .profile_dir = "boards"};
	_free_ char *user = NULL;
	_free_ char *backup = NULL;
	struct backup_sum sum = {0};
	struct config *cfg = NULL;
	struct kf_error err = {0};
	struct seen seen = {0};
	int rc, dir;

	assert(mkdtemp(top) && setenv("XDG_DATA_HOME", top, 1) == 0);
	user = strf("%s/config/config.ini", top);
	backup = strf("%s-backup", top);
	assert(user && backup);
	paths.user_file = user;
	assert(config_load(&paths, &cfg, &err) == 0);
	assert(fs_replace(AT_FDCWD, backup, data, size, 0600) == 0);
	rc = backup_restore(cfg, backup, false, &sum, &err);
	dir = fs_open_dir(AT_FDCWD, top);
	assert(dir >= 0 && fs_walk(dir, ".", look, &seen) == 0);
	if (rc < 0)
		assert(seen.files == 0 && err.code && err.msg[0]);
	else
		assert(seen.files + sum.history == sum.files);
	close(dir);
	config_free(cfg);
	assert(fs_remove_tree(AT_FDCWD, top) == 0 && unlink(backup) == 0);
	return 0;
}
