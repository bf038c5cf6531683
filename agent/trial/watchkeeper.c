/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fork without exec.  The first of two early steps makes the socket, and only when it
 * has the device; whoever ends removes its name before he lets go, so that he never
 * removes that of a next one.
 */
#include "agent/trial/watchkeeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/trial/bootnote.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define DIR_PATH    "/run/kferry"
#define SOCKET_PATH DIR_PATH "/watchkeeper.sock"
#define BACKLOG	    8
#define FD_MAX	    4096 /* more than a program that runs so early is left with */
#define FAILED_MS   200

struct keeper {
	const struct agent *a;
	struct watchdog *dog;
	struct watchkeeper_times times;
	struct sockaddr_un addr;
	int listener;
	int conn; /* -1: nobody is connected */
	int term; /* signalfd */
};

enum watchkeeper_step watchkeeper_step(struct watchkeeper_times *t, int64_t now_ms,
				       int *ret_wait_ms)
{
	if (now_ms >= t->until_ms)
		return WATCHKEEPER_END;
	if (now_ms >= t->next_ms) {
		t->next_ms = now_ms + t->every_ms;
		return WATCHKEEPER_PET;
	}
	*ret_wait_ms =
		(int)((t->next_ms < t->until_ms ? t->next_ms : t->until_ms) - now_ms);
	return WATCHKEEPER_WAIT;
}

/* --- the socket ----------------------------------------------------------------- */

static int make_address(const struct agent *a, struct sockaddr_un *ret)
{
	_free_ char *path = agent_path(a, SOCKET_PATH);

	if (!path)
		return -ENOMEM;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* -EAGAIN: a keeper is there that has not answered others yet. */
static int connect_keeper(const struct agent *a, int *ret_fd)
{
	struct sockaddr_un addr;
	_close_ int fd = -1;
	int rc = make_address(a, &addr);

	if (rc < 0)
		return rc;
	fd = new_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool watchkeeper_is_there(const struct agent *a)
{
	_close_ int fd = -1;
	int rc = connect_keeper(a, &fd);

	return rc == 0 || rc == -EAGAIN;
}

/* It says nothing: that its end is closed, when it has ended, is the answer. */
static bool has_ended(int fd, deadline_ms end)
{
	char c;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = recv(fd, &c, 1, 0);
		int r;

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return true;
		r = poll(&p, 1, deadline_left(end));
		if (r == 0 || (r < 0 && errno != EINTR))
			return false;
	}
}

int watchkeeper_relieve(const struct agent *a, int wait_ms)
{
	deadline_ms end = deadline_in(wait_ms);
	_close_ int fd = -1;
	int rc = connect_keeper(a, &fd);

	if (rc == -EAGAIN)
		return -EBUSY;
	/* Nobody is there (-ENOENT, -ECONNREFUSED), or could be asked: who then has the
	 * device is found out by opening it. */
	if (rc < 0 || (send(fd, "L", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN))
		return 0;
	return has_ended(fd, end) ? 0 : -EBUSY;
}

/* The name may be left from a keeper that was killed; a living one was looked for. */
static int open_listener(struct keeper *k)
{
	_free_ char *dir = agent_path(k->a, DIR_PATH);
	_close_ int fd = -1;
	mode_t mask;
	int rc = dir ? fs_mkdirs(AT_FDCWD, dir) : -ENOMEM;

	if (rc == 0)
		rc = make_address(k->a, &k->addr);
	if (rc < 0)
		return rc;
	fd = new_socket();
	if (fd < 0)
		return fd;
	if (unlink(k->addr.sun_path) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&k->addr, sizeof(k->addr)) < 0 ? -errno
									      : 0;
	umask(mask);
	if (rc < 0)
		return rc;
	if (listen(fd, BACKLOG) < 0) {
		rc = -errno;
		unlink(k->addr.sun_path);
		return rc;
	}
	k->listener = TAKE_FD(fd);
	return 0;
}

/* --- the process ---------------------------------------------------------------- */

/* A signal is one that asks it to end, or it is none; a fault still kills. */
static int block_signals(void)
{
	sigset_t all, term;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Nothing that somebody may wait for the end of: a pipe, a terminal, a lock. */
static void close_others(const struct keeper *k)
{
	long max = sysconf(_SC_OPEN_MAX);
	int null = fs_open_beneath(AT_FDCWD, "/dev/null", O_RDWR, 0);

	if (max < 0 || max > FD_MAX)
		max = FD_MAX;
	for (int fd = 0; fd < max; fd++)
		if (fd != k->listener && fd != k->term && fd != watchdog_fd(k->dog) &&
		    (fd > 2 || dup2(null, fd) < 0))
			close(fd);
}

/* As the units have it for kferry-deadline: it is what the board's return depends on. */
static void spare_from_oom(void)
{
	_close_ int fd =
		fs_open_beneath(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, 0);

	if (fd < 0 || fs_write_all(fd, "-900", 4) < 0)
		log_warn("watchkeeper error=\"oom_score_adj cannot be written\"");
}

static void settle(struct keeper *k)
{
	k->term = block_signals();
	setsid();
	if (chdir("/") < 0)
		log_warn("watchkeeper error=\"change to /: %s\"", strerror(errno));
	spare_from_oom();
	close_others(k);
	prctl(PR_SET_NAME, "kferry-watch");
	/* A disk that dies must not take the next page of the program along. */
	mlockall(MCL_CURRENT);
}

/* No memory, or no descriptor left on the whole system: that passes, and until it does
 * only the next pet counts. */
static void hold_on(int wait_ms)
{
	usleep((useconds_t)(wait_ms < FAILED_MS ? wait_ms : FAILED_MS) * 1000);
}

/* The byte that watchkeeper_relieve() sends; who sends none only looked. */
static bool is_asked(struct keeper *k)
{
	char c;

	if (recv(k->conn, &c, 1, 0) == 1)
		return true;
	close(k->conn);
	k->conn = -1;
	return false;
}

/* Wait until it has to let go; false: it need not, for so long.  One asks at a time. */
static bool wait_asked(struct keeper *k, int wait_ms)
{
	struct pollfd p[] = {
		{.fd = k->conn < 0 ? k->listener : k->conn, .events = POLLIN},
		{.fd = k->term, .events = POLLIN},
	};
	int n = poll(p, ARRAY_SIZE(p), wait_ms);

	if (n > 0 && p[1].revents)
		return true;
	if (n > 0 && k->conn >= 0)
		return is_asked(k);
	if (n > 0)
		k->conn = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (n < 0 || (n > 0 && k->conn < 0))
		hold_on(wait_ms);
	return false;
}

static _Noreturn void keep(struct keeper *k)
{
	enum watchkeeper_step step;
	int wait_ms;

	settle(k);
	do {
		step = watchkeeper_step(&k->times, clock_now_ms(), &wait_ms);
		if (step == WATCHKEEPER_PET) {
			watchdog_pet(k->dog);
			watchdog_note(k->dog);
		}
	} while (step == WATCHKEEPER_PET ||
		 (step == WATCHKEEPER_WAIT && !wait_asked(k, wait_ms)));
	unlink(k->addr.sun_path);
	watchdog_leave(&k->dog);
	if (step == WATCHKEEPER_END)
		bootnote(k->a->root,
			 "the trial of %s: its time is up, and no agent took the "
			 "watchdog over: nobody pets it any more",
			 k->a->boot.slot);
	_exit(0);
}

int watchkeeper_start(const struct agent *a, struct watchdog **w, int64_t until_ms)
{
	struct keeper k = {.a = a, .dog = *w, .listener = -1, .conn = -1, .term = -1};
	int rc = open_listener(&k);
	pid_t pid;

	if (rc < 0)
		return rc;
	k.times.until_ms = until_ms;
	k.times.every_ms = watchdog_pet_ms(*w);
	k.times.next_ms = clock_now_ms() + k.times.every_ms;
	/* Here, so that it is there whatever becomes of the process. */
	watchdog_note(*w);
	pid = fork();
	if (pid == 0)
		keep(&k);
	rc = pid < 0 ? -errno : 0;
	close(k.listener);
	if (rc < 0)
		unlink(k.addr.sun_path);
	else
		watchdog_forget(w);
	return rc;
}
