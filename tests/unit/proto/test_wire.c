/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Envelopes: each field of the stored messages is made wrong in turn and must be found;
 * NULs, malformed bytes, hunger for memory; what is unknown is tolerated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/wire.h"
#include "tests/lib/golden.h"

static const ProtobufCMessageDescriptor *const envelope = &kferry__envelope__descriptor;

static int setup(void **state)
{
	static struct wire_arena a;

	*state = &a;
	return wire_arena_init(&a);
}

static int teardown(void **state)
{
	wire_arena_fini(*state);
	return 0;
}

/* The stored message of a kind, to be changed at will. */
static Kferry__Envelope *load(struct wire_arena *a, const char *kind)
{
	_buf_ struct buf b = BUF_INIT;
	const Kferry__Envelope *env = NULL;
	char path[512];

	snprintf(path, sizeof(path), GOLDEN_ROOT "/0.1.0/%s.hex", kind);
	assert_int_equal(golden_read(path, &b), 0);
	assert_int_equal(wire_unpack(a, buf_data(&b) + FRAME_HEADER,
				     buf_len(&b) - FRAME_HEADER, &env),
			 0);
	return (Kferry__Envelope *)env;
}

/* --- every string of every kind ---------------------------------------------------- */

struct bad {
	const char *what;
	char *text;
};

static bool may_hold(const ProtobufCMessageDescriptor *d,
		     const ProtobufCFieldDescriptor *f, const struct bad *bad)
{
	bool lines = (d == &kferry__error__descriptor && !strcmp(f->name, "text")) ||
		     (d == &kferry__fact__descriptor && !strcmp(f->name, "value"));
	bool word = d == &kferry__exec_request__descriptor;

	if (!strcmp(bad->what, "newline"))
		return lines || word;
	return !strcmp(bad->what, "control") && word;
}

static void check_string(const Kferry__Envelope *env, const ProtobufCMessageDescriptor *d,
			 const ProtobufCFieldDescriptor *f, char **at)
{
	static char large[LIMIT_STRING + 2];
	static char newline[] = "a\nb", control[] = "a\033b", broken[] = "a\377b";
	const struct bad bads[] = {
		{"length", large},
		{"newline", newline},
		{"control", control},
		{"utf-8", broken},
	};
	char *before = *at;

	memset(large, 'a', sizeof(large) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		bool found;

		*at = bads[i].text;
		found = wire_fault(env) != NULL;
		if (found == may_hold(d, f, &bads[i]))
			fail_msg("%s.%s: %s %s", d->name, f->name, bads[i].what,
				 found ? "refused" : "taken");
	}
	*at = before;
	assert_null(wire_fault(env));
}

static unsigned check_strings(const Kferry__Envelope *env, ProtobufCMessage *m)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;
	unsigned checked = 0;

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		void *member = (char *)m + f->offset;
		size_t n = 1;

		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
		    (unsigned)env->body_case != f->id)
			continue;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			n = *(size_t *)((char *)m + f->quantifier_offset);
			member = *(void **)member;
		}
		for (size_t k = 0; k < n; k++) {
			void **at = (void **)member + k;

			if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
				checked += check_strings(env, *at);
			} else if (f->type == PROTOBUF_C_TYPE_STRING) {
				check_string(env, d, f, (char **)at);
				checked++;
			}
		}
	}
	return checked;
}

static void no_string_escapes_the_checks(void **state)
{
	unsigned checked = 0;

	for (unsigned i = 0; i < envelope->n_fields; i++) {
		Kferry__Envelope *env;

		if (!(envelope->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			continue;
		env = load(*state, envelope->fields[i].name);
		checked += check_strings(env, &env->base);
	}
	assert_true(checked >= 70);
}

/* --- the rules of single kinds ------------------------------------------------------ */

#define EXPECT(env, member, value, fault)                                                \
	do {                                                                             \
		__typeof__((env)->member) _before = (env)->member;                       \
		(env)->member = (__typeof__((env)->member))(value);                      \
		if ((fault) != NULL)                                                     \
			assert_string_equal(wire_fault(env), (fault));                   \
		else                                                                     \
			assert_null(wire_fault(env));                                    \
		(env)->member = _before;                                                 \
	} while (0)
#define NONE ((const char *)NULL)

static void plans_have_bounds(void **state)
{
	Kferry__Envelope *env = load(*state, "plan_request");

	EXPECT(env, plan_request->manifest_digest.len, 31, "manifest_digest");
	EXPECT(env, plan_request->manifest_digest.len, 0, "manifest_digest");
	EXPECT(env, plan_request->manifest_size, 0, "manifest_size");
	EXPECT(env, plan_request->manifest_size, LIMIT_MANIFEST, NONE);
	EXPECT(env, plan_request->manifest_size, LIMIT_MANIFEST + 1, "manifest_size");
	EXPECT(env, plan_request->files, 0, "files");
	EXPECT(env, plan_request->files, LIMIT_FILES + 1, "files");
	EXPECT(env, plan_request->total_bytes, LIMIT_PACKAGE_SIZE + 1, "total_bytes");
	EXPECT(env, plan_request->boot_bytes, env->plan_request->total_bytes + 1,
	       "boot_bytes");
	EXPECT(env, plan_request->release, "", "release");
	EXPECT(env, plan_request->release, "../x", "release");
	EXPECT(env, plan_request->arch, "", "arch");
	EXPECT(env, plan_request->board_kind, "", NONE);
	EXPECT(env, plan_request->board_kind, "a/b", "board_kind");
	EXPECT(env, plan_request->cmdline, "x=\303\244", NONE);
	EXPECT(env, plan_request->cmdline, "a\tb", "cmdline");
	EXPECT(env, plan_request->initramfs, 77, NONE);
}

static void needs_have_exact_bitmaps(void **state)
{
	Kferry__Envelope *env = load(*state, "need");

	EXPECT(env, need->bitmap.len, 1, "bitmap");
	EXPECT(env, need->files, 10, "bitmap"); /* bit 10 is set */
	EXPECT(env, need->files, 17, "bitmap");
	EXPECT(env, need->files, 16, NONE);
	EXPECT(env, need->files, 0, "files");
	EXPECT(env, need->bytes, UINT64_MAX, "bytes");
}

static void slots_are_named_where_they_must_be(void **state)
{
	Kferry__Envelope *env = load(*state, "status");

	EXPECT(env, status->running_slot, "", NONE);
	EXPECT(env, status->running_slot, "foreign", "running_slot");
	EXPECT(env, status->known_good, "foreign", NONE);
	EXPECT(env, status->known_good, "mine", "known_good");
	EXPECT(env, status->build_id, "abc", "build_id");
	env = load(*state, "remove_request");
	EXPECT(env, remove_request->slot, "", "slot");
	EXPECT(env, remove_request->slot, "foreign", "slot");
	env = load(*state, "rollback_request");
	EXPECT(env, rollback_request->slot, "", NONE);
	EXPECT(env, rollback_request->slot, "k-3f9a1c2b", NONE);
	env = load(*state, "slots");
	EXPECT(env, slots->n_slot, LIMIT_LIST + 1, "slot");
	EXPECT(env, slots->slot[1]->id, "", "slot");
}

static void hellos_have_versions(void **state)
{
	Kferry__Envelope *env = load(*state, "hello");

	EXPECT(env, hello->protocol_min, 0, "protocol_min");
	EXPECT(env, hello->protocol_min, 2, "protocol_max");
	EXPECT(env, hello->max_data, 0, NONE);
	EXPECT(env, hello->max_data, 1, "max_data");
	EXPECT(env, hello->max_control, 100, "max_control");
	env = load(*state, "identity");
	EXPECT(env, identity->name, "", "name");
	EXPECT(env, identity->name, "\303\244", "name");
}

static void the_rest_has_rules_too(void **state)
{
	Kferry__Envelope *env = load(*state, "exec_request");

	EXPECT(env, exec_request->n_argv, 0, "argv");
	EXPECT(env, exec_request->n_argv, LIMIT_ARGV + 1, "argv");
	EXPECT(env, exec_request->argv[0], "", "argv");
	EXPECT(env, exec_request->argv[2], "", NONE);
	env = load(*state, "log_request");
	EXPECT(env, log_request->boot, 1, "boot");
	EXPECT(env, log_request->max_level, 9, "max_level");
	env = load(*state, "file");
	EXPECT(env, file->name, "../../etc/passwd", "name");
	EXPECT(env, file->name, "/etc/passwd", "name");
	EXPECT(env, file->size, LIMIT_COLLECT_FILE + 1, "size");
	env = load(*state, "boots");
	EXPECT(env, boots->boot[1]->pstore[0], "../x", "boot");
	EXPECT(env, boots->boot[0]->boot_id, "", "boot");
	EXPECT(env, body_case, 999, NONE);
	EXPECT(env, boots, NULL, "boots");
}

static void modules_have_names_and_parameters(void **state)
{
	Kferry__Envelope *env = load(*state, "module_request");

	EXPECT(env, module_request->name, "", "name");
	EXPECT(env, module_request->name, "-r", "name");
	EXPECT(env, module_request->name, "a b", "name");
	EXPECT(env, module_request->name, "../../tmp/x", "name");
	EXPECT(env, module_request->param[0], "--remove", "param[i]");
	EXPECT(env, module_request->param[0], "a=1\nb", "param[i]");
	EXPECT(env, module_request->param[1], "", "param[i]");
	EXPECT(env, module_request->n_param, LIMIT_PARAMS + 1, "param");
	env = load(*state, "modules_request");
	EXPECT(env, modules_request->name[0], "/etc", "name[i]");
	EXPECT(env, modules_request->n_name, LIMIT_LIST + 1, "name");
	env = load(*state, "show_modules_request");
	EXPECT(env, show_modules_request->slot, "foreign", "slot");
	EXPECT(env, show_modules_request->slot, "", NONE);
	env = load(*state, "modules");
	EXPECT(env, modules->module[0]->users, -2, "module");
	EXPECT(env, modules->module[0]->holder[0], "\033[1m", "module");
	EXPECT(env, modules->module[0]->slot, "x", "module");
	env = load(*state, "module_change");
	EXPECT(env, module_change->loaded[0], "", "loaded[i]");
	env = load(*state, "modules_shown");
	EXPECT(env, modules_shown->slot, "", "slot");
	EXPECT(env, modules_shown->release, "../x", "release");
	EXPECT(env, modules_shown->name[0], "a/b", "name[i]");
}

/* --- bytes ----------------------------------------------------------------------------
 */

static int unpack(struct wire_arena *a, const char *bytes, size_t n)
{
	const Kferry__Envelope *env;

	return wire_unpack(a, bytes, n, &env);
}

static void a_nul_in_a_string_is_found(void **state)
{
	/* Identity{name}; then one inside a repeated message; then one in bytes. */
	assert_int_equal(unpack(*state,
				"\x12\x05\x0a\x03"
				"abc",
				7),
			 0);
	assert_int_equal(unpack(*state,
				"\x12\x05\x0a\x03"
				"a\0c",
				7),
			 -EBADMSG);
	assert_int_equal(unpack(*state,
				"\x12\x05\x0a\x03"
				"ab\0",
				7),
			 -EBADMSG);
	assert_int_equal(unpack(*state, "\x6a\x05\x0a\x03\x0a\x01\0", 7), -EBADMSG);
	assert_int_equal(unpack(*state, "\xb2\x01\x05\x0a\x01\0\x10\x01", 8), 0);
	/* Also in a string that a later one replaces. */
	assert_int_equal(unpack(*state,
				"\x12\x08\x0a\x01\0\x0a\x03"
				"abc",
				10),
			 -EBADMSG);
}

static void malformed_bytes_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{"\x00", 1},			 /* field 0 */
		{"\x08", 1},			 /* no value */
		{"\x0b", 1},			 /* a group */
		{"\x0f\x00", 2},		 /* wire type 7 */
		{"\x12\x05\x0a", 3},		 /* a length past the end */
		{"\x12\xff\xff\xff\xff\x0f", 6}, /* the same, large */
		{"\x12\x02\x0a\x05", 4},	 /* an inner length past its end */
		{"\x80\x80\x80\x80\x80\x01", 6}, /* a tag that is too long */
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
		{"\x10\x01", 2}, /* a number where a message belongs */
	};
	const Kferry__Envelope *env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(unpack(*state, cases[i].bytes, cases[i].n), -EBADMSG);
		assert_null(((struct wire_arena *)*state)->fault);
	}
	assert_int_equal(wire_unpack(*state, NULL, 0, &env), 0);
	assert_int_equal(env->body_case, KFERRY__ENVELOPE__BODY__NOT_SET);
}

static void what_is_unknown_is_tolerated(void **state)
{
	const Kferry__Envelope *env;

	/* Body 1000, id 7. */
	assert_int_equal(wire_unpack(*state, "\x08\x07\xc2\x3e\x02\x08\x01", 7, &env), 0);
	assert_int_equal(env->id, 7);
	assert_int_equal(env->body_case, KFERRY__ENVELOPE__BODY__NOT_SET);
	assert_string_equal(wire_body_name(env), "unknown");
	assert_int_equal(wire_way(env), WIRE_BOTH);
	/* Identity with an unknown field 100 = 5. */
	assert_int_equal(wire_unpack(*state, "\x12\x06\x0a\x01x\xa0\x06\x05", 8, &env),
			 0);
	assert_string_equal(env->identity->name, "x");
	/* RebootRequest{mode = 99}. */
	assert_int_equal(wire_unpack(*state, "\xd2\x01\x02\x08\x63", 5, &env), 0);
	assert_int_equal(env->reboot_request->mode, 99);
}

static void a_fault_is_named(void **state)
{
	const struct wire_arena *a = *state;

	assert_int_equal(unpack(*state, "\x12\x03\x0a\x01\n", 5), -EBADMSG);
	assert_string_equal(a->fault, "name");
	assert_int_equal(unpack(*state, "\x12\x03\x0a\x01x", 5), 0);
	assert_null(a->fault);
}

static void hunger_for_memory_is_refused(void **state)
{
	static char bytes[LIMIT_CONTROL + 1];
	size_t n = 0, inner = 30000;

	/* Facts with empty facts: two bytes each. */
	bytes[n++] = 0x6a;
	bytes[n++] = (char)(0x80 | (inner * 2 & 0x7f));
	bytes[n++] = (char)(0x80 | (inner * 2 >> 7 & 0x7f));
	bytes[n++] = (char)(inner * 2 >> 14);
	for (size_t i = 0; i < inner; i++) {
		bytes[n++] = 0x0a;
		bytes[n++] = 0;
	}
	assert_int_equal(unpack(*state, bytes, n), -EMSGSIZE);
	assert_int_equal(unpack(*state, bytes, sizeof(bytes)), -EMSGSIZE);
	assert_int_equal(unpack(*state, "\x12\x03\x0a\x01x", 5), 0);
}

static void cut_messages_never_harm(void **state)
{
	for (unsigned i = 0; i < envelope->n_fields; i++) {
		_buf_ struct buf b = BUF_INIT;
		char path[512];

		if (!(envelope->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			continue;
		snprintf(path, sizeof(path), GOLDEN_ROOT "/0.1.0/%s.hex",
			 envelope->fields[i].name);
		assert_int_equal(golden_read(path, &b), 0);
		buf_consume(&b, FRAME_HEADER);
		for (size_t n = 0; n < buf_len(&b); n++) {
			char *cut = malloc(n ? n : 1);
			int rc;

			assert_non_null(cut);
			memcpy(cut, buf_data(&b), n);
			rc = unpack(*state, cut, n);
			/* Whole only where a field ends: nothing, or the id alone. */
			assert_int_equal(rc, n == 0 || n == 3 ? 0 : -EBADMSG);
			free(cut);
		}
	}
}

/* --- packing ---------------------------------------------------------------------------
 */

static void what_is_not_valid_is_not_packed(void **state)
{
	Kferry__Envelope *env = load(*state, "plan");
	_buf_ struct buf b = BUF_INIT;

	env->plan->slot = (char *)"k-";
	assert_int_equal(wire_pack(&b, env), -EINVAL);
	assert_int_equal(buf_len(&b), 0);
}

static void what_is_too_large_is_not_packed(void **state)
{
	static Kferry__Fact fact = KFERRY__FACT__INIT;
	static Kferry__Fact *facts[20];
	static char value[LIMIT_STRING + 1];
	Kferry__Envelope *env = load(*state, "facts");
	_buf_ struct buf b = BUF_INIT;

	memset(value, 'v', LIMIT_STRING);
	fact.value = value;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		facts[i] = &fact;
	env->facts->fact = facts;
	env->facts->n_fact = 15;
	assert_int_equal(wire_pack(&b, env), 0);
	buf_reset(&b);
	env->facts->n_fact = 16;
	assert_int_equal(wire_pack(&b, env), -EMSGSIZE);
	assert_int_equal(buf_len(&b), 0);
}

static void requests_go_to_the_agent(void **state)
{
	for (unsigned i = 0; i < envelope->n_fields; i++) {
		const char *name = envelope->fields[i].name;
		Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
		enum wire_way way;

		(void)state;
		env.body_case = (Kferry__Envelope__BodyCase)envelope->fields[i].id;
		way = wire_way(&env);
		if (strstr(name, "_request") || !strcmp(name, "identity"))
			assert_int_equal(way, WIRE_TO_AGENT);
		else if (!strcmp(name, "id") || !strcmp(name, "hello") ||
			 !strcmp(name, "error") || !strcmp(name, "done") ||
			 !strcmp(name, "ping") || !strcmp(name, "pong"))
			assert_int_equal(way, WIRE_BOTH);
		else
			assert_int_equal(way, WIRE_TO_CONTROLLER);
	}
}

static void errors_are_taken_over(void **state)
{
	Kferry__Envelope *env = load(*state, "error");
	struct kf_error err = {0};

	assert_int_equal(wire_error(env->error, &err), -EBUSY);
	assert_int_equal(err.code, -EBUSY);
	assert_int_equal(err.reason, KF_REASON_BUSY);
	assert_string_equal(err.msg, env->error->text);
	env->error->error_number = 0;
	env->error->text = (char *)"";
	assert_int_equal(wire_error(env->error, &err), -EREMOTEIO);
	assert_string_equal(err.msg, reason_text(KF_REASON_BUSY));
	env->error->error_number = UINT32_MAX;
	env->error->reason = UINT32_MAX;
	assert_int_equal(wire_error(env->error, &err), -EREMOTEIO);
	assert_int_equal(err.reason, KF_REASON_UNSPECIFIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_string_escapes_the_checks),
		cmocka_unit_test(plans_have_bounds),
		cmocka_unit_test(needs_have_exact_bitmaps),
		cmocka_unit_test(slots_are_named_where_they_must_be),
		cmocka_unit_test(hellos_have_versions),
		cmocka_unit_test(the_rest_has_rules_too),
		cmocka_unit_test(modules_have_names_and_parameters),
		cmocka_unit_test(a_nul_in_a_string_is_found),
		cmocka_unit_test(malformed_bytes_are_refused),
		cmocka_unit_test(what_is_unknown_is_tolerated),
		cmocka_unit_test(a_fault_is_named),
		cmocka_unit_test(hunger_for_memory_is_refused),
		cmocka_unit_test(cut_messages_never_harm),
		cmocka_unit_test(what_is_not_valid_is_not_packed),
		cmocka_unit_test(what_is_too_large_is_not_packed),
		cmocka_unit_test(requests_go_to_the_agent),
		cmocka_unit_test(errors_are_taken_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
