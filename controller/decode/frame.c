/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/decode/frame.h"

#include <ctype.h>
#include <string.h>

#define HEX_DIGITS 8u /* no function has 4 GiB */

struct text {
	const char *s;
	size_t n;
};

static bool is_symbol(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

/* "0x12" at *at. */
static bool take_hex(struct text t, size_t *at, uint64_t *ret)
{
	size_t i = *at, digits = 0;
	uint64_t x = 0;

	if (t.n - i < 3 || t.s[i] != '0' || t.s[i + 1] != 'x')
		return false;
	for (i += 2; i < t.n && isxdigit((unsigned char)t.s[i]); i++) {
		char c = t.s[i];

		if (++digits > HEX_DIGITS)
			return false;
		x = x * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	*at = i;
	*ret = x;
	return digits > 0;
}

/* "+0x12/0x40" at at, and the name before it. */
static bool take_place(struct text t, size_t at, struct frame *f)
{
	size_t from = at, end = at + 1;

	while (from > 0 && is_symbol(t.s[from - 1]))
		from--;
	if (from == at || at - from > FRAME_FUNC_MAX || isdigit((unsigned char)t.s[from]))
		return false;
	if (!take_hex(t, &end, &f->offset) || end >= t.n || t.s[end] != '/')
		return false;
	end++;
	/* What returns behind the end of a function is none of it. */
	if (!take_hex(t, &end, &f->size) || f->offset > f->size)
		return false;
	f->func = t.s + from;
	f->func_n = at - from;
	f->end = end;
	return true;
}

static bool is_module_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* " [demo]" or " [demo <build-id>]" behind it; also " [demo(O)]", with its taints. */
static void take_module(struct text t, struct frame *f)
{
	size_t i = f->end, from;

	if (t.n - i < 4 || t.s[i] != ' ' || t.s[i + 1] != '[')
		return;
	from = i += 2;
	while (i < t.n && is_module_char(t.s[i]))
		i++;
	if (i == from || i - from > FRAME_MODULE_MAX)
		return;
	f->module = t.s + from;
	f->module_n = i - from;
	if (i < t.n && t.s[i] == '(') {
		while (i < t.n && t.s[i] != ')')
			i++;
		i += i < t.n;
	}
	if (i < t.n && t.s[i] == ' ') {
		f->build_id = t.s + ++i;
		while (i < t.n && isxdigit((unsigned char)t.s[i]))
			i++;
		f->build_id_n = (size_t)(t.s + i - f->build_id);
		if (f->build_id_n == 0)
			f->build_id = NULL;
	}
	if (i < t.n && t.s[i] == ']') {
		f->end = i + 1;
		return;
	}
	f->module = f->build_id = NULL;
	f->module_n = f->build_id_n = 0;
}

/* How lines begin that tell of the instruction, and not of who called. */
static bool is_exact(struct text t)
{
	static const char *const marks[] = {"RIP: ",  "EIP: ", "pc : ", "PC is at ",
					    "epc : ", "NIP [", "NIP: ", "Faulting "};

	while (t.n > 0 && *t.s == ' ') {
		t.s++;
		t.n--;
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		size_t n = strlen(marks[i]);

		if (t.n >= n && memcmp(t.s, marks[i], n) == 0)
			return true;
	}
	return false;
}

bool frame_find(const char *line, size_t n, struct frame *ret)
{
	struct text t = {line, n};
	const char *plus = line;

	while ((plus = memmem(plus, n - (size_t)(plus - line), "+0x", 3))) {
		size_t at = (size_t)(plus - line), from;
		struct frame f = {.exact = is_exact(t)};

		if (take_place(t, at, &f)) {
			take_module(t, &f);
			from = (size_t)(f.func - line);
			f.unsure = from >= 2 && memcmp(line + from - 2, "? ", 2) == 0;
			*ret = f;
			return true;
		}
		plus++;
	}
	return false;
}
