/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/decode/resolve.h"

#include <string.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define TOOL_MS	   180000 /* a vmlinux with debug information is read from a disk */
#define LINE_MAX_  (64u * 1024)
#define OUTPUT_MAX (8u << 20)
/* The kernel takes a function to reach to the next one: padding and what has no symbol of
 * its own lie between. */
#define SLACK_MAX 256u

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void lookup_fini(struct lookup *l)
{
	for (size_t i = 0; i < l->n_places; i++) {
		free(l->place[i].func);
		free(l->place[i].file);
	}
	l->n_places = 0;
}

/* --- which programs ------------------------------------------------------------------
 */

/* The first of the names that is installed; the caller's, NULL: none is. */
static char *first_of(const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *path = NULL;

		if (names[i] && proc_find(names[i], &path) == 0)
			return path;
	}
	return NULL;
}

static char *find_tool(const char *name, const char *cross, const char *suffix, bool llvm)
{
	_free_ char *of_llvm = strf("llvm-%s%s", name, suffix);
	_free_ char *plain_llvm = strf("llvm-%s", name);
	_free_ char *of_cross = cross ? strf("%s%s", cross, name) : NULL;
	const char *const names[] = {of_llvm, plain_llvm};
	const char *const gnu[] = {of_cross, name};

	return llvm ? first_of(names, ARRAY_SIZE(names)) : first_of(gnu, ARRAY_SIZE(gnu));
}

int resolve_tools(const char *cross, const char *llvm, struct resolve_tools *ret,
		  struct kf_error *err)
{
	const char *suffix = llvm && *llvm == '-' ? llvm : "";

	/* Each understands what the other's compiler has made. */
	for (int i = 0; i < 2; i++) {
		bool use_llvm = (llvm != NULL) == (i == 0);
		struct resolve_tools t = {
			.nm = find_tool("nm", cross, suffix, use_llvm),
			.addr2line = find_tool("addr2line", cross, suffix, use_llvm),
			.llvm = use_llvm};

		if (t.nm && t.addr2line) {
			*ret = t;
			return 0;
		}
		resolve_tools_fini(&t);
	}
	return kf_err(err, -ENOENT, KF_REASON_EXEC,
		      "neither nm and addr2line nor llvm-nm and llvm-addr2line are "
		      "installed (binutils, llvm)");
}

void resolve_tools_fini(struct resolve_tools *t)
{
	free(t->nm);
	free(t->addr2line);
	*t = (struct resolve_tools){0};
}

/* --- symbols -------------------------------------------------------------------------
 */

struct symbols {
	struct lookup *list;
	size_t n;
	struct buf line; /* that is not whole yet */
};

/* One of the fields that '|' divides, without blanks. */
static void field(const char **at, const char *end, const char **ret, size_t *ret_n)
{
	const char *bar = memchr(*at, '|', (size_t)(end - *at));
	const char *to = bar ? bar : end;

	*ret = *at;
	while (*ret < to && **ret == ' ')
		(*ret)++;
	*at = bar ? bar + 1 : end;
	while (to > *ret && to[-1] == ' ')
		to--;
	*ret_n = (size_t)(to - *ret);
}

static uint64_t hex_of(const char *s, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n && i < 16; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= '0' && c <= '9')
			x = x * 16 + (uint64_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			x = x * 16 + (uint64_t)((c | 0x20) - 'a' + 10);
	}
	return x;
}

/* Is this symbol the one: of that name, and of about that size?  Of several the nearest.
 */
static void consider(struct lookup *l, uint64_t address, uint64_t size,
		     const char *section, size_t section_n)
{
	uint64_t slack = size && l->size >= size ? l->size - size : SLACK_MAX;

	/* A size that is not known is that of assembler. */
	if ((size && (size > l->size || slack > SLACK_MAX)) ||
	    section_n >= RESOLVE_SECTION)
		return;
	if (l->matches > 0 && address == l->address)
		return;
	if (l->matches > 0 && slack > l->slack)
		return;
	l->matches = l->matches > 0 && slack == l->slack ? l->matches + 1 : 1;
	l->address = address;
	l->slack = slack;
	memcpy(l->section, section, section_n);
	l->section[section_n] = '\0';
}

/* "outer  |0000000000401004|   T  |   FUNC|0000000000000009|     |.text" */
static void take_symbol(struct symbols *y, const char *s, size_t n)
{
	const char *end = s + n, *part[7];
	size_t len[7];

	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		field(&s, end, &part[i], &len[i]);
	if (len[1] == 0 || len[2] != 1 || !strchr("tTwW", *part[2]))
		return;
	for (size_t i = 0; i < y->n; i++) {
		struct lookup *l = &y->list[i];

		if (l->func_n == len[0] && memcmp(l->func, part[0], len[0]) == 0)
			consider(l, hex_of(part[1], len[1]), hex_of(part[4], len[4]),
				 part[6], len[6]);
	}
}

static int on_symbols(void *arg, int fd, const void *data, size_t n)
{
	struct symbols *y = arg;
	const char *at;
	size_t left, line;
	int rc;

	if (fd != 1)
		return 0;
	rc = buf_append(&y->line, data, n);
	if (rc < 0)
		return rc;
	at = (const char *)buf_data(&y->line);
	left = buf_len(&y->line);
	for (const char *nl; left > 0 && (nl = memchr(at, '\n', left));) {
		line = (size_t)(nl - at);
		take_symbol(y, at, line);
		at += line + 1;
		left -= line + 1;
	}
	buf_consume(&y->line, buf_len(&y->line) - left);
	/* No symbol is so long. */
	if (left > LINE_MAX_)
		buf_consume(&y->line, left);
	return 0;
}

static int run_tool(const char *const argv[], struct proc_opts *opts,
		    struct kf_error *err)
{
	static const char *const env[] = {"LC_ALL=C", "DEBUGINFOD_URLS=", NULL};
	_buf_ struct buf errors = {.max = 64 * 1024};
	int rc;

	opts->inherit_env = true;
	opts->env_extra = env;
	opts->timeout_ms = TOOL_MS;
	opts->cancel = cancel_flag();
	opts->err_out = &errors;
	opts->reason = KF_REASON_EXEC;
	rc = proc_check(argv, opts, err);
	if (rc == -ECANCELED && err)
		err->reason = KF_REASON_CANCELLED;
	return rc;
}

static int find_symbols(const struct resolve_tools *t, const char *object,
			struct lookup *list, size_t n, struct kf_error *err)
{
	const char *const argv[] = {t->nm, "-f", "sysv", "--defined-only", object, NULL};
	struct symbols y = {.list = list, .n = n, .line = {.max = 4 * LINE_MAX_}};
	struct proc_opts opts = {.on_output = on_symbols, .arg = &y};
	int rc = run_tool(argv, &opts, err);

	buf_fini(&y.line);
	return rc;
}

/* --- lines ---------------------------------------------------------------------------
 */

static bool is_wanted(const struct lookup *l, const char *section)
{
	return l->matches == 1 && (!section || strcmp(l->section, section) == 0);
}

/* The address to ask for: of the call, where the frame is what it returns to. */
static uint64_t address_of(const struct lookup *l)
{
	return l->address + l->offset - (!l->exact && l->offset > 0);
}

/* "drivers/a.c:12 (discriminator 3)", "??:0", "a.c:?" */
static int take_line(struct place *p, char *text)
{
	char *end = strstr(text, " (discriminator"), *colon;

	if (end)
		*end = '\0';
	colon = strrchr(text, ':');
	if (!colon || strncmp(text, "??", 2) == 0)
		return 0;
	*colon = '\0';
	p->line = (unsigned)strtoul(colon + 1, NULL, 10);
	/* A file without a line says no more than the function does. */
	if (p->line == 0)
		return 0;
	p->file = strdup(text);
	return p->file ? 0 : -ENOMEM;
}

static int add_place(struct lookup *l, const char *func, char *line)
{
	struct place *p = &l->place[l->n_places];
	int rc;

	if (l->n_places == RESOLVE_PLACES)
		return 0;
	*p = (struct place){.func = strdup(func)};
	if (!p->func)
		return -ENOMEM;
	l->n_places++;
	rc = take_line(p, line);
	return rc;
}

/* For each address in the order asked: itself ("0x..."), then pairs of lines. */
static int take_answers(struct lookup *list, size_t n, const char *section, char *text)
{
	struct lookup *at = list;
	const char *func = NULL;
	bool first = true;
	char *line;
	int rc = 0;

	while (rc == 0 && (line = strsep(&text, "\n")) && *line) {
		if (strncmp(line, "0x", 2) == 0 && !func) {
			at += !first;
			first = false;
			while (at < list + n && !is_wanted(at, section))
				at++;
			if (at == list + n)
				return -EPROTO;
		} else if (!func) {
			func = line;
		} else {
			rc = first ? -EPROTO : add_place(at, func, line);
			func = NULL;
		}
	}
	return rc;
}

/* section NULL: addresses are the object's, as in a vmlinux. */
static int ask(const struct resolve_tools *t, const char *object, const char *section,
	       struct lookup *list, size_t n, struct kf_error *err)
{
	bool by_section = section && !t->llvm;
	const char *argv[] = {t->addr2line, "-a", "-f", "-i", "-e",
			      object,	    NULL, NULL, NULL};
	_buf_ struct buf in = {.max = OUTPUT_MAX};
	_buf_ struct buf out = {.max = OUTPUT_MAX};
	struct proc_opts opts = {.out = &out};
	int rc = 0;

	if (by_section) {
		argv[6] = "-j";
		argv[7] = section;
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (is_wanted(&list[i], section))
			rc = buf_printf(&in, "0x%llx\n",
					(unsigned long long)address_of(&list[i]));
	}
	if (rc < 0)
		return no_memory(err);
	if (buf_len(&in) == 0)
		return 0;
	opts.input = buf_data(&in);
	opts.input_len = buf_len(&in);
	rc = run_tool(argv, &opts, err);
	if (rc < 0)
		return rc;
	rc = take_answers(list, n, section,
			  buf_len(&out) ? (char *)buf_str(&out) : (char *)"");
	return rc < 0 ? kf_err(err, rc, KF_REASON_EXEC,
			       "what %s said of %s was not understood", t->addr2line,
			       object)
		      : 0;
}

/* Addresses in a module begin with 0 in each of its sections. */
static int ask_sections(const struct resolve_tools *t, const char *object,
			struct lookup *list, size_t n, struct kf_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool done = list[i].matches != 1;

		for (size_t k = 0; k < i && !done; k++)
			done = is_wanted(&list[k], list[i].section);
		/* llvm's cannot be told which section is meant; it means .text. */
		if (!done && (!t->llvm || strcmp(list[i].section, ".text") == 0))
			rc = ask(t, object, list[i].section, list, n, err);
	}
	return rc;
}

int resolve(const struct resolve_tools *t, const char *object, bool is_module,
	    struct lookup *list, size_t n, struct kf_error *err)
{
	int rc = find_symbols(t, object, list, n, err);

	if (rc < 0)
		return rc;
	return is_module ? ask_sections(t, object, list, n, err)
			 : ask(t, object, NULL, list, n, err);
}
