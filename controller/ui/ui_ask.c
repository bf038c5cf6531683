// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions on the terminal itself, never on stdin: `kferry ... < file` must not answer
 * them by accident.  A signal ends the question and gives the echo back.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <termios.h>

#include "controller/cancel.h"
#include "controller/ui/ui_internal.h"
#include "proto/base/fs.h"

#define ANSWER_MAX 512

static int open_tty(void)
{
	/* lint: a constant path */
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENXIO || errno == ENOENT ? -ENOTTY : -errno;
	return fd;
}

/* One line without its newline. */
static int read_line(int fd, char line[static ANSWER_MAX])
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
				{.fd = cancel_fd(), .events = POLLIN}};
	size_t len = 0;

	for (;;) {
		ssize_t n;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		if (!fds[0].revents)
			continue;
		n = read(fd, line + len, ANSWER_MAX - 1 - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOTTY;
		len += (size_t)n;
		if (line[len - 1] == '\n') {
			line[len - 1] = '\0';
			return 0;
		}
		if (len == ANSWER_MAX - 1)
			return -EMSGSIZE;
	}
}

static int ask(struct ui *ui, const char *prompt, bool hidden,
	       char line[static ANSWER_MAX])
{
	_close_ int fd = open_tty();
	struct termios old, quiet;
	int rc;

	if (fd < 0)
		return fd;
	if (tcgetattr(fd, &old) < 0)
		return -errno;
	pthread_mutex_lock(&ui->lock);
	ui_live_erase(ui);
	fflush(stderr);
	quiet = old;
	if (hidden)
		quiet.c_lflag &= (tcflag_t)~ECHO;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	rc = fs_write_all(fd, prompt, strlen(prompt));
	if (rc == 0)
		rc = read_line(fd, line);
	tcsetattr(fd, TCSAFLUSH, &old);
	if (hidden || rc < 0)
		(void)!write(fd, "\n", 1);
	pthread_mutex_unlock(&ui->lock);
	return rc;
}

int ui_ask_secret(struct ui *ui, const char *prompt, char **ret)
{
	char *line = calloc(1, ANSWER_MAX);
	int rc;

	if (!line)
		return -ENOMEM;
	rc = ask(ui, prompt, true, line);
	if (rc < 0) {
		ui_forget(line);
		return rc;
	}
	*ret = line;
	return 0;
}

void ui_forget(char *secret)
{
	if (secret)
		explicit_bzero(secret, ANSWER_MAX);
	free(secret);
}

int ui_confirm(struct ui *ui, const char *question, bool *ret)
{
	_free_ char *prompt = NULL;
	char line[ANSWER_MAX];

	if (asprintf(&prompt, "%s [yes/no] ", question) < 0) {
		prompt = NULL;
		return -ENOMEM;
	}
	for (;;) {
		int rc = ask(ui, prompt, false, line);

		if (rc < 0)
			return rc;
		if (!strcasecmp(line, "yes") || !strcasecmp(line, "y")) {
			*ret = true;
			return 0;
		}
		if (!strcasecmp(line, "no") || !strcasecmp(line, "n")) {
			*ret = false;
			return 0;
		}
	}
}
