/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/kconfig/dotconfig.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define BACKUPS_MAX 100 /* within one second */
#define OLD_MAX	    (64u * 1024 * 1024)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int dotconfig_read(const struct tree *t, struct buf *text, struct kconf *ret,
		   struct kf_error *err)
{
	_free_ char *path = tree_path(t, ".config");
	int r = tree_check_config(t, err);

	if (r < 0)
		return r;
	return path ? kconf_read_file(path, text, ret, err) : no_memory(err);
}

/* A name beside path that is not there yet. */
static char *backup_name(const char *path)
{
	time_t now = time(NULL);
	char stamp[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (int i = 0; i < BACKUPS_MAX; i++) {
		char *name = i ? strf("%s.old-kferry-%s-%d", path, stamp, i)
			       : strf("%s.old-kferry-%s", path, stamp);

		if (!name || !fs_exists(AT_FDCWD, name))
			return name;
		free(name);
	}
	return NULL;
}

static int consent(struct ui *ui, const char *path, struct kf_error *err)
{
	_free_ char *question =
		strf("%s is there already. Replace it (a copy is kept)?", path);
	bool yes = false;
	int r;

	if (!question)
		return no_memory(err);
	r = ui_is_json(ui) ? -ENOTTY : ui_confirm(ui, question, &yes);
	if (r == -ENOTTY)
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s is there already; --force replaces it (a copy is kept)",
			      path);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask on the terminal: %m");
	return yes ? 0
		   : kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "%s stays as it is",
			    path);
}

static int keep_old(struct ui *ui, const char *path, const struct buf *old,
		    struct kf_error *err)
{
	_free_ char *backup = backup_name(path);
	struct stat st;
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
	int r;

	if (!backup)
		return no_memory(err);
	r = fs_replace(AT_FDCWD, backup, buf_data(old), buf_len(old), mode);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "keep a copy of %s as %s: %m", path,
			      backup);
	ui_note(ui, "the configuration before is %s", backup);
	return 0;
}

int dotconfig_put(const struct tree *t, struct ui *ui, const struct buf *text, bool force,
		  struct kf_error *err)
{
	_free_ char *path = tree_path(t, ".config");
	_buf_ struct buf old = BUF_INIT;
	int r;

	if (!path)
		return no_memory(err);
	r = fs_read_file(AT_FDCWD, path, OLD_MAX, &old);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", path);
	if (r == 0 && buf_len(&old) == buf_len(text) &&
	    !memcmp(buf_data(&old), buf_data(text), buf_len(text)))
		return 1;
	if (r == 0) {
		r = force ? 0 : consent(ui, path, err);
		if (r == 0)
			r = keep_old(ui, path, &old, err);
		if (r < 0)
			return r;
	}
	r = fs_replace(AT_FDCWD, path, buf_data(text), buf_len(text), 0644);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s: %m", path) : 0;
}

int dotconfig_arch(struct tree *t, const struct config *cfg, const char *board,
		   const struct kconf *k, struct kf_error *err)
{
	char *arch;

	if (!k->arch[0] || !strcmp(tree_make_arch(k->arch), tree_make_arch(t->arch)))
		return 0;
	if (config_get(cfg, board, "build.arch"))
		return kf_err(err, -EINVAL, KF_REASON_ARCH,
			      "the configuration is for %s, and build.arch is %s",
			      k->arch, t->arch);
	arch = strdup(k->arch);
	if (!arch)
		return no_memory(err);
	free(t->arch);
	t->arch = arch;
	return 0;
}

/* --- the tree's programs, on a copy ---------------------------------------------------
 */

static void remove_dir(char **dir)
{
	if (*dir)
		(void)!fs_remove_tree(AT_FDCWD, *dir);
	free(*dir);
}

/* A directory for the time of one call, with text as its .config. */
static char *make_dir(const struct tree *t, const struct buf *text, struct kf_error *err)
{
	_cleanup_(remove_dir) char *dir = NULL;
	_free_ char *pattern = strf("%s/kconfig-XXXXXX", t->cache);
	_free_ char *config = NULL;
	int r = 0;

	if (pattern && !mkdtemp(pattern))
		r = -errno;
	else if (pattern)
		dir = TAKE_PTR(pattern);
	config = dir ? strf("%s/.config", dir) : NULL;
	if (r == 0 && !config)
		r = -ENOMEM;
	if (r == 0 && buf_len(text))
		r = fs_replace(AT_FDCWD, config, buf_data(text), buf_len(text), 0644);
	if (r < 0) {
		kf_err(err, r, KF_REASON_IO, "make a directory in %s: %m", t->cache);
		return NULL;
	}
	return TAKE_PTR(dir);
}

static int limit_ms(const struct config *cfg, const char *board)
{
	int64_t limit = config_ms(cfg, board, "timeout.build");

	return limit > 0 && limit < INT_MAX ? (int)limit : INT_MAX;
}

/* What a program left becomes text, if it is a configuration. */
static int take_back(struct buf *from, const char *what, struct buf *text,
		     struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	int r = kconf_parse(buf_data(from), buf_len(from), what, &k, err);

	if (r < 0)
		return r;
	buf_reset(text);
	r = buf_append(text, buf_data(from), buf_len(from));
	return r < 0 ? no_memory(err) : 0;
}

int dotconfig_make(const struct tree *t, const struct config *cfg, const char *board,
		   const char *target, struct buf *text, struct kf_error *err)
{
	_cleanup_(remove_dir) char *dir = make_dir(t, text, err);
	_free_ char *config = dir ? strf("%s/.config", dir) : NULL;
	_free_ char *word = dir ? strf("KCONFIG_CONFIG=%s/.config", dir) : NULL;
	const char *const words[] = {"-s", word, target, NULL};
	_buf_ struct buf out = {.max = 1024 * 1024}, left = BUF_INIT;
	int r;

	if (!dir)
		return err ? err->code : -EIO;
	if (!config || !word)
		return no_memory(err);
	r = tree_make(t, words, limit_ms(cfg, board), &out, err);
	if (r < 0)
		return kf_err_wrap(err, "make %s in %s", target, t->obj);
	r = fs_read_file(AT_FDCWD, config, KCONF_MAX, &left);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read what make %s left: %m", target);
	return take_back(&left, target, text, err);
}

/* As lsmod prints them; the script takes the first word of each line. */
static int write_lsmod(const char *path, const struct buf *modules, struct kf_error *err)
{
	static const char head[] = "Module Size Used by\n";
	_buf_ struct buf b = BUF_INIT;
	int r = buf_append(&b, head, strlen(head));

	if (r == 0)
		r = buf_append(&b, buf_data(modules), buf_len(modules));
	if (r == 0)
		r = fs_replace(AT_FDCWD, path, buf_data(&b), buf_len(&b), 0644);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s: %m", path) : 0;
}

static int run_streamline(const struct tree *t, const char *dir, const char *script,
			  const char *lsmod, int timeout_ms, struct buf *out,
			  struct kf_error *err)
{
	_free_ char *lsmod_env = strf("LSMOD=%s", lsmod);
	_free_ char *arch = strf("ARCH=%s", tree_make_arch(t->arch));
	_free_ char *srcarch = strf("SRCARCH=%s", tree_make_arch(t->arch));
	_free_ char *srctree = strf("srctree=%s", t->src);
	_free_ char *objtree = strf("objtree=%s", dir);
	const char *const argv[] = {"perl", script,    "--localmodconfig",
				    t->src, "Kconfig", NULL};
	const char *env[] = {"LC_ALL=C", lsmod_env, arch, srcarch,
			     srctree,	 objtree,   NULL};
	_buf_ struct buf said = {.max = 4 * 1024 * 1024};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = env,
		.cwd = dir,
		.timeout_ms = timeout_ms,
		.cancel = cancel_flag(),
		.out = out,
		.err_out = &said,
		.reason = KF_REASON_EXEC,
	};

	if (!lsmod_env || !arch || !srcarch || !srctree || !objtree)
		return no_memory(err);
	return proc_check(argv, &opts, err);
}

int dotconfig_localmod(const struct tree *t, const struct config *cfg, const char *board,
		       const struct buf *modules, struct buf *text, struct kf_error *err)
{
	_cleanup_(remove_dir) char *dir = make_dir(t, text, err);
	_free_ char *lsmod = dir ? strf("%s/lsmod", dir) : NULL;
	_free_ char *script = strf("%s/scripts/kconfig/streamline_config.pl", t->src);
	_buf_ struct buf out = {.max = KCONF_MAX};
	int r;

	if (!dir)
		return err ? err->code : -EIO;
	if (!lsmod || !script)
		return no_memory(err);
	if (!fs_exists(AT_FDCWD, script))
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "%s is not there: this tree cannot leave modules out",
			      script);
	r = write_lsmod(lsmod, modules, err);
	if (r == 0)
		r = run_streamline(t, dir, script, lsmod, limit_ms(cfg, board), &out,
				   err);
	if (r < 0)
		return kf_err_wrap(err, "leave modules out");
	r = take_back(&out, "what is left without the other modules", text, err);
	return r < 0 ? r : dotconfig_make(t, cfg, board, "olddefconfig", text, err);
}
