/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree that was unpacked below somebody's repository is not that repository's: the work
 * tree's top must be the source tree itself. */
#include "controller/kernel/origin.h"

#include <pthread.h>
#include <string.h>

#include "controller/git/git.h"
#include "proto/text.h"

static char *line_of(const char *src, const char *const words[])
{
	struct kf_error err = {0};
	char *line;

	return git_line(src, words, &line, &err) < 0 ? NULL : line;
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
	const char *const name[] = {"symbolic-ref", "--short", "-q", "HEAD", NULL};
	const char *const status[] = {"status", "--porcelain", "-uno", NULL};
	struct origin *o = arg;
	_free_ char *commit = NULL;
	_free_ char *branch = NULL;
	_free_ char *changes = NULL;
	struct kf_error err = {0};

	if (git_check_top(o->src, &err) < 0 ||
	    git_commit(o->src, "HEAD", &commit, &err) < 0)
		return NULL;
	branch = line_of(o->src, name);
	changes = line_of(o->src, status);
	o->commit = TAKE_PTR(commit);
	if (branch && *branch && text_is_plain(branch, strlen(branch), false) &&
	    strlen(branch) < 256)
		o->branch = TAKE_PTR(branch);
	o->dirty = changes && *changes;
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
