/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What U-Boot does with these variables (common/autoboot.c, include/bootcount.h,
 * drivers/bootcount/bootcount_env.c): each boot adds one to bootcount, and where that is
 * more than bootlimit altbootcmd is run in the place of bootcmd; without altbootcmd the
 * boot ends at the prompt.  A count that is kept in the environment counts only while
 * upgrade_available is 1.
 *
 * Two boots are allowed, so bootcount begins two below the limit: after a trial that died
 * bootcmd still starts the known-good kernel.  All variables are changed by one write.
 */
#include "agent/boot/uboot/bootcount.h"

#include <fcntl.h>
#include <string.h>

#include "agent/outside/outside.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CONFIG	   "/etc/fw_env.config"
#define CONFIG_MAX (16u * 1024)
#define OUTPUT_MAX (256u * 1024) /* more than any environment holds */
#define PROGRAM_MS 20000
#define PROBE_MS   5000		  /* somebody waits for `board info` */
#define OURS	   "kferry_trial" /* a variable: the slot for which we count */
#define MARK	   "bootcount"	  /* in the state directory: we may have begun to count */
#define BOOTS	   2

/* Run `program -c CONFIG -f none [-s /dev/stdin]`.  Without the file of -f a damaged
 * environment is an error, and not replaced by what a package thinks is the default. */
static int run(const struct agent *a, const char *program, int timeout_ms,
	       const struct buf *script, struct buf *out, struct kf_error *err)
{
	_free_ char *config = agent_path(a, CONFIG);
	const char *argv[] = {program,	      "-c", config, "-f",
			      "/nonexistent", NULL, NULL,   NULL};
	const struct outside_program p = {.argv = argv};
	_buf_ struct buf said = {.max = OUTPUT_MAX};
	struct proc_opts opts = {
		.timeout_ms = timeout_ms,
		.out = out,
		.err_out = &said,
		.reason = KF_REASON_BOOT_CHAIN,
	};

	if (!config)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "run %s: %m", program);
	if (script) {
		argv[5] = "-s";
		argv[6] = "/dev/stdin";
		opts.input = buf_data(script);
		opts.input_len = buf_len(script);
	}
	return outside_check(a, &p, &opts, err);
}

static unsigned number(const char *text)
{
	unsigned long n = strtoul(text, NULL, 10);

	return n > 1000000 ? 0 : (unsigned)n;
}

static void take_line(const char *line, struct bootcount *c)
{
	const char *value = strchr(line, '=');
	size_t n = value ? (size_t)(value - line) : 0;

	if (n == 0 || !*++value)
		return;
	if (n == 9 && strncmp(line, "bootlimit", n) == 0)
		c->limit = number(value);
	else if (n == 10 && strncmp(line, "altbootcmd", n) == 0)
		c->alternative = true;
	else if (n == 17 && strncmp(line, "upgrade_available", n) == 0)
		c->counting = number(value) != 0;
	else if (n == strlen(OURS) && strncmp(line, OURS, n) == 0 && text_is_slot(value))
		snprintf(c->trial, sizeof(c->trial), "%s", value);
}

/* Two lines that begin with a device: the environment is there twice. */
static bool has_two_copies(char *text)
{
	unsigned n = 0;

	for (char *line; (line = strsep(&text, "\n"));)
		n += line[strspn(line, " \t")] == '/';
	return n == 2;
}

static int read_within(const struct agent *a, int timeout_ms, struct bootcount *ret,
		       struct kf_error *err)
{
	_buf_ struct buf config = BUF_INIT, out = {.max = OUTPUT_MAX};
	struct bootcount c = {0};
	struct kf_error e = {0};
	char *rest;
	int r;

	r = agent_read_file(a, CONFIG, CONFIG_MAX, &config);
	if (r == -ENOENT) {
		*ret = c;
		return 0;
	}
	if (r < 0 || !buf_str(&config))
		return kf_err(err, r < 0 ? r : -ENOMEM, KF_REASON_IO,
			      "read " CONFIG ": %m");
	c.safe = has_two_copies((char *)buf_str(&config));
	c.unknown = run(a, "fw_printenv", timeout_ms, NULL, &out, &e);
	if (c.unknown < 0) {
		log_warn("bootcount event=unknown error=\"%s\"", e.msg);
		*ret = (struct bootcount){.unknown = c.unknown};
		return 0;
	}
	rest = (char *)buf_str(&out);
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		take_line(line, &c);
	*ret = c;
	return 0;
}

int bootcount_read(const struct agent *a, struct bootcount *ret, struct kf_error *err)
{
	return read_within(a, PROGRAM_MS, ret, err);
}

int bootcount_probe(const struct agent *a, struct bootcount *ret, struct kf_error *err)
{
	return read_within(a, PROBE_MS, ret, err);
}

int bootcount_check(const struct bootcount *c, struct kf_error *err)
{
	if (c->limit == 0 || c->trial[0])
		return 0;
	if (c->counting)
		return kf_err(err, -EBUSY, KF_REASON_BOOT_CHAIN,
			      "U-Boot is counting boots for an update that is not yet "
			      "confirmed (upgrade_available=1): finish that first, or "
			      "`fw_setenv upgrade_available 0`");
	if (!c->alternative)
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"U-Boot counts boots (bootlimit=%u), but has no altbootcmd, "
			"so that it stops at its prompt when there were too many: "
			"`fw_setenv altbootcmd 'run bootcmd'`, or take bootlimit "
			"away",
			c->limit);
	if (c->limit < BOOTS)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "with bootlimit=%u a trial that dies is followed by "
			      "altbootcmd, and not by the known-good kernel: "
			      "`fw_setenv bootlimit 3`",
			      c->limit);
	return 0;
}

bool bootcount_used(const struct bootcount *c)
{
	return c->limit >= BOOTS && c->alternative && c->safe;
}

static int change(const struct agent *a, bool on, unsigned count, const char *slot,
		  struct kf_error *err)
{
	_buf_ struct buf script = BUF_INIT;

	if (buf_printf(&script, "bootcount=%u\nupgrade_available=%d\n" OURS "=%s\n",
		       count, on, slot) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
			      "change U-Boot's environment: %m");
	return run(a, "fw_setenv", PROGRAM_MS, &script, NULL, err);
}

/* The mark is there before the environment says it, and until it does not any more. */
int bootcount_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	struct bootcount c;
	int r = bootcount_read(a, &c, err);

	if (r < 0 || !bootcount_used(&c))
		return r;
	r = fs_replace(a->state_fd, MARK, slot, strlen(slot), 0644);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO,
			      "write %s/" MARK ", before U-Boot counts: %m",
			      a->conf.state_dir);
	return change(a, true, c.limit - BOOTS, slot, err);
}

int bootcount_end(const struct agent *a, struct kf_error *err)
{
	struct bootcount c;
	int r = bootcount_read(a, &c, err);

	if (r < 0)
		return r;
	if (c.unknown < 0 && fs_exists(a->state_fd, MARK))
		return kf_err(err, c.unknown, KF_REASON_BOOT_CHAIN,
			      "U-Boot's environment cannot be read (the agent's log says "
			      "why), and U-Boot may still count boots until it runs "
			      "altbootcmd: see that fw_printenv works, or `fw_setenv "
			      "upgrade_available 0`");
	if (c.trial[0])
		r = change(a, false, 0, "", err);
	/* One that stays only makes the next failure an error. */
	if (r == 0 && c.unknown == 0 && unlinkat(a->state_fd, MARK, 0) < 0 &&
	    errno != ENOENT)
		log_warn("bootcount event=mark error=\"%s\"", strerror(errno));
	return r;
}
