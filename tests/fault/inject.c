// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run a program and make its N-th change of the disk the last one, or one that fails.
 *
 *	inject -r DIR -l LOG [-t TRACE] [-n N (-k | -e ERRNO [-s])] -- PROGRAM
 *		[ARGUMENT...]
 *
 * Counted are, over all threads, the system calls that change something below DIR; each
 * is written to LOG ("17 renameat PATH").  -k kills the process before call N is made,
 * -e lets the call fail with that errno, and with -s all that come after it, as a disk
 * does that has become read-only.  Children of the program run untouched.
 *
 * TRACE gets what the calls that succeeded did, for a model of what a power cut leaves of
 * it: one line each, fields apart by tabs, paths below DIR, data in hex:
 *
 *	create PATH INODE	mkdir PATH INODE	symlink PATH TARGET
 *	write INODE OFFSET DATA	truncate INODE SIZE	rename FROM TO	link FROM TO
 *	unlink PATH	rmdir PATH	fsync INODE	syncfs PATH	checkpoint PATH
 *	freed INODE: of a file without a name, the last descriptor was closed
 *
 * SIGTERM and SIGINT are passed on, SIGUSR1 as SIGKILL.
 *
 * strace(1) can do the same but for one thing: it counts per thread and per call, and
 * a deploy is a chain of jobs with a thread each, so that most calls cannot be named.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX    4096 /* threads over the program's life */
#define STATUS_SKIP  77
#define STATUS_USAGE 64

/* What tells where a call writes: a path or a descriptor; flags, how: only with O_CREAT.
 */
static const struct call {
	const char *name;
	long nr;
	int dir, path, fd;
	int flags, how;
} calls[] = {
#define BY_FD(n, f)                                                                      \
	{                                                                                \
#n, SYS_##n, -1, -1, f, -1, -1                                           \
	}
#define BY_PATH(n, d, p)                                                                 \
	{                                                                                \
#n, SYS_##n, d, p, -1, -1, -1                                            \
	}
#define CREATING(n, fl, h)                                                               \
	{                                                                                \
#n, SYS_##n, 0, 1, -1, fl, h                                             \
	}
	BY_FD(write, 0),	 BY_FD(pwrite64, 0),	   BY_FD(fsync, 0),
	BY_FD(fdatasync, 0),	 BY_FD(syncfs, 0),	   BY_FD(ftruncate, 0),
	BY_FD(ioctl, 0),	 BY_FD(fchmod, 0),	   BY_FD(copy_file_range, 2),
	BY_PATH(renameat, 2, 3), BY_PATH(renameat2, 2, 3), BY_PATH(unlinkat, 0, 1),
	BY_PATH(mkdirat, 0, 1),	 BY_PATH(linkat, 2, 3),	   BY_PATH(symlinkat, 1, 2),
	CREATING(openat, 2, -1), CREATING(openat2, -1, 2),
#ifdef SYS_rename
	BY_PATH(rename, -1, 1),	 BY_PATH(unlink, -1, 0),   BY_PATH(mkdir, -1, 0),
	BY_PATH(link, -1, 1),	 BY_PATH(symlink, -1, 1),
#endif
};

#define PIECE	   256 /* bytes of a string read at once; pages are a multiple of it */
#define PATH_SIZE  4096
#define CHECKPOINT 0x4004662b /* EXT4_IOC_CHECKPOINT */

/* A call that was let through, and what has to be known of it from before. */
struct pending {
	const struct call *call; /* NULL: none */
	uint64_t args[6];
	char where[PATH_SIZE], from[PATH_SIZE];
	bool existed, truncates;
	unsigned long long last; /* inode of a file whose last name this takes */
};

struct task {
	pid_t tid;
	int error; /* to be returned at the exit of its system call */
	struct pending *pending;
};

static struct {
	const char *root;
	FILE *log, *trace;
	long at; /* 0: only count */
	bool kill, sticky;
	int error;

	pid_t pid;
	long count;
	struct task tasks[TASKS_MAX];
	size_t n_tasks;
} g;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	if (g.pid > 0)
		kill(g.pid, SIGKILL);
	exit(STATUS_USAGE);
}

static struct task *task_of(pid_t tid, bool *ret_new)
{
	for (size_t i = 0; i < g.n_tasks; i++)
		if (g.tasks[i].tid == tid)
			return &g.tasks[i];
	if (g.n_tasks == TASKS_MAX)
		die("too many threads");
	if (ret_new)
		*ret_new = true;
	g.tasks[g.n_tasks] = (struct task){.tid = tid};
	return &g.tasks[g.n_tasks++];
}

static bool read_mem(uint64_t at, void *dst, size_t n)
{
	struct iovec to = {dst, n}, from = {(void *)(uintptr_t)at, n};

	return process_vm_readv(g.pid, &to, 1, &from, 1, 0) == (ssize_t)n;
}

static void read_string(uint64_t at, char *dst, size_t size)
{
	size_t n = 0, step;

	/* Not over the end of a page: the next one may not be there. */
	for (; n + 1 < size; n += step) {
		step = PIECE - (at + n) % PIECE;
		if (step > size - 1 - n)
			step = size - 1 - n;
		if (!read_mem(at + n, dst + n, step))
			break;
		if (memchr(dst + n, '\0', step))
			return;
	}
	dst[n] = '\0';
}

/* What fd n of the program is; "" when that cannot be told. */
static void fd_path(int n, char *dst, size_t size)
{
	char link[64];
	ssize_t len;

	if (n == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", (int)g.pid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)g.pid, n);
	len = readlink(link, dst, size - 1);
	dst[len > 0 ? len : 0] = '\0';
}

static bool creates(const struct call *c, const uint64_t *args)
{
	uint64_t flags = 0;

	if (c->flags >= 0)
		flags = args[c->flags];
	else if (c->how >= 0 && !read_mem(args[c->how], &flags, sizeof(flags)))
		return false;
	else if (c->how < 0)
		return true;
	return flags & O_CREAT;
}

/* Does this call change something below the root?  where: what it changes. */
static bool matters(const struct call *c, const uint64_t *args, char *where, size_t size)
{
	char dir[2048] = "", name[1024];

	if (c->fd >= 0) {
		fd_path((int)args[c->fd], where, size);
	} else {
		read_string(args[c->path], name, sizeof(name));
		if (name[0] != '/')
			fd_path(c->dir < 0 ? AT_FDCWD : (int)args[c->dir], dir,
				sizeof(dir));
		snprintf(where, size, "%s%s%s", dir, name[0] == '/' ? "" : "/", name);
	}
	if (c->nr == SYS_ioctl && args[1] != CHECKPOINT)
		return false;
	return strncmp(where, g.root, strlen(g.root)) == 0 && creates(c, args);
}

/* --- the trace -------------------------------------------------------------------- */

static bool is(const struct pending *p, const char *name)
{
	return strncmp(p->call->name, name, strlen(name)) == 0;
}

static const char *rel(const char *path)
{
	size_t n = strlen(g.root);

	return strncmp(path, g.root, n) == 0 ? path + n + strspn(path + n, "/") : path;
}

/* The path that a name in the arguments at dir and path has. */
static void arg_path(const uint64_t *args, int dir, int path, char *dst)
{
	char at[2048] = "", name[1024];

	read_string(args[path], name, sizeof(name));
	if (name[0] != '/')
		fd_path(dir < 0 ? AT_FDCWD : (int)args[dir], at, sizeof(at));
	snprintf(dst, PATH_SIZE, "%s%s%s", at, name[0] == '/' ? "" : "/", name);
}

static unsigned long long inode_of_fd(int fd)
{
	char link[64];
	struct stat st;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)g.pid, fd);
	return stat(link, &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

/* Is a file, of which this is the only name, still open in the program? */
static bool is_open(unsigned long long inode)
{
	char path[64];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)g.pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)))
		found = e->d_name[0] != '.' && inode_of_fd(atoi(e->d_name)) == inode;
	if (dir)
		closedir(dir);
	return found;
}

static void remember(struct task *t, const struct call *c, const uint64_t *args,
		     const char *where)
{
	struct pending *p = t->pending;
	uint64_t flags = 0;
	struct stat st;

	if (!p)
		p = t->pending = calloc(1, sizeof(*p));
	if (!p)
		die("remember a call");
	p->call = c;
	memcpy(p->args, args, sizeof(p->args));
	snprintf(p->where, sizeof(p->where), "%s", where);
	p->existed = lstat(where, &st) == 0;
	p->last = p->existed && S_ISREG(st.st_mode) && st.st_nlink == 1 ? st.st_ino : 0;
	if (is(p, "rename") || is(p, "link"))
		arg_path(args, c->dir < 0 ? -1 : 0, c->dir < 0 ? 0 : 1, p->from);
	else if (is(p, "symlink"))
		read_string(args[0], p->from, sizeof(p->from));
	if (c->flags >= 0)
		flags = args[c->flags];
	else if (c->how >= 0 && !read_mem(args[c->how], &flags, sizeof(flags)))
		flags = 0;
	p->truncates = flags & O_TRUNC;
}

static unsigned long long inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

static long long position(int fd)
{
	char path[64];
	long long pos = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)g.pid, fd);
	f = fopen(path, "re");
	if (!f || fscanf(f, "pos: %lld", &pos) != 1)
		die("read a file's position");
	fclose(f);
	return pos;
}

/* As it is in the file now: the program stands still. */
static void trace_write(const struct pending *p, long long n)
{
	int fd = (int)p->args[p->call->fd], in;
	uint8_t *data = malloc((size_t)n + 1);
	long long at;
	char link[64];

	at = is(p, "pwrite") ? (long long)p->args[3] : position(fd) - n;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)g.pid, fd);
	in = open(link, O_RDONLY | O_CLOEXEC);
	if (!data || in < 0 || pread(in, data, (size_t)n, at) != n)
		die("read back what was written");
	close(in);
	fprintf(g.trace, "write\t%llu\t%lld\t", inode_of_fd(fd), at);
	for (long long i = 0; i < n; i++)
		fprintf(g.trace, "%02x", data[i]);
	fputc('\n', g.trace);
	free(data);
}

static void trace_open(const struct pending *p)
{
	if (!p->existed)
		fprintf(g.trace, "create\t%s\t%llu\n", rel(p->where), inode_of(p->where));
	else if (p->truncates)
		fprintf(g.trace, "truncate\t%llu\t0\n", inode_of(p->where));
}

static void trace_call(const struct pending *p, long long result)
{
	int fd = p->call->fd >= 0 ? (int)p->args[p->call->fd] : -1;
	const char *where = rel(p->where);

	if (is(p, "open"))
		trace_open(p);
	else if (is(p, "write") || is(p, "pwrite") || is(p, "copy_file"))
		trace_write(p, result);
	else if (is(p, "ftruncate"))
		fprintf(g.trace, "truncate\t%llu\t%llu\n", inode_of_fd(fd),
			(unsigned long long)p->args[1]);
	else if (is(p, "fsync") || is(p, "fdatasync"))
		fprintf(g.trace, "fsync\t%llu\n", inode_of_fd(fd));
	else if (is(p, "syncfs") || is(p, "ioctl"))
		fprintf(g.trace, "%s\t%s\n", is(p, "ioctl") ? "checkpoint" : "syncfs",
			where);
	else if (is(p, "mkdir"))
		fprintf(g.trace, "mkdir\t%s\t%llu\n", where, inode_of(p->where));
	else if (is(p, "unlinkat"))
		fprintf(g.trace, "%s\t%s\n",
			p->args[2] & AT_REMOVEDIR ? "rmdir" : "unlink", where);
	else if (is(p, "unlink"))
		fprintf(g.trace, "unlink\t%s\n", where);
	else if (is(p, "symlink"))
		fprintf(g.trace, "symlink\t%s\t%s\n", where, p->from);
	else if (is(p, "rename") || is(p, "link"))
		fprintf(g.trace, "%s\t%s\t%s\n", is(p, "link") ? "link" : "rename",
			rel(p->from), where);
	if ((is(p, "rename") || is(p, "unlink")) && p->last && !is_open(p->last))
		fprintf(g.trace, "freed\t%llu\n", p->last);
}

/* Before a descriptor is closed: is it what keeps a file without a name? */
static void trace_close(int fd)
{
	char link[64], path[PATH_SIZE];
	struct stat st;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)g.pid, fd);
	fd_path(fd, path, sizeof(path));
	if (strncmp(path, g.root, strlen(g.root)) == 0 && stat(link, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_nlink == 0)
		fprintf(g.trace, "freed\t%llu\n", (unsigned long long)st.st_ino);
}

/* --- injection -------------------------------------------------------------------- */

#ifdef __x86_64__
static void skip_call(pid_t tid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		die("get registers");
	regs.orig_rax = (unsigned long)-1;
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0)
		die("set registers");
}

static void set_result(pid_t tid, int error)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		die("get registers");
	regs.rax = (unsigned long)-(long)error;
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0)
		die("set registers");
}
#else
_Noreturn static void skip_call(pid_t tid)
{
	(void)tid;
	fprintf(stderr, "inject: -e is not written for this architecture\n");
	kill(g.pid, SIGKILL);
	exit(STATUS_SKIP);
}

static void set_result(pid_t tid, int error)
{
	(void)tid;
	(void)error;
}
#endif

static void on_entry(struct task *t, const struct __ptrace_syscall_info *info)
{
	char where[4096];

	if (g.trace && info->entry.nr == SYS_close)
		trace_close((int)info->entry.args[0]);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		uint64_t args[6];

		if ((long)info->entry.nr != calls[i].nr)
			continue;
		memcpy(args, info->entry.args, sizeof(args));
		if (!matters(&calls[i], args, where, sizeof(where)))
			return;
		if (g.trace)
			remember(t, &calls[i], args, where);
		g.count++;
		fprintf(g.log, "%ld %s %s\n", g.count, calls[i].name, where);
		fflush(g.log);
		if (g.count != g.at && !(g.sticky && g.at && g.count > g.at))
			return;
		fprintf(g.log, "injected\n");
		fflush(g.log);
		if (g.kill) {
			kill(g.pid, SIGKILL);
			return;
		}
		skip_call(t->tid);
		t->error = g.error;
		return;
	}
}

static void on_syscall(struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->pending && t->pending->call) {
		/* Whether the file system can do it is not the question. */
		if (!info.exit.is_error || is(t->pending, "ioctl"))
			trace_call(t->pending, info.exit.rval);
		t->pending->call = NULL;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		on_entry(t, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->error) {
		set_result(t->tid, t->error);
		t->error = 0;
	}
}

/* One stop of one thread: what it is to go on with. */
static int on_stop(pid_t tid, int status)
{
	bool fresh = false;
	struct task *t = task_of(tid, &fresh);
	int sig = WSTOPSIG(status);

	if (sig == (SIGTRAP | 0x80)) {
		on_syscall(t);
		return 0;
	}
	if (status >> 16 || (fresh && sig == SIGSTOP))
		return 0;
	return sig;
}

static int trace(void)
{
	int status;

	for (;;) {
		pid_t tid = waitpid(-1, &status, __WALL);
		int sig;

		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			die("wait");
		if (!WIFSTOPPED(status)) {
			if (tid != g.pid)
				continue;
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
		}
		sig = on_stop(tid, status);
		/* ESRCH: killed meanwhile, as was asked for. */
		if (ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)sig) < 0 &&
		    errno != ESRCH)
			die("continue");
	}
}

static void pass_on(int sig)
{
	kill(g.pid, sig == SIGUSR1 ? SIGKILL : sig);
}

static void start(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status;

	g.pid = fork();
	if (g.pid < 0)
		die("fork");
	if (g.pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(STATUS_SKIP);
		raise(SIGSTOP);
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(g.pid, &status, 0) != g.pid || !WIFSTOPPED(status)) {
		fprintf(stderr, "inject: no permission to trace\n");
		exit(STATUS_SKIP);
	}
	if (ptrace(PTRACE_SETOPTIONS, g.pid, NULL, (void *)options) < 0)
		die("set the options");
	task_of(g.pid, NULL);
	signal(SIGTERM, pass_on);
	signal(SIGINT, pass_on);
	signal(SIGUSR1, pass_on);
	if (ptrace(PTRACE_SYSCALL, g.pid, NULL, NULL) < 0)
		die("continue");
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+r:l:t:n:ke:s")) >= 0) {
		if (c == 'r')
			g.root = optarg;
		else if (c == 'l')
			g.log = fopen(optarg, "we");
		else if (c == 't')
			g.trace = fopen(optarg, "we");
		else if (c == 'n')
			g.at = strtol(optarg, NULL, 10);
		else if (c == 'k')
			g.kill = true;
		else if (c == 's')
			g.sticky = true;
		else if (c == 'e')
			g.error = (int)strtol(optarg, NULL, 10);
		else
			return STATUS_USAGE;
	}
	if (!g.root || !g.log || optind >= argc || (g.at && !g.kill && !g.error)) {
		fprintf(stderr, "usage: inject -r DIR -l LOG [-t TRACE] [-n N (-k | -e "
				"ERRNO [-s])] -- "
				"PROGRAM [ARGUMENT...]\n");
		return STATUS_USAGE;
	}
	start(argv + optind);
	return trace();
}
