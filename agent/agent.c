/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bringing an agent up: configuration, what runs, the state directory and the state in
 * it.  Nothing here decides anything about trials or half-done deploys.
 */
#include "agent/agent.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/conf.h"
#include "agent/oserr.h"
#include "agent/slot/running.h"
#include "agent/slot/slot.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define DAMAGED "state.damaged"

char *agent_path(const struct agent *a, const char *path)
{
	char *full;

	return asprintf(&full, "%s%s", a->root, path) < 0 ? NULL : full;
}

int agent_read_file(const struct agent *a, const char *path, size_t max, struct buf *b)
{
	_free_ char *full = agent_path(a, path);

	return full ? fs_read_file(AT_FDCWD, full, max, b) : -ENOMEM;
}

int agent_read_line(const struct agent *a, const char *path, char **ret)
{
	_free_ char *full = agent_path(a, path);

	return full ? fs_read_line(AT_FDCWD, full, ret) : -ENOMEM;
}

char *agent_line(const struct agent *a, const char *path)
{
	char *line = NULL;

	return agent_read_line(a, path, &line) < 0 ? NULL : line;
}

/* The umask, or an older agent, may have left another mode.  A disk that cannot be
 * written does not keep the agent from coming up: somebody has to tell of it. */
static void set_mode(int fd, const char *name, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		log_warn("state dir=%s mode=%04o error=\"%s\"", name, (unsigned)mode,
			 strerror(errno));
}

static int make_dir(int fd, const char *name, mode_t mode)
{
	_close_ int dir = -1;

	if (mkdirat(fd, name, mode) < 0 && errno != EEXIST)
		return -errno;
	dir = fs_open_beneath(fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	set_mode(dir, name, mode);
	return 0;
}

/* Modules are read through /lib/modules by everybody; what is half received is not. */
static int make_dirs(struct agent *a, struct kf_error *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {{SLOTS_DIR, 0755}, {STAGING_DIR, 0700}, {"boots", 0700}};

	set_mode(a->state_fd, a->conf.state_dir, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int rc = make_dir(a->state_fd, dirs[i].name, dirs[i].mode);

		if (rc < 0)
			return oserr(err, rc, "make %s/%s", a->conf.state_dir,
				     dirs[i].name);
	}
	return 0;
}

static int open_state_dir(struct agent *a, bool make, struct kf_error *err)
{
	_free_ char *path = agent_path(a, a->conf.state_dir);
	int rc = path ? 0 : -ENOMEM;

	if (rc == 0 && make)
		rc = fs_mkdirs(AT_FDCWD, path);
	if (rc < 0)
		return oserr(err, rc, "make the state directory %s", a->conf.state_dir);
	a->state_fd = fs_open_dir(AT_FDCWD, path);
	if (a->state_fd < 0)
		return oserr(err, a->state_fd, "open the state directory %s",
			     a->conf.state_dir);
	return make ? make_dirs(a, err) : 0;
}

/* Call fn, which does not change the directory, for each name in it. */
static int each_name(int fd, const char *dir, void (*fn)(struct agent *, const char *),
		     struct agent *a)
{
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	int r;

	r = fs_dir_stream(fs_open_beneath(fd, dir, O_RDONLY | O_DIRECTORY, 0), &d);
	if (r < 0)
		return r;
	while ((e = readdir(d)))
		fn(a, e->d_name);
	return 0;
}

/* A slot whose entry was lost with the state: complete, or it is no slot. */
static void adopt_slot(struct agent *a, const char *id)
{
	_slot_ struct slot s = {.fd = -1};
	struct state_slot *entry;
	struct kf_error err;

	if (!text_is_slot(id) || slot_open(a, id, &s, &err) < 0)
		return;
	entry = state_add(&a->state, id);
	if (!entry)
		return;
	entry->state = KFERRY__SLOT_STATE__SLOT_STAGED;
	entry->number = a->state.next_number++;
	log_warn("state slot=%s event=adopted", id);
}

static void skip_boot(struct agent *a, const char *name)
{
	char *end;
	unsigned long long n = strtoull(name, &end, 10);

	if (end != name && !*end && n >= a->state.next_boot && n < UINT64_MAX)
		a->state.next_boot = n + 1;
}

/* For a look.  By a second name, so that there is a state file at every instant. */
static void keep_damaged(struct agent *a)
{
	if (unlinkat(a->state_fd, DAMAGED, 0) < 0 && errno != ENOENT)
		log_warn("state drop=" DAMAGED " error=\"%s\"", strerror(errno));
	if (linkat(a->state_fd, "state", a->state_fd, DAMAGED, 0) < 0)
		log_warn("state keep=" DAMAGED " error=\"%s\"", strerror(errno));
	else
		log_warn("state kept=%s/" DAMAGED, a->conf.state_dir);
}

/* Slots that are whole are entered again, and the board's own kernel is what it falls
 * back to.  Nothing is there on a board that was never deployed to. */
static void rebuild_state(struct agent *a)
{
	int rc;

	state_init(&a->state);
	rc = each_name(a->state_fd, SLOTS_DIR, adopt_slot, a);
	if (rc == 0 || rc == -ENOENT)
		rc = each_name(a->state_fd, "boots", skip_boot, a);
	if (rc < 0 && rc != -ENOENT)
		log_warn("state event=rebuild error=\"%s\"", strerror(-rc));
}

/* Whether it was a trial is lost as well: it has as long as one from now on, which costs
 * one reboot where it was none. */
static void watch_running(struct agent *a)
{
	struct state_unconfirmed *u = &a->state.unconfirmed;
	int64_t up_ms = clock_now_ms() - a->boot.start_ms;

	if (!a->boot.slot[0])
		return;
	memcpy(u->slot, a->boot.slot, sizeof(u->slot));
	memcpy(u->boot_id, a->boot.boot_id, sizeof(u->boot_id));
	u->confirm_timeout_s = a->conf.confirm_timeout_s + (unsigned)(up_ms / 1000);
	log_warn("state slot=%s event=unconfirmed timeout=%u", u->slot,
		 u->confirm_timeout_s);
}

/* The state, and what runs by it. */
static int load_state(struct agent *a, bool change, struct kf_error *err)
{
	int rc = state_load(a->state_fd, &a->state, err);
	bool lost = rc == -ENOENT || rc == -EBADMSG;

	if (rc == -EBADMSG) {
		log_err("state event=damaged error=\"%s\"", err->msg);
		if (change)
			keep_damaged(a);
	}
	if (rc < 0 && !lost)
		return rc;
	if (lost)
		rebuild_state(a);
	running_find_slot(a);
	if (lost)
		watch_running(a);
	return lost && change ? state_save(a->state_fd, &a->state, err) : 0;
}

static int bring_up(struct agent *a, const char *root, bool change, struct kf_error *err)
{
	int rc;

	memset(a, 0, sizeof(*a));
	a->state_fd = -1;
	state_init(&a->state);
	pthread_mutex_init(&a->state_lock, NULL);
	pthread_mutex_init(&a->chain_lock, NULL);
	a->scratch = *root != '\0';
	a->root = strdup(root);
	if (!a->root)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	for (size_t n = strlen(a->root); n > 0 && a->root[n - 1] == '/'; n--)
		a->root[n - 1] = '\0';
	rc = conf_load(&a->conf, a->root, err);
	if (rc == 0)
		rc = running_read(a, err);
	if (rc == 0)
		rc = open_state_dir(a, change, err);
	if (rc == 0)
		rc = load_state(a, change, err);
	return rc;
}

static int init(struct agent *a, const char *root, bool change, struct kf_error *err)
{
	int rc = bring_up(a, root, change, err);

	if (rc < 0)
		agent_fini(a);
	return rc;
}

int agent_init(struct agent *a, const char *root, struct kf_error *err)
{
	return init(a, root, true, err);
}

int agent_init_early(struct agent *a, const char *root, struct kf_error *err)
{
	return init(a, root, false, err);
}

void agent_fini(struct agent *a)
{
	cleanup_close(&a->state_fd);
	a->state_fd = -1;
	running_fini(a);
	conf_fini(&a->conf);
	free(TAKE_PTR(a->root));
	pthread_mutex_destroy(&a->chain_lock);
	pthread_mutex_destroy(&a->state_lock);
}
