/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /lib/modules/<release>: a link of ours is replaced by one rename; a directory that is
 * a distribution's stays as it is and is covered by a bind mount while the slot runs.  On
 * a read-only root the links are made in a directory that covers /lib/modules.
 */
#include "agent/slot/slot_modules.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/oserr.h"
#include "agent/slot/modules_cover.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define NEW_LINK     ".kferry-new"
#define LINK_MAX_LEN 4096

/* What stands at /lib/modules/<release>. */
enum standing { NOTHING, OURS, FOREIGN_LINK, DIRECTORY };

/* <state_dir>/slots/ with the root in front: what our links begin with. */
static char *slots_path(const struct agent *a, const char *id)
{
	char *path;

	return asprintf(&path, "%s%s/" SLOTS_DIR "/%s", a->root, a->conf.state_dir, id) <
			       0
		       ? NULL
		       : path;
}

static int read_link(int fd, const char *name, char **ret)
{
	_free_ char *target = malloc(LINK_MAX_LEN);
	ssize_t n;

	if (!target)
		return -ENOMEM;
	n = readlinkat(fd, name, target, LINK_MAX_LEN - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	*ret = TAKE_PTR(target);
	return 0;
}

static int look(const struct agent *a, int modules_fd, const char *release,
		enum standing *ret)
{
	_free_ char *ours = slots_path(a, ""), *target = NULL;
	int rc;

	if (!ours)
		return -ENOMEM;
	rc = read_link(modules_fd, release, &target);
	if (rc == 0)
		*ret = strncmp(target, ours, strlen(ours)) ? FOREIGN_LINK : OURS;
	else if (rc == -EINVAL)
		*ret = DIRECTORY;
	else if (rc == -ENOENT)
		*ret = NOTHING;
	else
		return rc;
	return 0;
}

static int open_modules(const struct agent *a, bool make)
{
	_free_ char *path = agent_path(a, MODULES_DIR);
	int rc = path ? 0 : -ENOMEM;

	if (rc == 0 && make)
		rc = fs_mkdirs(AT_FDCWD, path);
	return rc < 0 ? rc : fs_open_dir(AT_FDCWD, path);
}

static int put_link(int modules_fd, const char *release, const char *target)
{
	int rc = 0;

	if (unlinkat(modules_fd, NEW_LINK, 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(target, modules_fd, NEW_LINK) < 0)
		return -errno;
	if (renameat(modules_fd, NEW_LINK, modules_fd, release) < 0) {
		rc = -errno;
		unlinkat(modules_fd, NEW_LINK, 0);
	}
	return rc;
}

/* modules_fd is opened anew when what it shows changes. */
static int put_link_anywhere(const struct agent *a, int *modules_fd, const char *release,
			     const char *target)
{
	int rc = put_link(*modules_fd, release, target), fd;

	if (rc != -EROFS || a->scratch)
		return rc;
	rc = modules_cover(a);
	if (rc < 0)
		return rc;
	fd = open_modules(a, false);
	if (fd < 0)
		return fd;
	close(*modules_fd);
	*modules_fd = fd;
	return put_link(fd, release, target);
}

static bool is_slots(const struct agent *a, const char *id, const char *release,
		     const struct stat *is)
{
	char path[SLOT_PATH + LIMIT_RELEASE + sizeof("/modules/")];
	struct stat st;

	if (!text_is_slot(id))
		return false;
	snprintf(path, sizeof(path), SLOTS_DIR "/%.10s/modules/%.64s", id, release);
	return fstatat(a->state_fd, path, &st, 0) == 0 && st.st_dev == is->st_dev &&
	       st.st_ino == is->st_ino;
}

void slot_modules_at(const struct agent *a, const char *release, char id[SLOT_ID_SIZE])
{
	_close_ int modules = open_modules(a, false);
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	struct stat is;
	int fd;

	id[0] = '\0';
	if (modules < 0 || fstatat(modules, release, &is, 0) < 0)
		return;
	fd = fs_open_beneath(a->state_fd, SLOTS_DIR, O_RDONLY | O_DIRECTORY, 0);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		cleanup_close(&fd);
		return;
	}
	while (!id[0] && (e = readdir(d)))
		if (is_slots(a, e->d_name, release, &is))
			memcpy(id, e->d_name, SLOT_ID_SIZE);
}

/* Another slot's are mounted there: they go first, or with every change one more mount
 * would lie on the others.  For that moment the directory's own modules show. */
static int drop_bind(const struct agent *a, const char *release, const char *at)
{
	char id[SLOT_ID_SIZE];

	slot_modules_at(a, release, id);
	return id[0] && umount2(at, MNT_DETACH) < 0 ? -errno : 0;
}

static int bind_over(const struct agent *a, int modules_fd, const char *release,
		     const char *target, struct kf_error *err)
{
	_free_ char *at = NULL;
	struct stat is, want;
	int rc;

	if (fstatat(modules_fd, release, &is, 0) == 0 && stat(target, &want) == 0 &&
	    is.st_dev == want.st_dev && is.st_ino == want.st_ino)
		return 0;
	if (a->scratch)
		return kf_err(err, -ENOTSUP, KF_REASON_UNSUPPORTED,
			      "%s/%s is a directory, and nothing is mounted in a scratch "
			      "root",
			      MODULES_DIR, release);
	if (asprintf(&at, "%s" MODULES_DIR "/%s", a->root, release) < 0) {
		at = NULL;
		return oserr(err, -ENOMEM, "mount %s", target);
	}
	rc = drop_bind(a, release, at);
	if (rc < 0)
		return oserr(err, rc, "unmount what is shown at %s", at);
	if (mount(target, at, NULL, MS_BIND, NULL) < 0)
		return oserr(err, -errno, "bind mount %s over %s", target, at);
	return 0;
}

static int target_of(const struct agent *a, const struct slot *s, char **ret)
{
	_free_ char *slot = slots_path(a, s->id);

	return !slot || asprintf(ret, "%s/modules/%s", slot, s->manifest.release) < 0
		       ? -ENOMEM
		       : 0;
}

static int has_modules(const struct slot *s, bool *ret)
{
	_free_ char *rel = NULL;
	struct stat st;

	if (asprintf(&rel, "modules/%s", s->manifest.release) < 0) {
		rel = NULL;
		return -ENOMEM;
	}
	*ret = fstatat(s->fd, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	return 0;
}

static int show(const struct agent *a, const struct slot *s, bool only_if_free,
		struct kf_error *err)
{
	_free_ char *target = NULL;
	_close_ int fd = -1;
	enum standing standing = NOTHING;
	bool any;
	int rc;

	rc = has_modules(s, &any);
	if (rc == 0 && !any)
		return 0;
	if (rc == 0)
		rc = target_of(a, s, &target);
	if (rc < 0)
		return oserr(err, rc, "show the modules of slot %s", s->id);
	fd = open_modules(a, true);
	if (fd < 0)
		return oserr(err, fd, "open %s", MODULES_DIR);
	rc = look(a, fd, s->manifest.release, &standing);
	if (rc < 0)
		return oserr(err, rc, "look at %s/%s", MODULES_DIR, s->manifest.release);
	if (only_if_free && standing != NOTHING)
		return 0;
	if (standing == DIRECTORY)
		return bind_over(a, fd, s->manifest.release, target, err);
	if (standing == FOREIGN_LINK)
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s/%s is a link that is not kferry's; remove it or build "
			      "with another CONFIG_LOCALVERSION",
			      MODULES_DIR, s->manifest.release);
	rc = only_if_free ? put_link(fd, s->manifest.release, target)
			  : put_link_anywhere(a, &fd, s->manifest.release, target);
	if (rc == -EROFS && only_if_free)
		return 0;
	return rc < 0 ? oserr(err, rc, "link %s/%s", MODULES_DIR, s->manifest.release)
		      : 0;
}

int slot_show_modules(const struct agent *a, const struct slot *s, struct kf_error *err)
{
	return show(a, s, false, err);
}

void slot_offer_modules(const struct agent *a, const struct slot *s)
{
	struct kf_error err;

	if (show(a, s, true, &err) < 0)
		log_warn("modules slot=%s error=\"%s\"", s->id, err.msg);
}

static bool leads_into(int modules_fd, const char *name, const char *slot)
{
	_free_ char *target = NULL;
	size_t n = strlen(slot);

	return read_link(modules_fd, name, &target) == 0 &&
	       strncmp(target, slot, n) == 0 && target[n] == '/';
}

void slot_forget_modules(const struct agent *a, const char *id)
{
	_free_ char *slot = slots_path(a, id);
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	int fd = open_modules(a, false);

	if (fd < 0 || !slot)
		goto out;
	d = fdopendir(fd);
	if (!d)
		goto out;
	while ((e = readdir(d)))
		if (leads_into(dirfd(d), e->d_name, slot) &&
		    unlinkat(dirfd(d), e->d_name, 0) < 0)
			log_warn("modules link=%s error=\"%s\"", e->d_name,
				 strerror(errno));
	return;
out:
	cleanup_close(&fd);
}
