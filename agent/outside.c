/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words for systemd-run, and what comes back.
 *
 * systemd replaces $NAME and ${NAME} in a command of a unit, not %, which it only does in
 * unit files; "$$" is a "$" in all versions, while --expand-environment=no is new in 254.
 * The name of the program is not looked up by systemd-run, which is inside the sandbox
 * and does not see /root and /tmp, but by nice(1), which changes nothing here and has
 * the usual exit statuses 126 and 127 when there is nothing to run.
 */
#include "agent/outside.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define BUS	   "/run/dbus/system_bus_socket"
#define SYSTEMD	   "/run/systemd/system"
#define END_DIR	   "/run/kferry"
#define PATH_ENV   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LANG_ENV   "LANG=C.UTF-8"
#define CGROUP_MAX 4096
#define KILL_TRIES 4	/* the first is SIGTERM */
#define KILL_MS	   2000 /* between them */
#define LOOK_MS	   50
#define CTL_MS	   10000 /* for systemctl */

/* --- words ------------------------------------------------------------------------ */

struct words {
	char **v;
	size_t n, room;
	bool failed;
};

/* Takes s, which is NULL when there was no memory for it. */
static void add(struct words *w, char *s)
{
	if (s && w->n + 1 >= w->room) {
		size_t room = w->room ? w->room * 2 : 64;
		char **v = realloc(w->v, room * sizeof(*v));

		if (v) {
			w->v = v;
			w->room = room;
		}
	}
	if (!s || w->n + 1 >= w->room) {
		free(s);
		w->failed = true;
		return;
	}
	w->v[w->n++] = s;
	w->v[w->n] = NULL;
}

_printf_(2, 3) static void addf(struct words *w, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	add(w, n < 0 ? NULL : s);
}

static char *double_dollars(const char *s)
{
	char *out = malloc(2 * strlen(s) + 1), *p = out;

	if (!out)
		return NULL;
	for (; *s; s++) {
		if (*s == '$')
			*p++ = '$';
		*p++ = *s;
	}
	*p = '\0';
	return out;
}

void outside_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

static char **finish(struct words *w)
{
	if (!w->failed)
		return w->v;
	outside_argv_free(w->v);
	return NULL;
}

/*
 * Not DefaultDependencies: a command must also run while a boot hangs half way. KillMode:
 * what a command leaves running goes on, as under sshd.  The rest undoes what services
 * have and programs on a terminal have not.
 */
static void add_properties(struct words *w, const char *with, const char *end)
{
	static const char *const fixed[] = {
		"DefaultDependencies=no",
		"Conflicts=shutdown.target",
		"Before=shutdown.target",
		"KillMode=process",
		"TimeoutStopSec=10s",
		"OOMScoreAdjust=0",
		"OOMPolicy=continue",
		"TasksMax=infinity",
		"LimitNOFILE=65536",
		"IgnoreSIGPIPE=no",
		"WorkingDirectory=/",
		"UnsetEnvironment=INVOCATION_ID SYSTEMD_EXEC_PID",
	};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		addf(w, "--property=%s", fixed[i]);
	if (with) {
		addf(w, "--property=BindsTo=%s", with);
		addf(w, "--property=After=%s", with);
	}
	addf(w, "--property=ExecStopPost=-/bin/ln -s ${EXIT_CODE}:${EXIT_STATUS} %s",
	     end);
}

char **outside_argv(const char *unit, const char *with, const char *end,
		    const struct outside_program *p)
{
	static const char *const head[] = {"systemd-run", "--quiet", "--pipe", "--wait",
					   "--collect"};
	static const char *const launcher[] = {"--", "nice", "-n", "0"};
	struct words w = {0};

	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		addf(&w, "%s", head[i]);
	addf(&w, "--unit=%s", unit);
	/* Else it is the whole command, in the journal. */
	addf(&w, "--description=kferry %s", p->kind);
	add_properties(&w, with, end);
	for (size_t i = 0; p->props && p->props[i]; i++)
		addf(&w, "--property=%s", p->props[i]);
	addf(&w, "--setenv=%s", PATH_ENV);
	addf(&w, "--setenv=%s", LANG_ENV);
	for (size_t i = 0; p->env && p->env[i]; i++)
		addf(&w, "--setenv=%s", p->env[i]);
	for (size_t i = 0; i < ARRAY_SIZE(launcher); i++)
		addf(&w, "%s", launcher[i]);
	for (size_t i = 0; p->argv[i]; i++)
		add(&w, double_dollars(p->argv[i]));
	return finish(&w);
}

static char **plain_argv(const char *const *argv)
{
	struct words w = {0};

	for (size_t i = 0; argv[i]; i++)
		addf(&w, "%s", argv[i]);
	return finish(&w);
}

/* --- the way ---------------------------------------------------------------------- */

static bool bus_listens(void)
{
	const struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = BUS};
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	/* EAGAIN: it has too much to do at the moment. */
	return connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ||
	       errno == EAGAIN;
}

enum outside_way outside_way(const struct agent *a)
{
	_free_ char *program = NULL;

	if (a->scratch || geteuid() != 0 || !getenv("INVOCATION_ID") ||
	    !fs_exists(AT_FDCWD, SYSTEMD))
		return OUTSIDE_DIRECT;
	if (proc_find("systemd-run", &program) < 0 || !bus_listens())
		return OUTSIDE_SHUT;
	return OUTSIDE_UNIT;
}

/* The unit that this process is in, from a line like "0::/system.slice/x.service". */
static char *own_unit(void)
{
	_buf_ struct buf text = BUF_INIT;
	const char *s;

	if (fs_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_MAX, &text) < 0)
		return NULL;
	s = buf_str(&text);
	while (s && *s) {
		static const char suffix[] = ".service";
		const char *end = strchrnul(s, '\n'), *name = end;

		while (name > s && name[-1] != '/')
			name--;
		if (end - name >= (ptrdiff_t)sizeof(suffix) &&
		    strncmp(end - strlen(suffix), suffix, strlen(suffix)) == 0)
			return strndup(name, (size_t)(end - name));
		s = *end ? end + 1 : end;
	}
	return NULL;
}

static int make_unit(struct outside *o, const struct outside_program *p)
{
	_free_ char *with = own_unit();
	unsigned n;

	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		n = (unsigned)clock_now_ms();
	if (asprintf(&o->unit, "kferry-%s-%d-%08x", p->kind, (int)getpid(), n) < 0)
		o->unit = NULL;
	if (!o->unit || asprintf(&o->end, END_DIR "/%s.end", o->unit) < 0)
		o->end = NULL;
	if (o->end)
		o->argv = outside_argv(o->unit, with, o->end, p);
	return o->argv ? 0 : -ENOMEM;
}

int outside_init(struct outside *o, const struct agent *a,
		 const struct outside_program *p)
{
	int r;

	*o = (struct outside){.way = outside_way(a)};
	if (o->way == OUTSIDE_UNIT) {
		r = make_unit(o, p);
	} else {
		o->argv = plain_argv(p->argv);
		r = o->argv ? 0 : -ENOMEM;
	}
	if (o->way == OUTSIDE_SHUT)
		log_warn("outside event=shut program=\"%s\" error=\"systemd-run or D-Bus "
			 "is missing, it runs inside the sandbox\"",
			 p->argv[0]);
	if (r < 0)
		outside_fini(o);
	return r;
}

void outside_fini(struct outside *o)
{
	if (o->end)
		unlink(o->end);
	outside_argv_free(TAKE_PTR(o->argv));
	free(TAKE_PTR(o->unit));
	free(TAKE_PTR(o->end));
}

/* --- the end ---------------------------------------------------------------------- */

void outside_kill(const struct outside *o, int sig, struct outside_kill *ret)
{
	snprintf(ret->signal, sizeof(ret->signal), "--signal=%d", sig);
	ret->argv[0] = (char *)"systemctl";
	ret->argv[1] = (char *)"kill";
	ret->argv[2] = ret->signal;
	ret->argv[3] = o->unit;
	ret->argv[4] = NULL;
}

static int signal_number(const char *name)
{
#define S(n)                                                                             \
	{                                                                                \
#n, SIG##n                                                               \
	}
	static const struct {
		const char *name;
		int number;
	} signals[] = {
		S(HUP),	 S(INT),    S(QUIT),   S(ILL),	S(TRAP), S(ABRT), S(BUS),
		S(FPE),	 S(KILL),   S(USR1),   S(SEGV), S(USR2), S(PIPE), S(ALRM),
		S(TERM), S(STKFLT), S(CHLD),   S(CONT), S(STOP), S(TSTP), S(TTIN),
		S(TTOU), S(URG),    S(XCPU),   S(XFSZ), S(PROF), S(IO),	  S(PWR),
		S(SYS),	 S(WINCH),  S(VTALRM),
	};
#undef S
	int n = 0, used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	if (sscanf(name, "RTMIN+%2d%n", &n, &used) == 1 && !name[used])
		n += SIGRTMIN;
	else if (strcmp(name, "RTMIN") == 0)
		n = SIGRTMIN;
	else if (sscanf(name, "%3d%n", &n, &used) != 1 || name[used])
		n = 0;
	return n > 0 && n < NSIG ? n : -EBADMSG;
}

int outside_parse_end(const char *text, int *ret_status, int *ret_signal)
{
	const char *value = strchr(text, ':');
	int n, used = 0;

	if (!value)
		return -EBADMSG;
	value++;
	if (strncmp(text, "exited:", 7) == 0) {
		if (sscanf(value, "%3d%n", &n, &used) != 1 || value[used] || n < 0 ||
		    n > 255)
			return -EBADMSG;
		*ret_status = n;
		*ret_signal = 0;
		return 0;
	}
	if (strncmp(text, "killed:", 7) != 0 && strncmp(text, "dumped:", 7) != 0)
		return -EBADMSG;
	n = signal_number(value);
	if (n < 0)
		return n;
	*ret_status = 0;
	*ret_signal = n;
	return 0;
}

int outside_end(const struct outside *o, int *ret_status, int *ret_signal)
{
	char text[64];
	ssize_t n = readlink(o->end, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return outside_parse_end(text, ret_status, ret_signal);
}

/* --- to its end ------------------------------------------------------------------- */

static void send_signal(const struct outside *o, int sig)
{
	const struct proc_opts opts = {.timeout_ms = CTL_MS};
	struct outside_kill k;
	int status;

	outside_kill(o, sig, &k);
	if (proc_run((const char *const *)k.argv, &opts, &status) < 0)
		log_warn("outside unit=%s error=\"systemctl kill failed\"", o->unit);
}

/* systemd-run may have been ended before its unit began, hence more than one SIGKILL;
 * and the last one is for what the program left running. */
static void end_unit(const struct outside *o)
{
	for (int i = 0; i < KILL_TRIES; i++) {
		deadline_ms end = deadline_in(KILL_MS);
		int status, sig;

		send_signal(o, i == 0 ? SIGTERM : SIGKILL);
		while (outside_end(o, &status, &sig) == -ENOENT && deadline_left(end) > 0)
			usleep(LOOK_MS * 1000);
		if (outside_end(o, &status, &sig) != -ENOENT)
			break;
	}
	send_signal(o, SIGKILL);
}

int outside_run(const struct agent *a, const struct outside_program *p,
		const struct proc_opts *opts, int *ret_status)
{
	_outside_ struct outside o = {0};
	struct proc_opts mine = *opts;
	int r, status, sig = 0;

	r = outside_init(&o, a, p);
	if (r < 0)
		return r;
	mine.env = NULL;
	mine.env_extra = o.unit ? NULL : p->env;
	r = proc_run((const char *const *)o.argv, &mine, &status);
	if (o.unit && r < 0)
		end_unit(&o);
	if (o.unit && r == 0) {
		r = outside_end(&o, &status, &sig);
		if (r < 0)
			return -EIO;
	}
	if (r == 0)
		*ret_status = sig ? 128 + sig : status;
	return r;
}
