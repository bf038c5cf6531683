/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state: there and back, and every kind of damage noticed. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/slot/state.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"

struct dir {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct dir *d = malloc(sizeof(*d));

	assert_non_null(d);
	snprintf(d->path, sizeof(d->path), "%s", "/tmp/kf-state-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = d;
	return d->fd < 0;
}

static int tear_down(void **state)
{
	struct dir *d = *state;

	close(d->fd);
	assert_int_equal(fs_remove_tree(AT_FDCWD, d->path), 0);
	free(d);
	return 0;
}

static void fill(struct state *s)
{
	struct state_slot *slot;

	state_init(s);
	s->next_number = 4;
	s->next_boot = 17;
	slot = state_add(s, "k-00000001");
	slot->state = KFERRY__SLOT_STATE__SLOT_GOOD;
	slot->number = 1;
	slot = state_add(s, "k-0000000a");
	slot->state = KFERRY__SLOT_STATE__SLOT_TRIAL;
	slot->number = 3;
	snprintf(s->known_good, sizeof(s->known_good), "%s", "k-00000001");
	s->trial.phase = KFERRY__TRIAL__TRIAL_RUNNING;
	snprintf(s->trial.slot, sizeof(s->trial.slot), "%s", "k-0000000a");
	s->trial.confirm_timeout_s = 90;
	snprintf(s->trial.armed_boot_id, sizeof(s->trial.armed_boot_id), "%s", "boot-1");
	snprintf(s->trial.boot_id, sizeof(s->trial.boot_id), "%s", "boot-2");
	s->trial.kexec = STATE_KEXEC_STARTED;
}

static void test_there_and_back(void **state)
{
	struct dir *d = *state;
	struct state s, t;
	struct kf_error err = {0};
	struct stat st;

	fill(&s);
	assert_int_equal(state_load(d->fd, &t, &err), -ENOENT);
	assert_string_equal(t.known_good, FOREIGN);
	assert_int_equal(t.trial.phase, KFERRY__TRIAL__TRIAL_NONE);
	assert_int_equal(state_save(d->fd, &s, &err), 0);
	assert_int_equal(state_load(d->fd, &t, &err), 0);
	assert_memory_equal(&s, &t, sizeof(s));
	assert_int_equal(fstatat(d->fd, "state", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_unconfirmed(void **state)
{
	_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct kf_error err;
	struct state s, t;

	(void)state;
	fill(&s);
	s.trial.phase = KFERRY__TRIAL__TRIAL_ARMED;
	snprintf(s.unconfirmed.slot, sizeof(s.unconfirmed.slot), "%s", "k-00000001");
	snprintf(s.unconfirmed.boot_id, sizeof(s.unconfirmed.boot_id), "%s", "boot-1");
	s.unconfirmed.confirm_timeout_s = 77;
	assert_int_equal(state_emit(&s, &text), 0);
	assert_int_equal(state_parse(buf_data(&text), buf_len(&text), &t, &err), 0);
	assert_memory_equal(&s, &t, sizeof(s));
	assert_int_equal(state_emit(&t, &again), 0);
	assert_string_equal(buf_str(&text), buf_str(&again));
}

static void test_modules(void **state)
{
	_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct kf_error err;
	struct state s, t;

	(void)state;
	fill(&s);
	snprintf(s.modules.slot, sizeof(s.modules.slot), "%s", s.slots[0].id);
	snprintf(s.modules.boot_id, sizeof(s.modules.boot_id), "%s", "boot-1");
	assert_int_equal(state_emit(&s, &text), 0);
	assert_int_equal(state_parse(buf_data(&text), buf_len(&text), &t, &err), 0);
	assert_memory_equal(&s, &t, sizeof(s));
	assert_int_equal(state_emit(&t, &again), 0);
	assert_string_equal(buf_str(&text), buf_str(&again));
	/* They go with their slot. */
	state_drop(&s, s.modules.slot);
	assert_string_equal(s.modules.slot, "");
	assert_string_equal(s.modules.boot_id, "");
	/* And are of one that there is. */
	snprintf(t.modules.slot, sizeof(t.modules.slot), "%s", "k-99999999");
	buf_reset(&again);
	assert_int_equal(state_emit(&t, &again), 0);
	assert_int_equal(state_parse(buf_data(&again), buf_len(&again), &s, &err),
			 -EBADMSG);
}

static void test_every_flipped_byte(void **state)
{
	_buf_ struct buf text = BUF_INIT;
	struct kf_error err;
	struct state s, t;

	(void)state;
	fill(&s);
	assert_int_equal(state_emit(&s, &text), 0);
	for (size_t i = 0; i < buf_len(&text); i++) {
		text.data[i] ^= 1;
		assert_int_equal(state_parse(buf_data(&text), buf_len(&text), &t, &err),
				 -EBADMSG);
		assert_int_equal(err.reason, KF_REASON_STATE);
		text.data[i] ^= 1;
		/* A torn write. */
		assert_int_equal(state_parse(buf_data(&text), i, &t, &err), -EBADMSG);
	}
	assert_int_equal(state_parse(buf_data(&text), buf_len(&text), &t, &err), 0);
}

/* The text with its right digest: what a wrong or a later writer might have made. */
static int sign(const char *body, struct buf *ret)
{
	char hex[DIGEST_HEX];
	struct digest digest;

	digest_bytes(body, strlen(body), &digest);
	digest_hex(&digest, hex);
	return buf_printf(ret, "%sdigest %s\n", body, hex);
}

static int parse_signed(const char *body)
{
	_buf_ struct buf text = BUF_INIT;
	struct kf_error err;
	struct state s;

	assert_int_equal(sign(body, &text), 0);
	return state_parse(buf_data(&text), buf_len(&text), &s, &err);
}

#define BODY(head, good, trial, slots)                                                   \
	head "\nnext-number 2\nnext-boot 1\nknown-good " good "\ndefault foreign\n"      \
	     "trial " trial "\ntrial-slot -\ntrial-timeout 0\ntrial-armed-boot -\n"      \
	     "trial-boot -\n" slots

static void test_wrong_but_signed(void **state)
{
	(void)state;
	assert_int_equal(parse_signed(BODY("kferry-state 1", "foreign", "none", "")), 0);
	assert_int_equal(parse_signed(BODY("kferry-state 2", "foreign", "none", "")),
			 -EBADMSG);
	assert_int_equal(parse_signed(BODY("kferry-state 1", "k-00000001", "none", "")),
			 -EBADMSG);
	assert_int_equal(parse_signed(BODY("kferry-state 1", "k-00000001", "none",
					   "slot k-00000001 good 1\n")),
			 0);
	assert_int_equal(parse_signed(BODY("kferry-state 1", "foreign", "armed", "")),
			 -EBADMSG);
	assert_int_equal(parse_signed(BODY("kferry-state 1", "foreign", "none",
					   "slot k-00000001 good 01\n")),
			 -EBADMSG);
	assert_int_equal(parse_signed(BODY("kferry-state 1", "foreign", "none",
					   "slot k-00000001 good 1\n"
					   "slot k-00000001 bad 2\n")),
			 -EBADMSG);
	assert_int_equal(parse_signed(BODY("kferry-state 1", "foreign", "none",
					   "slot ../../etc good 1\n")),
			 -EBADMSG);
	assert_int_equal(parse_signed(""), -EBADMSG);
}

#define WITH(lines) BODY("kferry-state 1", "foreign", "none", lines)

/* Lines of later versions that say so are passed over, and no others. */
static void test_what_may_be_ignored(void **state)
{
	static const char slot[] = "slot k-00000001 good 1\n";
	_buf_ struct buf text = BUF_INIT;
	struct kf_error err;
	struct state s;

	(void)state;
	assert_int_equal(sign(WITH("optional lamp on\noptional lamp k-1 off\n"
				   "slot k-00000001 good 1\n"),
			      &text),
			 0);
	assert_int_equal(state_parse(buf_data(&text), buf_len(&text), &s, &err), 0);
	assert_int_equal(s.n_slots, 1);
	assert_non_null(state_find(&s, "k-00000001"));
	/* They go with the next change. */
	buf_reset(&text);
	assert_int_equal(state_emit(&s, &text), 0);
	assert_null(strstr(buf_str(&text), "optional"));
	assert_non_null(strstr(buf_str(&text), slot));

	/* Ours: kept as long as it says more than the default does. */
	buf_reset(&text);
	assert_int_equal(
		sign(WITH("optional next-default k-00000001\noptional lamp on\n"), &text),
		0);
	assert_int_equal(state_parse(buf_data(&text), buf_len(&text), &s, &err), 0);
	assert_true(state_default_changes(&s));
	buf_reset(&text);
	assert_int_equal(state_emit(&s, &text), 0);
	assert_non_null(strstr(buf_str(&text), "\noptional next-default k-00000001\n"));
	snprintf(s.default_slot, sizeof(s.default_slot), "k-00000001");
	buf_reset(&text);
	assert_int_equal(state_emit(&s, &text), 0);
	assert_null(strstr(buf_str(&text), "optional"));

	assert_int_equal(parse_signed(WITH("lamp on\n")), -EBADMSG);
	assert_int_equal(parse_signed(WITH("optional\n")), -EBADMSG);
	assert_int_equal(parse_signed(WITH("optional lamp\n")), -EBADMSG);
	assert_int_equal(parse_signed(WITH("optional lamp \n")), -EBADMSG);
	assert_int_equal(parse_signed(WITH("optional  on\n")), -EBADMSG);
	assert_int_equal(parse_signed(WITH("optional ../lamp on\n")), -EBADMSG);
	assert_int_equal(parse_signed(WITH("optional lamp o\x1b[2Jn\n")), -EBADMSG);
	/* They have one place. */
	assert_int_equal(parse_signed(WITH("slot k-00000001 good 1\noptional a b\n")),
			 -EBADMSG);
	assert_int_equal(parse_signed("optional a b\n" WITH("")), -EBADMSG);
}

static void test_slots(void **state)
{
	struct state s;
	char id[SLOT_ID_SIZE];

	(void)state;
	state_init(&s);
	for (unsigned i = 0; i < STATE_SLOTS; i++) {
		snprintf(id, sizeof(id), "k-%08x", i);
		assert_non_null(state_add(&s, id));
	}
	assert_null(state_add(&s, "k-ffffffff"));
	assert_ptr_equal(state_add(&s, "k-00000003"), &s.slots[3]);
	state_drop(&s, "k-00000003");
	state_drop(&s, "k-00000003");
	assert_int_equal(s.n_slots, STATE_SLOTS - 1);
	assert_null(state_find(&s, "k-00000003"));
	assert_string_equal(s.slots[3].id, "k-00000004");
	assert_non_null(state_find(&s, "k-0000001f"));
}

static void test_change_that_cannot_be_saved(void **state)
{
	struct dir *d = *state;
	struct state s, before, is;
	struct kf_error err = {0};

	fill(&s);
	assert_int_equal(state_save(d->fd, &s, &err), 0);
	before = s;
	state_drop(&s, "k-0000000a");
	assert_true(state_change(-1, &s, &before, &err) < 0);
	assert_int_equal(s.n_slots, 2);
	assert_non_null(state_find(&s, "k-0000000a"));
	assert_int_equal(state_load(d->fd, &is, &err), 0);
	assert_int_equal(is.n_slots, 2);
}

static void test_too_long(void **state)
{
	struct dir *d = *state;
	static char junk[9000];
	struct kf_error err = {0};
	struct state s;

	memset(junk, 'x', sizeof(junk));
	assert_int_equal(fs_replace(d->fd, "state", junk, sizeof(junk), 0600), 0);
	assert_int_equal(state_load(d->fd, &s, &err), -EBADMSG);
	assert_string_equal(s.default_slot, FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unconfirmed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_modules, set_up, tear_down),
		cmocka_unit_test(test_every_flipped_byte),
		cmocka_unit_test(test_wrong_but_signed),
		cmocka_unit_test(test_what_may_be_ignored),
		cmocka_unit_test(test_slots),
		cmocka_unit_test_setup_teardown(test_change_that_cannot_be_saved, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
