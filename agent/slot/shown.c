/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Switching: check, record, show, look.  The record comes first, so that the slot cannot
 * be removed under a directory that leads into it, and so that whoever comes after a
 * crash brings the directory to where the record is.
 */
#include "agent/slot/shown.h"

#include <fcntl.h>
#include <string.h>

#include "agent/initramfs/moddep.h"
#include "agent/module/modfile.h"
#include "agent/oserr.h"
#include "agent/outside/outside.h"
#include "agent/slot/bootmark.h"
#include "agent/slot/modules_cover.h"
#include "agent/slot/slot_modules.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define VERMAGIC   "vermagic="
#define OUTSIDE_MS 30000

static bool counts(const struct agent *a, const struct state_modules *m)
{
	return m->slot[0] && strcmp(m->boot_id, a->boot.boot_id) == 0;
}

const char *shown_wanted(const struct agent *a)
{
	return counts(a, &a->state.modules) ? a->state.modules.slot : a->boot.slot;
}

void shown_now(const struct agent *a, char id[SLOT_ID_SIZE])
{
	slot_modules_at(a, a->boot.release, id);
}

/* --- may they be shown? --------------------------------------------------------- */

int shown_check_release(const struct agent *a, const char *release, struct kf_error *err)
{
	if (!a->boot.slot[0] || !a->boot.marked)
		return kf_err(
			err, -ENOTSUP, KF_REASON_NOT_RUNNING,
			"the board runs a kernel that kferry did not boot (%s), and "
			"its modules are never replaced; boot one of yours first "
			"(kferry deploy)",
			a->boot.release);
	if (strcmp(release, a->boot.release) == 0)
		return 0;
	return kf_err(err, -ENOTSUP, KF_REASON_NOT_RUNNING,
		      "%.64s is another release than the one that runs, %s: its modules "
		      "need their own image (kferry deploy)",
		      release, a->boot.release);
}

/* The running kernel's, as its own modules have it.  No path: of the first that says. */
static int running_vermagic(const struct slot *running, const char *path,
			    char dst[static MODFILE_TEXT])
{
	const struct manifest *m = &running->manifest;
	char name[MODDEP_NAME];
	int rc = -ENODATA;

	if (path)
		return modfile_text(running->fd, path, VERMAGIC, dst);
	for (size_t i = 0; rc == -ENODATA && i < m->n_files; i++)
		if (moddep_name(m->files[i].path, name))
			rc = modfile_text(running->fd, m->files[i].path, VERMAGIC, dst);
	return rc;
}

static int check_vermagic(const struct slot *running, const char *path, bool same_path,
			  int files_fd, struct kf_error *err)
{
	char is[MODFILE_TEXT], want[MODFILE_TEXT];
	int rc = modfile_text(files_fd, path, VERMAGIC, is);

	/* What says nothing, or in a way that is not understood, the kernel looks at. */
	if (rc == -ENODATA || rc == -EOPNOTSUPP)
		return 0;
	if (rc < 0)
		return oserr(err, rc, "read %s", path);
	rc = running_vermagic(running, same_path ? path : NULL, want);
	if (rc < 0 || strcmp(is, want) == 0)
		return 0;
	return kf_err(err, -ENOEXEC, KF_REASON_NOT_RUNNING,
		      "%s was built for another kernel than the one that runs: its "
		      "vermagic is \"%.80s\", that of the running one's \"%.80s\"",
		      path, is, want);
}

/* Walk through the modules of two packages: path in one, in both, or different. */
struct walk {
	const struct manifest *a, *b;
	size_t i, j;
};

/* The next module that differs: its path; *ret_a, *ret_b: is it there?  NULL: the end. */
static const char *next_difference(struct walk *w, bool *ret_a, bool *ret_b)
{
	char name[MODDEP_NAME];

	while (w->i < w->a->n_files || w->j < w->b->n_files) {
		const struct manifest_file *x =
			w->i < w->a->n_files ? &w->a->files[w->i] : NULL;
		const struct manifest_file *y =
			w->j < w->b->n_files ? &w->b->files[w->j] : NULL;
		int c = !x ? 1 : !y ? -1 : strcmp(x->path, y->path);

		w->i += c <= 0;
		w->j += c >= 0;
		if (c == 0 && digest_equal(&x->digest, &y->digest))
			continue;
		*ret_a = c <= 0;
		*ret_b = c >= 0;
		if (moddep_name(c <= 0 ? x->path : y->path, name))
			return c <= 0 ? x->path : y->path;
	}
	return NULL;
}

static int check_files(const struct agent *a, const struct manifest *m, int files_fd,
		       struct kf_error *err)
{
	_slot_ struct slot running = {.fd = -1};
	struct walk w = {.b = m};
	bool in_running, in_new;
	const char *path;
	int rc = slot_open(a, a->boot.slot, &running, err);

	w.a = &running.manifest;
	while (rc == 0 && (path = next_difference(&w, &in_running, &in_new)))
		if (in_new)
			rc = check_vermagic(&running, path, in_running, files_fd, err);
	return rc;
}

int shown_check(const struct agent *a, const struct manifest *m, int files_fd,
		struct kf_error *err)
{
	int rc = shown_check_release(a, m->release, err);

	if (rc < 0)
		return rc;
	if (!slot_matches_running(a, m))
		return kf_err(
			err, -ENOTSUP, KF_REASON_NOT_RUNNING,
			"the image has changed: its build-id is %.12s, and that of "
			"the running kernel %.12s; only a boot shows whether it works "
			"(kferry deploy)",
			m->build_id ? m->build_id : "not known",
			*a->boot.build_id ? a->boot.build_id : "not known");
	return files_fd < 0 ? 0 : check_files(a, m, files_fd, err);
}

/* --- what changes --------------------------------------------------------------- */

static void add_name(struct shown_change *c, const char *path)
{
	char name[MODDEP_NAME];

	c->changed++;
	if (c->n_names == SHOWN_NAMES || !moddep_name(path, name) || !text_is_name(name))
		return;
	snprintf(c->names[c->n_names++], LIMIT_NAME + 1, "%.*s", LIMIT_NAME, name);
}

/* before: -1 in fd when none was shown that can be read. */
static void compare(const struct slot *before, const struct slot *s,
		    struct shown_change *c)
{
	struct walk w = {.a = &before->manifest, .b = &s->manifest};
	char name[MODDEP_NAME];
	const char *path;
	bool in_a, in_b;

	memcpy(c->slot, s->id, sizeof(c->slot));
	snprintf(c->release, sizeof(c->release), "%s", s->manifest.release);
	for (size_t i = 0; i < s->manifest.n_files; i++)
		c->total += moddep_name(s->manifest.files[i].path, name);
	while ((path = next_difference(&w, &in_a, &in_b)))
		add_name(c, path);
}

/* --- showing -------------------------------------------------------------------- */

/* Where the sandbox does not let the agent mount. */
static int show_outside(const struct agent *a, struct kf_error *err)
{
	_free_ char *self = malloc(LIMIT_STRING + 1);
	const char *argv[] = {self, "show-modules", NULL};
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = OUTSIDE_MS, .reason = KF_REASON_IO};
	ssize_t n;

	if (!self)
		return oserr(err, -ENOMEM, "show the modules");
	n = readlink("/proc/self/exe", self, LIMIT_STRING);
	if (n < 0)
		return oserr(err, -errno, "find this program");
	self[n] = '\0';
	return outside_check(a, &p, &opts, err);
}

static int show(const struct agent *a, const struct slot *s, struct kf_error *err)
{
	char now[SLOT_ID_SIZE];
	int rc = slot_show_modules(a, s, err);

	if (!a->scratch && (rc == -EPERM || rc == -EROFS || rc == -EACCES)) {
		*err = (struct kf_error){0};
		rc = show_outside(a, err);
	}
	if (rc < 0)
		return rc;
	shown_now(a, now);
	if (strcmp(now, s->id) == 0)
		return 0;
	return kf_err(err, -EIO, KF_REASON_IO,
		      "%s/%s does not show the modules of slot %s%s", MODULES_DIR,
		      s->manifest.release, s->id,
		      now[0] ? "" : ": the slot has none, or something stands there");
}

/* --- switching ------------------------------------------------------------------ */

/* From here on the slot stays, and a start of the agent shows it. */
static int record(struct agent *a, const char *id, struct kf_error *err)
{
	struct state_modules *m = &a->state.modules;
	struct state before;
	const struct state_slot *entry;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	entry = state_find(&a->state, id);
	memset(m, 0, sizeof(*m));
	if (strcmp(id, a->boot.slot) != 0) {
		memcpy(m->slot, id, sizeof(m->slot));
		memcpy(m->boot_id, a->boot.boot_id, sizeof(m->boot_id));
	}
	if (entry && entry->state != KFERRY__SLOT_STATE__SLOT_GONE) {
		rc = state_change(a->state_fd, &a->state, &before, err);
	} else {
		a->state = before;
		rc = kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			    "slot %s was removed meanwhile; deploy it again", id);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

/* What could not be shown: as it was before.  Its own errors must not hide the first. */
static void undo(struct agent *a, const char *before)
{
	_slot_ struct slot s = {.fd = -1};
	struct kf_error e = {0};

	if (record(a, before, &e) < 0 || slot_open(a, before, &s, &e) < 0 ||
	    show(a, &s, &e) < 0)
		log_err("modules slot=%s event=undo error=\"%s\"", before, e.msg);
}

static int record_and_show(struct agent *a, const struct slot *s, struct kf_error *err)
{
	char before[SLOT_ID_SIZE];
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	pthread_mutex_lock(&a->state_lock);
	memcpy(before, shown_wanted(a), SLOT_ID_SIZE);
	pthread_mutex_unlock(&a->state_lock);
	rc = record(a, s->id, err);
	if (rc == 0)
		rc = show(a, s, err);
	if (rc < 0)
		undo(a, before);
	pthread_mutex_unlock(&a->chain_lock);
	return rc;
}

bool shown_has_changed(const struct agent *a)
{
	return bootmark_is(a, BOOTMARK_MODULES);
}

static void leave_mark(const struct agent *a)
{
	int rc = bootmark_leave(a, BOOTMARK_MODULES);

	if (rc < 0)
		log_warn("modules mark=%s error=\"%s\"", BOOTMARK_MODULES, strerror(-rc));
}

/* Nothing but its modules was ever wanted of it, and now others are. */
static void drop_before(struct agent *a, const struct slot *before, const char *now)
{
	struct kf_error e = {0};

	if (before->fd < 0 || !before->conf.modules_only || strcmp(before->id, now) == 0)
		return;
	if (slot_remove(a, before->id, &e) < 0)
		log_warn("modules slot=%s event=drop error=\"%s\"", before->id, e.msg);
}

int shown_switch(struct agent *a, const char *id, struct shown_change *ret,
		 struct kf_error *err)
{
	_slot_ struct slot s = {.fd = -1}, before = {.fd = -1};
	char was[SLOT_ID_SIZE];
	struct shown_change c = {.changed = 0};
	struct kf_error none;
	int rc;

	shown_now(a, was);
	if (was[0] && slot_open(a, was, &before, &none) < 0)
		log_warn("modules slot=%s error=\"%s\"", was, none.msg);
	rc = shown_check_release(a, a->boot.release, err);
	if (rc == 0)
		rc = slot_open(a, *id ? id : a->boot.slot, &s, err);
	if (rc == 0)
		rc = shown_check(a, &s.manifest, s.fd, err);
	if (rc < 0)
		return rc;
	compare(&before, &s, &c);
	if (c.changed > 0)
		leave_mark(a);
	rc = record_and_show(a, &s, err);
	if (rc < 0)
		return rc;
	log_info("modules slot=%s event=shown changed=%u of=%u before=%s", s.id,
		 c.changed, c.total, was[0] ? was : FOREIGN);
	drop_before(a, &before, s.id);
	if (slot_retain(a, &none) < 0)
		log_warn("modules event=retain error=\"%s\"", none.msg);
	*ret = c;
	return 0;
}

/* --- after a crash, and at boot ------------------------------------------------- */

int shown_settle(const struct agent *a, char ret_id[SLOT_ID_SIZE], struct kf_error *err)
{
	const char *ids[] = {shown_wanted(a), a->boot.slot};
	int rc = -ENOENT;

	for (size_t i = 0; rc < 0 && i < ARRAY_SIZE(ids); i++) {
		_slot_ struct slot s = {.fd = -1};

		*err = (struct kf_error){0};
		rc = slot_open(a, ids[i], &s, err);
		if (rc == 0)
			rc = slot_show_modules(a, &s, err);
		if (rc == 0)
			memcpy(ret_id, s.id, SLOT_ID_SIZE);
	}
	return rc;
}

static void forget(struct agent *a)
{
	struct kf_error err = {0};
	struct state before;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	memset(&a->state.modules, 0, sizeof(a->state.modules));
	if (state_change(a->state_fd, &a->state, &before, &err) < 0)
		log_warn("modules event=forget error=\"%s\"", err.msg);
	pthread_mutex_unlock(&a->state_lock);
}

void shown_start(struct agent *a)
{
	const struct state_modules *m = &a->state.modules;
	_slot_ struct slot s = {.fd = -1};
	struct kf_error err = {0};
	char now[SLOT_ID_SIZE];

	if (!m->slot[0])
		return;
	if (!counts(a, m) || !a->boot.slot[0]) {
		forget(a);
		return;
	}
	shown_now(a, now);
	if (strcmp(now, m->slot) == 0)
		return;
	if (slot_open(a, m->slot, &s, &err) == 0 && slot_show_modules(a, &s, &err) == 0)
		log_warn("modules slot=%s event=shown-again", s.id);
	else
		log_err("modules slot=%s error=\"%s\"", m->slot, err.msg);
}
