/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/build/chores.h"

#include <fcntl.h>
#include <string.h>

#include "controller/build/makerun.h"
#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- the configurator -----------------------------------------------------------------
 */

static bool takes_terminal(const char *menu)
{
	return strcmp(menu, "xconfig") != 0 && strcmp(menu, "gconfig") != 0;
}

int chores_menu(const struct config *cfg, const char *board, struct kf_error *err)
{
	const char *menu = config_get(cfg, board, "build.menu");
	const char *const words[] = {menu, NULL};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = tree_env,
		.timeout_ms = -1,
		.inherit_stdio = true,
	};
	_free_ char **argv = NULL;
	struct tree *t = NULL;
	int status = 1, r;

	if (takes_terminal(menu) && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return kf_err(err, -ENOTTY, KF_REASON_USAGE,
			      "%s takes a terminal, and this is none", menu);
	r = tree_open(cfg, board, &t, err);
	if (r < 0)
		return r;
	argv = tree_argv(t, words);
	opts.cwd = t->src;
	r = argv ? proc_run((const char *const *)argv, &opts, &status) : -ENOMEM;
	if (r < 0)
		kf_err(err, r, KF_REASON_EXEC, "make %s: %m", menu);
	else if (status != 0)
		r = kf_err(err, -EIO, KF_REASON_BUILD,
			   "make %s ended with status %d: what it needs is told above",
			   menu, status);
	tree_free(t);
	return r;
}

/* --- the documents --------------------------------------------------------------------
 */

#define DOCS "Documentation/"

/* A word that is a directory of the documents, without what is in front of it. */
static const char *doc_dir(const struct tree *t, const char *word, struct kf_error *err)
{
	_free_ char *path = NULL;

	if (strncmp(word, DOCS, strlen(DOCS)) == 0)
		word += strlen(DOCS);
	path = strf("%s/" DOCS "%s", t->src, word);
	if (path && *word && *word != '/' && !strstr(word, "..") &&
	    !strpbrk(word, " \t\n") && fs_exists(AT_FDCWD, path))
		return word;
	kf_err(err, -ENOENT, KF_REASON_USAGE, "there is no " DOCS "%s in %s", word,
	       t->src);
	return NULL;
}

/* SPHINXDIRS of the directories among the words; "" where there are none. */
static int sphinx_dirs(const struct tree *t, const char *const words[], struct buf *b,
		       struct kf_error *err)
{
	for (size_t i = 0; words[i]; i++) {
		const char *dir;

		if (strchr(words[i], '='))
			continue;
		dir = doc_dir(t, words[i], err);
		if (!dir)
			return -ENOENT;
		if (buf_printf(b, "%s%s", buf_len(b) ? " " : "SPHINXDIRS=", dir) < 0)
			return no_memory(err);
	}
	return 0;
}

static int make_doc(const struct config *cfg, struct ui *ui, const char *board,
		    const struct tree *t, const char *const words[], struct kf_error *err)
{
	static const struct makerun_opts opts = {"doc", "doc.log", false};
	const char *all[36] = {config_get(cfg, board, "build.doc")};
	_buf_ struct buf dirs = BUF_INIT;
	struct makerun_result m = {0};
	size_t n = 1;
	int r = sphinx_dirs(t, words, &dirs, err);

	if (r < 0)
		return r;
	if (buf_len(&dirs) > 0 && !(all[n++] = buf_str(&dirs)))
		return no_memory(err);
	for (size_t i = 0; words[i]; i++) {
		if (!strchr(words[i], '='))
			continue;
		if (n + 1 == ARRAY_SIZE(all))
			return kf_err(err, -E2BIG, KF_REASON_USAGE,
				      "more than %zu words for make",
				      ARRAY_SIZE(all) - 3);
		all[n++] = words[i];
	}
	r = makerun(cfg, ui, board, t, all, &opts, &m, err);
	if (r == 0)
		ui_step(ui, "doc", NULL, m.took_ms,
			json_pack("{s:s, s:i, s:s+, s:s}", "target", all[0], "warnings",
				  (int)m.warnings, "output", t->obj,
				  "/Documentation/output", "log", m.log_path),
			"%s: %s/Documentation/output, %u warning%s", all[0], t->obj,
			m.warnings, m.warnings == 1 ? "" : "s");
	makerun_result_fini(&m);
	return r;
}

int chores_doc(const struct config *cfg, struct ui *ui, const char *board,
	       const char *const words[], struct kf_error *err)
{
	struct tree *t = NULL;
	int r = tree_open(cfg, board, &t, err);

	if (r == 0)
		r = make_doc(cfg, ui, board, t, words, err);
	tree_free(t);
	return r;
}

/* --- cleaning -------------------------------------------------------------------------
 */

static int ask(struct ui *ui, const struct tree *t, struct kf_error *err)
{
	_free_ char *question =
		strf("Remove what was built in %s, its .config, and the *.orig, "
		     "*.rej, *.bak and *~ there?",
		     t->obj);
	bool yes = false;
	int r = question ? ui_confirm(ui, question, &yes) : -ENOMEM;

	if (r == -ENOTTY)
		return kf_err(err, r, KF_REASON_USAGE,
			      "--full-cleanup removes the .config of %s too, and asks "
			      "first, for which it takes a terminal; --force does not "
			      "ask",
			      t->obj);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask: %m");
	return yes ? 0
		   : kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "nothing was removed");
}

int chores_clean(const struct config *cfg, struct ui *ui, const char *board, bool all,
		 bool force, struct kf_error *err)
{
	static const struct makerun_opts opts = {"clean", "clean.log", false};
	const char *const words[] = {all ? "distclean" : "clean", NULL};
	struct makerun_result m = {0};
	struct tree *t = NULL;
	int r = tree_open(cfg, board, &t, err);

	if (r == 0 && all && !force)
		r = ask(ui, t, err);
	if (r == 0)
		r = makerun(cfg, ui, board, t, words, &opts, &m, err);
	if (r == 0)
		ui_step(ui, "clean", NULL, m.took_ms,
			json_pack("{s:s, s:s}", "target", words[0], "objects", t->obj),
			"%s: %s", words[0], t->obj);
	makerun_result_fini(&m);
	tree_free(t);
	return r;
}
