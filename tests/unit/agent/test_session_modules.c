/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of modules over a session. */
#include "tests/unit/agent/session_board.h"

#include "agent/trial/early.h"

#define RELEASE "6.9.0-test"
#define B_KO	3 /* of a kernel's files */

static void module(struct kernel *k, const char *info, size_t n)
{
	memcpy(k->files[B_KO].data, info, n);
	k->files[B_KO].size = 0;
	kernel_finish(k);
}

/* The slot of seed a runs, and stands there with another module b, too; b is loaded. */
static void arrange(struct board *b, struct kernel *x, struct kernel *y)
{
	struct trip t = {.modules_only = true};
	_buf_ struct buf program = BUF_INIT;
	_free_ char *path = agent_path(&b->s.a, "/sbin/modprobe");
	static const char loaded[] = "b 4096 1 a, Live 0x0 (O)\na 4096 0 - Live 0x0\n";

	assert_int_equal(
		fs_read_file(AT_FDCWD, "tests/lib/fake-modprobe", 1 << 20, &program), 0);
	scratch_write(&b->s, "sbin/modprobe", buf_data(&program), buf_len(&program));
	assert_int_equal(chmod(path, 0755), 0);
	kernel_init(x, RELEASE, 'a');
	kernel_init(y, RELEASE, 'a');
	module(x, "says=old", 9);
	module(y, "says=new", 9);
	scratch_install(&b->s, x);
	scratch_boot(&b->s, x);
	assert_int_equal(early_run(b->s.root, false), 0);
	assert_int_equal(scratch_deploy(&b->s, y, &t), 0);
	scratch_write(&b->s, "proc/modules", loaded, sizeof(loaded) - 1);
}

static const Kferry__Modules *ask_modules(struct board *b, char **names, size_t n)
{
	Kferry__ModulesRequest q = KFERRY__MODULES_REQUEST__INIT;

	q.name = names;
	q.n_name = n;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_MODULES_REQUEST, &q);
	return answer(b, &b->c, KFERRY__ENVELOPE__BODY_MODULES)->modules;
}

static void lists_what_is_loaded(void **state)
{
	char *names[] = {(char *)"a", (char *)"nosuch"};
	struct board *b = *state;
	const Kferry__Modules *m;
	struct kernel x, y;

	arrange(b, &x, &y);
	start_log(b);
	hello(b, &b->c);
	m = ask_modules(b, NULL, 0);
	assert_int_equal(m->n_module, 2);
	assert_string_equal(m->module[0]->name, "b");
	assert_int_equal(m->module[0]->users, 1);
	assert_string_equal(m->module[0]->holder[0], "a");
	assert_string_equal(m->module[0]->taint, "O");
	assert_string_equal(m->module[0]->slot, x.id);
	assert_string_equal(m->running_slot, x.id);
	assert_string_equal(m->modules_slot, x.id);
	assert_string_equal(m->release, RELEASE);
	assert_int_equal(m->log_us, 300);
	m = ask_modules(b, names, 2);
	assert_int_equal(m->n_module, 1);
	assert_string_equal(m->module[0]->name, "a");
	kernel_fini(&x);
	kernel_fini(&y);
}

static void more_than_an_answer_holds(void **state)
{
	_buf_ struct buf text = BUF_INIT;
	struct board *b = *state;
	const Kferry__Modules *m;

	for (int i = 0; i < 2000; i++)
		assert_int_equal(buf_printf(&text,
					    "a_module_with_a_long_name_%d 4096 1 "
					    "another_module_with_a_long_name, Live 0x0\n",
					    i),
				 0);
	scratch_write(&b->s, "proc/modules", buf_data(&text), buf_len(&text));
	hello(b, &b->c);
	m = ask_modules(b, NULL, 0);
	assert_true(m->n_module > 300);
	assert_int_equal(m->n_module + m->left_out, 2000);
}

static void shows_another_slots(void **state)
{
	Kferry__ShowModulesRequest q = KFERRY__SHOW_MODULES_REQUEST__INIT;
	struct board *b = *state;
	const Kferry__ModulesShown *m;
	const Kferry__Status *st;
	struct kernel x, y;

	arrange(b, &x, &y);
	hello(b, &b->c);
	q.slot = y.id;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST, &q);
	m = answer(b, &b->c, KFERRY__ENVELOPE__BODY_MODULES_SHOWN)->modules_shown;
	assert_string_equal(m->slot, y.id);
	assert_int_equal(m->changed, 1);
	assert_int_equal(m->total, 2);
	assert_int_equal(m->n_name, 1);
	assert_string_equal(m->name[0], "b");
	ask_status(b, &b->c);
	st = answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS)->status;
	assert_string_equal(st->running_slot, x.id);
	assert_string_equal(st->modules_slot, y.id);
	q.slot = (char *)"k-00000000";
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST, &q);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_NO_SLOT);
	kernel_fini(&x);
	kernel_fini(&y);
}

static void reloads_over_the_wire(void **state)
{
	Kferry__ModuleRequest q = KFERRY__MODULE_REQUEST__INIT;
	char *params[] = {(char *)"debug=1"};
	struct board *b = *state;
	const Kferry__ModuleChange *m;
	_free_ char *log = NULL;
	struct kernel x, y;

	arrange(b, &x, &y);
	scratch_write(&b->s, "proc/modules", "", 0);
	hello(b, &b->c);
	q.name = (char *)"b";
	q.param = params;
	q.n_param = 1;
	q.action = KFERRY__MODULE_ACTION__MODULE_RELOAD;
	for (unsigned again = 0; again < 2; again++) {
		ask(b, &b->c, KFERRY__ENVELOPE__BODY_MODULE_REQUEST, &q);
		m = answer(b, &b->c, KFERRY__ENVELOPE__BODY_MODULE_CHANGE)->module_change;
		assert_int_equal(m->n_unloaded, again);
		assert_int_equal(m->n_loaded, 1);
		assert_string_equal(m->loaded[0], "b");
	}
	log = scratch_read(&b->s, "dev/kmsg");
	assert_non_null(strstr(log, "b: old (debug=1)"));
	q.action = KFERRY__MODULE_ACTION__MODULE_UNLOAD;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_MODULE_REQUEST, &q);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_INVALID);
	q.action = KFERRY__MODULE_ACTION__MODULE_UNSPECIFIED;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_MODULE_REQUEST, &q);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_INVALID);
	q.action = KFERRY__MODULE_ACTION__MODULE_LOAD;
	q.name = (char *)"nosuch";
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_MODULE_REQUEST, &q);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_NOT_FOUND);
	kernel_fini(&x);
	kernel_fini(&y);
}

/* Somebody deploys: what he checked stays as it is. */
static void not_while_somebody_else_deploys(void **state)
{
	Kferry__ModuleRequest q = KFERRY__MODULE_REQUEST__INIT;
	Kferry__ShowModulesRequest show = KFERRY__SHOW_MODULES_REQUEST__INIT;
	struct board *b = *state;
	Kferry__PlanRequest plan;
	struct kernel x, y;
	struct trip t = {0};

	arrange(b, &x, &y);
	hello(b, &b->c);
	hello(b, &b->other);
	scratch_request(&x, &t, &plan);
	ask(b, &b->other, KFERRY__ENVELOPE__BODY_PLAN_REQUEST, &plan);
	answer(b, &b->other, KFERRY__ENVELOPE__BODY_PLAN);
	answer(b, &b->other, KFERRY__ENVELOPE__BODY_INSTALLED);
	q.action = KFERRY__MODULE_ACTION__MODULE_UNLOAD;
	q.name = (char *)"b";
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_MODULE_REQUEST, &q);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_BUSY);
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST, &show);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_BUSY);
	assert_int_equal(ask_modules(b, NULL, 0)->n_module, 2);
	kernel_fini(&x);
	kernel_fini(&y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_what_is_loaded),
		TEST(more_than_an_answer_holds),
		TEST(shows_another_slots),
		TEST(reloads_over_the_wire),
		TEST(not_while_somebody_else_deploys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
