/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hardware watchdog: what time-out is got of devices that take less, whom it is left
 * to, and what is said of all that.  ioctl() below is the device: a file of the scratch
 * board with the limits of `dog`.
 */
#include "tests/lib/scratch.h"

#include <errno.h>
#include <linux/watchdog.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/trial/early.h"
#include "agent/trial/trial.h"
#include "agent/trial/watchdog.h"
#include "agent/trial/wdinfo.h"
#include "proto/base/clock.h"

static struct {
	int min, max, timeout;
	bool fixed;   /* WDIOC_SETTIMEOUT is not known to the driver */
	bool wedged;  /* cannot be stopped */
	unsigned set; /* calls of WDIOC_SETTIMEOUT */
} dog;

static int dog_ioctl(unsigned long request, int *arg)
{
	int r = 0;

	if (request == WDIOC_SETTIMEOUT) {
		dog.set++;
		if (dog.fixed)
			r = -EOPNOTSUPP;
		else if (*arg < dog.min || *arg > dog.max)
			r = -EINVAL;
		else
			dog.timeout = *arg;
	} else if (request == WDIOC_GETTIMEOUT) {
		*arg = dog.timeout;
	} else if (request == WDIOC_SETOPTIONS) {
		r = dog.wedged ? -EBUSY : 0;
	} else {
		r = -ENOTTY; /* WDIOC_KEEPALIVE: pets are written, so that they are seen
			      */
	}
	errno = -r;
	return r < 0 ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	char link[64], target[256];
	va_list ap;
	void *arg;
	ssize_t n;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		if (strstr(target, "/dev/watchdog"))
			return dog_ioctl(request, arg);
	}
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

struct board {
	struct scratch s;
	struct kernel k;
};

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	memset(&dog, 0, sizeof(dog));
	dog.min = 1;
	dog.max = 3600;
	dog.timeout = 10;
	scratch_new(&b->s);
	scratch_write(&b->s, "dev/watchdog0", "", 0);
	kernel_init(&b->k, "6.9.0-test", 'a');
	kernel_finish(&b->k);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	kernel_fini(&b->k);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void put(struct board *b, const char *path, const char *text)
{
	scratch_write(&b->s, path, text, strlen(text));
}

static void configure(struct board *b, const char *lines)
{
	scratch_conf(&b->s, lines);
	scratch_off(&b->s);
	scratch_on(&b->s);
}

/* Open it, say what there is, and leave it. */
static unsigned try(struct board *b, char text[256])
{
	struct watchdog *w = NULL;
	int rc = watchdog_open(&b->s.a, &w);
	unsigned seconds = watchdog_seconds(w);

	watchdog_describe(&b->s.a, w, rc, text);
	watchdog_leave(&w);
	return seconds;
}

static void the_profile_s_timeout_is_taken(void **state)
{
	struct board *b = *state;
	char text[256];

	put(b, "sys/class/watchdog/watchdog0/identity", "i6300ESB timer\n");
	configure(b, "watchdog = /dev/watchdog0\nwatchdog_timeout = 60\n");
	assert_int_equal(try(b, text), 60);
	assert_int_equal(dog.set, 1);
	assert_string_equal(text, "i6300ESB timer, 60 s");
}

/* bcm2835_wdt before 6.8: EINVAL above 15 s, and no sysfs to say so. */
static void more_than_the_hardware_can_is_cut_down(void **state)
{
	struct board *b = *state;
	char text[256];

	dog.max = 15;
	configure(b, "watchdog = /dev/watchdog0\nwatchdog_timeout = 300\n");
	assert_int_equal(try(b, text), 15);
	assert_non_null(strstr(text, "15 s (it does not take 300 s)"));
	/* Where sysfs knows the limit it is taken at once. */
	put(b, "sys/class/watchdog/watchdog0/identity", "odd\n");
	put(b, "sys/class/watchdog/watchdog0/max_timeout", "22\n");
	dog.max = 22;
	dog.set = 0;
	assert_int_equal(try(b, text), 22);
	assert_int_equal(dog.set, 2);
}

static void less_than_the_hardware_can_is_raised(void **state)
{
	struct board *b = *state;
	char text[256];

	dog.min = 30;
	dog.timeout = 30;
	put(b, "sys/class/watchdog/watchdog0/identity", "slow\n");
	put(b, "sys/class/watchdog/watchdog0/min_timeout", "30\n");
	configure(b, "watchdog = /dev/watchdog0\nwatchdog_timeout = 12\n");
	assert_int_equal(try(b, text), 30);
}

static void a_driver_that_cannot_be_set_keeps_its_own(void **state)
{
	struct board *b = *state;
	char text[256];

	dog.fixed = true;
	configure(b, "watchdog = /dev/watchdog0\nwatchdog_timeout = 60\n");
	assert_int_equal(try(b, text), 10);
	assert_int_equal(dog.set, 1);
	assert_non_null(strstr(text, "10 s (it does not take 60 s)"));
}

static void who_else_holds_it_is_said(void **state)
{
	struct board *b = *state;
	char text[256];

	configure(b, "watchdog = /dev/watchdog0\n");
	watchdog_describe(&b->s.a, NULL, -EBUSY, text);
	assert_non_null(strstr(text, "held by another program"));
	put(b, "etc/systemd/system.conf", "#RuntimeWatchdogSec=off\n");
	put(b, "usr/lib/systemd/system.conf.d/50-vendor.conf",
	    "[Manager]\nRuntimeWatchdogSec=1min\n");
	watchdog_describe(&b->s.a, NULL, -EBUSY, text);
	assert_non_null(strstr(text, "petted by systemd (RuntimeWatchdogSec=1min in "
				     "/usr/lib/systemd/system.conf.d/50-vendor.conf)"));
	assert_non_null(strstr(text, "by the deadline"));
	put(b, "etc/systemd/system.conf.d/off.conf", "RuntimeWatchdogSec=off\n");
	watchdog_describe(&b->s.a, NULL, -EBUSY, text);
	assert_non_null(strstr(text, "held by another program"));
	watchdog_describe(&b->s.a, NULL, -ENOENT, text);
	assert_non_null(strstr(text, "until somebody resets the board"));
}

static void the_gap_between_two_hands_is_measured(void **state)
{
	struct board *b = *state;
	struct watchdog *w = NULL;
	char text[256], line[64];

	configure(b, "watchdog = /dev/watchdog0\nwatchdog_timeout = 60\n");
	assert_int_equal(watchdog_open(&b->s.a, &w), 0);
	assert_int_equal(watchdog_gap_ms(w), 0);
	watchdog_leave(&w);
	assert_true(scratch_has(&b->s, "run/kferry/watched"));
	snprintf(line, sizeof(line), "%lld 0\n", (long long)clock_now_ms() - 50000);
	put(b, "run/kferry/watched", line);
	assert_int_equal(watchdog_open(&b->s.a, &w), 0);
	assert_true(watchdog_gap_ms(w) >= 50000 && watchdog_gap_ms(w) < 59000);
	watchdog_leave(&w);
	/* The longest counts: the agent opens it right after its own early step. */
	assert_int_equal(try(b, text), 60);
	assert_non_null(strstr(text, "s passed until it was petted: raise its time-out"));
	put(b, "run/kferry/watched", "nonsense\n");
	assert_int_equal(watchdog_open(&b->s.a, &w), 0);
	assert_int_equal(watchdog_gap_ms(w), 0);
	assert_true(watchdog_release(&w));
}

static void hardware_is_preferred_to_softdog(void **state)
{
	struct board *b = *state;
	struct wdinfo i;

	assert_false(wdinfo_choose(&b->s.a, &i));
	put(b, "sys/class/watchdog/watchdog0/identity", "Software Watchdog\n");
	assert_true(wdinfo_choose(&b->s.a, &i));
	assert_true(i.software);
	put(b, "sys/class/watchdog/watchdog1/identity", "wdat_wdt\n");
	put(b, "sys/class/watchdog/watchdog1/bootstatus", "32\n");
	put(b, "sys/class/watchdog/watchdog1/nowayout", "1\n");
	put(b, "sys/class/watchdog/watchdog1/state", "active\n");
	put(b, "sys/class/watchdog/watchdog2/identity", "third\n");
	assert_true(wdinfo_choose(&b->s.a, &i));
	assert_string_equal(i.name, "watchdog1");
	assert_true(i.reset_us && i.nowayout && i.active && !i.software);
}

/* --- the early step ------------------------------------------------------------- */

static char *early(struct board *b)
{
	scratch_off(&b->s);
	put(b, "dev/kmsg", "");
	put(b, "dev/watchdog0", "");
	assert_int_equal(early_run(b->s.root, false), 0);
	scratch_on(&b->s);
	return scratch_read(&b->s, "dev/watchdog0");
}

static void early_starts_it_and_leaves_it_running(void **state)
{
	struct board *b = *state;
	_free_ char *pets = NULL, *said = NULL;
	struct kf_error err = {0};
	char text[256];

	configure(b, "watchdog = /dev/watchdog0\nwatchdog_timeout = 60\n");
	scratch_install(&b->s, &b->k);
	assert_int_equal(trial_arm(&b->s.a, b->k.id, 100, text, &err), 0);
	scratch_boot(&b->s, &b->k);
	pets = early(b);
	assert_string_equal(pets, "\n");
	said = scratch_read(&b->s, "dev/kmsg");
	assert_non_null(strstr(said, "watchdog: watchdog, 60 s"));
	assert_true(scratch_has(&b->s, "run/kferry/watched"));
}

static void boot_confirmed(struct board *b, const char *more)
{
	struct kf_error err = {0};
	char text[256];

	scratch_install(&b->s, &b->k);
	assert_int_equal(trial_arm(&b->s.a, b->k.id, 100, text, &err), 0);
	scratch_boot(&b->s, &b->k);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(trial_confirm(&b->s.a, b->k.id, true, false, &err), 0);
	scratch_boot(&b->s, &b->k);
	snprintf(text, sizeof(text), "quiet kferry.slot=%s%s\n", b->k.id, more);
	put(b, "proc/cmdline", text);
}

static void early_leaves_it_alone_in_a_good_kernel(void **state)
{
	struct board *b = *state;
	_free_ char *pets = NULL;

	configure(b, "watchdog = /dev/watchdog0\n");
	boot_confirmed(b, "");
	pets = early(b);
	assert_string_equal(pets, "");
}

/* The firmware of a Raspberry Pi has started it: a good kernel must not be reset. */
static void early_stops_what_the_firmware_started(void **state)
{
	struct board *b = *state;
	_free_ char *pets = NULL, *left = NULL;

	configure(b, "watchdog = /dev/watchdog0\n");
	boot_confirmed(b, " watchdog.open_timeout=60");
	pets = early(b);
	assert_string_equal(pets, "\nV");
	put(b, "sys/class/watchdog/watchdog0/identity", "wedged\n");
	put(b, "sys/class/watchdog/watchdog0/nowayout", "1\n");
	left = early(b);
	assert_string_equal(left, "");
}

/* The default on trial again, and reset before it was confirmed: the agent will say that
 * it fell back and pet nothing, so nothing may be started. */
static void early_starts_none_that_the_agent_would_not_pet(void **state)
{
	struct board *b = *state;
	_free_ char *first = NULL, *again = NULL;
	struct kf_error err = {0};
	unsigned timeout_s;
	char text[256];

	configure(b, "watchdog = /dev/watchdog0\n");
	boot_confirmed(b, "");
	assert_int_equal(trial_arm(&b->s.a, b->k.id, 100, text, &err), 0);
	scratch_boot(&b->s, &b->k);
	first = early(b);
	assert_string_equal(first, "\n");
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_true(trial_is_on(&b->s.a, &timeout_s));
	scratch_boot(&b->s, &b->k);
	again = early(b);
	assert_string_equal(again, "");
	assert_false(trial_is_on(&b->s.a, &timeout_s));
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_false(trial_is_on(&b->s.a, &timeout_s));
	assert_int_equal(b->s.a.state.trial.phase, KFERRY__TRIAL__TRIAL_FELL_BACK);
}

/* Unconfirmed in a boot that is not the default's: on trial for both. */
static void early_starts_it_where_the_trial_runs_again(void **state)
{
	struct board *b = *state;
	_free_ char *pets = NULL;
	struct kf_error err = {0};
	unsigned timeout_s;
	char text[256];

	configure(b, "watchdog = /dev/watchdog0\n");
	scratch_install(&b->s, &b->k);
	assert_int_equal(trial_arm(&b->s.a, b->k.id, 100, text, &err), 0);
	scratch_boot(&b->s, &b->k);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	scratch_boot(&b->s, &b->k);
	pets = early(b);
	assert_string_equal(pets, "\n");
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_true(trial_is_on(&b->s.a, &timeout_s));
}

/* An early step saw a trial where the agent sees none: whatever the command line says. */
static void the_agent_stops_what_was_left_running(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct watchdog *dog_left = NULL;
	struct kf_error err = {0};
	uv_loop_t loop;

	configure(b, "watchdog = /dev/watchdog0\n");
	boot_confirmed(b, "");
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(watchdog_open(&b->s.a, &dog_left), 0);
	watchdog_leave(&dog_left);
	assert_true(watchdog_was_left(&b->s.a));
	put(b, "dev/watchdog0", "");
	assert_int_equal(uv_loop_init(&loop), 0);
	for (int i = 0; i < 2; i++) {
		_free_ char *pets = NULL;

		assert_int_equal(trial_watch_start(&loop, &b->s.a, &w, &err), 0);
		trial_watch_stop(w);
		uv_run(&loop, UV_RUN_DEFAULT);
		/* The second agent finds nothing that runs. */
		pets = scratch_read(&b->s, "dev/watchdog0");
		assert_string_equal(pets, "\nV");
		assert_false(watchdog_was_left(&b->s.a));
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* And where it cannot be stopped the agent goes on petting it. */
static void what_cannot_be_stopped_is_petted_on(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct kf_error err = {0};
	uv_loop_t loop;

	dog.wedged = true;
	configure(b, "watchdog = /dev/watchdog0\n");
	boot_confirmed(b, " watchdog.open_timeout=60");
	put(b, "dev/watchdog0", "");
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(trial_watch_start(&loop, &b->s.a, &w, &err), 0);
	assert_non_null(strstr(b->s.a.watchdog, "petted by the agent"));
	for (;;) {
		_free_ char *pets = scratch_read(&b->s, "dev/watchdog0");

		assert_null(strchr(pets, 'V'));
		if (strlen(pets) >= 2)
			break;
		uv_run(&loop, UV_RUN_ONCE);
	}
	trial_watch_stop(w);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(the_profile_s_timeout_is_taken),
		T(more_than_the_hardware_can_is_cut_down),
		T(less_than_the_hardware_can_is_raised),
		T(a_driver_that_cannot_be_set_keeps_its_own),
		T(who_else_holds_it_is_said),
		T(the_gap_between_two_hands_is_measured),
		T(hardware_is_preferred_to_softdog),
		T(early_starts_it_and_leaves_it_running),
		T(early_leaves_it_alone_in_a_good_kernel),
		T(early_stops_what_the_firmware_started),
		T(early_starts_none_that_the_agent_would_not_pet),
		T(early_starts_it_where_the_trial_runs_again),
		T(the_agent_stops_what_was_left_running),
		T(what_cannot_be_stopped_is_petted_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
