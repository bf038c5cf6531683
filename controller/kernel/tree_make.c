/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree's makefile: how it is called, and the questions that only it can answer.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

/* Host programs may have to be built before make can answer. */
#define ASK_TIMEOUT_MS 120000

/* An outer make's flags and job server are not for this one; its words must be English.
 */
const char *const tree_env[] = {
	"LC_ALL=C", "LC_MESSAGES=C", "LANGUAGE=",      "MAKEFLAGS=",
	"MFLAGS=",  "MAKELEVEL=",    "KBUILD_OUTPUT=", NULL,
};

char **tree_argv(const struct tree *t, const char *const words[])
{
	_buf_ struct buf b = BUF_INIT;
	size_t n = 0, bytes;
	char **argv, *text;
	int r;

	r = buf_append(&b, "make", sizeof("make"));
	n++;
	if (r == 0 && strcmp(t->src, t->obj) != 0 && ++n)
		r = buf_printf(&b, "O=%s%c", t->obj, 0);
	if (r == 0 && ++n)
		r = buf_printf(&b, "ARCH=%s%c", tree_make_arch(t->arch), 0);
	if (r == 0 && t->cross && ++n)
		r = buf_printf(&b, "CROSS_COMPILE=%s%c", t->cross, 0);
	if (r == 0 && t->llvm && ++n)
		r = buf_printf(&b, "LLVM=%s%c", t->llvm, 0);
	if (r == 0 && t->cc && ++n)
		r = buf_printf(&b, "CC=%s%c", t->cc, 0);
	if (r == 0 && t->cflags && ++n)
		r = buf_printf(&b, "KCFLAGS=%s%c", t->cflags, 0);
	for (size_t i = 0; r == 0 && t->extra && t->extra[i]; i++, n++)
		r = buf_append(&b, t->extra[i], strlen(t->extra[i]) + 1);
	for (size_t i = 0; r == 0 && words[i]; i++, n++)
		r = buf_append(&b, words[i], strlen(words[i]) + 1);
	if (r < 0)
		return NULL;
	bytes = buf_len(&b);
	argv = malloc((n + 1) * sizeof(*argv) + bytes);
	if (!argv)
		return NULL;
	text = memcpy(argv + n + 1, buf_data(&b), bytes);
	for (size_t i = 0; i < n; i++) {
		argv[i] = text;
		text += strlen(text) + 1;
	}
	argv[n] = NULL;
	return argv;
}

int tree_make(const struct tree *t, const char *const words[], int timeout_ms,
	      struct buf *out, struct kf_error *err)
{
	_free_ char **argv = tree_argv(t, words);
	_buf_ struct buf errors = {.max = 64 * 1024};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = tree_env,
		.cwd = t->src,
		.timeout_ms = timeout_ms,
		.cancel = cancel_flag(),
		.out = out,
		.err_out = &errors,
	};
	int r;

	if (!argv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = proc_check((const char *const *)argv, &opts, err);
	/* Only what make itself says is the kernel's fault. */
	if (r < 0 && err)
		err->reason = r == -ECANCELED	? KF_REASON_CANCELLED
			      : r == -ETIMEDOUT ? KF_REASON_TIMEOUT
			      : r == -ENOENT	? KF_REASON_EXEC
						: KF_REASON_BUILD;
	return r;
}

int tree_check_config(const struct tree *t, struct kf_error *err)
{
	_free_ char *config = tree_path(t, ".config");

	if (!config)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (fs_exists(AT_FDCWD, config))
		return 0;
	return kf_err(
		err, -ENOENT, KF_REASON_CONFIG,
		"%s is not there: configure the kernel first (for example `make%s%s "
		"ARCH=%s defconfig` in %s), or set build.output to where its objects "
		"are",
		config, strcmp(t->src, t->obj) != 0 ? " O=" : "",
		strcmp(t->src, t->obj) != 0 ? t->obj : "", tree_make_arch(t->arch),
		t->src);
}

/* The last line of what make printed: warnings about the tree may come before it. */
static int ask(const struct tree *t, const char *target, char **ret, struct kf_error *err)
{
	const char *const words[] = {"-s", "--no-print-directory", target, NULL};
	_buf_ struct buf out = {.max = 64 * 1024};
	const char *text, *line;
	size_t n;
	int r = tree_make(t, words, ASK_TIMEOUT_MS, &out, err);

	if (r < 0)
		return r;
	text = buf_str(&out);
	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	n = strlen(text);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	line = n > 0 ? memrchr(text, '\n', n) : NULL;
	line = line ? line + 1 : text;
	*ret = strndup(line, n - (size_t)(line - text));
	return *ret ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int tree_release(const struct tree *t, char **ret, struct kf_error *err)
{
	_free_ char *line = NULL;
	int r = ask(t, "kernelrelease", &line, err);

	if (r < 0)
		return kf_err_wrap(err, "ask %s for its release", t->src);
	if (!text_is_release(line))
		return kf_err(
			err, -EINVAL, KF_REASON_BUILD,
			"the release of %s is \"%s\": it must be at most 64 letters, "
			"digits and . _ + - ~ (check CONFIG_LOCALVERSION)",
			t->obj, line);
	*ret = TAKE_PTR(line);
	return 0;
}

int tree_image(const struct tree *t, const struct config *cfg, const char *board,
	       char **ret, struct kf_error *err)
{
	const char *want = config_get(cfg, board, "build.image");
	_free_ char *name = NULL;
	_free_ char *path = NULL;
	int r = 0;

	if (want && strchr(want, '/'))
		name = strdup(want);
	else if (want && *want)
		name = strf("arch/%s/boot/%s", tree_make_arch(t->arch), want);
	else
		r = ask(t, "image_name", &name, err);
	if (r < 0)
		return kf_err_wrap(err, "ask %s for its image", t->src);
	path = name ? tree_path(t, name) : NULL;
	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (!fs_exists(AT_FDCWD, path))
		return kf_err(
			err, -ENOENT, KF_REASON_NOT_FOUND,
			"there is no kernel image %s: build it first (kferry build)",
			path);
	*ret = TAKE_PTR(path);
	return 0;
}
