/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot records.  Every boot takes two numbers and uses the second: the first is for a
 * boot in between that the agent never saw.
 */
#include "agent/log/boots.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define DIR_NAME    "boots"
#define RECORD	    "record"
#define RECORD_MAX  4096
#define NUMBER_SIZE 24
#define LIST_MAX    (2 * BOOTS_KEEP + 8)

static const char *const end_names[] = {
	[KFERRY__BOOT_END__BOOT_END_UNSPECIFIED] = "unknown",
	[KFERRY__BOOT_END__BOOT_END_REBOOT] = "reboot",
	[KFERRY__BOOT_END__BOOT_END_DEADLINE] = "deadline",
	[KFERRY__BOOT_END__BOOT_END_CRASH] = "crash",
	[KFERRY__BOOT_END__BOOT_END_LOST] = "lost",
};

static void number_name(uint64_t number, char dst[static NUMBER_SIZE])
{
	snprintf(dst, NUMBER_SIZE, "%llu", (unsigned long long)number);
}

static int open_boots(const struct agent *a)
{
	int r = fs_mkdirs(a->state_fd, DIR_NAME);

	if (r < 0)
		return r;
	return fs_open_beneath(a->state_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			       0);
}

/* --- one record ----------------------------------------------------------------- */

static int record_write(int dir_fd, const struct boot_record *r)
{
	_buf_ struct buf b = BUF_INIT;
	int rc = buf_printf(&b, "boot_id %s\nslot %s\nrelease %s\nend %s\n", r->boot_id,
			    r->slot, r->release, end_names[r->end]);

	if (rc < 0)
		return rc;
	return fs_replace(dir_fd, RECORD, buf_data(&b), buf_len(&b), 0600);
}

static void take(char *dst, size_t size, const char *value, size_t n)
{
	if (n < size) {
		memcpy(dst, value, n);
		dst[n] = '\0';
	}
}

static void record_line(struct boot_record *r, const char *line, size_t n)
{
	const char *value = memchr(line, ' ', n);
	size_t key, len;

	if (!value)
		return;
	key = (size_t)(value++ - line);
	len = n - key - 1;
	if (key == 7 && memcmp(line, "boot_id", key) == 0)
		take(r->boot_id, sizeof(r->boot_id), value, len);
	else if (key == 4 && memcmp(line, "slot", key) == 0)
		take(r->slot, sizeof(r->slot), value, len);
	else if (key == 7 && memcmp(line, "release", key) == 0)
		take(r->release, sizeof(r->release), value, len);
	else if (key == 3 && memcmp(line, "end", key) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(end_names); i++)
			if (strlen(end_names[i]) == len &&
			    memcmp(end_names[i], value, len) == 0)
				r->end = (Kferry__BootEnd)i;
}

static int record_read(int dir_fd, struct boot_record *ret)
{
	_buf_ struct buf b = BUF_INIT;
	struct boot_record r = {.number = ret->number};
	const char *p, *end;
	int rc = fs_read_file(dir_fd, RECORD, RECORD_MAX, &b);

	if (rc < 0)
		return rc;
	p = buf_str(&b);
	if (!p)
		return -ENOMEM;
	for (; *p; p = end + (*end == '\n')) {
		end = strchrnul(p, '\n');
		record_line(&r, p, (size_t)(end - p));
	}
	if (!text_is_name(r.boot_id) || (*r.slot && !text_is_slot(r.slot)))
		return -EBADMSG;
	*ret = r;
	return 0;
}

static int open_number(int boots_fd, uint64_t number)
{
	char name[NUMBER_SIZE];

	number_name(number, name);
	return fs_open_beneath(boots_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* --- all records ---------------------------------------------------------------- */

static bool parse_number(const char *name, uint64_t *ret)
{
	char *end;

	if (*name < '1' || *name > '9')
		return false;
	errno = 0;
	*ret = strtoull(name, &end, 10);
	return errno == 0 && !*end;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* All numbers that have a directory, newest first; *ret is the caller's. */
static int list_numbers(int boots_fd, uint64_t **ret, size_t *ret_n)
{
	_free_ uint64_t *list = calloc(LIST_MAX, sizeof(*list));
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	size_t n = 0;
	int r;

	r = fs_dir_stream(
		fs_open_beneath(boots_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0),
		&d);
	if (r < 0)
		return r;
	if (!list)
		return -ENOMEM;
	while ((e = readdir(d)) && n < LIST_MAX)
		if (parse_number(e->d_name, &list[n]))
			n++;
	qsort(list, n, sizeof(*list), newest_first);
	*ret = TAKE_PTR(list);
	*ret_n = n;
	return 0;
}

int boots_list(const struct agent *a, struct boot_record *ret, size_t max, size_t *ret_n)
{
	_close_ int boots = open_boots(a);
	_free_ uint64_t *numbers = NULL;
	size_t n = 0, count;
	int r;

	if (boots < 0)
		return boots;
	r = list_numbers(boots, &numbers, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && n < max; i++) {
		_close_ int fd = open_number(boots, numbers[i]);

		ret[n].number = numbers[i];
		if (fd >= 0 && record_read(fd, &ret[n]) == 0)
			n++;
	}
	*ret_n = n;
	return 0;
}

int boots_dir(const struct agent *a, const char *boot_id, unsigned before,
	      struct boot_record *ret, int *ret_fd)
{
	_free_ struct boot_record *list = calloc(LIST_MAX, sizeof(*list));
	_close_ int boots = open_boots(a);
	size_t n;
	int r;

	if (!list)
		return -ENOMEM;
	if (boots < 0)
		return boots;
	r = boots_list(a, list, LIST_MAX, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		int fd;

		if (*boot_id ? strcmp(list[i].boot_id, boot_id) != 0 : i != before)
			continue;
		fd = open_number(boots, list[i].number);
		if (fd < 0)
			return fd;
		*ret = list[i];
		*ret_fd = fd;
		return 0;
	}
	return -ENOENT;
}

int boots_set_end(const struct agent *a, Kferry__BootEnd end)
{
	_close_ int fd = -1;
	struct boot_record rec;
	int r = boots_dir(a, a->boot.boot_id, 0, &rec, &fd);

	if (r < 0)
		return r;
	rec.end = end;
	return record_write(fd, &rec);
}

/* --- the boot before ------------------------------------------------------------ */

/*
 * Was a trial armed in the boot `before` that is not what runs now, and that no agent
 * saw: then there may have been a boot in between.
 */
static bool unseen_trial(struct state_trial *ret, struct agent *a,
			 const struct boot_record *before)
{
	pthread_mutex_lock(&a->state_lock);
	*ret = a->state.trial;
	pthread_mutex_unlock(&a->state_lock);
	return *ret->slot && strcmp(ret->armed_boot_id, before->boot_id) == 0 &&
	       !*ret->boot_id && strcmp(ret->slot, a->boot.slot) != 0;
}

static void slot_release(const struct agent *a, const char *id, char *dst, size_t size)
{
	_slot_ struct slot s = {.fd = -1};
	struct kf_error err = {0};

	if (slot_open(a, id, &s, &err) == 0)
		take(dst, size, s.manifest.release, strlen(s.manifest.release));
}

/* The record of the boot in between; made when there is none. */
static int open_unseen(const struct agent *a, int boots_fd, uint64_t number,
		       const char *slot, struct boot_record *ret)
{
	struct boot_record r = {.number = number, .end = KFERRY__BOOT_END__BOOT_END_LOST};
	_close_ int fd = open_number(boots_fd, number);
	char name[NUMBER_SIZE];
	int rc;

	if (fd < 0) {
		number_name(number, name);
		rc = fs_mkdirs(boots_fd, name);
		if (rc < 0)
			return rc;
		fd = open_number(boots_fd, number);
	}
	if (fd < 0)
		return fd;
	if (record_read(fd, &r) < 0) {
		snprintf(r.boot_id, sizeof(r.boot_id), "unseen-%llu",
			 (unsigned long long)number);
		take(r.slot, sizeof(r.slot), slot, strlen(slot));
		slot_release(a, slot, r.release, sizeof(r.release));
		rc = record_write(fd, &r);
		if (rc < 0)
			return rc;
	}
	*ret = r;
	return TAKE_FD(fd);
}

/*
 * The record that dumps found now belong to: the boot before this one, unless it ended in
 * order or armed a trial that nobody saw; then one in between.  Directory, or -ENOENT.
 */
static int open_victim(struct agent *a, int boots_fd, struct boot_record *ret)
{
	struct boot_record list[2], self;
	struct state_trial trial;
	_close_ int fd = -1;
	size_t n = 0;
	int r;

	r = boots_dir(a, a->boot.boot_id, 0, &self, &fd);
	if (r < 0)
		return r;
	r = boots_list(a, list, ARRAY_SIZE(list), &n);
	if (r < 0)
		return r;
	if (n < 2 || list[0].number != self.number)
		return -ENOENT;
	if (list[1].number == self.number - 1) {
		*ret = list[1];
		return open_number(boots_fd, list[1].number);
	}
	if (unseen_trial(&trial, a, &list[1]))
		return open_unseen(a, boots_fd, self.number - 1, trial.slot, ret);
	if (list[1].end == KFERRY__BOOT_END__BOOT_END_REBOOT ||
	    list[1].end == KFERRY__BOOT_END__BOOT_END_DEADLINE)
		return open_unseen(a, boots_fd, self.number - 1, "", ret);
	*ret = list[1];
	return open_number(boots_fd, list[1].number);
}

int boots_collect(struct agent *a, unsigned *ret_n)
{
	_close_ int boots = -1, fd = -1;
	struct boot_record rec;
	int r;

	*ret_n = 0;
	if (!pstore_pending(a))
		return 0;
	boots = open_boots(a);
	if (boots < 0)
		return boots;
	fd = open_victim(a, boots, &rec);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = pstore_collect(a, fd, ret_n);
	if (r < 0)
		return r;
	log_info("pstore-collected boot=%s slot=%s records=%u", rec.boot_id, rec.slot,
		 *ret_n);
	if (pstore_has_crash(fd) && rec.end != KFERRY__BOOT_END__BOOT_END_REBOOT &&
	    rec.end != KFERRY__BOOT_END__BOOT_END_DEADLINE &&
	    rec.end != KFERRY__BOOT_END__BOOT_END_CRASH) {
		rec.end = KFERRY__BOOT_END__BOOT_END_CRASH;
		return record_write(fd, &rec);
	}
	return 0;
}

/* A boot before this one whose end nobody recorded has no orderly end. */
static void settle_before(const struct agent *a)
{
	struct boot_record before;
	_close_ int fd = -1;

	if (boots_dir(a, "", 1, &before, &fd) < 0 ||
	    before.end != KFERRY__BOOT_END__BOOT_END_UNSPECIFIED)
		return;
	before.end = KFERRY__BOOT_END__BOOT_END_LOST;
	if (record_write(fd, &before) < 0)
		log_warn("boot-record-not-written boot=%s", before.boot_id);
}

static void remove_old(int boots_fd)
{
	_free_ uint64_t *numbers = NULL;
	char name[NUMBER_SIZE];
	size_t n = 0;

	if (list_numbers(boots_fd, &numbers, &n) < 0)
		return;
	for (size_t i = BOOTS_KEEP; i < n; i++) {
		number_name(numbers[i], name);
		if (fs_remove_tree(boots_fd, name) < 0)
			log_warn("boot-record-not-removed number=%s", name);
	}
}

/* --- this boot ------------------------------------------------------------------ */

static int take_number(struct agent *a, uint64_t *ret, struct kf_error *err)
{
	struct state next;
	int r;

	pthread_mutex_lock(&a->state_lock);
	next = a->state;
	*ret = next.next_boot < 1 ? 2 : next.next_boot + 1;
	next.next_boot = *ret + 1;
	r = state_save(a->state_fd, &next, err);
	if (r == 0)
		a->state.next_boot = next.next_boot;
	pthread_mutex_unlock(&a->state_lock);
	return r;
}

/* A state that was lost starts counting anew: never below what is there. */
static void skip_numbers(struct agent *a, int boots_fd)
{
	_free_ uint64_t *numbers = NULL;
	size_t n = 0;

	if (list_numbers(boots_fd, &numbers, &n) < 0 || n == 0)
		return;
	pthread_mutex_lock(&a->state_lock);
	if (a->state.next_boot <= numbers[0])
		a->state.next_boot = numbers[0] + 1;
	pthread_mutex_unlock(&a->state_lock);
}

static int make_record(struct agent *a, int boots_fd, int *ret_fd, struct kf_error *err)
{
	struct boot_record rec = {0};
	char name[NUMBER_SIZE];
	_close_ int fd = -1;
	int r;

	skip_numbers(a, boots_fd);
	r = take_number(a, &rec.number, err);
	if (r < 0)
		return r;
	snprintf(rec.boot_id, sizeof(rec.boot_id), "%s", a->boot.boot_id);
	snprintf(rec.slot, sizeof(rec.slot), "%s", a->boot.slot);
	snprintf(rec.release, sizeof(rec.release), "%s", a->boot.release);
	number_name(rec.number, name);
	r = fs_mkdirs(boots_fd, name);
	if (r == 0)
		r = fd = open_number(boots_fd, rec.number);
	if (r >= 0)
		r = record_write(fd, &rec);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "write the boot record %s/%s: %m",
			      a->conf.state_dir, DIR_NAME);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int boots_open(struct agent *a, int *ret_fd, struct kf_error *err)
{
	_close_ int boots = open_boots(a), fd = -1;
	struct boot_record rec;
	unsigned taken;
	int r;

	if (boots < 0)
		return kf_err(err, boots, KF_REASON_IO, "open %s/%s: %m",
			      a->conf.state_dir, DIR_NAME);
	if (boots_dir(a, a->boot.boot_id, 0, &rec, &fd) < 0) {
		r = make_record(a, boots, &fd, err);
		if (r < 0)
			return r;
	}
	r = boots_collect(a, &taken);
	if (r < 0)
		log_warn("pstore-not-collected error=\"%s\"", strerror(-r));
	settle_before(a);
	remove_old(boots);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
