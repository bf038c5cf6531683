// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions over a socketpair, as a controller sees them, on a scratch board. */
#include <sys/ioctl.h>

#include "tests/unit/agent/session_board.h"

/* --- tests ---------------------------------------------------------------------- */

static void tells_its_status(void **state)
{
	struct board *b = *state;
	const Kferry__Status *m;

	hello(b, &b->c);
	ask_status(b, &b->c);
	m = answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS)->status;
	assert_string_equal(m->boot_id, b->s.a.boot.boot_id);
	assert_string_equal(m->release, b->s.a.boot.release);
	assert_string_equal(m->known_good, "foreign");
	assert_string_equal(m->running_slot, "");
	assert_string_equal(m->chain, "hook");
	assert_string_equal(m->holder, "");
}

static void serves_one_request_after_the_other(void **state)
{
	struct board *b = *state;
	Kferry__FactsRequest facts = KFERRY__FACTS_REQUEST__INIT;
	Kferry__SlotsRequest slots = KFERRY__SLOTS_REQUEST__INIT;
	const Kferry__Envelope *env;
	bool seen = false;

	hello(b, &b->c);
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_SLOTS_REQUEST, &slots);
	assert_int_equal(answer(b, &b->c, KFERRY__ENVELOPE__BODY_SLOTS)->slots->n_slot,
			 0);
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_FACTS_REQUEST, &facts);
	env = answer(b, &b->c, KFERRY__ENVELOPE__BODY_FACTS);
	for (size_t i = 0; i < env->facts->n_fact; i++)
		seen |= strcmp(env->facts->fact[i]->name, "release") == 0 &&
			strcmp(env->facts->fact[i]->value, b->s.a.boot.release) == 0;
	assert_true(seen);
	for (size_t i = 0; i < env->facts->n_chain; i++)
		if (strcmp(env->facts->chain[i]->name, "hook") == 0)
			assert_true(env->facts->chain[i]->usable);
	ask_status(b, &b->c);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS);
}

static void answers_what_it_does_not_know(void **state)
{
	struct board *b = *state;

	hello(b, &b->c);
	ask(b, &b->c, KFERRY__ENVELOPE__BODY__NOT_SET, NULL);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_UNSUPPORTED);
	ask_status(b, &b->c);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS);
}

static void says_why_it_has_no_place(void **state)
{
	struct board *b = *state;

	client_connect(b, &b->c, "too many");
	assert_int_equal(next(b, &b->c).type, PEER_HELLO);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_BUSY);
	assert_int_equal(next(b, &b->c).type, PEER_NOTHING);
	assert_true(b->c.ended);
}

static void ends_with_noise(void **state)
{
	struct board *b = *state;

	hello(b, &b->c);
	assert_int_equal(send(b->c.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	assert_int_equal(next(b, &b->c).type, PEER_NOTHING);
	assert_true(b->c.ended);
	wait_no_sessions(b);
}

/* --- logs ----------------------------------------------------------------------- */

/* DATA until END into out. */
static void take_data(struct board *b, struct client *c, struct buf *out)
{
	struct peer_event ev;

	do {
		ev = next(b, c);
		assert_int_equal(ev.type, PEER_DATA);
		assert_int_equal(buf_append(out, ev.data, ev.len), 0);
	} while (!(ev.flags & FRAME_END));
}

static void sends_the_log_of_this_boot(void **state)
{
	struct board *b = *state;
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	_buf_ struct buf text = BUF_INIT;

	start_log(b);
	hello(b, &b->c);
	q.max_level = 5;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_REQUEST, &q);
	assert_string_equal(
		answer(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_START)->log_start->boot_id,
		b->s.a.boot.boot_id);
	take_data(b, &b->c, &text);
	assert_string_equal(buf_str(&text),
			    "4,2,200,-;second\n KEY=v\n3,3,300,-;third\n");
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_DONE);
}

static void follows_the_log(void **state)
{
	struct board *b = *state;
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	_free_ char *kmsg = NULL;
	struct peer_event ev;
	_close_ int fd = -1;

	start_log(b);
	hello(b, &b->c);
	q.follow = true;
	q.since_us = 300;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_REQUEST, &q);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_START);
	ev = next(b, &b->c);
	assert_int_equal(ev.type, PEER_DATA);
	assert_memory_equal(ev.data, "3,3,300,-;third\n", 16);
	assert_true(asprintf(&kmsg, "%s/dev/kmsg", b->s.root) > 0);
	fd = open(kmsg, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(fs_write_all(fd, "6,4,400,-;late\n", 15), 0);
	ev = next(b, &b->c);
	assert_int_equal(ev.type, PEER_DATA);
	assert_memory_equal(ev.data, "6,4,400,-;late\n", 15);

	ask_status(b, &b->c);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_PROTOCOL);
	client_close(&b->c);
	wait_no_sessions(b);
}

static void starts_a_log_that_could_not_be_before(void **state)
{
	struct board *b = *state;
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;

	b->env.start_log = start_log;
	hello(b, &b->c);
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_REQUEST, &q);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_START);
}

static void collects_what_a_dead_kernel_left(void **state)
{
	static const char dump[] = "Panic#1 Part1\n<0>Kernel panic - not syncing: x\n";
	struct board *b = *state;
	Kferry__BootsRequest boots = KFERRY__BOOTS_REQUEST__INIT;
	Kferry__CollectRequest q = KFERRY__COLLECT_REQUEST__INIT;
	const Kferry__Envelope *env;
	_buf_ struct buf text = BUF_INIT;
	char before[64];
	bool joined = false;

	start_log(b);
	kernlog_stop(TAKE_PTR(b->env.kernlog));
	uv_run(&b->loop, UV_RUN_DEFAULT);
	scratch_boot(&b->s, NULL);
	scratch_write(&b->s, "sys/fs/pstore/dmesg-efi-170000000001001", dump,
		      sizeof(dump) - 1);
	start_log(b);

	hello(b, &b->c);
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_BOOTS_REQUEST, &boots);
	env = answer(b, &b->c, KFERRY__ENVELOPE__BODY_BOOTS);
	assert_int_equal(env->boots->n_boot, 2);
	assert_string_equal(env->boots->boot[0]->boot_id, b->s.a.boot.boot_id);
	assert_int_equal(env->boots->boot[1]->end, KFERRY__BOOT_END__BOOT_END_CRASH);
	assert_int_equal(env->boots->boot[1]->n_pstore, 2);
	assert_true(env->boots->boot[1]->has_log);
	snprintf(before, sizeof(before), "%s", env->boots->boot[1]->boot_id);

	q.boot_id = before;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_COLLECT_REQUEST, &q);
	env = answer(b, &b->c, KFERRY__ENVELOPE__BODY_FILE);
	assert_string_equal(env->file->name, "dmesg");
	take_data(b, &b->c, &text);
	assert_non_null(strstr(buf_str(&text), "6,1,100,-;first\n"));
	for (int i = 0; i < 2; i++) {
		uint64_t size;

		env = answer(b, &b->c, KFERRY__ENVELOPE__BODY_FILE);
		size = env->file->size;
		joined |= strcmp(env->file->name, "pstore/dmesg.txt") == 0;
		buf_reset(&text);
		take_data(b, &b->c, &text);
		assert_int_equal(buf_len(&text), size);
		assert_non_null(strstr(buf_str(&text), "Kernel panic - not syncing: x"));
	}
	assert_true(joined);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_DONE);
}

static void asks_for_a_boot_that_is_not_there(void **state)
{
	struct board *b = *state;
	Kferry__CollectRequest q = KFERRY__COLLECT_REQUEST__INIT;
	Kferry__LogRequest log = KFERRY__LOG_REQUEST__INIT;

	start_log(b);
	hello(b, &b->c);
	q.boot_id = (char *)"nothing";
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_COLLECT_REQUEST, &q);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_NOT_FOUND);
	log.boot = -7;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_LOG_REQUEST, &log);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_NOT_FOUND);
}

/* --- commands ------------------------------------------------------------------- */

static void ask_exec(struct board *b, struct client *c, char **argv, uint32_t timeout_s)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;

	for (; argv[q.n_argv]; q.n_argv++)
		;
	q.argv = argv;
	q.timeout_s = timeout_s;
	ask(b, c, KFERRY__ENVELOPE__BODY_EXEC_REQUEST, &q);
}

static void ask_shell(struct board *b, struct client *c, const char *script,
		      uint32_t timeout_s)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};

	ask_exec(b, c, argv, timeout_s);
}

/* Output until Exit, whose message is returned. */
static Kferry__Exit take_output(struct board *b, struct client *c, struct buf *out,
				struct buf *err)
{
	for (;;) {
		struct peer_event ev = next(b, c);

		if (ev.type == PEER_DATA) {
			assert_int_equal(buf_append(ev.flags & FRAME_STDERR ? err : out,
						    ev.data, ev.len),
					 0);
			continue;
		}
		assert_int_equal(ev.type, PEER_ENVELOPE);
		assert_int_equal(ev.env->body_case, KFERRY__ENVELOPE__BODY_EXIT);
		return *ev.env->exit;
	}
}

static void runs_a_command(void **state)
{
	struct board *b = *state;
	_buf_ struct buf out = BUF_INIT, err = BUF_INIT;
	Kferry__Exit e;

	hello(b, &b->c);
	ask_shell(b, &b->c, "echo one; echo two >&2; exit 7", 0);
	e = take_output(b, &b->c, &out, &err);
	assert_int_equal(e.status, 7);
	assert_false(e.signalled);
	assert_string_equal(buf_str(&out), "one\n");
	assert_string_equal(buf_str(&err), "two\n");
	ask_shell(b, &b->c, "kill -9 $$", 0);
	e = take_output(b, &b->c, &out, &err);
	assert_int_equal(e.status, 128 + 9);
	assert_true(e.signalled);
}

static void gives_a_command_its_input(void **state)
{
	static char data[700000];
	struct board *b = *state;
	_buf_ struct buf out = BUF_INIT, err = BUF_INIT;

	memset(data, 'z', sizeof(data));
	hello(b, &b->c);
	ask_shell(b, &b->c, "sleep 0.1; wc -c", 0);
	send_all(b, &b->c, data, sizeof(data), FRAME_END);
	assert_int_equal(take_output(b, &b->c, &out, &err).status, 0);
	assert_int_equal(atoi(buf_str(&out)), sizeof(data));
}

static void a_command_that_reads_nothing_ends_all_the_same(void **state)
{
	static char data[700000];
	struct board *b = *state;
	_buf_ struct buf out = BUF_INIT, err = BUF_INIT;

	hello(b, &b->c);
	ask_shell(b, &b->c, "exec <&-; echo done", 0);
	send_all(b, &b->c, data, sizeof(data), FRAME_END);
	assert_int_equal(take_output(b, &b->c, &out, &err).status, 0);
	assert_string_equal(buf_str(&out), "done\n");
	ask_status(b, &b->c);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS);
}

static void much_output_waits_for_its_reader(void **state)
{
	struct board *b = *state;
	_buf_ struct buf out = BUF_INIT, err = BUF_INIT;

	hello(b, &b->c);
	ask_shell(b, &b->c, "head -c 6000000 /dev/zero; echo end >&2", 0);
	flush(b, &b->c);
	/* Nobody reads for a while: the command is held back, and ends only later. */
	for (int i = 0; i < 200; i++)
		uv_run(&b->loop, UV_RUN_NOWAIT);
	assert_int_equal(take_output(b, &b->c, &out, &err).status, 0);
	assert_int_equal(buf_len(&out), 6000000);
	assert_string_equal(buf_str(&err), "end\n");
}

/* Send what is queued while nobody reads what the agent sends. */
static void send_only(struct board *b, struct client *c)
{
	struct buf *out = peer_out(c->peer);
	ssize_t n = send(c->fd, buf_data(out), buf_len(out), MSG_NOSIGNAL);

	if (n > 0)
		buf_consume(out, (size_t)n);
	uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* Until the agent sends no more, as all that is between the two is full. */
static void fill_up(struct board *b, struct client *c)
{
	int before = -1, waits = 0;

	for (int same = 0; same < 100; same++) {
		uv_run(&b->loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
		assert_int_equal(ioctl(c->fd, FIONREAD, &waits), 0);
		if (waits != before)
			same = 0;
		before = waits;
	}
	assert_true(waits > 0);
}

/* Ctrl-C of who is shown a flood. */
static void input_gets_through_where_nobody_reads(void **state)
{
	struct board *b = *state;
	_buf_ struct buf out = BUF_INIT, err = BUF_INIT;
	_free_ char *got = agent_path(&b->s.a, "/got");
	_free_ char *script = NULL;

	assert_true(asprintf(&script, "yes & read -r word; echo $word >%s; kill $!",
			     got) > 0);
	hello(b, &b->c);
	ask_shell(b, &b->c, script, 0);
	flush(b, &b->c);
	fill_up(b, &b->c);
	assert_int_equal(peer_send_data(b->c.peer, "it\n", 3, FRAME_END), 0);
	alarm(GIVE_UP_S);
	while (!fs_exists(AT_FDCWD, got)) {
		send_only(b, &b->c);
		poll(NULL, 0, 1);
	}
	take_output(b, &b->c, &out, &err);
	alarm(0);
}

static void a_command_over_its_time_is_killed(void **state)
{
	struct board *b = *state;

	hello(b, &b->c);
	ask_shell(b, &b->c, "sleep 1000", 1);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_TIMEOUT);
}

/* Every process of the command holds the pipe: its end says that all are dead. */
static void a_command_dies_with_its_connection(void **state)
{
	struct board *b = *state;
	_free_ char *fifo = NULL, *script = NULL;
	struct pollfd p = {.events = POLLIN};
	char any;

	assert_true(asprintf(&fifo, "%s/fifo", b->s.root) > 0);
	assert_true(asprintf(&script, "exec 9>%s; echo up; sleep 1000 & wait", fifo) > 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	p.fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(p.fd >= 0);
	hello(b, &b->c);
	ask_shell(b, &b->c, script, 0);
	assert_int_equal(next(b, &b->c).type, PEER_DATA);
	client_close(&b->c);
	wait_no_sessions(b);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(read(p.fd, &any, 1), 0);
	close(p.fd);
}

static void a_program_that_is_not_there(void **state)
{
	struct board *b = *state;
	char *argv[] = {(char *)"/nonexistent/program", NULL};

	hello(b, &b->c);
	ask_exec(b, &b->c, argv, 0);
	assert_int_equal(expect_error(b, &b->c), KF_REASON_EXEC);
	ask_status(b, &b->c);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_STATUS);
}

/* --- rebooting ------------------------------------------------------------------ */

static void reboots_after_it_has_answered(void **state)
{
	struct board *b = *state;
	Kferry__RebootRequest q = KFERRY__REBOOT_REQUEST__INIT;
	_free_ char *line = NULL;
	struct boot_record rec;
	_close_ int fd = -1;

	assert_true(asprintf(&line, "reboot = /bin/sh -c \"touch %s/rebooted\"\n",
			     b->s.root) > 0);
	scratch_conf(&b->s, line);
	scratch_boot(&b->s, NULL);
	start_log(b);
	hello(b, &b->c);
	q.mode = KFERRY__REBOOT_MODE__REBOOT_NORMAL;
	ask(b, &b->c, KFERRY__ENVELOPE__BODY_REBOOT_REQUEST, &q);
	answer(b, &b->c, KFERRY__ENVELOPE__BODY_DONE);
	client_close(&b->c);
	wait_no_sessions(b);
	assert_true(scratch_has(&b->s, "rebooted"));
	assert_int_equal(boots_dir(&b->s.a, "", 0, &rec, &fd), 0);
	assert_int_equal(rec.end, KFERRY__BOOT_END__BOOT_END_REBOOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_its_status),
		TEST(serves_one_request_after_the_other),
		TEST(answers_what_it_does_not_know),
		TEST(says_why_it_has_no_place),
		TEST(ends_with_noise),
		TEST(sends_the_log_of_this_boot),
		TEST(follows_the_log),
		TEST(starts_a_log_that_could_not_be_before),
		TEST(collects_what_a_dead_kernel_left),
		TEST(asks_for_a_boot_that_is_not_there),
		TEST(runs_a_command),
		TEST(gives_a_command_its_input),
		TEST(a_command_that_reads_nothing_ends_all_the_same),
		TEST(much_output_waits_for_its_reader),
		TEST(input_gets_through_where_nobody_reads),
		TEST(a_command_over_its_time_is_killed),
		TEST(a_command_dies_with_its_connection),
		TEST(a_program_that_is_not_there),
		TEST(reboots_after_it_has_answered),
	};

	signal(SIGPIPE, SIG_IGN); /* as the server does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
