/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking git.  A tree that was unpacked below somebody's repository is not that
 * repository's: the work tree's top must be the source tree itself.
 */
#include "controller/kernel/origin.h"

#include <pthread.h>
#include <string.h>

#include "controller/cancel.h"
#include "proto/base/proc.h"
#include "proto/text.h"

#define GIT_TIMEOUT_MS 60000 /* status reads the whole tree, perhaps from a slow disk */

/* First line of what git prints; NULL: it failed or printed nothing. */
static char *git(const char *src, const char *const words[])
{
	static const char *const env[] = {"GIT_OPTIONAL_LOCKS=0", "LC_ALL=C", NULL};
	const char *argv[8] = {"git", "-C", src};
	_buf_ struct buf out = {.max = 4u << 20};
	_buf_ struct buf errors = {.max = 64 * 1024};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = env,
		.timeout_ms = GIT_TIMEOUT_MS,
		.cancel = cancel_flag(),
		.out = &out,
		.err_out = &errors,
	};
	const char *text;
	int status;

	for (size_t i = 0; words[i] && i + 3 < ARRAY_SIZE(argv) - 1; i++)
		argv[i + 3] = words[i];
	if (proc_run(argv, &opts, &status) < 0 || status != 0)
		return NULL;
	text = buf_str(&out);
	return text && *text ? strndup(text, strcspn(text, "\n")) : NULL;
}

static bool is_top(const char *src)
{
	const char *const words[] = {"rev-parse", "--show-toplevel", NULL};
	_free_ char *top = git(src, words);
	_free_ char *real = top ? realpath(top, NULL) : NULL;

	return real && strcmp(real, src) == 0;
}

struct origin {
	const char *src;
	pthread_t thread;
	bool started; /* else asked when the answer is wanted */
	char *commit, *branch;
	bool dirty;
};

static void *ask(void *arg)
{
	const char *const head[] = {"rev-parse", "--verify", "HEAD", NULL};
	const char *const name[] = {"symbolic-ref", "--short", "-q", "HEAD", NULL};
	const char *const status[] = {"status", "--porcelain", "-uno", NULL};
	struct origin *o = arg;
	_free_ char *commit = NULL;
	_free_ char *branch = NULL;
	_free_ char *changes = NULL;

	if (!is_top(o->src))
		return NULL;
	commit = git(o->src, head);
	if (!commit || !text_is_hex(commit, strlen(commit), 32))
		return NULL;
	branch = git(o->src, name);
	changes = git(o->src, status);
	o->commit = TAKE_PTR(commit);
	if (branch && text_is_plain(branch, strlen(branch), false) &&
	    strlen(branch) < 256)
		o->branch = TAKE_PTR(branch);
	o->dirty = changes != NULL;
	return NULL;
}

int origin_start(const char *src, struct origin **ret)
{
	struct origin *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->src = src;
	o->started = pthread_create(&o->thread, NULL, ask, o) == 0;
	*ret = o;
	return 0;
}

void origin_finish(struct origin *o, struct manifest *m)
{
	if (!o)
		return;
	if (o->started)
		pthread_join(o->thread, NULL);
	else if (m)
		ask(o);
	if (m) {
		m->commit = TAKE_PTR(o->commit);
		m->branch = TAKE_PTR(o->branch);
		m->dirty = o->dirty;
	}
	free(o->commit);
	free(o->branch);
	free(o);
}
