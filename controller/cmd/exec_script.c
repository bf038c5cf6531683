// SPDX-License-Identifier: GPL-2.0-or-later
/* The argv of a script that comes in through standard input. */
#include "controller/cmd/exec_script.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define LINE_MAX_BYTES 256 /* as the kernel's */
#define HEAD_WORDS     7

void exec_script_fini(struct exec_script *s)
{
	free(s->file);
	free(s->line);
	free(s->argv);
	*s = (struct exec_script){0};
}

static int read_line(const char *path, char line[static LINE_MAX_BYTES])
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	n = read(fd, line, LINE_MAX_BYTES - 1);
	if (n < 0)
		return -errno;
	line[n] = '\0';
	return 0;
}

/* "#! /usr/bin/env -S x": the program, and all the rest as one word, or NULL.  false: the
 * line names none that could be run. */
static bool split(char *line, const char **ret_program, const char **ret_word)
{
	char *end = strchr(line, '\n'), *word;

	*ret_word = NULL;
	if (strncmp(line, "#!", 2) != 0) {
		*ret_program = "sh";
		return true;
	}
	if (!end)
		return false;
	while (end > line && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	line += 2 + strspn(line + 2, " \t");
	word = line + strcspn(line, " \t");
	if (*word) {
		*word++ = '\0';
		*ret_word = word + strspn(word, " \t");
	}
	*ret_program = line;
	return *line == '/' && text_is_plain(line, strlen(line), false) &&
	       (!*ret_word || text_is_plain(*ret_word, strlen(*ret_word), false));
}

int exec_script_open(const char *file, char *const args[], struct exec_script *ret,
		     struct kf_error *err)
{
	_exec_script_ struct exec_script s = {0};
	const char *program, *word;
	size_t n = 0;
	int rc;

	while (args[n])
		n++;
	s.file = realpath(file, NULL);
	if (!s.file)
		return kf_err(err, -errno, KF_REASON_USAGE, "the script %s: %m", file);
	s.line = malloc(LINE_MAX_BYTES);
	s.argv = calloc(n + HEAD_WORDS + 1, sizeof(*s.argv));
	if (!s.line || !s.argv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	rc = read_line(s.file, s.line);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_USAGE, "the script %s: %m", file);
	if (!split(s.line, &program, &word))
		return kf_err(err, -ENOEXEC, KF_REASON_USAGE,
			      "the script %s: its first line names no program such as "
			      "#!/bin/sh",
			      file);
	n = 0;
	s.argv[n++] = "sh";
	s.argv[n++] = "-c";
	s.argv[n++] = "exec 3<&0 </dev/null && exec \"$@\"";
	s.argv[n++] = "kferry";
	s.argv[n++] = program;
	if (word)
		s.argv[n++] = word;
	s.argv[n++] = "/dev/fd/3";
	while (*args)
		s.argv[n++] = *args++;
	*ret = s;
	s = (struct exec_script){0};
	return 0;
}
