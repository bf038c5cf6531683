/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One function for each thing that may not fit. */
#include "controller/deploy/fit.h"

#include <stdarg.h>
#include <string.h>

#include "proto/manifest.h"
#include "proto/reason.h"

struct fit {
	const struct config *cfg;
	const char *board;
	const Kferry__Hello *hello;
	const Kferry__Facts *facts;
	fit_fn fn;
	void *arg;
};

static _printf_(2, 3) void contradict(const struct fit *f, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->fn(f->arg, text);
}

static const char *get(const struct fit *f, const char *key)
{
	const char *value = config_get(f->cfg, f->board, key);

	return value ? value : "";
}

/* --- architecture --------------------------------------------------------------- */

int fit_arch(const struct config *cfg, const char *board, const Kferry__Hello *hello,
	     struct kf_error *err)
{
	const char *want = config_get(cfg, board, "build.arch"), *arch;

	if (!want)
		return 0;
	arch = strcmp(want, "x86") == 0 ? "x86_64" : manifest_arch_of_machine(want);
	if (strcmp(arch, hello->arch) == 0)
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_ARCH,
		      "build.arch is %s, and the board is %s: %s", want, hello->arch,
		      strcmp(arch, "arm64") == 0 && strcmp(hello->arch, "arm") == 0
			      ? "its system has 32 bits; use the profile for these, or "
				"arm_64bit=1 in config.txt"
			      : "use the profile that fits it (board.profile)");
}

static void arch(const struct fit *f)
{
	struct kf_error err = {0};

	if (fit_arch(f->cfg, f->board, f->hello, &err) < 0)
		contradict(f, "%s", err.msg);
}

static void kind(const struct fit *f)
{
	const char *profile = get(f, "board.profile");

	if (*f->hello->board_kind && *profile &&
	    strcmp(f->hello->board_kind, profile) != 0)
		contradict(f,
			   "the profile is %s, and the agent was set up for %s: run "
			   "`kferry board setup %s`, or correct board.profile",
			   profile, f->hello->board_kind, f->board);
}

/* --- boot chain ----------------------------------------------------------------- */

/* What the board has instead: the chain in use, else those it could use. */
static void usable(const Kferry__Facts *facts, struct buf *out)
{
	int r = 0;

	if (*facts->chain_in_use) {
		r = buf_printf(out, "%s", facts->chain_in_use);
		return;
	}
	for (size_t i = 0; i < facts->n_chain && r == 0; i++)
		if (facts->chain[i]->usable)
			r = buf_printf(out, "%s%s", buf_len(out) ? ", " : "",
				       facts->chain[i]->name);
}

int fit_chain(const struct config *cfg, const char *board, const Kferry__Facts *facts,
	      struct kf_error *err)
{
	const char *want = config_get(cfg, board, "boot.chain");
	const char *profile = config_get(cfg, board, "board.profile");
	const char *why = "the agent does not know it";
	_buf_ struct buf has = BUF_INIT;

	if (!want)
		return 0;
	for (size_t i = 0; i < facts->n_chain; i++) {
		if (strcmp(facts->chain[i]->name, want) != 0)
			continue;
		if (facts->chain[i]->usable)
			return 0;
		why = facts->chain[i]->reason;
	}
	usable(facts, &has);
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "boot.chain is %s (profile %s), which this board cannot use: "
		      "%.200s. It has %s: use a profile that fits it, or boot.chain = %s",
		      want, profile ? profile : "none", why,
		      buf_len(&has) ? buf_str(&has) : "no other",
		      buf_len(&has) ? buf_str(&has) : "one that it has");
}

static void chain(const struct fit *f)
{
	const char *want = get(f, "boot.chain"), *in_use = f->facts->chain_in_use;
	struct kf_error err = {0};

	if (fit_chain(f->cfg, f->board, f->facts, &err) < 0)
		contradict(f, "%s", err.msg);
	else if (*want && *in_use && strcmp(want, in_use) != 0)
		contradict(f,
			   "boot.chain is %s, and the agent uses %s where nobody names "
			   "one: run `kferry board setup %s`",
			   want, in_use, f->board);
}

/* --- watchdog and pstore -------------------------------------------------------- */

static const Kferry__Watchdog *find_watchdog(const struct fit *f, const char *device)
{
	const Kferry__Facts *m = f->facts;

	if (strcmp(device, "/dev/watchdog") == 0)
		device = "/dev/watchdog0";
	for (size_t i = 0; i < m->n_watchdog; i++)
		if (strcmp(m->watchdog[i]->device, device) == 0)
			return m->watchdog[i];
	if (strcmp(device, "auto") != 0)
		return NULL;
	for (size_t i = 0; i < m->n_watchdog; i++)
		if (!m->watchdog[i]->software)
			return m->watchdog[i];
	return m->n_watchdog ? m->watchdog[0] : NULL;
}

static void watchdog_limits(const struct fit *f, const Kferry__Watchdog *w)
{
	unsigned want =
		(unsigned)(config_ms(f->cfg, f->board, "watchdog.timeout") / 1000);

	if (w->max_timeout_s > 0 && want > w->max_timeout_s)
		contradict(f,
			   "watchdog.timeout is %u s, and %s (%s) takes %u s at most: "
			   "that is used",
			   want, w->device, w->identity, w->max_timeout_s);
	if (want > 0 && want < w->min_timeout_s)
		contradict(f,
			   "watchdog.timeout is %u s, and %s (%s) takes %u s at least: "
			   "that is used",
			   want, w->device, w->identity, w->min_timeout_s);
	if (w->software)
		contradict(f,
			   "%s is the kernel's own timer (softdog): it does not end a "
			   "kernel that hangs",
			   w->device);
	if (*w->holder)
		contradict(f,
			   "%s is petted by systemd (%s): a user space that hangs is "
			   "ended by the deadline only",
			   w->device, w->holder);
}

static void watchdog(const struct fit *f)
{
	const char *device = get(f, "watchdog.device");
	const Kferry__Watchdog *w;

	if (!*device || strcmp(device, "none") == 0)
		return;
	w = find_watchdog(f, device);
	if (w)
		watchdog_limits(f, w);
	else
		contradict(f,
			   "watchdog.device is %s, and the running kernel has no such "
			   "one: load its driver, or a kernel that hangs stays so "
			   "(without CONFIG_WATCHDOG_SYSFS nobody can tell)",
			   device);
}

static void pstore(const struct fit *f)
{
	_free_ char **want = config_argv(f->cfg, f->board, "pstore.backend");
	const char *is = f->facts->pstore;

	for (char **w = want; w && *w; w++)
		if (strncmp(is, *w, strlen(*w)) == 0)
			return;
	if (want && *want)
		contradict(f,
			   "pstore.backend is %s, and the running kernel has %s: it "
			   "could not show the log of one that died",
			   get(f, "pstore.backend"), *is ? is : "none");
}

void fit_check(const struct config *cfg, const char *board, const Kferry__Hello *hello,
	       const Kferry__Facts *facts, fit_fn fn, void *arg)
{
	const struct fit f = {.cfg = cfg,
			      .board = board,
			      .hello = hello,
			      .facts = facts,
			      .fn = fn,
			      .arg = arg};

	arch(&f);
	kind(&f);
	chain(&f);
	watchdog(&f);
	pstore(&f);
}
