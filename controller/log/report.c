/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports have no common end mark.  Their lines have a common look, though: what has it
 * not, several times in a row, is the log going on.
 */
#include "controller/log/report.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "controller/log/signature.h"

#define STRANGE_BEFORE 8 /* lines before the call trace: a report's own prose */
#define STRANGE_AFTER  3

/* How lines of registers, of locks and of the machine begin. */
static const char *const beginnings[] = {
	"CPU: ",	 "CPU ",
	"Call Trace",	 "Call trace",
	"Code:",	 "Modules linked",
	"Hardware",	 "Workqueue:",
	"Tainted:",	 "RIP",
	"RSP",		 "EIP",
	"EFLAGS",	 "RAX:",
	"RBP:",		 "RDX:",
	"R08:",		 "R10:",
	"R13:",		 "FS:",
	"CS:",		 "CR2:",
	"CR0:",		 "DR0:",
	"DR3:",		 "PKRU:",
	"ORIG_RAX:",	 "PGD",
	"Oops",		 "pstate:",
	"pc :",		 "lr :",
	"sp :",		 "PC is at",
	"LR is at",	 "Internal",
	"Mem abort",	 "Data abort",
	"user pgtable",	 "swapper pgtable",
	"Process",	 "Stack",
	"Backtrace",	 "Exception",
	"Insn",		 "NIP",
	"LR [",		 "GPR",
	"epc :",	 "status:",
	"irq event",	 "hardirqs last",
	"softirqs last", "in_atomic",
	"preempt_count", "RCU nest",
	"Preemption",	 "no locks held",
	"INFO: lockdep", "stack backtrace",
	"other info",	 "Sending NMI",
	"NMI backtrace", "Read of size",
	"Write of size", "Allocated by",
	"Freed by",	 "Last potentially",
	"The buggy",	 "Memory state",
	"page:",	 "page_",
	"flags:",	 "raw:",
	"Comm:",	 "task:",
	"Kernel Offset", "x29:",
	"x28:",		 "x27:",
	"x26:",		 "x25:",
	"x24:",		 "x23:",
	"x21:",		 "x20:",
	"x18:",		 "x17:",
	"x15:",		 "x14:",
	"x12:",		 "x11:",
	"x9 :",		 "x8 :",
	"x6 :",		 "x5 :",
	"x3 :",		 "x2 :",
	"r10:",		 "r7 :",
	"r3 :",		 "rcu:",
	"Mem-Info:",	 "active_anon:",
	"Node ",	 "lowmem_reserve",
	"Swap cache",	 "Free swap",
	"Total swap",	 "Tasks state",
	"Unreclaimable", "Name  ",
	"oom-kill:",	 "Showing ",
	"workqueue ",	 "pool ",
	"last function", "caller is ",
	"DMA",		 "Normal ",
	"Normal:",	 "COMPACTION",
};

static bool begins(const char *s, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && memcmp(s, with, len) == 0;
}

static bool looks_like_report(const char *s, size_t n)
{
	if (n == 0 || strchr(" \t-=>#[(", *s))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		if (begins(s, n, beginnings[i]))
			return true;
	}
	return memmem(s, n, "+0x", 3) || memmem(s, n, " Not tainted ", 13) ||
	       memmem(s, n, " Tainted: ", 10) || memmem(s, n, " lock held by ", 14) ||
	       memmem(s, n, " locks held by ", 15) || memmem(s, n, " pages ", 7);
}

/* --- the function --------------------------------------------------------------- */

static bool is_symbol(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

/* The name before the first "+0x". */
static bool symbol(const char *s, size_t n, const char **ret, size_t *ret_n)
{
	const char *end = memmem(s, n, "+0x", 3), *at = end;

	while (at && at > s && is_symbol(at[-1]))
		at--;
	if (!end || at == end || isdigit((unsigned char)*at))
		return false;
	*ret = at;
	*ret_n = (size_t)(end - at);
	return true;
}

static int set_func(struct report *r, struct finding *it, const struct patterns *ps,
		    const char *s, size_t n)
{
	n = signature_func(s, n);
	if (r->placed || n == 0 || patterns_skip_frame(ps, s, n))
		return 0;
	it->func = strndup(s, n);
	r->placed = it->func != NULL;
	return r->placed ? 0 : -ENOMEM;
}

int report_func(struct report *r, struct finding *it, const struct patterns *ps,
		const char *s, size_t n)
{
	const char *plus = memmem(s, n, "+0x", 3);

	return set_func(r, it, ps, s, plus ? (size_t)(plus - s) : n);
}

/* The instruction's own line counts more than the trace. */
static bool is_instruction(const char *s, size_t n)
{
	return begins(s, n, "RIP: ") || begins(s, n, "EIP: ") || begins(s, n, "pc : ") ||
	       begins(s, n, "PC is at ") || begins(s, n, "NIP [") ||
	       begins(s, n, "epc : ");
}

/* No call returns to a function's first byte: one that never returns was called at the
 * end of the function before, whose name is not told. */
static bool is_start(const char *s, const char *end)
{
	return end - s >= 5 && memcmp(s, "+0x0/", 5) == 0;
}

/* Of what a workqueue ran: its trace shows only the worker. */
static int learn_work(struct report *r, struct finding *it, const struct patterns *ps,
		      const char *s, size_t n)
{
	static const char head[] = "last function: ";
	size_t at = strlen(head), len = 0;

	if (!begins(s, n, head))
		return 0;
	while (at + len < n && is_symbol(s[at + len]))
		len++;
	return set_func(r, it, ps, s + at, len);
}

/* " #0: ADDRESS (LOCK){.+.+}-{0:0}, at: FUNC+0x1/0x2" */
static void learn_taken(struct report *r, const char *s, size_t n)
{
	const char *name, *at = begins(s, n, "#") ? memmem(s, n, ", at: ", 6) : NULL;
	size_t len;

	if (at && !*r->taken && symbol(at, (size_t)(s + n - at), &name, &len))
		snprintf(r->taken, sizeof(r->taken), "%.*s",
			 (int)signature_func(name, len), name);
}

/* Who turned preemption off is not who then slept. */
static bool is_aside(struct report *r, const char *s, size_t n)
{
	if (begins(s, n, "Preemption disabled at:")) {
		r->aside = true;
		return true;
	}
	if (!r->aside || !begins(s, n, "[<"))
		return false;
	r->aside = false;
	return true;
}

static int learn_func(struct report *r, struct finding *it, const struct patterns *ps,
		      const char *s, size_t n)
{
	const char *name;
	size_t len, lead = 0;
	bool instruction;
	int rc;

	while (lead < n && s[lead] == ' ')
		lead++;
	s += lead;
	n -= lead;
	if (is_aside(r, s, n))
		return 0;
	if (begins(s, n, "Call Trace") || begins(s, n, "Call trace") ||
	    begins(s, n, "Backtrace:") || begins(s, n, "[<")) {
		r->trace = true;
	}
	learn_taken(r, s, n);
	instruction = is_instruction(s, n);
	rc = learn_work(r, it, ps, s, n);
	if (rc < 0 || r->placed || begins(s, n, "? ") || memmem(s, n, "] ? ", 4) ||
	    (!instruction && !r->trace) || !symbol(s, n, &name, &len))
		return rc;
	if (!instruction && is_start(name + len, s + n))
		return 0;
	rc = set_func(r, it, ps, name, len);
	if (!r->placed && !*r->passed && instruction)
		snprintf(r->passed, sizeof(r->passed), "%.*s",
			 (int)signature_func(name, len), name);
	return rc;
}

/* --- modules and taint ------------------------------------------------------------ */

static int learn_modules(struct finding *it, const char *s, size_t n)
{
	static const char head[] = "Modules linked in:";
	const char *last;

	if (it->modules || !begins(s, n, head))
		return 0;
	s += strlen(head);
	n -= strlen(head);
	last = memmem(s, n, " [last unloaded", 15);
	if (last)
		n = (size_t)(last - s);
	while (n > 0 && *s == ' ') {
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	it->modules = strndup(s, n);
	return it->modules ? 0 : -ENOMEM;
}

/* "Tainted: G        W  O       6.1.0": capital letters up to what is no letter. */
static void learn_taint(struct finding *it, const char *s, size_t n)
{
	const char *at = memmem(s, n, "Tainted: ", 9), *end = s + n;
	size_t len = 0;

	if (!at || *it->taint)
		return;
	at += 9;
	for (; at < end && len + 1 < sizeof(it->taint); at++) {
		if (*at == ' ')
			continue;
		if (*at < 'A' || *at > 'Z' ||
		    (at + 1 < end && at[1] != ' ' && (at[1] < 'A' || at[1] > 'Z')))
			break;
		it->taint[len++] = *at;
	}
	it->taint[len] = '\0';
}

int report_line(struct report *r, struct finding *it, const struct patterns *ps,
		const char *s, size_t n)
{
	size_t keep = n < FINDING_LINE_MAX ? n : FINDING_LINE_MAX;
	size_t lead = r->lead < n ? r->lead : n;
	int rc = learn_func(r, it, ps, s + lead, n - lead);

	if (rc == 0)
		rc = learn_modules(it, s, keep);
	learn_taint(it, s, n);
	if (rc == 0 && buf_len(&it->body) + keep + 1 <= FINDING_BODY_MAX) {
		rc = buf_append(&it->body, s, keep);
		if (rc == 0)
			rc = buf_append(&it->body, "\n", 1);
	}
	it->lines++;
	if (it->lines > 1 && !looks_like_report(s + lead, n - lead)) {
		r->strange++;
		return rc;
	}
	r->strange = 0;
	r->bytes = buf_len(&it->body);
	r->lines = it->lines;
	return rc;
}

bool report_is_over(const struct report *r)
{
	return r->strange >= (r->trace ? STRANGE_AFTER : STRANGE_BEFORE);
}

int report_end(const struct report *r, struct finding *it)
{
	/* Better than nothing: the function itself, whoever called it; and of a report
	 * without a trace who took what is held. */
	const char *func = *r->passed || r->trace ? r->passed : r->taken;

	if (!it->func && *func) {
		it->func = strdup(func);
		if (!it->func)
			return -ENOMEM;
	}
	it->body.end = it->body.start + r->bytes;
	it->lines = r->lines;
	return 0;
}
