/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Heads of kernel faults, in a table: the first that fits names the class.  A head stands
 * at the beginning of the text, behind the prefixes that kernels put there, never in the
 * middle: "ODEBUG:" is no "BUG:", and a program's "trap invalid opcode" is no oops.
 */
#include "controller/deploy/findings.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/text.h"

#define TITLE_MAX    200
#define FINDINGS_MAX 256 /* a kernel that warns in a loop must not fill the memory */

struct findings {
	struct finding *list;
	size_t n;
	bool self_test; /* between the marks of the kernel's own backtrace test */
};

struct head {
	enum severity severity;
	const char *class_name;
	const char *begins;
	const char *also; /* somewhere behind it; NULL: nothing more */
};

#define FATAL	SEVERITY_FATAL
#define ERROR	SEVERITY_ERROR
#define WARNING SEVERITY_WARNING

static const struct head heads[] = {
	{FATAL, "panic", "Kernel panic - not syncing", NULL},
	{FATAL, "double-fault", "PANIC: double fault", NULL},
	{FATAL, "hard-lockup", "Watchdog detected hard LOCKUP", NULL},

	{ERROR, "oops", "BUG: kernel NULL pointer dereference", NULL},
	{ERROR, "oops", "BUG: unable to handle", NULL},
	{ERROR, "oops", "unable to handle kernel", NULL},
	{ERROR, "oops", "Unable to handle kernel", NULL},
	{ERROR, "oops", "Internal error: ", NULL},
	{ERROR, "oops", "Oops: ", NULL},
	{ERROR, "oops", "Oops - ", NULL},
	{ERROR, "trap", "general protection fault", NULL},
	{ERROR, "trap", "stack segment: ", NULL},
	{ERROR, "trap", "divide error: ", NULL},
	{ERROR, "trap", "divide_error: ", NULL},
	{ERROR, "trap", "invalid opcode: ", NULL},
	{ERROR, "trap", "int3: ", NULL},
	{ERROR, "trap", "Unhandled fault: ", NULL},
	{ERROR, "trap", "Alignment trap: not handling", NULL},
	{ERROR, "trap", "SError Interrupt on CPU", NULL},
	{ERROR, "bug", "kernel BUG at ", NULL},
	{ERROR, "bug", "Kernel BUG at ", NULL},
	{ERROR, "kasan", "BUG: KASAN: ", NULL},
	{ERROR, "kmsan", "BUG: KMSAN: ", NULL},
	{ERROR, "kfence", "BUG: KFENCE: ", NULL},
	{ERROR, "kcsan", "BUG: KCSAN: ", NULL},
	{ERROR, "ubsan", "UBSAN: ", NULL},
	{ERROR, "soft-lockup", "BUG: soft lockup", NULL},
	{ERROR, "workqueue-lockup", "BUG: workqueue lockup", NULL},
	{ERROR, "rcu-stall", "INFO: rcu_", " stall"},
	{ERROR, "hung-task", "INFO: task ", " blocked for more than "},
	{ERROR, "hung-task", "INFO: task ", " blocked in I/O wait for more than "},
	{ERROR, "hung-task", "INFO: task ", " can't die for more than "},
	{ERROR, "atomic-sleep", "BUG: sleeping function called from invalid context",
	 NULL},
	{ERROR, "atomic-sleep", "BUG: scheduling while atomic", NULL},
	{ERROR, "atomic-sleep", "BUG: using ", " in preemptible"},
	{ERROR, "atomic-sleep", "[ BUG: Invalid wait context ]", NULL},
	{ERROR, "memory", "BUG: Bad page ", NULL},
	{ERROR, "memory", "BUG: Bad rss-counter state", NULL},
	{ERROR, "memory", "BUG: Dentry ", " still in use"},
	{ERROR, "memory", "BUG: memory leak", NULL},
	{ERROR, "memory", "list_add corruption", NULL},
	{ERROR, "memory", "list_del corruption", NULL},
	{ERROR, "memory", "VFS: Busy inodes after unmount", NULL},
	{ERROR, "memory", "VFS: Close: file count is 0", NULL},
	{ERROR, "stack", "BUG: stack guard page was hit", NULL},
	{ERROR, "stack", "BUG: TASK stack guard page was hit", NULL},
	{ERROR, "stack", "kernel stack overflow", NULL},
	{ERROR, "stack", "Insufficient stack space to handle exception", NULL},
	{ERROR, "stack", "corrupted stack end detected inside scheduler", NULL},
	{ERROR, "rust", "rust_kernel: panicked", NULL},
	{ERROR, "bug", "BUG: ", NULL},

	{WARNING, "refcount", "refcount_t: ", NULL},
	{WARNING, "refcount", "unregister_netdevice: waiting for ", " to become free"},
	{WARNING, "lockdep", "WARNING: possible ", NULL},
	{WARNING, "lockdep", "WARNING: inconsistent lock state", NULL},
	{WARNING, "lockdep", "WARNING: bad unlock balance", NULL},
	{WARNING, "lockdep", "WARNING: held lock freed", NULL},
	{WARNING, "lockdep", "WARNING: lock held when returning to user space", NULL},
	{WARNING, "lockdep", "WARNING: Nested lock was not taken", NULL},
	{WARNING, "lockdep", "WARNING: ", " lock order detected"},
	{WARNING, "lockdep", "INFO: possible ", " locking dependency detected"},
	{WARNING, "lockdep", "INFO: possible recursive locking detected", NULL},
	{WARNING, "lockdep", "INFO: inconsistent lock state", NULL},
	{WARNING, "lockdep", "INFO: trying to register non-static key", NULL},
	{WARNING, "rcu-usage", "WARNING: suspicious RCU usage", NULL},
	{WARNING, "rcu-usage", "INFO: suspicious RCU usage", NULL},
	{WARNING, "oom", "Out of memory: Killed process", NULL},
	{WARNING, "storage", "EXT4-fs error", NULL},
	{WARNING, "storage", "XFS (", "Corruption"},
	{WARNING, "storage", "BTRFS error", NULL},
	{WARNING, "storage", "BTRFS: error", NULL},
	{WARNING, "storage", "I/O error, dev ", NULL},
	{WARNING, "storage", "blk_update_request: I/O error", NULL},
	{WARNING, "warning", "WARNING: ", NULL},
};

/* Lines that look like faults and are none. */
static const struct head ignored[] = {
	{SEVERITY_INFO, NULL, "WARNING: workqueue cpumask: online intersect", NULL},
	{SEVERITY_INFO, NULL, "WARNING: The mand mount option", NULL},
	{SEVERITY_INFO, NULL, "WARNING: the mand mount option", NULL},
	{SEVERITY_INFO, NULL, "WARNING: Unprivileged eBPF is enabled with eIBRS", NULL},
	{SEVERITY_INFO, NULL, "WARNING: /etc/ssh/moduli", NULL},
	{SEVERITY_INFO, NULL, "INFO: lockdep is turned off", NULL},
	{SEVERITY_INFO, NULL, "INFO: Stall ended before state dump start", NULL},
	{SEVERITY_INFO, NULL, "INFO: NMI handler", " took too long"},
	{SEVERITY_INFO, NULL, "INFO: recovery required on readonly filesystem", NULL},
};

/* What subsystems put before a head. */
static const char *const prefixes[] = {
	"NMI watchdog: ",
	"watchdog: ",
	"rcu: ",
};

struct text {
	const char *s;
	size_t n;
};

static bool begins(struct text t, const char *with)
{
	size_t n = strlen(with);

	return t.n >= n && memcmp(t.s, with, n) == 0;
}

static struct text skip(struct text t, size_t n)
{
	return (struct text){t.s + n, t.n - n};
}

static bool fits(struct text t, const struct head *h)
{
	size_t n = strlen(h->begins);

	return begins(t, h->begins) &&
	       (!h->also || memmem(t.s + n, t.n - n, h->also, strlen(h->also)));
}

/* "watchdog: CPU3: Watchdog detected ...": a CPU may be named as well. */
static struct text strip_prefixes(struct text t)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
			if (!begins(t, prefixes[i]))
				continue;
			t = skip(t, strlen(prefixes[i]));
			again = true;
		}
		if (begins(t, "CPU") && t.n > 4 && isdigit((unsigned char)t.s[3])) {
			size_t i = 3;

			while (i < t.n && isdigit((unsigned char)t.s[i]))
				i++;
			if (i + 1 < t.n && t.s[i] == ':' && t.s[i + 1] == ' ') {
				t = skip(t, i + 2);
				again = true;
			}
		}
	}
	return t;
}

int findings_new(struct findings **ret)
{
	struct findings *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*ret = f;
	return 0;
}

void findings_free(struct findings *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].title);
		free(f->list[i].source);
	}
	free(f->list);
	free(f);
}

static int add(struct findings *f, const struct head *h, struct text t, uint64_t usec,
	       const char *source)
{
	_free_ char *title = strndup(t.s, t.n < TITLE_MAX ? t.n : TITLE_MAX);
	_free_ char *from = strdup(source);
	struct finding *list;

	if (!title || !from)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].severity == h->severity &&
		    strcmp(f->list[i].title, title) == 0) {
			/* In another file it is the same event, told twice. */
			f->list[i].count += strcmp(f->list[i].source, from) == 0;
			return 0;
		}
	}
	if (f->n >= FINDINGS_MAX)
		return 0;
	list = reallocarray(f->list, f->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	f->list = list;
	f->list[f->n++] = (struct finding){
		.severity = h->severity,
		.class_name = h->class_name,
		.title = TAKE_PTR(title),
		.source = TAKE_PTR(from),
		.usec = usec,
		.count = 1,
	};
	return 0;
}

static int look(struct findings *f, struct text t, uint64_t usec, const char *source)
{
	while (t.n > 0 &&
	       (t.s[t.n - 1] == '\n' || t.s[t.n - 1] == '\r' || t.s[t.n - 1] == ' '))
		t.n--;
	if (memmem(t.s, t.n, "[ backtrace testing ]", 21))
		f->self_test = true;
	if (memmem(t.s, t.n, "[ end of backtrace testing ]", 28))
		f->self_test = false;
	if (f->self_test)
		return 0;
	t = strip_prefixes(t);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
		if (fits(t, &ignored[i]))
			return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		if (fits(t, &heads[i]))
			return add(f, &heads[i], t, usec, source);
	}
	return 0;
}

int findings_record(struct findings *f, const struct kmsg_record *r, const char *source)
{
	if (r->facility != 0)
		return 0;
	return look(f, (struct text){r->text, r->text_len}, r->usec, source);
}

/* "<4>", "[   12.345678]", "[    T1]", "[   C0]" and blanks, as often as they come. */
static struct text strip_stamps(struct text t, uint64_t *ret_usec)
{
	for (;;) {
		size_t i = 1;

		while (t.n > 0 && (*t.s == ' ' || *t.s == '\t'))
			t = skip(t, 1);
		if (t.n == 0 || (*t.s != '<' && *t.s != '['))
			return t;
		while (i < t.n && (isdigit((unsigned char)t.s[i]) || t.s[i] == ' ' ||
				   t.s[i] == '.' || t.s[i] == 'T' || t.s[i] == 'C'))
			i++;
		if (i == 1 || i >= t.n || t.s[i] != (*t.s == '<' ? '>' : ']') ||
		    !isdigit((unsigned char)t.s[i - 1]))
			return t;
		if (memchr(t.s, '.', i)) {
			char number[32];

			snprintf(number, sizeof(number), "%.*s", (int)(i - 1), t.s + 1);
			*ret_usec = (uint64_t)(strtod(number, NULL) * 1e6);
		}
		t = skip(t, i + 1);
	}
}

int findings_line(struct findings *f, const char *line, size_t n, const char *source)
{
	uint64_t usec = 0;
	struct text t = strip_stamps((struct text){line, n}, &usec);

	return look(f, t, usec, source);
}

size_t findings_count(const struct findings *f)
{
	return f->n;
}

const struct finding *findings_at(const struct findings *f, size_t i)
{
	return i < f->n ? &f->list[i] : NULL;
}

const struct finding *findings_worst(const struct findings *f)
{
	const struct finding *worst = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (!worst || f->list[i].severity > worst->severity)
			worst = &f->list[i];
	}
	return worst;
}

static json_t *text_json(const char *s)
{
	json_t *j = json_string(s);
	_buf_ struct buf b = BUF_INIT;

	if (j)
		return j;
	/* Not UTF-8: shown as it would be on a terminal. */
	if (text_escape(&b, s, strlen(s), false) < 0 || !buf_str(&b))
		return json_string("?");
	return json_string(buf_str(&b));
}

json_t *findings_json(const struct findings *f)
{
	static const char *const names[] = {"info", "warning", "error", "fatal"};
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++) {
		const struct finding *it = &f->list[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:o, s:s, s:I, s:i}", "severity",
				  names[it->severity], "class", it->class_name, "title",
				  text_json(it->title), "source", it->source, "usec",
				  (json_int_t)it->usec, "count", (int)it->count));
	}
	return list;
}
