// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry results: read what a test suite printed, and say what it comes to. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/report/report_files.h"
#include "controller/results/expect.h"
#include "controller/results/reader.h"
#include "controller/suite/testshow.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct args {
	const char *file, *name, *expect;
	enum reader_format format;
	struct report_files files;
};

/* Feed the file (or standard input, "-") to the reader. */
static int read_output(const char *file, struct reader *reader, struct kf_error *err)
{
	bool in = strcmp(file, "-") == 0;
	_close_ int opened = -1;
	_free_ char *piece = malloc(65536);
	int fd = STDIN_FILENO, r = piece ? 0 : -ENOMEM;
	ssize_t n = 1;

	if (!in)
		fd = opened = fs_open_beneath(AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s: %m", file);
	while (r == 0 && n > 0) {
		n = read(fd, piece, 65536);
		if (n < 0 && errno == EINTR && !atomic_load(cancel_flag()))
			n = 1;
		else if (n < 0)
			r = -errno;
		else
			r = reader_feed(reader, piece, (size_t)n);
	}
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "read %s: %m", file) : 0;
}

static int apply_expected(const char *file, struct suite_run *s, struct kf_error *err)
{
	_expect_ struct expect e = {0};
	_buf_ struct buf text = BUF_INIT;
	int r = fs_read_file(AT_FDCWD, file, EXPECT_BYTES, &text);

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", file);
	r = expect_parse((const char *)buf_data(&text), buf_len(&text), file, &e, err);
	if (r == 0 && expect_apply(&e, s) < 0)
		r = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return r;
}

static int read_suite(const struct args *a, struct suite_run *ret, struct kf_error *err)
{
	struct reader *reader;
	int r = reader_new(a->name, a->format, &reader);

	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
	r = read_output(a->file, reader, err);
	if (r == 0)
		r = reader_end(reader, ret, err);
	if (r == -ENODATA || r == -EINVAL)
		kf_err_wrap(err, "%s", a->file);
	reader_free(reader);
	return r == 0 && a->expect ? apply_expected(a->expect, ret, err) : r;
}

static void show_counts(struct ui *ui, const struct suite_run *s)
{
	_buf_ struct buf b = BUF_INIT;

	if (testshow_counts(s, &b) == 0 && buf_str(&b))
		ui_out(ui, "  %-5s  %s\n", test_status_name(suite_verdict(s)),
		       buf_str(&b));
}

static void show(struct cmd_env *env, const struct suite_run *s)
{
	json_t *event = suite_json(s);

	testshow_tests(env->ui, s);
	if (s->cut && s->running != SUITE_PARENT)
		ui_warn(env->ui, "the output ends while %s was running",
			s->tests[s->running].name);
	show_counts(env->ui, s);
	json_object_set_new(event, "event", json_string("results"));
	ui_json(env->ui, event);
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct args *ret)
{
	static const struct option options[] = {
		{"format", required_argument, NULL, 'f'},
		{"name", required_argument, NULL, 'n'},
		{"expect", required_argument, NULL, 'e'},
		{"junit", required_argument, NULL, 'j'},
		{"ktap", required_argument, NULL, 'k'},
		{"summary", required_argument, NULL, 's'},
		{"annotations", no_argument, NULL, 'a'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'f' && reader_format(optarg, &ret->format) < 0)
			return cmd_usage(env, argv[0],
					 "--format takes ktap, ltp, xfstests or auto, "
					 "not \"%s\"",
					 optarg);
		else if (c == 'f')
			continue;
		else if (c == 'n')
			ret->name = optarg;
		else if (c == 'e')
			ret->expect = optarg;
		else if (c == 'j')
			ret->files.junit = optarg;
		else if (c == 'k')
			ret->files.ktap = optarg;
		else if (c == 's')
			ret->files.summary = optarg;
		else if (c == 'a')
			ret->files.annotations = true;
		else
			return cmd_bad_option(env, argv[0], argv);
	}
	if (ret->files.annotations)
		ui_guard(env->ui);
	if (optind + 1 != argc)
		return cmd_usage(env, argv[0], "it takes one file, - for standard input");
	ret->file = argv[optind];
	return 0;
}

/* The same reports that a deploy leaves, of no board. */
static int report(struct cmd_env *env, const struct args *a, const struct suite_run *s)
{
	_report_ struct report r = {0};
	json_t *nothing = json_object();
	struct report_run *run;
	int rc = nothing ? report_add(&r, nothing, &run) : -ENOMEM;

	json_decref(nothing);
	if (rc == 0)
		rc = report_add_suite(run, s);
	if (rc < 0)
		ui_warn(env->ui, "no memory for the reports");
	else
		rc = report_files_write(&a->files, &r, env->ui);
	return rc;
}

static int status_of(enum test_status verdict)
{
	switch (verdict) {
	case TEST_PASS:
		return STATUS_PASS;
	case TEST_FAIL:
		return STATUS_FAIL;
	default:
		return STATUS_ERROR;
	}
}

int cmd_results(struct cmd_env *env, int argc, char *argv[])
{
	struct args a = {.format = READER_AUTO};
	_suite_ struct suite_run s = {0};
	struct kf_error err = {0};
	int status = parse(env, argc, argv, &a);

	if (status)
		return status;
	if (report_files_prepare(&a.files, &err) < 0 || read_suite(&a, &s, &err) < 0)
		return cmd_fail(env, NULL, &err);
	show(env, &s);
	status = status_of(suite_verdict(&s));
	/* A report that is not there is nothing to pass with. */
	if (report(env, &a, &s) < 0 && status == STATUS_PASS)
		status = STATUS_ERROR;
	return status;
}
