/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hook as a boot chain, with little scripts, and the choice among chains. */
#include "agent/boot/boot.h"
#include "proto/reason.h"
#include "tests/lib/board.h"

#define SCRIPT "hook.sh"
/* Writes down how it was called. */
#define RECORD                                                                           \
	"#!/bin/sh\n"                                                                    \
	"echo \"$* slot=${KFERRY_SLOT-} dir=${KFERRY_SLOT_DIR-} image=${KFERRY_IMAGE-}"  \
	" initrd=${KFERRY_INITRD-} root=$KFERRY_ROOT cmdline=${KFERRY_CMDLINE-}\""       \
	" >>\"$KFERRY_ROOT/calls\"\n"

struct hooked {
	struct board b;
	char *argv[3];
	char program[80];
};

static void hook_init(struct hooked *h, const char *script)
{
	board_init(&h->b);
	put_program(&h->b, SCRIPT, script);
	snprintf(h->program, sizeof(h->program), "%s/" SCRIPT, h->b.path);
	h->argv[0] = h->program;
	h->argv[1] = (char *)"first word";
	h->argv[2] = NULL;
	h->b.a.conf.hook = h->argv;
}

static void hands_over_what_is_promised(void **state)
{
	_free_ char *calls = NULL, *want = NULL;
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct hooked h;
	struct slot s;
	const char *p;

	(void)state;
	hook_init(&h, RECORD);
	p = h.b.path;
	slot_make(&h.b, &s, "kernel");
	put_text(&h.b, "var/lib/kferry/slots/" TEST_SLOT "/initrd", "x");
	initrd = fs_open_beneath(s.fd, "initrd", O_RDONLY, 0);
	assert_int_equal(boot_hook.stage(&h.b.a, &s, initrd, &err), 0);
	assert_int_equal(boot_hook.stage(&h.b.a, &s, -1, &err), 0);
	assert_int_equal(boot_hook.arm(&h.b.a, s.id, &err), 0);
	assert_int_equal(boot_hook.read_back(&h.b.a, s.id, &err), 0);
	assert_int_equal(boot_hook.disarm(&h.b.a, &err), 0);
	assert_int_equal(boot_hook.commit(&h.b.a, FOREIGN, &err), 0);
	assert_int_equal(boot_hook.remove(&h.b.a, s.id, &err), 0);
	calls = get_text(&h.b, "calls");
#define DIR   "%s/var/lib/kferry/slots/" TEST_SLOT
#define PLAIN " slot=" TEST_SLOT " dir=" DIR " image= initrd= root=%s cmdline=\n"
	assert_true(asprintf(&want,
			     "first word stage " TEST_SLOT " slot=" TEST_SLOT " dir=" DIR
			     " image=" DIR "/boot/image initrd=" DIR
			     "/initrd root=%s cmdline=%s\n"
			     "first word stage " TEST_SLOT " slot=" TEST_SLOT " dir=" DIR
			     " image=" DIR "/boot/image initrd= root=%s cmdline=%s\n"
			     "first word arm " TEST_SLOT PLAIN
			     "first word read-back " TEST_SLOT PLAIN
			     "first word disarm slot= dir= image= initrd= root=%s "
			     "cmdline=\n"
			     "first word commit foreign slot=foreign dir= image= initrd= "
			     "root=%s cmdline=\n"
			     "first word remove " TEST_SLOT PLAIN,
			     p, p, p, p, s.conf.cmdline, p, p, p, s.conf.cmdline, p, p, p,
			     p, p, p, p, p) > 0);
	assert_string_equal(calls, want);
	slot_drop(&s);
	board_fini(&h.b);
}

static void failure_has_its_last_line(void **state)
{
	struct kf_error err = {0};
	struct hooked h;

	(void)state;
	hook_init(&h, "#!/bin/sh\necho out\necho first >&2\n"
		      "echo 'relay 7 does not answer' >&2\necho >&2\nexit 3\n");
	assert_int_equal(boot_hook.arm(&h.b.a, TEST_SLOT, &err), -EIO);
	assert_non_null(strstr(err.msg, "status 3: relay 7 does not answer"));
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	put_program(&h.b, SCRIPT, "#!/bin/sh\nexit 1\n");
	assert_int_equal(boot_hook.disarm(&h.b.a, &err), -EIO);
	assert_non_null(strstr(err.msg, "it said nothing"));
	h.argv[0] = (char *)"/nonexistent/hook";
	assert_int_equal(boot_hook.disarm(&h.b.a, &err), -ENOENT);
	h.b.a.conf.hook = NULL;
	assert_int_equal(boot_hook.disarm(&h.b.a, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "hook = PROGRAM"));
	board_fini(&h.b);
}

/* A no, and no answer: only the first says that the one-shot was used. */
static void a_no_is_told_from_no_answer(void **state)
{
	struct kf_error err = {0};
	struct hooked h;

	(void)state;
	hook_init(&h, "#!/bin/sh\nexit 1\n");
	assert_int_equal(boot_hook.read_back(&h.b.a, TEST_SLOT, &err), -ENODATA);
	put_program(&h.b, SCRIPT, "#!/bin/sh\nexit 75\n");
	assert_int_equal(boot_hook.read_back(&h.b.a, TEST_SLOT, &err), -EIO);
	put_program(&h.b, SCRIPT, "#!/bin/sh\nkill -9 $$\n");
	assert_int_equal(boot_hook.read_back(&h.b.a, TEST_SLOT, &err), -EIO);
	put_program(&h.b, SCRIPT, "#!/bin/sh\nexec /nonexistent/ask\n");
	assert_int_equal(boot_hook.read_back(&h.b.a, TEST_SLOT, &err), -EIO);
	h.argv[0] = (char *)"/nonexistent/hook";
	assert_int_equal(boot_hook.read_back(&h.b.a, TEST_SLOT, &err), -ENOENT);
	board_fini(&h.b);
}

static void probe_gives_a_note(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	struct hooked h;

	(void)state;
	hook_init(&h, "#!/bin/sh\necho one\necho two\n");
	assert_int_equal(boot_hook.probe(&h.b.a, note, &err), 0);
	assert_string_equal(note, "two");
	put_program(&h.b, SCRIPT,
		    "#!/bin/sh\nhead -c 5000 /dev/zero | tr '\\0' x\nexit 0\n");
	assert_int_equal(boot_hook.probe(&h.b.a, note, &err), 0);
	assert_int_equal(strlen(note), 255);
	board_fini(&h.b);
}

static void choice_keeps_to_names(void **state)
{
	const struct boot_chain *c = NULL;
	struct kf_error err = {0};
	struct hooked h;

	(void)state;
	hook_init(&h, "#!/bin/sh\n[ -e \"$KFERRY_ROOT/bad\" ] || exit 0\n"
		      "echo broken >&2\nexit 1\n");
	assert_int_equal(boot_select(&h.b.a, NULL, &c, &err), 0);
	assert_ptr_equal(c, &boot_hook);
	assert_int_equal(boot_select(&h.b.a, "systemd-boot", &c, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "systemd-boot: "));
	assert_int_equal(boot_select(&h.b.a, "lilo", &c, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "known are hook, systemd-boot"));
	h.b.a.conf.chain = (char *)"systemd-boot";
	assert_int_equal(boot_select(&h.b.a, "", &c, &err), -ENOTSUP);
	assert_int_equal(boot_select(&h.b.a, "hook", &c, &err), 0);
	h.b.a.conf.chain = NULL;
	put_text(&h.b, "bad", "");
	assert_int_equal(boot_select(&h.b.a, "", &c, &err), -ENOTSUP);
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	assert_non_null(strstr(err.msg, "broken; systemd-boot: this board was not"));
	assert_null(boot_find("grub0"));
	board_fini(&h.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_over_what_is_promised),
		cmocka_unit_test(failure_has_its_last_line),
		cmocka_unit_test(a_no_is_told_from_no_answer),
		cmocka_unit_test(probe_gives_a_note),
		cmocka_unit_test(choice_keeps_to_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
