/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire does not change: every message kind of every release decodes and is packed
 * again to the same bytes.  KF_GOLDEN_WRITE=1 writes the files of this version that are
 * missing, from the fixed contents here; a file of a released version never changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/frame.h"
#include "proto/version.h"
#include "proto/wire.h"
#include "tests/lib/golden.h"

#define SLOT	 "k-3f9a1c2b"
#define OTHER	 "k-77aa01c2"
#define BOOT_ID	 "6b3f2f0e-9f0c-4c56-8f0a-0d1e2f3a4b5c"
#define RELEASE	 "6.18.0-rc3"
#define BUILD_ID "5f0c12aa90b7d2e34f5061728394a5b6c7d8e9f0"
#define BANNER	 "Linux version 6.18.0-rc3 (me@desk) (gcc 12.2.0) #1 SMP"

/* The messages take char *, and nobody writes through it. */
#define S(text) ((char *)(text))

static char foreign[] = "foreign", alice[] = "alice (alice@desk)";

/* --- fixed contents ------------------------- */

static void fill_hello(Kferry__Hello *m)
{
	m->protocol_min = 1;
	m->protocol_max = 1;
	m->features = 1;
	m->software = S("kferryd 0.1.0");
	m->max_control = 65536;
	m->max_data = 262144;
	m->arch = S("arm64");
	m->hostname = S("rpi4");
	m->boot_id = S(BOOT_ID);
	m->board_kind = S("rpi4");
	m->client = S("alice@desk");
}

static void fill_error(Kferry__Error *m)
{
	m->reason = 6;
	m->error_number = 16;
	m->text = S("the board is held\n\tsince 5 minutes");
	m->holder = alice;
}

static void fill_status(Kferry__Status *m)
{
	m->boot_id = S(BOOT_ID);
	m->release = S(RELEASE);
	m->banner = S(BANNER);
	m->build_id = S(BUILD_ID);
	m->uptime_ms = 123456789;
	m->running_slot = S(SLOT);
	m->known_good = foreign;
	m->default_slot = foreign;
	m->trial = KFERRY__TRIAL__TRIAL_RUNNING;
	m->trial_slot = S(SLOT);
	m->deadline_left_ms = 60000;
	m->holder = alice;
	m->tainted = 4096;
	m->chain = S("systemd-boot");
	m->cmdline = S("root=/dev/mmcblk0p2 panic=10 kferry.slot=" SLOT);
}

static void fill_facts(Kferry__Facts *m)
{
	static Kferry__Fact fact[2] = {KFERRY__FACT__INIT, KFERRY__FACT__INIT};
	static Kferry__Chain chain[2] = {KFERRY__CHAIN__INIT, KFERRY__CHAIN__INIT};
	static Kferry__Fact *facts[] = {&fact[0], &fact[1]};
	static Kferry__Chain *chains[] = {&chain[0], &chain[1]};

	fact[0].group = S("board");
	fact[0].name = S("model");
	fact[0].value = S("Raspberry Pi 4 Model B \302\265");
	fact[1].group = S("disk");
	fact[1].name = S("mounts");
	fact[1].value = S("/\n/boot\t vfat");
	chain[0].name = S("systemd-boot");
	chain[0].usable = true;
	chain[1].name = S("grub");
	chain[1].reason = S("its environment is on btrfs");
	m->n_fact = 2;
	m->fact = facts;
	m->n_chain = 2;
	m->chain = chains;
}

static void fill_plan_request(Kferry__PlanRequest *m)
{
	static uint8_t digest[32];

	for (unsigned i = 0; i < sizeof(digest); i++)
		digest[i] = (uint8_t)(i * 8 + 1);
	m->manifest_digest = (ProtobufCBinaryData){sizeof(digest), digest};
	m->manifest_size = 401234;
	m->release = S(RELEASE);
	m->arch = S("arm64");
	m->board_kind = S("rpi4");
	m->total_bytes = UINT64_C(123456789);
	m->boot_bytes = 23456789;
	m->files = 2317;
	m->initramfs = KFERRY__INITRAMFS__INITRAMFS_GRAFT;
	m->cmdline = S("root=/dev/mmcblk0p2 quiet");
	m->cmdline_extra = S("panic=10");
	m->chain = S("hook");
	m->no_arm = true;
}

static void fill_need(Kferry__Need *m)
{
	static uint8_t bits[] = {0x81, 0x07};

	m->bitmap = (ProtobufCBinaryData){sizeof(bits), bits};
	m->files = 11;
	m->bytes = 1468006;
}

static void fill_slots(Kferry__Slots *m)
{
	static Kferry__Slot slot[2] = {KFERRY__SLOT__INIT, KFERRY__SLOT__INIT};
	static Kferry__Slot *slots[] = {&slot[0], &slot[1]};

	slot[0].id = S(SLOT);
	slot[0].state = KFERRY__SLOT_STATE__SLOT_TRIAL;
	slot[0].release = S(RELEASE);
	slot[0].build_id = S(BUILD_ID);
	slot[0].bytes = 123456789;
	slot[0].running = true;
	slot[0].commit = S("1f2e3d4c5b6a79880796a5b4c3d2e1f001234567");
	slot[0].branch = S("topic/fix-\303\244");
	slot[0].dirty = true;
	slot[0].number = 7;
	slot[0].banner = S(BANNER);
	slot[1].id = S(OTHER);
	slot[1].state = KFERRY__SLOT_STATE__SLOT_GOOD;
	slot[1].release = S("6.1.0-13-arm64");
	slot[1].is_default = true;
	slot[1].known_good = true;
	slot[1].number = 6;
	m->n_slot = 2;
	m->slot = slots;
}

static void fill_boots(Kferry__Boots *m)
{
	static char *pstore[] = {S("pstore/dmesg-efi-1"), S("pstore/console-ramoops-0")};
	static Kferry__Boot boot[2] = {KFERRY__BOOT__INIT, KFERRY__BOOT__INIT};
	static Kferry__Boot *boots[] = {&boot[0], &boot[1]};

	boot[0].boot_id = S(BOOT_ID);
	boot[0].release = S("6.1.0-13-arm64");
	boot[0].number = 12;
	boot[1].boot_id = S("0d1e2f3a-0000-4c56-8f0a-6b3f2f0e9f0c");
	boot[1].slot = S(SLOT);
	boot[1].release = S(RELEASE);
	boot[1].number = 11;
	boot[1].end = KFERRY__BOOT_END__BOOT_END_CRASH;
	boot[1].n_pstore = 2;
	boot[1].pstore = pstore;
	boot[1].has_log = true;
	m->n_boot = 2;
	m->boot = boots;
}

static void fill_deploy(Kferry__Envelope *env)
{
	if (env->body_case == KFERRY__ENVELOPE__BODY_PLAN) {
		env->plan->have_manifest = true;
		env->plan->slot = S(SLOT);
		env->plan->installed = true;
		env->plan->chain = S("systemd-boot");
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_INSTALLED) {
		env->installed->slot = S(SLOT);
		env->installed->already = true;
		env->installed->received_bytes = 1468006;
		env->installed->initramfs = S("graft");
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_ARM_REQUEST) {
		env->arm_request->slot = S(SLOT);
		env->arm_request->confirm_timeout_s = 120;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_ARMED) {
		env->armed->slot = S(SLOT);
		env->armed->chain = S("systemd-boot");
		env->armed->text = S("LoaderEntryOneShot = kferry-" SLOT ".conf");
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_CONFIRM_REQUEST) {
		env->confirm_request->slot = S(SLOT);
		env->confirm_request->make_default = true;
		env->confirm_request->force = true;
	}
}

static void fill_small(Kferry__Envelope *env)
{
	static char *argv[] = {S("sh"), S("-c"), S("echo \303\244\n\033[1m"), S("")};

	if (env->body_case == KFERRY__ENVELOPE__BODY_IDENTITY) {
		env->identity->name = S("alice");
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_DONE) {
		env->done->text = S("removed " SLOT);
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_PROGRESS) {
		env->progress->stage = S("unpack");
		env->progress->done = 1000000;
		env->progress->total = 1468006;
		env->progress->text = S("boot/image");
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_REBOOT_REQUEST) {
		env->reboot_request->mode = KFERRY__REBOOT_MODE__REBOOT_FORCE;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_REMOVE_REQUEST) {
		env->remove_request->slot = S(OTHER);
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_ROLLBACK_REQUEST) {
		env->rollback_request->slot = foreign;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_EXEC_REQUEST) {
		env->exec_request->n_argv = ARRAY_SIZE(argv);
		env->exec_request->argv = argv;
		env->exec_request->timeout_s = 30;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_EXIT) {
		env->exit->status = 137;
		env->exit->signalled = true;
	}
}

static void fill_logs(Kferry__Envelope *env)
{
	if (env->body_case == KFERRY__ENVELOPE__BODY_LOG_REQUEST) {
		env->log_request->boot = -1;
		env->log_request->follow = true;
		env->log_request->since_us = 5098000;
		env->log_request->max_level = 5;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_LOG_START) {
		env->log_start->boot_id = S(BOOT_ID);
		env->log_start->slot = S(SLOT);
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_COLLECT_REQUEST) {
		env->collect_request->boot_id = S(BOOT_ID);
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_FILE) {
		env->file->name = S("pstore/dmesg-efi-1");
		env->file->size = 4096;
	}
}

static void fill_modules(Kferry__Modules *m)
{
	static Kferry__Module module[2] = {KFERRY__MODULE__INIT, KFERRY__MODULE__INIT};
	static Kferry__Module *modules[] = {&module[0], &module[1]};
	static char *holders[] = {S("v4l2_mem2mem"), S("bcm2835-codec")};

	module[0].name = S("videodev");
	module[0].size = 303104;
	module[0].users = 3;
	module[0].n_holder = ARRAY_SIZE(holders);
	module[0].holder = holders;
	module[0].state = S("live");
	module[0].taint = S("OE");
	module[0].slot = S(SLOT);
	module[1].name = S("tun");
	module[1].users = -1;
	m->n_module = ARRAY_SIZE(modules);
	m->module = modules;
	m->left_out = 3;
	m->release = S(RELEASE);
	m->running_slot = S(OTHER);
	m->modules_slot = S(SLOT);
	m->log_us = 5098000;
}

static void fill_module_calls(Kferry__Envelope *env)
{
	static char *names[] = {S("videodev"), S("v4l2_mem2mem")};
	static char *params[] = {S("debug=1"), S("dyndbg=file a.c +p")};

	if (env->body_case == KFERRY__ENVELOPE__BODY_MODULES_REQUEST) {
		env->modules_request->n_name = ARRAY_SIZE(names);
		env->modules_request->name = names;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_MODULES) {
		fill_modules(env->modules);
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_MODULE_REQUEST) {
		env->module_request->action = KFERRY__MODULE_ACTION__MODULE_RELOAD;
		env->module_request->name = names[0];
		env->module_request->n_param = ARRAY_SIZE(params);
		env->module_request->param = params;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_MODULE_CHANGE) {
		env->module_change->n_unloaded = ARRAY_SIZE(names);
		env->module_change->unloaded = names;
		env->module_change->n_loaded = ARRAY_SIZE(names);
		env->module_change->loaded = names;
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST) {
		env->show_modules_request->slot = S(SLOT);
	} else if (env->body_case == KFERRY__ENVELOPE__BODY_MODULES_SHOWN) {
		env->modules_shown->slot = S(SLOT);
		env->modules_shown->release = S(RELEASE);
		env->modules_shown->changed = 2;
		env->modules_shown->total = 2317;
		env->modules_shown->n_name = ARRAY_SIZE(names);
		env->modules_shown->name = names;
		env->modules_shown->log_us = 5098000;
	}
}

static void fill(Kferry__Envelope *env)
{
	if (env->body_case == KFERRY__ENVELOPE__BODY_HELLO)
		fill_hello(env->hello);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_ERROR)
		fill_error(env->error);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_STATUS)
		fill_status(env->status);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_FACTS)
		fill_facts(env->facts);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_PLAN_REQUEST)
		fill_plan_request(env->plan_request);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_NEED)
		fill_need(env->need);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_SLOTS)
		fill_slots(env->slots);
	else if (env->body_case == KFERRY__ENVELOPE__BODY_BOOTS)
		fill_boots(env->boots);
	fill_deploy(env);
	fill_logs(env);
	fill_small(env);
	fill_module_calls(env);
}

/* --- kinds, from the schema ------------------------- */

static const ProtobufCMessageDescriptor *const envelope = &kferry__envelope__descriptor;

static bool is_body(const ProtobufCFieldDescriptor *f)
{
	return f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/* The frame of this kind with the fixed contents. */
static void make(const ProtobufCFieldDescriptor *f, struct buf *b)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	_free_ ProtobufCMessage *m = calloc(1, d->sizeof_message);

	assert_non_null(m);
	protobuf_c_message_init(d, m);
	env.id = 1000 + f->id;
	env.body_case = (Kferry__Envelope__BodyCase)f->id;
	memcpy((char *)&env + f->offset, &(ProtobufCMessage *){m}, sizeof(m));
	fill(&env);
	assert_null(wire_fault(&env));
	/* A kind whose contents nobody has written down above tests nothing. */
	assert_true(d->n_fields == 0 || protobuf_c_message_get_packed_size(m) > 0);
	assert_int_equal(wire_pack(b, &env), 0);
}

static bool stored_in(const char *version, const char *kind)
{
	char path[512];

	snprintf(path, sizeof(path), GOLDEN_ROOT "/%s/%s.hex", version, kind);
	return access(path, R_OK) == 0;
}

static bool is_stored(const char *kind)
{
	_closedir_ DIR *dir = opendir(GOLDEN_ROOT);
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.' && stored_in(e->d_name, kind))
			return true;
	return false;
}

/* --- tests ------------------------- */

static void every_kind_is_stored(void **state)
{
	(void)state;
	for (unsigned i = 0; i < envelope->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &envelope->fields[i];
		_buf_ struct buf b = BUF_INIT;
		char path[512];

		if (!is_body(f))
			continue;
		snprintf(path, sizeof(path), GOLDEN_ROOT "/" KF_VERSION "/%s.hex",
			 f->name);
		make(f, &b);
		if (getenv("KF_GOLDEN_WRITE") && !is_stored(f->name)) {
			(void)mkdir(GOLDEN_ROOT "/" KF_VERSION, 0755);
			assert_int_equal(golden_write(path, buf_data(&b), buf_len(&b)),
					 0);
		}
		if (!is_stored(f->name))
			fail_msg("%s has no golden file: run with KF_GOLDEN_WRITE=1",
				 f->name);
		if (stored_in(KF_VERSION, f->name)) {
			_buf_ struct buf stored = BUF_INIT;

			assert_int_equal(golden_read(path, &stored), 0);
			assert_int_equal(buf_len(&stored), buf_len(&b));
			assert_memory_equal(buf_data(&stored), buf_data(&b), buf_len(&b));
		}
	}
}

static void check_stored(struct wire_arena *a, const char *path, const char *kind)
{
	_buf_ struct buf stored = BUF_INIT, again = BUF_INIT;
	const Kferry__Envelope *env;
	struct frame_decoder d;
	struct frame f;
	size_t n = strlen(kind) - strlen(".hex");

	assert_int_equal(golden_read(path, &stored), 0);
	frame_decoder_init(&d);
	assert_int_equal(frame_feed(&d, buf_data(&stored), buf_len(&stored)), 0);
	assert_int_equal(frame_next(&d, &f), 1);
	assert_int_equal(f.type, FRAME_CONTROL);
	if (wire_unpack(a, f.payload, f.len, &env) < 0)
		fail_msg("%s is not valid: %s", path, a->fault ? a->fault : "malformed");
	assert_true(strlen(wire_body_name(env)) == n);
	assert_memory_equal(wire_body_name(env), kind, n);
	assert_int_equal(wire_pack(&again, env), 0);
	assert_int_equal(buf_len(&again), buf_len(&stored));
	assert_memory_equal(buf_data(&again), buf_data(&stored), buf_len(&stored));
	frame_decoder_fini(&d);
}

static void every_stored_message_is_packed_to_the_same_bytes(void **state)
{
	_closedir_ DIR *root = opendir(GOLDEN_ROOT);
	const struct dirent *version, *kind;
	struct wire_arena a;
	unsigned checked = 0;

	(void)state;
	assert_non_null(root);
	assert_int_equal(wire_arena_init(&a), 0);
	while ((version = readdir(root))) {
		_closedir_ DIR *dir = NULL;
		char path[1024];

		if (version->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), GOLDEN_ROOT "/%s", version->d_name);
		dir = opendir(path);
		assert_non_null(dir);
		while ((kind = readdir(dir))) {
			if (!strstr(kind->d_name, ".hex"))
				continue;
			snprintf(path, sizeof(path), GOLDEN_ROOT "/%s/%s",
				 version->d_name, kind->d_name);
			check_stored(&a, path, kind->d_name);
			checked++;
		}
	}
	assert_true(checked >= 30);
	wire_arena_fini(&a);
}

/* The depth below d; fails on a message that contains itself. */
static unsigned depth(const ProtobufCMessageDescriptor *d,
		      const ProtobufCMessageDescriptor **above, unsigned level)
{
	unsigned deepest = level;

	assert_true(level < 16);
	for (unsigned i = 0; i < level; i++)
		if (above[i] == d)
			fail_msg("%s contains itself", d->name);
	above[level] = d;
	for (unsigned i = 0; i < d->n_fields; i++) {
		unsigned below;

		if (d->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		below = depth(d->fields[i].descriptor, above, level + 1);
		if (below > deepest)
			deepest = below;
	}
	return deepest;
}

static void no_message_contains_itself(void **state)
{
	const ProtobufCMessageDescriptor *above[17];

	(void)state;
	/* The walk of the raw bytes gives up at eight. */
	assert_in_range(depth(envelope, above, 0), 2, 7);
}

static void the_first_value_of_every_enum_is_unspecified(void **state)
{
	static const ProtobufCEnumDescriptor *const enums[] = {
		&kferry__trial__descriptor,	  &kferry__initramfs__descriptor,
		&kferry__reboot_mode__descriptor, &kferry__slot_state__descriptor,
		&kferry__boot_end__descriptor,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(enums); i++) {
		assert_int_equal(enums[i]->values[0].value, 0);
		assert_non_null(strstr(enums[i]->values[0].name, "UNSPECIFIED"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_stored),
		cmocka_unit_test(every_stored_message_is_packed_to_the_same_bytes),
		cmocka_unit_test(no_message_contains_itself),
		cmocka_unit_test(the_first_value_of_every_enum_is_unspecified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
