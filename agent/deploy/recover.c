/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a crash may have left, put right before anybody sees it.  The state decides: a
 * directory that it does not know goes back to staging, an entry without files goes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/deploy/parts.h"
#include "agent/oserr.h"
#include "agent/slot/slot_modules.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define NAMES_MAX 256 /* of one directory at a time; the rest at the next start */

struct names {
	char *v[NAMES_MAX];
	size_t n;
};

static void names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	l->n = 0;
}

static int list(int fd, const char *dir, struct names *l)
{
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	int r;

	r = fs_dir_stream(fs_open_beneath(fd, dir, O_RDONLY | O_DIRECTORY, 0), &d);
	if (r < 0)
		return r;
	while (l->n < NAMES_MAX && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		l->v[l->n] = strdup(e->d_name);
		if (!l->v[l->n])
			return -ENOMEM;
		l->n++;
	}
	return 0;
}

static bool is_temporary(const char *name)
{
	return strncmp(name, FS_TMP_PREFIX, sizeof(FS_TMP_PREFIX) - 1) == 0 ||
	       strcmp(name, PART_FILE) == 0;
}

/* What an fs_replace() or a transfer that was cut short left. */
static void drop_temporaries(int fd, const char *dir)
{
	_cleanup_(names_free) struct names l = {.n = 0};
	_close_ int at = fs_open_beneath(fd, dir, O_RDONLY | O_DIRECTORY, 0);

	if (at < 0 || list(fd, dir, &l) < 0)
		return;
	for (size_t i = 0; i < l.n; i++)
		if (is_temporary(l.v[i]) && unlinkat(at, l.v[i], 0) < 0)
			log_warn("recover drop=%s error=\"%s\"", l.v[i], strerror(errno));
}

static void clean_boots(struct agent *a)
{
	_cleanup_(names_free) struct names l = {.n = 0};

	if (list(a->state_fd, "boots", &l) < 0)
		return;
	for (size_t i = 0; i < l.n; i++) {
		_free_ char *path = NULL;

		if (asprintf(&path, "boots/%s", l.v[i]) < 0) {
			path = NULL;
			return;
		}
		drop_temporaries(a->state_fd, path);
	}
}

static bool has_manifest(struct agent *a, const char *dir, const char *id)
{
	struct manifest m = {0};
	struct kf_error ignored;
	char path[SLOT_PATH];
	_close_ int fd = -1;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, id);
	fd = fs_open_beneath(a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return false;
	rc = slot_read_manifest(fd, id, &m, NULL, &ignored);
	manifest_fini(&m);
	return rc == 0;
}

/* Only what a next deploy could go on with stays. */
static int clean_staging(struct agent *a, struct kf_error *err)
{
	_cleanup_(names_free) struct names l = {.n = 0};
	int rc = list(a->state_fd, STAGING_DIR, &l);

	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		_free_ char *path = NULL;

		if (asprintf(&path, STAGING_DIR "/%s", l.v[i]) < 0) {
			path = NULL;
			rc = -ENOMEM;
		} else if (text_is_slot(l.v[i]) && has_manifest(a, STAGING_DIR, l.v[i])) {
			log_info("recover staging=%s event=kept", l.v[i]);
			drop_temporaries(a->state_fd, path);
		} else {
			rc = fs_remove_tree(a->state_fd, path);
		}
	}
	return rc < 0 ? oserr(err, rc, "clean the staging directory") : 0;
}

int recover_unflipped(struct agent *a, const char *id, struct kf_error *err)
{
	char from[SLOT_PATH], to[SLOT_PATH];
	int rc;

	snprintf(from, sizeof(from), SLOTS_DIR "/%s", id);
	snprintf(to, sizeof(to), STAGING_DIR "/%s", id);
	log_warn("recover slot=%s event=undone", id);
	rc = slot_unstage(a, id, err);
	if (rc < 0)
		return rc;
	slot_forget_modules(a, id);
	if (has_manifest(a, SLOTS_DIR, id)) {
		rc = fs_remove_tree(a->state_fd, to);
		if (rc == 0 && renameat(a->state_fd, from, a->state_fd, to) < 0)
			rc = -errno;
		return rc < 0 ? oserr(err, rc, "move %s to %s", from, to) : 0;
	}
	rc = fs_remove_tree(a->state_fd, from);
	return rc < 0 ? oserr(err, rc, "remove %s", from) : 0;
}

static bool is_known(struct agent *a, const char *id)
{
	bool known;

	pthread_mutex_lock(&a->state_lock);
	known = state_find(&a->state, id);
	pthread_mutex_unlock(&a->state_lock);
	return known;
}

static int check_directories(struct agent *a, struct kf_error *err)
{
	_cleanup_(names_free) struct names l = {.n = 0};
	int rc = list(a->state_fd, SLOTS_DIR, &l);

	if (rc < 0)
		return oserr(err, rc, "list the slots");
	for (size_t i = 0; i < l.n; i++) {
		_free_ char *path = NULL;

		if (asprintf(&path, SLOTS_DIR "/%s", l.v[i]) < 0) {
			path = NULL;
			return oserr(err, -ENOMEM, "list the slots");
		}
		if (!text_is_slot(l.v[i])) {
			rc = fs_remove_tree(a->state_fd, path);
			if (rc < 0)
				return oserr(err, rc, "remove %s", path);
			continue;
		}
		drop_temporaries(a->state_fd, path);
		if (is_known(a, l.v[i]))
			continue;
		rc = recover_unflipped(a, l.v[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Entries that were being removed, and entries whose files are not there. */
static bool is_lost(struct agent *a, const struct state_slot *s)
{
	char path[SLOT_PATH];

	if (s->state == KFERRY__SLOT_STATE__SLOT_GONE)
		return true;
	snprintf(path, sizeof(path), SLOTS_DIR "/%.*s", SLOT_ID_SIZE - 1, s->id);
	if (faccessat(a->state_fd, path, F_OK, 0) == 0)
		return false;
	/* What cannot be looked at now may be there when the disk answers again. */
	if (errno != ENOENT) {
		log_err("recover slot=%s error=\"%s\"", s->id, strerror(errno));
		return false;
	}
	if (slot_check_unused(a, s->id, NULL) == 0)
		return true;
	/* The boot chain has its own copy of the kernel; the state must still name it. */
	log_err("recover slot=%s error=\"in use, but its files are gone\"", s->id);
	return false;
}

static int check_entries(struct agent *a, struct kf_error *err)
{
	struct state_slot slots[STATE_SLOTS];
	unsigned n;

	pthread_mutex_lock(&a->state_lock);
	n = a->state.n_slots;
	memcpy(slots, a->state.slots, sizeof(slots));
	pthread_mutex_unlock(&a->state_lock);
	for (unsigned i = 0; i < n; i++) {
		bool lost;
		int rc;

		pthread_mutex_lock(&a->state_lock);
		lost = is_lost(a, &slots[i]);
		pthread_mutex_unlock(&a->state_lock);
		if (!lost)
			continue;
		log_warn("recover slot=%s event=removed", slots[i].id);
		rc = slot_discard(a, slots[i].id, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void deploy_clean(struct agent *a)
{
	drop_temporaries(a->state_fd, ".");
	drop_temporaries(a->state_fd, "boot");
	clean_boots(a);
}

static int recover(struct agent *a, struct kf_error *err)
{
	int rc, result = check_entries(a, err);

	/* One part that cannot be put right (a boot chain that fails) must not keep the
	 * others from it; the first error is the one reported. */
	rc = check_directories(a, result < 0 ? &(struct kf_error){0} : err);
	if (result == 0)
		result = rc;
	rc = clean_staging(a, result < 0 ? &(struct kf_error){0} : err);
	return result < 0 ? result : rc;
}

int deploy_recover(struct agent *a, struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	rc = recover(a, err);
	pthread_mutex_unlock(&a->chain_lock);
	return rc;
}
