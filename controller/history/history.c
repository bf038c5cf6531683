// SPDX-License-Identifier: GPL-2.0-or-later
/* The database: made, opened, written, read.  SQLite is in this file alone. */
#include "controller/history/history.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define APPLICATION 0x6b666869 /* "kfhi" */
#define VERSION	    1	       /* of the schema: PRAGMA user_version */

static const char schema[] = "PRAGMA journal_mode = WAL;"
			     "BEGIN IMMEDIATE;"
			     "CREATE TABLE events ("
			     "  id INTEGER PRIMARY KEY,"
			     "  kind TEXT NOT NULL,"
			     "  started INTEGER NOT NULL,"
			     "  took_ms INTEGER NOT NULL,"
			     "  boot_ms INTEGER,"
			     "  booted INTEGER NOT NULL,"
			     "  verdict TEXT NOT NULL,"
			     "  reason TEXT,"
			     "  board TEXT,"
			     "  tree TEXT,"
			     "  release TEXT,"
			     "  run TEXT);"
			     "CREATE INDEX events_started ON events (started);"
			     "PRAGMA application_id = 1801873513;"
			     "PRAGMA user_version = 1;"
			     "COMMIT;";

struct history {
	sqlite3 *db;
	char *path;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* What SQLite said of the last call. */
static int failed(const char *path, sqlite3 *db, int code, struct kf_error *err)
{
	const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the history %s is broken (%s): move it away, and the next "
			      "command begins a new one",
			      path, why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return kf_err(err, -EBUSY, KF_REASON_IO,
			      "the history %s was locked by another program for %d s",
			      path, HISTORY_BUSY_MS / 1000);
	case SQLITE_NOMEM:
		return no_memory(err);
	default:
		return kf_err(err, -EIO, KF_REASON_IO, "the history %s: %s", path, why);
	}
}

static int exec(const char *path, sqlite3 *db, const char *sql, struct kf_error *err)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : failed(path, db, code, err);
}

/* A file that is there; an empty one is an empty database. */
static int connect_db(const char *path, sqlite3 **ret, struct kf_error *err)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	int rc;

	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db, HISTORY_BUSY_MS);
	rc = code == SQLITE_OK ? exec(path, db,
				      "PRAGMA trusted_schema = OFF;"
				      "PRAGMA synchronous = NORMAL;",
				      err)
			       : failed(path, db, code, err);
	if (rc < 0)
		sqlite3_close(db);
	else
		*ret = db;
	return rc;
}

static int number_of(const char *path, sqlite3 *db, const char *sql, int64_t *ret,
		     struct kf_error *err)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return code == SQLITE_ROW ? 0 : failed(path, db, code, err);
}

/* Is it ours, and of a version that we know? */
static int check(const char *path, sqlite3 *db, struct kf_error *err)
{
	int64_t application = 0, version = 0;
	int rc = number_of(path, db, "PRAGMA application_id", &application, err);

	if (rc == 0)
		rc = number_of(path, db, "PRAGMA user_version", &version, err);
	if (rc < 0)
		return rc;
	if (application != APPLICATION || version < 1)
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "%s is no history of kferry: move it away, and the next "
			      "command begins a new one",
			      path);
	if (version > VERSION)
		return kf_err(err, -EPROTONOSUPPORT, KF_REASON_STATE,
			      "the history %s is of a newer kferry (version %lld; this "
			      "one knows %d): it is left as it is",
			      path, (long long)version, VERSION);
	return 0;
}

/* A new one, whole before it has its name.  That another process was first is fine. */
static int make(const char *path, struct kf_error *err)
{
	_free_ char *tmp = strf("%s.new-XXXXXX", path);
	sqlite3 *db = NULL;
	int rc = fs_mkdirs_parent(AT_FDCWD, path), fd;

	if (!tmp)
		return no_memory(err);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO,
			      "make the directory of the history %s: %m", path);
	/* This name nobody else has. */
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return kf_err(err, -errno, KF_REASON_IO, "create the history %s: %m",
			      path);
	close(fd);
	rc = connect_db(tmp, &db, err);
	if (rc == 0)
		rc = exec(tmp, db, schema, err);
	/* The last that closes it leaves nothing beside it. */
	sqlite3_close(db);
	if (rc == 0 && link(tmp, path) < 0 && errno != EEXIST)
		rc = kf_err(err, -errno, KF_REASON_IO, "create the history %s: %m", path);
	unlink(tmp);
	return rc;
}

char *history_path(const struct config *cfg)
{
	return strf("%s/" HISTORY_FILE, config_data_dir(cfg));
}

int history_open(const char *path, bool create, struct history **ret,
		 struct kf_error *err)
{
	struct history *h;
	int rc = 0;

	if (!fs_exists(AT_FDCWD, path)) {
		if (!create)
			return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
				      "there is no history yet: %s", path);
		rc = make(path, err);
	}
	h = rc == 0 ? calloc(1, sizeof(*h)) : NULL;
	if (rc < 0)
		return rc;
	if (!h || !(h->path = strdup(path))) {
		free(h);
		return no_memory(err);
	}
	rc = connect_db(path, &h->db, err);
	if (rc == 0)
		rc = check(path, h->db, err);
	if (rc < 0)
		history_close(h);
	else
		*ret = h;
	return rc;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	sqlite3_close(h->db);
	free(h->path);
	free(h);
}

/* --- rows ----------------------------------------------------------------------------
 */

static void bind(sqlite3_stmt *st, int at, const char *text)
{
	if (text && *text)
		sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, at);
}

int history_add(struct history *h, const struct history_event *e, struct kf_error *err)
{
	static const char sql[] =
		"INSERT INTO events (kind, started, took_ms, boot_ms, booted, "
		"verdict, reason, board, tree, release, run) "
		"VALUES (?,?,?,?,?,?,?,?,?,?,?)";
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(h->db, sql, -1, &st, NULL);
	int rc = 0;

	if (code != SQLITE_OK)
		return failed(h->path, h->db, code, err);
	bind(st, 1, e->kind);
	sqlite3_bind_int64(st, 2, e->started);
	sqlite3_bind_int64(st, 3, e->took_ms);
	if (e->boot_ms >= 0)
		sqlite3_bind_int64(st, 4, e->boot_ms);
	sqlite3_bind_int(st, 5, e->booted);
	bind(st, 6, e->verdict);
	bind(st, 7, e->reason);
	bind(st, 8, e->board);
	bind(st, 9, e->tree);
	bind(st, 10, e->release);
	bind(st, 11, e->run);
	code = sqlite3_step(st);
	if (code != SQLITE_DONE)
		rc = failed(h->path, h->db, code, err);
	sqlite3_finalize(st);
	return rc;
}

static const char *text_of(sqlite3_stmt *st, int at)
{
	return (const char *)sqlite3_column_text(st, at);
}

static struct history_event event_of(sqlite3_stmt *st)
{
	struct history_event e = {.kind = text_of(st, 0),
				  .started = sqlite3_column_int64(st, 1),
				  .took_ms = sqlite3_column_int64(st, 2),
				  .boot_ms = -1,
				  .booted = sqlite3_column_int(st, 4),
				  .verdict = text_of(st, 5),
				  .reason = text_of(st, 6),
				  .board = text_of(st, 7),
				  .tree = text_of(st, 8),
				  .release = text_of(st, 9),
				  .run = text_of(st, 10)};

	if (sqlite3_column_type(st, 3) != SQLITE_NULL)
		e.boot_ms = sqlite3_column_int64(st, 3);
	return e;
}

int history_each(struct history *h, int64_t since, int64_t until, history_fn fn,
		 void *arg, struct kf_error *err)
{
	static const char sql[] =
		"SELECT kind, started, took_ms, boot_ms, booted, verdict, reason, board, "
		"tree, release, run FROM events WHERE started >= ? AND started < ? "
		"ORDER BY started, id";
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(h->db, sql, -1, &st, NULL);
	int rc = 0;

	if (code != SQLITE_OK)
		return failed(h->path, h->db, code, err);
	sqlite3_bind_int64(st, 1, since);
	sqlite3_bind_int64(st, 2, until);
	while (rc == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct history_event e = event_of(st);

		if (e.kind && e.verdict)
			rc = fn(arg, &e);
	}
	if (rc < 0)
		rc = kf_err(err, rc, KF_REASON_IO, "read the history %s: %m", h->path);
	else if (code != SQLITE_DONE)
		rc = failed(h->path, h->db, code, err);
	sqlite3_finalize(st);
	return rc;
}

/* --- copies --------------------------------------------------------------------------
 */

static int copy(struct history *to, struct history *from, struct kf_error *err)
{
	sqlite3_backup *b = sqlite3_backup_init(to->db, "main", from->db, "main");
	int code;

	if (!b)
		return failed(to->path, to->db, sqlite3_errcode(to->db), err);
	/* All pages at once are one transaction of the one, and one look at the other. */
	code = sqlite3_backup_step(b, -1);
	sqlite3_backup_finish(b);
	return code == SQLITE_DONE ? 0 : failed(to->path, to->db, code, err);
}

static int copy_file(const char *from, const char *to, struct kf_error *err)
{
	_cleanup_(history_closep) struct history *source = NULL;
	_cleanup_(history_closep) struct history *target = NULL;
	int64_t rows = 0;
	int rc = history_open(from, false, &source, err);

	if (rc == 0)
		rc = history_open(to, true, &target, err);
	/* What is damaged is not spread. */
	if (rc == 0)
		rc = number_of(source->path, source->db,
			       "SELECT count(*) FROM pragma_quick_check "
			       "WHERE quick_check <> 'ok'",
			       &rows, err);
	if (rc == 0 && rows > 0)
		rc = failed(from, NULL, SQLITE_CORRUPT, err);
	return rc < 0 ? rc : copy(target, source, err);
}

int history_save(const char *path, const char *to, struct kf_error *err)
{
	return copy_file(path, to, err);
}

int history_load(const char *path, const char *from, struct kf_error *err)
{
	return copy_file(from, path, err);
}
