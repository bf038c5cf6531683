/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run directories.  mkdir(2) decides who has a number; result.json is replaced as a whole
 * after each change, so that whoever reads it sees a complete one.
 */
#include "controller/deploy/run.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/version.h"

#define TRIES	1000 /* numbers tried: so many runs may start at once */
#define FORMAT	"kferry-result"
#define VERSION 1 /* of result.json: counts up when a field changes its meaning */

struct run {
	char *dir;
	int fd;
	json_t *result; /* object */
	json_t *steps;	/* borrowed from result */
	int64_t began;	/* clock_now_ms() */
	int error;	/* the last of writing result.json */
	bool told;	/* that there is one */
	enum run_board board;
	struct suite_run *suites;
	size_t n_suites;
};

/* The highest number of today's, 0 if there is none. */
static long last_number(const char *base, const char *date)
{
	_closedir_ DIR *d = opendir(base);
	struct dirent *de;
	size_t n = strlen(date);
	long last = 0;

	while (d && (de = readdir(d))) {
		char *end;
		long number;

		if (strncmp(de->d_name, date, n) != 0 || de->d_name[n] != '-')
			continue;
		number = strtol(de->d_name + n + 1, &end, 10);
		if (!*end && number > last)
			last = number;
	}
	return last;
}

static int make_dir(struct run *r, const char *base, const char *board,
		    struct kf_error *err)
{
	char date[16];
	time_t now = time(NULL);
	struct tm tm;
	long number;

	if (!localtime_r(&now, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d", &tm))
		snprintf(date, sizeof(date), "0000-00-00");
	number = last_number(base, date);
	for (int i = 0; i < TRIES; i++) {
		_free_ char *dir = strf("%s/%s-%ld", base, date, ++number);

		if (!dir)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		if (mkdir(dir, 0777) < 0) {
			if (errno == EEXIST)
				continue;
			return kf_err(err, -errno, KF_REASON_IO,
				      "make the run directory %s: %m", dir);
		}
		r->dir = strf("%s/%s", dir, board);
		if (!r->dir)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		if (mkdir(r->dir, 0777) < 0)
			return kf_err(err, -errno, KF_REASON_IO,
				      "make the run directory %s: %m", r->dir);
		return 0;
	}
	return kf_err(err, -EEXIST, KF_REASON_IO, "no free run directory in %s", base);
}

static void save(struct run *r)
{
	_free_ char *text = json_dumps(r->result, JSON_INDENT(2));
	_free_ char *whole = text ? strf("%s\n", text) : NULL;

	int rc = whole ? fs_replace(r->fd, "result.json", whole, strlen(whole), 0644)
		       : -ENOMEM;

	if (rc < 0)
		r->error = rc;
}

/* Now, as RFC 3339 has it. */
static json_t *time_now(void)
{
	char text[40];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, sizeof(text), "%FT%TZ", &tm))
		return NULL;
	return json_string(text);
}

static json_t *new_result(const struct config *cfg, const char *board, json_t *steps)
{
	const char *profile = config_get(cfg, board, "board.profile");
	unsigned char random[8];
	char id[2 * sizeof(random) + 1];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(id, sizeof(id), random, sizeof(random));
	return json_pack("{s:s, s:i, s:s, s:s, s:o*, s:s, s:s*, s:o}", "format", FORMAT,
			 "version", VERSION, "kferry", KF_VERSION, "id", id, "started",
			 time_now(), "board", board, "profile", profile, "steps", steps);
}

char *run_base(const struct config *cfg, const char *board)
{
	const char *set = config_get(cfg, board, "run.dir");

	return set && *set ? strdup(set) : strf("%s/runs", config_data_dir(cfg));
}

int run_new(const struct config *cfg, const char *board, struct run **ret,
	    struct kf_error *err)
{
	_free_ char *base = run_base(cfg, board);
	struct run *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (!r || !base) {
		free(r);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	r->fd = -1;
	rc = fs_mkdirs(AT_FDCWD, base);
	if (rc < 0)
		rc = kf_err(err, rc, KF_REASON_IO, "make the directory of runs %s: %m",
			    base);
	else
		rc = make_dir(r, base, board, err);
	if (rc == 0) {
		r->fd = fs_open_dir(AT_FDCWD, r->dir);
		rc = r->fd < 0 ? kf_err(err, r->fd, KF_REASON_IO, "open %s: %m", r->dir)
			       : 0;
	}
	if (rc < 0) {
		run_free(r);
		return rc;
	}
	r->steps = json_array();
	r->result = new_result(cfg, board, r->steps);
	r->began = clock_now_ms();
	save(r);
	*ret = r;
	return 0;
}

void run_free(struct run *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_suites; i++)
		suite_fini(&r->suites[i]);
	free(r->suites);
	json_decref(r->result);
	cleanup_close(&r->fd);
	free(r->dir);
	free(r);
}

int run_error(const struct run *r)
{
	return r->error;
}

void run_tell_error(struct run *r, struct ui *ui, const char *board)
{
	if (r->error && !r->told)
		ui_warn(ui, "%s: what is in %s is not all: %s", board, r->dir,
			strerror(-r->error));
	r->told = r->told || r->error;
}

const char *run_dir(const struct run *r)
{
	return r->dir;
}

json_t *run_result(const struct run *r)
{
	return r->result;
}

static int list_file(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	(void)dirfd;
	(void)name;
	if (!S_ISREG(st->st_mode) || strcmp(path, "result.json") == 0)
		return 0;
	return json_array_append_new(arg, json_pack("{s:s, s:I}", "name", path, "bytes",
						    (json_int_t)st->st_size));
}

void run_finish(struct run *r)
{
	json_t *artifacts = json_array();

	if (fs_walk(r->fd, ".", list_file, artifacts) != 0)
		r->error = -EIO;
	json_object_set_new(r->result, "artifacts", artifacts);
	json_object_set_new(r->result, "took_ms",
			    json_integer(clock_now_ms() - r->began));
	run_set(r, "ended", time_now());
}

const char *run_text(const struct run *r, const char *key)
{
	return json_string_value(json_object_get(r->result, key));
}

void run_set_board(struct run *r, enum run_board board)
{
	/* What was not touched was not lost by it either. */
	if (board == RUN_BOARD_TOUCHED || r->board != RUN_BOARD_UNTOUCHED)
		r->board = board;
}

enum run_board run_board(const struct run *r)
{
	return r->board;
}

static int create(struct run *r, const char *name, int mode, struct kf_error *err)
{
	int rc, fd;

	if (!text_is_path(name, strlen(name)))
		return kf_err(err, -EINVAL, KF_REASON_PROTOCOL,
			      "\"%s\" cannot be a file's name in a run directory", name);
	rc = fs_mkdirs_parent(r->fd, name);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "make the directory of %s/%s: %m",
			      r->dir, name);
	fd = fs_open_beneath(r->fd, name, mode | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "create %s/%s: %m", r->dir, name);
	return fd;
}

int run_create(struct run *r, const char *name, struct kf_error *err)
{
	return create(r, name, O_WRONLY, err);
}

int run_create_both(struct run *r, const char *name, struct kf_error *err)
{
	return create(r, name, O_RDWR, err);
}

int run_write(struct run *r, const char *name, const void *data, size_t n,
	      struct kf_error *err)
{
	_close_ int fd = run_create(r, name, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = fs_write_all(fd, data, n);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s/%s: %m", r->dir, name);
	return 0;
}

void run_step(struct run *r, const char *stage, int64_t took_ms, json_t *fields)
{
	json_t *step = json_pack("{s:s}", "stage", stage);

	if (took_ms >= 0)
		json_object_set_new(step, "took_ms", json_integer(took_ms));
	if (fields)
		json_object_update(step, fields);
	json_decref(fields);
	json_array_append_new(r->steps, step);
	save(r);
}

json_t *run_json_text(const char *text)
{
	_buf_ struct buf b = BUF_INIT;
	const char *plain = NULL;
	json_t *j;

	if (text_escape(&b, text, strlen(text), true) == 0)
		plain = buf_str(&b);
	j = plain ? json_string(plain) : NULL;
	return j ? j : json_null();
}

void run_set(struct run *r, const char *key, json_t *value)
{
	json_object_set_new(r->result, key, value);
	save(r);
}

int run_add_suite(struct run *r, struct suite_run *s)
{
	struct suite_run *more = reallocarray(r->suites, r->n_suites + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->suites = more;
	more[r->n_suites++] = *s;
	*s = (struct suite_run){.running = SUITE_PARENT};
	return 0;
}

struct suite_run *run_take_suites(struct run *r, size_t *ret_n)
{
	*ret_n = r->n_suites;
	r->n_suites = 0;
	return TAKE_PTR(r->suites);
}
