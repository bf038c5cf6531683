/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that pets the watchdog between the early step and the agent.  ioctl() below
 * is the device; who petted it is counted in memory that the keeper shares.
 */
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/trial/early.h"
#include "agent/trial/trial.h"
#include "agent/trial/watchkeeper.h"
#include "proto/base/clock.h"

#define TRIAL_S 100
#define LONG_MS 60000 /* for what happens, on any machine */
#define WATCHED "run/kferry/watched"
#define SOCKET	"run/kferry/watchkeeper.sock"
#define BOOT_ID "proc/sys/kernel/random/boot_id"

static struct shared {
	sem_t petted;  /* once for each pet of another process than the test's */
	pid_t keeper;  /* that one */
	unsigned sets; /* how often somebody has set the time-out: opened it */
	unsigned own;  /* pets of this process */
} * dog;

static pid_t test_pid;
static bool impatient; /* nothing in this process waits for anything */

static int dog_ioctl(unsigned long request, int *arg)
{
	if (request == WDIOC_SETTIMEOUT) {
		dog->sets++;
	} else if (request == WDIOC_GETTIMEOUT) {
		*arg = 1;
	} else if (request == WDIOC_KEEPALIVE && getpid() == test_pid) {
		dog->own++;
	} else if (request == WDIOC_KEEPALIVE) {
		dog->keeper = getpid();
		sem_post(&dog->petted);
	}
	return 0;
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

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec ts = {.tv_sec = timeout / 1000,
			      .tv_nsec = timeout % 1000 * 1000000L};

	if (impatient && getpid() == test_pid)
		ts = (struct timespec){0};
	return ppoll(fds, n, timeout < 0 ? NULL : &ts, NULL);
}

struct board {
	struct scratch s;
	struct kernel k;
};

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));
	struct kf_error err = {0};
	char text[256];

	assert_non_null(b);
	test_pid = getpid();
	impatient = false;
	dog = mmap(NULL, sizeof(*dog), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		   -1, 0);
	assert_true(dog != MAP_FAILED);
	assert_int_equal(sem_init(&dog->petted, 1, 0), 0);
	scratch_new(&b->s);
	scratch_write(&b->s, "dev/watchdog0", "", 0);
	scratch_write(&b->s, "dev/kmsg", "", 0);
	scratch_conf(&b->s, "watchdog = /dev/watchdog0\nwatchdog_timeout = 1\n");
	scratch_off(&b->s);
	scratch_on(&b->s);
	kernel_make(&b->k, 'a');
	scratch_install(&b->s, &b->k);
	assert_int_equal(trial_arm(&b->s.a, b->k.id, TRIAL_S, text, &err), 0);
	scratch_boot(&b->s, &b->k);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	/* One that a test which failed has left. */
	if (dog->keeper)
		kill(dog->keeper, SIGKILL);
	munmap(dog, sizeof(*dog));
	kernel_fini(&b->k);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void early(struct board *b, bool keep)
{
	scratch_off(&b->s);
	assert_int_equal(early_run(b->s.root, keep), 0);
	scratch_on(&b->s);
}

/* Until the keeper has petted n times more. */
static pid_t see_pets(unsigned n)
{
	while (n > 0)
		if (sem_wait(&dog->petted) == 0)
			n--;
	return dog->keeper;
}

/* In good order.  -1: of the only one. */
static void see_end(pid_t keeper)
{
	int status;

	assert_true(waitpid(keeper, &status, 0) > 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	dog->keeper = 0;
	while (sem_trywait(&dog->petted) == 0)
		continue;
}

/* It runs on, and the next one can tell since when. */
static void check_left(struct board *b)
{
	_free_ char *written = scratch_read(&b->s, "dev/watchdog0");

	assert_null(strchr(written, 'V'));
	assert_true(watchdog_was_left(&b->s.a));
	assert_false(scratch_has(&b->s, SOCKET));
	assert_false(watchkeeper_is_there(&b->s.a));
}

static int64_t last_pet(struct board *b)
{
	_free_ char *line = scratch_read(&b->s, WATCHED);

	return strtoll(line, NULL, 10);
}

/* --- what it does next ---------------------------------------------------------- */

static void pets_on_time_and_not_beyond_its_own(void **state)
{
	struct watchkeeper_times t = {
		.until_ms = 12000, .next_ms = 6000, .every_ms = 5000};
	int wait_ms = -1;

	(void)state;
	assert_int_equal(watchkeeper_step(&t, 1000, &wait_ms), WATCHKEEPER_WAIT);
	assert_int_equal(wait_ms, 5000);
	assert_int_equal(watchkeeper_step(&t, 5999, &wait_ms), WATCHKEEPER_WAIT);
	assert_int_equal(wait_ms, 1);
	/* It was late, so that the next one is counted from here. */
	assert_int_equal(watchkeeper_step(&t, 6500, &wait_ms), WATCHKEEPER_PET);
	assert_int_equal(watchkeeper_step(&t, 6500, &wait_ms), WATCHKEEPER_WAIT);
	assert_int_equal(wait_ms, 5000);
	assert_int_equal(watchkeeper_step(&t, 11500, &wait_ms), WATCHKEEPER_PET);
	/* The end is not slept through, and no pet comes at it or behind it. */
	assert_int_equal(watchkeeper_step(&t, 11500, &wait_ms), WATCHKEEPER_WAIT);
	assert_int_equal(wait_ms, 500);
	assert_int_equal(watchkeeper_step(&t, 12000, &wait_ms), WATCHKEEPER_END);
	t.next_ms = 0;
	assert_int_equal(watchkeeper_step(&t, 90000, &wait_ms), WATCHKEEPER_END);
}

/* --- the process ---------------------------------------------------------------- */

static void pets_while_nobody_else_does(void **state)
{
	struct board *b = *state;
	int64_t first;
	pid_t keeper;

	early(b, true);
	assert_int_equal(dog->own, 1);
	keeper = see_pets(1);
	first = last_pet(b);
	assert_int_equal(see_pets(2), keeper);
	assert_true(last_pet(b) > first);
	assert_true(watchkeeper_is_there(&b->s.a));
	/* A look is no request. */
	assert_int_equal(see_pets(2), keeper);
	assert_int_equal(watchkeeper_relieve(&b->s.a, LONG_MS), 0);
	see_end(keeper);
	check_left(b);
	/* Nobody is there any more: that is no error. */
	assert_int_equal(watchkeeper_relieve(&b->s.a, LONG_MS), 0);
	assert_int_equal(dog->own, 1);
}

static void is_not_started_unless_asked_for(void **state)
{
	struct board *b = *state;

	early(b, false);
	assert_int_equal(dog->own, 1);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	check_left(b);
}

/* The daemon's own early step, when the board is slow enough for that to come before it;
 * and the late one. */
static void a_second_early_step_does_not_disturb_it(void **state)
{
	struct board *b = *state;
	unsigned sets;
	pid_t keeper;

	early(b, true);
	keeper = see_pets(1);
	sets = dog->sets;
	early(b, false);
	early(b, true);
	assert_int_equal(dog->sets, sets);
	assert_int_equal(dog->own, 1);
	assert_int_equal(see_pets(2), keeper);
	assert_int_equal(watchkeeper_relieve(&b->s.a, LONG_MS), 0);
	see_end(keeper);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

static void going_down_leaves_it_running(void **state)
{
	struct board *b = *state;
	pid_t keeper;
	int64_t since;

	early(b, true);
	keeper = see_pets(1);
	since = clock_now_ms();
	assert_int_equal(kill(keeper, SIGHUP), 0);
	assert_int_equal(kill(keeper, SIGINT), 0);
	assert_int_equal(see_pets(1), keeper);
	assert_int_equal(kill(keeper, SIGTERM), 0);
	see_end(keeper);
	check_left(b);
	assert_true(last_pet(b) >= since);
}

/* The trial's time and a minute, from the start of the kernel. */
static void ends_when_its_time_is_up(void **state)
{
	struct board *b = *state;
	struct timespec ts[2];
	_free_ char *path = NULL, *said = NULL;

	assert_true(asprintf(&path, "%s/" BOOT_ID, b->s.root) > 0);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &ts[0]), 0);
	ts[0].tv_sec -= TRIAL_S + TRIAL_GRACE_S - 1;
	ts[1] = ts[0];
	assert_int_equal(utimensat(AT_FDCWD, path, ts, 0), 0);
	early(b, true);
	/* Nobody asks. */
	see_end(-1);
	check_left(b);
	said = scratch_read(&b->s, "dev/kmsg");
	assert_non_null(strstr(said, "nobody pets it any more"));
}

static void a_name_that_a_killed_one_left_is_nobody(void **state)
{
	struct board *b = *state;
	struct watchdog *w = NULL;
	pid_t keeper;
	char line[64];

	early(b, true);
	keeper = see_pets(1);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	assert_int_equal(waitpid(keeper, NULL, 0), keeper);
	assert_true(scratch_has(&b->s, SOCKET));
	assert_false(watchkeeper_is_there(&b->s.a));
	assert_int_equal(watchkeeper_relieve(&b->s.a, LONG_MS), 0);
	/* Nobody pets, and how long is measured. */
	snprintf(line, sizeof(line), "%lld 0\n", (long long)last_pet(b) - 5000);
	scratch_write(&b->s, WATCHED, line, strlen(line));
	assert_int_equal(watchdog_open(&b->s.a, &w), 0);
	assert_true(watchdog_gap_ms(w) >= 5000);
	watchdog_leave(&w);
	/* The name is not in the way of a next one. */
	early(b, true);
	keeper = see_pets(1);
	assert_int_equal(watchkeeper_relieve(&b->s.a, LONG_MS), 0);
	see_end(keeper);
}

/* --- the agent ------------------------------------------------------------------ */

struct look {
	struct board *b;
	unsigned own; /* stop when the agent has petted more often */
};

static void on_look(uv_timer_t *timer)
{
	struct look *l = timer->data;

	if (dog->own > l->own)
		uv_stop(timer->loop);
}

/* Run the loop until the agent has petted. */
static void run_until_pet(uv_loop_t *loop, struct board *b)
{
	struct look l = {.b = b, .own = dog->own};
	uv_timer_t timer = {.data = &l};

	assert_int_equal(uv_timer_init(loop, &timer), 0);
	assert_int_equal(uv_timer_start(&timer, on_look, 5, 5), 0);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
}

static void run_agent(struct board *b, uv_loop_t *loop, struct trial_watch **ret)
{
	struct kf_error err = {0};

	assert_int_equal(uv_loop_init(loop), 0);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(trial_watch_start(loop, &b->s.a, ret, &err), 0);
}

static void confirm(struct board *b, struct trial_watch *w)
{
	struct kf_error err = {0};

	assert_int_equal(trial_confirm(&b->s.a, b->k.id, false, false, &err), 0);
	trial_watch_update(w);
}

static void stop_agent(uv_loop_t *loop, struct trial_watch *w)
{
	trial_watch_stop(w);
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

static void check_stopped(struct board *b)
{
	_free_ char *written = scratch_read(&b->s, "dev/watchdog0");

	assert_string_equal(written, "V");
	assert_false(watchdog_was_left(&b->s.a));
}

static void the_agent_takes_over(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	uv_loop_t loop;
	pid_t keeper;

	early(b, true);
	keeper = see_pets(1);
	run_agent(b, &loop, &w);
	see_end(keeper);
	assert_int_equal(strncmp(b->s.a.watchdog, "watchdog, 1 s", 13), 0);
	run_until_pet(&loop, b);
	confirm(b, w);
	stop_agent(&loop, w);
	check_stopped(b);
}

static void one_that_does_not_answer_is_waited_for_but_not_long(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	uv_loop_t loop;
	pid_t keeper;

	early(b, true);
	keeper = see_pets(1);
	assert_int_equal(kill(keeper, SIGSTOP), 0);
	assert_int_equal(waitpid(keeper, NULL, WUNTRACED), keeper);
	impatient = true;
	/* However often it is asked: a full queue is no place to wait, either. */
	for (int i = 0; i < 40; i++)
		assert_int_equal(watchkeeper_relieve(&b->s.a, LONG_MS), -EBUSY);
	assert_true(watchkeeper_is_there(&b->s.a));
	run_agent(b, &loop, &w);
	assert_non_null(strstr(b->s.a.watchdog, "does not let go of it yet"));
	assert_int_equal(dog->own, 1);
	/* It was only slow. */
	assert_int_equal(kill(keeper, SIGCONT), 0);
	run_until_pet(&loop, b);
	see_end(keeper);
	assert_int_equal(strncmp(b->s.a.watchdog, "watchdog, 1 s", 13), 0);
	confirm(b, w);
	stop_agent(&loop, w);
	check_stopped(b);
}

/* Or nobody would stop it, and a kernel that was found good be reset. */
static void one_that_answers_after_the_confirmation_is_stopped(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	uv_loop_t loop;
	pid_t keeper;

	early(b, true);
	keeper = see_pets(1);
	assert_int_equal(kill(keeper, SIGSTOP), 0);
	assert_int_equal(waitpid(keeper, NULL, WUNTRACED), keeper);
	impatient = true;
	run_agent(b, &loop, &w);
	confirm(b, w);
	assert_string_equal(b->s.a.watchdog, "");
	assert_int_equal(kill(keeper, SIGCONT), 0);
	/* The loop ends when no timer waits for the keeper any more. */
	uv_run(&loop, UV_RUN_DEFAULT);
	see_end(keeper);
	check_stopped(b);
	stop_agent(&loop, w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(pets_on_time_and_not_beyond_its_own),
		T(pets_while_nobody_else_does),
		T(is_not_started_unless_asked_for),
		T(a_second_early_step_does_not_disturb_it),
		T(going_down_leaves_it_running),
		T(ends_when_its_time_is_up),
		T(a_name_that_a_killed_one_left_is_nobody),
		T(the_agent_takes_over),
		T(one_that_does_not_answer_is_waited_for_but_not_long),
		T(one_that_answers_after_the_confirmation_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
