// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Suites that are built from the kernel's tree, with the same ARCH and CROSS_COMPILE as
 * the kernel, into a directory of the cache for each architecture.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/kernel/tree.h"
#include "controller/kernel/treelock.h"
#include "controller/strf.h"
#include "controller/suite/testplan.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

/* Where one suite is built for one board. */
struct place {
	struct tree *tree; /* NULL: none is needed */
	char *out;
	struct suitefile_values values;
};

static void place_fini(struct place *p)
{
	tree_free(p->tree);
	free(p->out);
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static bool needs_tree(const struct suitefile *f)
{
	const char *from = f->value[SUITEFILE_PUSH_FROM];

	return f->value[SUITEFILE_MAKE] || (from && strchr(from, '{'));
}

static int find_place(const struct config *cfg, const char *board,
		      const struct testitem *it, struct place *ret, struct kf_error *err)
{
	int r;

	ret->values.collection = it->collection;
	if (!needs_tree(&it->file))
		return 0;
	r = tree_open(cfg, board, &ret->tree, err);
	if (r < 0)
		return kf_err_wrap(err,
				   "the suite %s is built from a kernel tree "
				   "(--prebuilt DIR takes one that is built)",
				   it->suite);
	ret->out = strf("%s/suites/%s/%s%s%s", config_cache_dir(cfg), ret->tree->arch,
			it->suite, it->collection ? "-" : "",
			it->collection ? it->collection : "");
	if (!ret->out)
		return no_memory(err);
	ret->values.tree = ret->tree->src;
	ret->values.obj = ret->tree->obj;
	ret->values.out = ret->out;
	return 0;
}

/* The words of both keys together; *ret_more is theirs, too. */
static char **all_words(const struct testitem *it, const struct place *at,
			char ***ret_first, char ***ret_more)
{
	char **all, **first = NULL, **more = NULL;
	size_t n = 0, m = 0;

	if (suitefile_words(&it->file, SUITEFILE_MAKE, &at->values, &first) < 0)
		return NULL;
	*ret_first = first;
	if (it->collection &&
	    suitefile_words(&it->file, SUITEFILE_MAKE_COLLECTION, &at->values, &more) < 0)
		return NULL;
	*ret_more = more;
	while (first[n])
		n++;
	while (more && more[m])
		m++;
	all = calloc(n + m + 1, sizeof(*all));
	for (size_t i = 0; all && i < n; i++)
		all[i] = first[i];
	for (size_t i = 0; all && i < m; i++)
		all[n + i] = more[i];
	return all;
}

struct output {
	struct ui *ui;
	const char *name;
	int fd, failed;
	struct buf tail;
};

static int on_output(void *arg, int fd, const void *data, size_t n)
{
	struct output *o = arg;
	size_t keep = n < 4096 ? n : 4096;

	(void)fd;
	o->failed = fs_write_all(o->fd, data, n);
	if (o->failed == 0 && buf_len(&o->tail) + keep > 4096)
		buf_consume(&o->tail, buf_len(&o->tail) + keep - 4096);
	if (o->failed == 0)
		o->failed = buf_append(&o->tail, (const char *)data + n - keep, keep);
	if (o->failed < 0)
		return o->failed;
	if (ui_verbose(o->ui) && !ui_is_json(o->ui))
		ui_out_bytes(o->ui, data, n);
	else
		ui_progress(o->ui, "build", NULL, 0, 0, o->name);
	return 0;
}

static const char *last_line(struct buf *b)
{
	char *text = (char *)buf_str(b), *nl;

	if (!text)
		return "";
	for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	nl = strrchr(text, '\n');
	return nl ? nl + 1 : text;
}

static int run_make(const struct place *at, char *const words[], int64_t limit,
		    struct output *o, const char *log, struct kf_error *err)
{
	_free_ char **argv = tree_argv(at->tree, (const char *const *)words);
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = tree_env,
		.cwd = at->tree->src,
		.timeout_ms = limit > 0 && limit < INT32_MAX ? (int)limit : -1,
		.cancel = cancel_flag(),
		.on_output = on_output,
		.arg = o,
	};
	int status = 0, r;

	if (!argv)
		return no_memory(err);
	r = proc_run((const char *const *)argv, &opts, &status);
	if (o->failed < 0)
		return kf_err(err, o->failed, KF_REASON_IO, "write %s: %m", log);
	if (r < 0)
		return kf_err(err, r,
			      r == -ECANCELED	? KF_REASON_CANCELLED
			      : r == -ETIMEDOUT ? KF_REASON_TIMEOUT
						: KF_REASON_EXEC,
			      "build the suite %s: %m", o->name);
	if (status != 0)
		return kf_err(err, -ENOEXEC, KF_REASON_EXEC,
			      "the suite %s did not build: make ended with status %d: "
			      "%.200s (all of its output is in %s)",
			      o->name, status, last_line(&o->tail), log);
	return 0;
}

static int build(const struct config *cfg, struct ui *ui, const char *board,
		 const struct testitem *it, const struct place *at, struct kf_error *err)
{
	_free_ char **first = NULL, **more = NULL;
	_free_ char **words = all_words(it, at, &first, &more);
	_free_ char *log = strf("%s/suite-%s.log", at->tree->cache, it->suite);
	struct output o = {.ui = ui, .name = it->name, .fd = -1};
	int64_t limit = config_ms(cfg, board, "timeout.build"), began;
	_close_ int lock = -1;
	int r;

	if (!words || !log)
		return no_memory(err);
	r = treelock_build(at->tree, ui, "build", limit, &lock, err);
	if (r < 0)
		return r;
	began = clock_now_ms();
	r = fs_mkdirs(AT_FDCWD, at->out);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make the directory %s: %m", at->out);
	o.fd = fs_open_beneath(AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			       0644);
	if (o.fd < 0)
		return kf_err(err, o.fd, KF_REASON_IO, "create %s: %m", log);
	r = run_make(at, words, limit, &o, log, err);
	cleanup_close(&o.fd);
	buf_fini(&o.tail);
	ui_progress_end(ui, NULL);
	if (r < 0)
		return r;
	ui_step(ui, "build", NULL, clock_now_ms() - began,
		json_pack("{s:s, s:s}", "suite", it->name, "log", log), "%s", it->name);
	return 0;
}

int testplan_build(const struct testplan *p, const struct config *cfg, struct ui *ui,
		   const char *board, struct kf_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n && !p->prebuilt; i++) {
		_cleanup_(place_fini) struct place at = {.tree = NULL};
		const struct testitem *it = &p->items[i];

		if (!it->file.value[SUITEFILE_MAKE])
			continue;
		r = find_place(cfg, board, it, &at, err);
		if (r == 0)
			r = build(cfg, ui, board, it, &at, err);
	}
	return r;
}

int testplan_source(const struct testplan *p, const struct config *cfg, const char *board,
		    const struct testitem *it, char **ret, struct kf_error *err)
{
	_cleanup_(place_fini) struct place at = {.tree = NULL};
	int r;

	*ret = NULL;
	if (p->prebuilt) {
		*ret = strdup(p->prebuilt);
		return *ret ? 0 : no_memory(err);
	}
	if (!it->file.value[SUITEFILE_PUSH_FROM])
		return 0;
	r = find_place(cfg, board, it, &at, err);
	if (r == 0 && suitefile_text(&it->file, SUITEFILE_PUSH_FROM, &at.values, ret) < 0)
		r = no_memory(err);
	return r;
}
