// SPDX-License-Identifier: GPL-2.0-or-later
/* Running scripts of the tree, and asking git what they are run on. */
#include "controller/patch/script.h"

#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/git/git.h"
#include "controller/kernel/tree.h"
#include "controller/patch/names.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SCRIPT_MS  1800000 /* of a batch of large files */
#define WORDS_MAX  160
#define SHOWN_NAME 60

/* Whatever the user's configuration of git says, a patch is one. */
#define PLAIN_DIFF                                                                       \
	"--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/",               \
		"--dst-prefix=b/", "--find-renames"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void script_fini(struct script *s)
{
	free(s->src);
	s->src = NULL;
}

int script_find(const struct config *cfg, const char *name, struct script *ret,
		struct kf_error *err)
{
	_free_ char *src = NULL, *obj = NULL, *path = NULL, *perl = NULL;
	int rc = tree_find(".", &src, &obj);

	if (rc < 0 && *config_tree(cfg))
		rc = tree_find(config_tree(cfg), &src, &obj);
	if (rc < 0)
		return kf_err(
			err, rc, KF_REASON_CONFIG,
			"this directory is not in a kernel source tree, whose %s is "
			"needed: go into one",
			name);
	path = strf("%s/%s", src, name);
	if (!path)
		return no_memory(err);
	if (!fs_exists(AT_FDCWD, path))
		return kf_err(err, -ENOENT, KF_REASON_CONFIG, "the tree %s has no %s",
			      src, name);
	rc = proc_find("perl", &perl);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONFIG,
			      "%s needs perl, which is not installed", name);
	*ret = (struct script){.src = TAKE_PTR(src), .name = name};
	return 0;
}

/* A name that begins with '-', but for that of the input, would be an option of what the
 * script itself runs. */
static char *file_word(const struct script *s, const char *file)
{
	return *file == '-' && file[1] ? strf("%s/%s", s->src, file) : strdup(file);
}

int script_run(const struct script *s, const char *const options[],
	       const char *const files[], const struct buf *input, struct buf *out,
	       struct buf *said, int *ret_status, struct kf_error *err)
{
	static const char *const env[] = {"LC_ALL=C.UTF-8", "GIT_OPTIONAL_LOCKS=0", NULL};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = env,
		.cwd = s->src,
		.input = input ? buf_data(input) : NULL,
		.input_len = input ? buf_len(input) : 0,
		.timeout_ms = SCRIPT_MS,
		.cancel = cancel_flag(),
		.out = out,
		.err_out = said,
	};
	const char *argv[WORDS_MAX] = {"perl", s->name};
	char *names[WORDS_MAX] = {NULL};
	size_t n = 2, first;
	int rc = 0;

	for (size_t i = 0; options[i] && n < WORDS_MAX - 2; i++)
		argv[n++] = options[i];
	if (files)
		argv[n++] = "--";
	first = n;
	for (size_t i = 0; files && files[i] && rc == 0; i++) {
		if (n == WORDS_MAX - 1)
			rc = -E2BIG;
		else if (!(names[n] = file_word(s, files[i])))
			rc = -ENOMEM;
		else
			argv[n] = names[n];
		n++;
	}
	if (rc == 0)
		rc = proc_run(argv, &opts, ret_status);
	for (size_t i = first; i < WORDS_MAX; i++)
		free(names[i]);
	if (rc == -EMSGSIZE)
		return kf_err(err, rc, KF_REASON_EXEC, "%s printed more than %u MiB",
			      s->name, SCRIPT_TEXT_MAX >> 20);
	if (rc < 0)
		return kf_err(err, rc,
			      rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_EXEC,
			      "run %s: %m", s->name);
	return 0;
}

/* --- what they are run on -------------------------------------------------------------
 */

int script_read(const struct target *t, struct buf *out, struct kf_error *err)
{
	int rc = fs_read_file(AT_FDCWD, t->path, SCRIPT_TEXT_MAX, out);

	if (rc == -EFBIG)
		return kf_err(err, rc, KF_REASON_INVALID,
			      "a patch of more than %u MiB is not read",
			      SCRIPT_TEXT_MAX >> 20);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "read it: %m") : 0;
}

int script_change(const struct script *s, struct buf *out, struct kf_error *err)
{
	const char *const words[] = {"diff", PLAIN_DIFF, "HEAD", "--", NULL};

	return git_check(s->src, words, GIT_READS, out, err);
}

int script_commits(const struct script *s, const struct target *t, struct buf *out,
		   struct kf_error *err)
{
	_free_ char *commit = strf("%s^{commit}", t->word);
	const char *const one[] = {"log",
				   "--no-color",
				   "--format=%H %s",
				   "--no-walk",
				   "--no-merges",
				   "--no-show-signature",
				   "--end-of-options",
				   commit,
				   "--",
				   NULL};
	const char *const range[] = {"log",
				     "--no-color",
				     "--format=%H %s",
				     "--reverse",
				     "--no-merges",
				     "--no-show-signature",
				     "--end-of-options",
				     t->word,
				     "--",
				     NULL};
	struct kf_error said = {0};
	_free_ char *near = NULL;
	size_t n = 0;
	int rc;

	if (!commit)
		return no_memory(err);
	rc = git_check(s->src, t->kind == TARGET_RANGE ? range : one, GIT_READS, out,
		       &said);
	if (rc == -EINVAL) {
		near = target_near(t->word);
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "there is no file and no commit \"%s\"%s%s", t->word,
			      near ? "; the nearest file is " : "", near ? near : "");
	}
	if (rc < 0)
		return kf_err(err, rc, said.reason, "%s", said.msg);
	for (size_t i = 0; i < buf_len(out); i++)
		n += buf_data(out)[i] == '\n';
	if (n > SCRIPT_COMMITS)
		return kf_err(err, -E2BIG, KF_REASON_USAGE,
			      "%s has %zu commits; at most %d are taken at once", t->word,
			      n, SCRIPT_COMMITS);
	return 0;
}

int script_commit(const struct script *s, const char *commit, struct buf *out,
		  struct kf_error *err)
{
	const char *const words[] = {"show",
				     "--format=email",
				     "--no-show-signature",
				     "--no-notes",
				     "--patch",
				     "--stat",
				     PLAIN_DIFF,
				     "--end-of-options",
				     commit,
				     "--",
				     NULL};

	return git_check(s->src, words, GIT_READS, out, err);
}

int script_tracked(const struct script *s, const char *dir, struct buf *out,
		   struct kf_error *err)
{
	const char *const words[] = {
		"--literal-pathspecs", "ls-files", "-z", "--", dir, NULL};

	return git_check(s->src, words, GIT_READS, out, err);
}

int script_check_names(const struct script *s, const struct buf *text,
		       struct kf_error *err)
{
	const char *at = (const char *)buf_data(text);
	size_t where, n;

	if (!names_find_bad(at, buf_len(text), &where, &n))
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_INVALID,
		      "it is not given to %s, which would hand this to a shell: %.*s%s",
		      s->name, n > SHOWN_NAME ? SHOWN_NAME : (int)n, at + where,
		      n > SHOWN_NAME ? "..." : "");
}

json_t *script_json(const char *text)
{
	_buf_ struct buf b = BUF_INIT;
	const char *s = NULL;

	if (text_escape(&b, text, strlen(text), true) == 0)
		s = buf_str(&b);
	return json_string(s ? s : "");
}
