// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/reader.h"

#include <string.h>
#include <sys/mman.h>

#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

/* What is tried, in that order; their input is a diff with text around. */
static const char *const delta[] = {"delta", "--paging=always", NULL};
static const char *const bat[] = {"bat", "--language=diff", "--style=plain",
				  "--paging=always", NULL};
static const char *const batcat[] = {"batcat", "--language=diff", "--style=plain",
				     "--paging=always", NULL};
static const char *const less[] = {"less", NULL};
static const char *const more[] = {"more", NULL};

/* *ret_words is what has to be freed, or NULL. */
static int choose(const struct config *cfg, char ***ret_words, const char *const **ret,
		  struct kf_error *err)
{
	static const char *const *const programs[] = {delta, bat,  batcat,
						      NULL,  less, more};
	const char *pager = getenv("PAGER");
	_free_ char *path = NULL;

	*ret_words = config_argv(cfg, NULL, "patches.pager");
	*ret = (const char *const *)*ret_words;
	for (size_t i = 0; i < ARRAY_SIZE(programs) && !*ret; i++) {
		const char *const *p = programs[i];

		if (p && proc_find(p[0], &path) == 0)
			*ret = p;
		free(path);
		path = NULL;
		if (p || !pager || !*pager)
			continue;
		if (config_words(pager, ret_words) < 0)
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "PAGER is \"%s\", whose quotes do not match",
				      pager);
		*ret = (const char *const *)*ret_words;
	}
	return 0;
}

/* A pager has its keys from the terminal, and the text from its standard input. */
static int in_memory(const struct buf *text)
{
	_close_ int fd = memfd_create("mail", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : fs_write_all(fd, buf_data(text), buf_len(text));

	if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0)
		rc = -errno;
	return rc < 0 ? rc : TAKE_FD(fd);
}

int reader_show(const struct config *cfg, struct ui *ui, const struct buf *text,
		struct kf_error *err)
{
	static const char *const env[] = {"LESSSECURE=1", NULL};
	_buf_ struct buf plain = BUF_INIT;
	_free_ char **words = NULL;
	const char *const *argv = NULL;
	struct proc_opts opts = {.inherit_env = true,
				 .env_extra = env,
				 .timeout_ms = -1,
				 .inherit_stdio = true};
	_close_ int fd = -1;
	int status = 0, rc;

	if (text_escape(&plain, (const char *)buf_data(text), buf_len(text), true) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	rc = isatty(STDOUT_FILENO) ? choose(cfg, &words, &argv, err) : 0;
	if (rc < 0)
		return rc;
	if (!argv || !argv[0] || strcmp(argv[0], "cat") == 0) {
		ui_out_bytes(ui, (const char *)buf_data(&plain), buf_len(&plain));
		return 0;
	}
	fd = in_memory(&plain);
	rc = fd < 0 ? fd : 0;
	opts.input_fd = fd;
	if (rc == 0)
		rc = proc_run(argv, &opts, &status);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_EXEC, "show it by %s: %m", argv[0]);
	return 0;
}
