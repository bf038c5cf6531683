// SPDX-License-Identifier: GPL-2.0-or-later
/* What is printed where: plain, quiet, JSON, on a terminal; nothing hostile gets through.
 */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/ui/ui.h"
#include "proto/reason.h"

struct capture {
	struct ui *ui;
	int saved[2], fd[2];
	int pty; /* the master that stderr leads to, or -1 */
	char out[8192], err[8192];
};

static void redirect(struct capture *c, int i, int fd)
{
	c->saved[i] = dup(i + 1);
	c->fd[i] = fd;
	assert_true(dup2(fd, i + 1) == i + 1);
}

static void begin(struct capture *c, struct ui_opts opts, bool terminal)
{
	struct winsize size = {.ws_row = 24, .ws_col = 60};
	int slave = -1;

	fflush(stdout);
	fflush(stderr);
	memset(c, 0, sizeof(*c));
	c->pty = -1;
	redirect(c, 0, memfd_create("out", MFD_CLOEXEC));
	if (terminal)
		assert_int_equal(openpty(&c->pty, &slave, NULL, NULL, &size), 0);
	redirect(c, 1, terminal ? slave : memfd_create("err", MFD_CLOEXEC));
	assert_int_equal(ui_new(&opts, &c->ui), 0);
}

static void end(struct capture *c)
{
	ui_free(c->ui);
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		dup2(c->saved[i], i + 1);
		close(c->saved[i]);
	}
	assert_true(pread(c->fd[0], c->out, sizeof(c->out) - 1, 0) >= 0);
	if (c->pty < 0)
		assert_true(pread(c->fd[1], c->err, sizeof(c->err) - 1, 0) >= 0);
	close(c->fd[0]);
	close(c->fd[1]);
	/* With its other side closed, the terminal's output ends in an error. */
	for (size_t at = 0; c->pty >= 0 && at < sizeof(c->err) - 1;) {
		ssize_t n = read(c->pty, c->err + at, sizeof(c->err) - 1 - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (c->pty >= 0)
		close(c->pty);
}

static void steps_go_to_stderr_and_verdicts_to_stdout(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, (struct ui_opts){0}, false);
	ui_step(c.ui, "push", "rpi4", 900, NULL, "%d files", 3);
	ui_step(c.ui, "verdict", "rpi4", -1, NULL, "PASS  no findings");
	ui_progress(c.ui, "push", "rpi4", 1, 2, "half");
	ui_note(c.ui, "a note");
	ui_debug(c.ui, "never seen");
	end(&c);
	assert_string_equal(c.out, "  verdict  rpi4  PASS  no findings\n");
	assert_non_null(strstr(c.err, "  push     rpi4  3 files"));
	assert_non_null(strstr(c.err, "  0.9s\n"));
	assert_non_null(strstr(c.err, "a note\n"));
	assert_null(strstr(c.err, "half"));
	assert_null(strstr(c.err, "never seen"));
	assert_null(strchr(c.err, '\033'));
}

static void only_commands_are_commands_where_they_count(void **state)
{
	static const char command[] = "::error title=a::b ##[x]\n";
	struct kf_error err = {0};
	struct capture c;

	(void)state;
	begin(&c, (struct ui_opts){0}, false);
	ui_out(c.ui, "::stop-commands::x\n");
	ui_guard(c.ui);
	ui_out(c.ui, "::stop-commands::x\n \t::a::\na::b ##[error]c\n");
	ui_out(c.ui, "\xc2\xa0::a::\n\xe2\x80\x8b:\xe2\x80\x8b:a::\n##\xc2\xad[a]\n");
	ui_out_bytes(c.ui, " ", 1);
	ui_out_bytes(c.ui, "::a::\r::b::\n#", 13);
	ui_out_bytes(c.ui, "#", 1);
	ui_out_bytes(c.ui, "[a] a::b\n", 9);
	ui_commands(c.ui, command, strlen(command));
	ui_step(c.ui, "verdict", "b", -1, NULL, "FAIL  ##[a]");
	ui_note(c.ui, "note\n::a::");
	ui_err_bytes(c.ui, "::a::\n", 6);
	kf_err(&err, -EIO, KF_REASON_IO, "broken\n::a::");
	ui_error(c.ui, "b", &err);
	end(&c);
	assert_string_equal(c.out, "::stop-commands::x\n"
				   "| ::stop-commands::x\n \t| ::a::\na::b ## [error]c\n"
				   "\xc2\xa0| ::a::\n\xe2\x80\x8b| :\xe2\x80\x8b:a::\n"
				   "##\xc2\xad [a]\n"
				   " | ::a::\r| ::b::\n## [a] a::b\n"
				   "::error title=a::b ##[x]\n"
				   "  verdict  b  FAIL  ## [a]\n");
	assert_string_equal(c.err, "note\n| ::a::\n| ::a::\n"
				   "kferry: b: broken\n| ::a::\n");
}

static void only_commands_are_commands_beside_json(void **state)
{
	struct capture c;
	json_t *event;

	(void)state;
	begin(&c, (struct ui_opts){.json = true}, false);
	ui_guard(c.ui);
	ui_out_bytes(c.ui, "##[a] ##[b]", 11);
	ui_commands(c.ui, "::error title=a::b\n", 19);
	end(&c);
	assert_null(strstr(c.out, "##["));
	assert_string_equal(c.err, "::error title=a::b\n");
	event = json_loads(c.out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(event, "text")),
			    "##[a] ##[b]");
	json_decref(event);
}

static void quiet_keeps_results_and_errors(void **state)
{
	struct kf_error err = {0};
	struct capture c;

	(void)state;
	begin(&c, (struct ui_opts){.quiet = true}, false);
	ui_step(c.ui, "push", "rpi4", 900, NULL, "3 files");
	ui_note(c.ui, "a note");
	ui_out(c.ui, "result\n");
	ui_step(c.ui, "verdict", "rpi4", -1, NULL, "FAIL  panic");
	kf_err(&err, -EBUSY, KF_REASON_BUSY, "held by alice");
	ui_error(c.ui, "rpi4", &err);
	end(&c);
	assert_string_equal(c.out, "result\n  verdict  rpi4  FAIL  panic\n");
	assert_null(strstr(c.err, "3 files"));
	assert_null(strstr(c.err, "a note"));
	assert_non_null(strstr(c.err, "kferry: rpi4: held by alice\n"));
}

static void outside_text_is_escaped(void **state)
{
	struct kf_error err = {0};
	struct capture c;

	(void)state;
	begin(&c, (struct ui_opts){0}, false);
	ui_out(c.ui, "a\033]0;title\007\n%s\n", "b\xff");
	ui_step(c.ui, "push", "rpi4", -1, NULL, "x\r\ny");
	kf_err(&err, -EIO, KF_REASON_IO, "said \033[2J");
	ui_error(c.ui, "bo\nard", &err);
	end(&c);
	assert_string_equal(c.out, "a\\x1b]0;title\\x07\nb\\xff\n");
	assert_non_null(strstr(c.err, "x\\x0d\\x0ay"));
	assert_non_null(strstr(c.err, "said \\x1b[2J"));
	assert_non_null(strstr(c.err, "bo\\x0aard"));
}

static void bytes_pass_when_no_terminal_shows_them(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, (struct ui_opts){0}, true);
	ui_out_bytes(c.ui, "raw\033\xff\n", 6);
	ui_err_bytes(c.ui, "err\033[1m\n", 8);
	end(&c);
	assert_memory_equal(c.out, "raw\033\xff\n", 6);
	assert_non_null(strstr(c.err, "err\\x1b[1m"));
}

/* The next line of *at as an object. */
static json_t *next(char **at)
{
	char *line = strsep(at, "\n");
	json_t *o = json_loads(line, 0, NULL);

	assert_non_null(o);
	return o;
}

static const char *field(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void json_is_one_object_per_line(void **state)
{
	struct kf_error err = {0};
	struct capture c;
	char *at;
	json_t *o;

	(void)state;
	begin(&c, (struct ui_opts){.json = true}, false);
	ui_step(c.ui, "push", "rpi4", 900, json_pack("{s:i}", "files", 3),
		"3\nfiles\xff");
	ui_out(c.ui, "not for machines\n");
	ui_json(c.ui, json_pack("{s:s}", "event", "kernels"));
	kf_err(&err, -EBUSY, KF_REASON_BUSY, "held by alice");
	ui_error(c.ui, "rpi4", &err);
	end(&c);
	assert_string_equal(c.err, "");
	at = c.out;
	o = next(&at);
	assert_string_equal(field(o, "event"), "push");
	assert_string_equal(field(o, "board"), "rpi4");
	assert_int_equal(json_integer_value(json_object_get(o, "took_ms")), 900);
	assert_int_equal(json_integer_value(json_object_get(o, "files")), 3);
	assert_non_null(strstr(field(o, "text"), "\\xff"));
	assert_int_equal(strlen(field(o, "time")), 24);
	json_decref(o);
	o = next(&at);
	assert_string_equal(field(o, "event"), "kernels");
	json_decref(o);
	o = next(&at);
	assert_string_equal(field(o, "event"), "error");
	assert_string_equal(field(o, "reason"), "busy");
	assert_int_equal(json_integer_value(json_object_get(o, "errno")), EBUSY);
	assert_string_equal(field(o, "text"), "held by alice");
	json_decref(o);
	assert_string_equal(at, "");
}

static void a_terminal_gets_a_bar_that_goes_away(void **state)
{
	struct capture c;

	(void)state;
	setenv("TERM", "xterm", 1);
	begin(&c, (struct ui_opts){0}, true);
	ui_progress(c.ui, "push", "rpi4", 512, 1024, "te\033xt");
	ui_step(c.ui, "push", "rpi4", -1, NULL, "all sent");
	end(&c);
	assert_non_null(strstr(c.err, "[==========>"));
	assert_non_null(strstr(c.err, " 50%"));
	assert_null(strstr(c.err, "te\033"));
	/* Erased before the step's own line. */
	assert_non_null(strstr(strstr(c.err, "50%"), "\033[1A\033[J"));
	assert_non_null(strstr(c.err, "all sent"));
}

static void nothing_is_wider_than_the_terminal(void **state)
{
	struct capture c;
	char *line;

	(void)state;
	begin(&c, (struct ui_opts){0}, true);
	ui_progress(c.ui, "reboot", "rpi4", 0, 0,
		    "a text that is longer than any terminal of sixty columns can show "
		    "in one line of it");
	end(&c);
	line = strstr(c.err, "  reboot");
	assert_non_null(line);
	assert_true(strcspn(line, "\r\n") <= 59);
}

/* The last line drawn, as a terminal shows it; its end is cut from c. */
static const char *last_line(struct capture *c)
{
	char *end = strstr(c->err, "\r\033["), *line;

	for (char *at = end; at; at = strstr(at + 1, "\r\033["))
		end = at;
	assert_non_null(end);
	while (end > c->err && strchr("\r\n", end[-1]))
		end--;
	*end = '\0';
	line = strrchr(c->err, '\n');
	line = line ? line + 1 : c->err;
	return strrchr(line, '\033') ? strrchr(line, '\033') + strlen("\033[J") : line;
}

static void a_narrow_terminal_keeps_the_time_left(void **state)
{
	struct winsize size = {.ws_row = 24, .ws_col = 40};
	struct capture c;
	const char *line;

	(void)state;
	setenv("TERM", "xterm", 1);
	begin(&c, (struct ui_opts){0}, true);
	assert_int_equal(ioctl(STDERR_FILENO, TIOCSWINSZ, &size), 0);
	ui_progress(c.ui, "push", "rpi4", 0, 1000, "5 files");
	usleep(600000); /* a rate takes its time to be one */
	ui_progress(c.ui, "push", "rpi4", 500, 1000, "5 files");
	end(&c);
	line = last_line(&c);
	assert_non_null(strstr(line, "50%"));
	assert_non_null(strstr(line, " left"));
	assert_true(strlen(line) < 40);
}

static void an_echoed_key_does_not_shift_the_lines(void **state)
{
	struct capture c;

	(void)state;
	setenv("TERM", "xterm", 1);
	begin(&c, (struct ui_opts){0}, true);
	ui_progress(c.ui, "push", "rpi4", 0, 0, NULL);
	fputs("^C", stderr);
	fflush(stderr);
	ui_note(c.ui, "cancelled");
	end(&c);
	assert_non_null(strstr(c.err, "^C\r\033[1A\033[J"));
}

static void an_error_ends_the_boards_line(void **state)
{
	struct kf_error err = {0};
	struct capture c;

	(void)state;
	setenv("TERM", "xterm", 1);
	begin(&c, (struct ui_opts){0}, true);
	ui_progress(c.ui, "push", "rpi4", 0, 0, NULL);
	kf_err(&err, -EIO, KF_REASON_IO, "failed");
	ui_error(c.ui, "rpi4", &err);
	ui_progress(c.ui, "pack", NULL, 0, 0, "unpacking");
	ui_progress_end(c.ui, NULL);
	ui_note(c.ui, "the end");
	end(&c);
	assert_null(strstr(strstr(c.err, "failed"), "push"));
	assert_null(strstr(strstr(c.err, "the end"), "pack"));
}

static void time_goes_on_while_nobody_reports(void **state)
{
	struct capture c;
	char got[512] = "";
	size_t at = 0;

	(void)state;
	setenv("TERM", "xterm", 1);
	begin(&c, (struct ui_opts){0}, true);
	ui_progress(c.ui, "reboot", "rpi4", 0, 0, NULL);
	while (!strstr(got, "1.0s") && at < sizeof(got) - 1) {
		struct pollfd fd = {.fd = c.pty, .events = POLLIN};

		assert_int_equal(poll(&fd, 1, 10000), 1);
		at += (size_t)read(c.pty, got + at, sizeof(got) - 1 - at);
	}
	assert_non_null(strstr(got, "0.0s"));
	assert_non_null(strstr(got, "1.0s"));
	end(&c);
}

static void a_verdict_that_cannot_be_written_is_noticed(void **state)
{
	struct capture c;
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	begin(&c, (struct ui_opts){0}, false);
	dup2(full, 1);
	close(full);
	ui_step(c.ui, "verdict", "rpi4", -1, NULL, "PASS  no findings");
	assert_int_equal(ui_out_error(c.ui), -ENOSPC);
	end(&c);
}

static void a_reader_that_left_is_noticed(void **state)
{
	struct capture c;
	int pipe_fd[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(pipe_fd), 0);
	begin(&c, (struct ui_opts){0}, false);
	assert_int_equal(ui_out_error(c.ui), 0);
	dup2(pipe_fd[1], 1);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	ui_out(c.ui, "lost\n");
	assert_int_equal(ui_out_error(c.ui), -EPIPE);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_go_to_stderr_and_verdicts_to_stdout),
		cmocka_unit_test(only_commands_are_commands_where_they_count),
		cmocka_unit_test(only_commands_are_commands_beside_json),
		cmocka_unit_test(quiet_keeps_results_and_errors),
		cmocka_unit_test(outside_text_is_escaped),
		cmocka_unit_test(bytes_pass_when_no_terminal_shows_them),
		cmocka_unit_test(json_is_one_object_per_line),
		cmocka_unit_test(a_terminal_gets_a_bar_that_goes_away),
		cmocka_unit_test(nothing_is_wider_than_the_terminal),
		cmocka_unit_test(a_narrow_terminal_keeps_the_time_left),
		cmocka_unit_test(an_echoed_key_does_not_shift_the_lines),
		cmocka_unit_test(an_error_ends_the_boards_line),
		cmocka_unit_test(time_goes_on_while_nobody_reports),
		cmocka_unit_test(a_verdict_that_cannot_be_written_is_noticed),
		cmocka_unit_test(a_reader_that_left_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
