/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which kernel runs, and whether it is a slot's.  The command line only says where to
 * look: a slot counts as running when its build-id (or banner) is the running kernel's,
 * or when the command line names it and nothing can be held against that.
 */
#include "agent/slot/running.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "agent/boot/boot.h"
#include "agent/cmdword.h"
#include "agent/oserr.h"
#include "agent/slot/slot.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define NOTES_MAX 65536

static int read_line(struct agent *a, const char *path, char **ret, struct kf_error *err)
{
	int rc = agent_read_line(a, path, ret);

	return rc < 0 ? oserr(err, rc, "read %s", path) : 0;
}

/* A kernel without notes, or without a build-id in them, is told by its banner. */
static void read_build_id(struct agent *a)
{
	_buf_ struct buf notes = BUF_INIT;

	a->boot.build_id[0] = '\0';
	if (agent_read_file(a, "/sys/kernel/notes", NOTES_MAX, &notes) < 0)
		return;
	if (buildid_from_notes(buf_data(&notes), buf_len(&notes), a->boot.build_id) < 0)
		a->boot.build_id[0] = '\0';
}

/* "Linux version 6.1.0-13-amd64 (...) ..." */
static int find_release(struct agent *a, struct kf_error *err)
{
	static const char head[] = "Linux version ";
	const char *s = a->boot.banner;
	size_t n;

	if (strncmp(s, head, sizeof(head) - 1) != 0)
		return kf_err(err, -EBADMSG, KF_REASON_IO,
			      "/proc/version does not begin with \"%s\"", head);
	s += sizeof(head) - 1;
	n = strcspn(s, " ");
	if (n > LIMIT_RELEASE)
		n = LIMIT_RELEASE;
	memcpy(a->boot.release, s, n);
	a->boot.release[n] = '\0';
	return 0;
}

static void find_start(struct agent *a)
{
	_free_ char *path = agent_path(a, "/proc/sys/kernel/random/boot_id");
	struct timespec now;
	struct stat st;

	a->boot.start_ms = 0;
	if (!a->scratch || !path || stat(path, &st) < 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0)
		return;
	a->boot.start_ms = clock_now_ms() -
			   (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000 -
			   (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
}

int running_read(struct agent *a, struct kf_error *err)
{
	_free_ char *boot_id = NULL;
	struct utsname uts;
	int rc;

	rc = read_line(a, "/proc/version", &a->boot.banner, err);
	if (rc == 0)
		rc = read_line(a, "/proc/cmdline", &a->boot.cmdline, err);
	if (rc == 0)
		rc = read_line(a, "/proc/sys/kernel/random/boot_id", &boot_id, err);
	if (rc == 0)
		rc = find_release(a, err);
	if (rc < 0)
		return rc;
	if (strlen(boot_id) >= sizeof(a->boot.boot_id) || !text_is_name(boot_id))
		return kf_err(err, -EBADMSG, KF_REASON_IO, "the boot_id is not valid");
	snprintf(a->boot.boot_id, sizeof(a->boot.boot_id), "%s", boot_id);
	if (uname(&uts) == 0)
		snprintf(a->boot.machine, sizeof(a->boot.machine), "%.*s", LIMIT_RELEASE,
			 uts.machine);
	read_build_id(a);
	find_start(a);
	return 0;
}

void running_fini(struct agent *a)
{
	free(TAKE_PTR(a->boot.banner));
	free(TAKE_PTR(a->boot.cmdline));
}

/* The last slot's mark of the command line, "" if there is none. */
static void marked_slot(const struct agent *a, char id[SLOT_ID_SIZE])
{
	const char *line = a->boot.cmdline;
	struct cmdword w, value;

	id[0] = '\0';
	while (cmdword_next(&line, &w)) {
		value = cmdword_value(&w);
		if (!cmdword_begins(&w, CMDWORD_SLOT) || value.n != SLOT_ID_SIZE - 1)
			continue;
		memcpy(id, value.s, value.n);
		id[value.n] = '\0';
	}
	if (!text_is_slot(id))
		id[0] = '\0';
}

/* Was it staged for a chain that may leave the mark out? */
static bool may_be_unmarked(const struct slot *s)
{
	const struct boot_chain *chain = s->conf.chain ? boot_find(s->conf.chain) : NULL;

	return chain && chain->may_lack_mark;
}

/* Is there anything by which another kernel of the same release would be known? */
static bool can_be_told(const struct agent *a, const struct manifest *m)
{
	return (m->build_id && a->boot.build_id[0]) || (m->banner && a->boot.banner);
}

/* Where nobody can tell, the command line's word counts: a trial that is taken for
 * another kernel would have no deadline. */
static bool runs_as_marked(const struct agent *a, const char *id)
{
	_slot_ struct slot s = {.fd = -1};
	struct kf_error err;

	if (slot_open(a, id, &s, &err) < 0) {
		log_warn("running slot=%s by=mark error=\"%s\"", id, err.msg);
		return true;
	}
	if (!can_be_told(a, &s.manifest))
		return strcmp(s.manifest.release, a->boot.release) == 0;
	return slot_matches_running(a, &s.manifest);
}

/* The command line does not say so.  Then the same build may run as the board's own
 * kernel, and few chains have reason to leave the mark out. */
static bool runs_unmarked(const struct agent *a, const char *id)
{
	_slot_ struct slot s = {.fd = -1};
	struct kf_error err;

	if (slot_open(a, id, &s, &err) < 0) {
		log_warn("running slot=%s error=\"%s\"", id, err.msg);
		return false;
	}
	return may_be_unmarked(&s) && slot_matches_running(a, &s.manifest);
}

void running_find_slot(struct agent *a)
{
	const struct state_slot *best = NULL;
	char marked[SLOT_ID_SIZE];

	a->boot.slot[0] = '\0';
	a->boot.kexec = a->boot.marked = false;
	marked_slot(a, marked);
	if (marked[0] && state_find(&a->state, marked)) {
		if (runs_as_marked(a, marked)) {
			memcpy(a->boot.slot, marked, SLOT_ID_SIZE);
			a->boot.marked = true;
			a->boot.kexec = cmdword_has(a->boot.cmdline, CMDWORD_KEXEC);
			return;
		}
		log_warn("running slot=%s error=\"named on the command line, but another "
			 "kernel runs\"",
			 marked);
	}
	for (unsigned i = 0; i < a->state.n_slots; i++) {
		const struct state_slot *s = &a->state.slots[i];

		if ((!best || s->number > best->number) && strcmp(s->id, marked) != 0 &&
		    runs_unmarked(a, s->id))
			best = s;
	}
	if (best)
		memcpy(a->boot.slot, best->id, SLOT_ID_SIZE);
}
