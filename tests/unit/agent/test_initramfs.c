/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The initramfs of a slot: which one, and what a graft holds. */
#include "agent/initramfs/cpio_scan.h"
#include "agent/initramfs/initramfs.h"
#include "proto/reason.h"
#include "tests/lib/board.h"
#include "tests/unit/agent/cpio_make.h"

#define SLOT	"var/lib/kferry/slots/" TEST_SLOT "/"
#define MODULES SLOT "modules/6.18.0-rc3/"
#define BASE	"boot/initrd.img-6.1.0-old"
#define NEW	"usr/lib/modules/6.18.0-rc3"

static const char *const base_names[] = {
	"bin/",
	"bin/sh",
	"usr/lib/modules/6.1.0-old/kernel/fs/ext4/ext4.ko",
	"usr/lib/modules/6.1.0-old/kernel/virtio-pci.ko.xz",
	"usr/lib/modules/6.1.0-old/kernel/old.ko",
	NULL};

static int join(void *arg, const char *path)
{
	return buf_printf(arg, "%s\n", path);
}

/* The names in the slot's initramfs. */
static char *names_in(struct board *b, struct slot *s)
{
	_close_ int fd = fs_open_beneath(s->fd, "initrd", O_RDONLY, 0);
	struct buf names = BUF_INIT;
	struct stat st;

	(void)b;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(cpio_scan(fd, (uint64_t)st.st_size, NULL, join, &names, NULL),
			 0);
	assert_non_null(buf_str(&names));
	return (char *)names.data;
}

static void put_base(struct board *b, const char *filter, const char *const *names)
{
	_buf_ struct buf base = BUF_INIT;

	cpio_make(&base, filter, names);
	put_bytes(b, BASE, buf_data(&base), buf_len(&base));
}

static void kernel_init(struct board *b, struct slot *s)
{
	board_init(b);
	slot_make(b, s, "MZ");
	put_text(b, SLOT "boot/config",
		 "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n");
	put_text(b, MODULES "modules.dep",
		 "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko\nkernel/lib/crc16.ko:\n"
		 "kernel/sound/snd.ko:\n");
	put_text(b, MODULES "modules.dep.bin", "bin");
	put_text(b, MODULES "modules.builtin", "kernel/drivers/virtio_pci.ko\n");
	put_text(b, MODULES "kernel/fs/ext4/ext4.ko", "new ext4");
	put_text(b, MODULES "kernel/lib/crc16.ko", "new crc16");
	put_text(b, MODULES "kernel/sound/snd.ko", "new snd");
}

static void kernel_fini(struct board *b, struct slot *s)
{
	slot_drop(s);
	board_fini(b);
}

static int make(struct board *b, struct slot *s, Kferry__Initramfs mode, const char *how,
		struct kf_error *err)
{
	struct initramfs_result result = {.how = "nothing"};
	int r = initramfs_make(&b->a, &boot_hook, s, mode, NULL, &result, err);

	if (how)
		assert_string_equal(result.how, how);
	assert_false(fs_exists(s->fd, FS_TMP_PREFIX "initrd"));
	return r;
}

static void grafts_what_the_base_has(void **state)
{
	static const char want[] =
		"bin\nbin/sh\nusr/lib/modules/6.1.0-old/kernel/fs/ext4/ext4.ko\n"
		"usr/lib/modules/6.1.0-old/kernel/virtio-pci.ko.xz\n"
		"usr/lib/modules/6.1.0-old/kernel/old.ko\n"
		"usr\nusr/lib\nusr/lib/modules\n" NEW "\n" NEW "/modules.builtin\n" NEW
		"/modules.dep\n" NEW "/modules.dep.bin\n" NEW "/kernel\n" NEW
		"/kernel/fs\n" NEW "/kernel/fs/ext4\n" NEW "/kernel/fs/ext4/ext4.ko\n" NEW
		"/kernel/lib\n" NEW "/kernel/lib/crc16.ko\n";
	_free_ char *names = NULL;
	_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_base(&b, "gzip", base_names);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, "graft", &err),
			 0);
	names = names_in(&b, &s);
	assert_string_equal(names, want);
	/* Equal input, equal bytes, whatever the time stamps. */
	assert_int_equal(fs_read_file(s.fd, "initrd", 1u << 20, &one), 0);
	put_text(&b, MODULES "kernel/lib/crc16.ko", "new crc16");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_AUTO, "graft", &err),
			 0);
	assert_int_equal(fs_read_file(s.fd, "initrd", 1u << 20, &two), 0);
	assert_int_equal(buf_len(&one), buf_len(&two));
	assert_memory_equal(buf_data(&one), buf_data(&two), buf_len(&one));
	assert_true(
		initramfs_estimate(&b.a, &boot_hook, KFERRY__INITRAMFS__INITRAMFS_AUTO) >
		buf_len(&one));
	kernel_fini(&b, &s);
}

/* The header's field, which a 64-bit time_t given to a library that takes 32 bits makes
 * whatever was in a register. */
static void assert_no_time(const struct buf *cpio, const char *name)
{
	static const size_t head = 110, mtime_at = 6 + 5 * 8;
	const uint8_t *at = memmem(buf_data(cpio), buf_len(cpio), name, strlen(name) + 1);

	assert_non_null(at);
	assert_true((size_t)(at - buf_data(cpio)) >= head);
	assert_memory_equal(at - head, "070701", 6);
	assert_memory_equal(at - head + mtime_at, "00000000", 8);
}

/* For boards whose /lib/modules comes late: also those that the base has not. */
static void grafts_all_that_there_is(void **state)
{
	_free_ char *names = NULL;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_base(&b, "gzip", base_names);
	assert_int_equal(
		make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT_ALL, "graft-all", &err),
		0);
	names = names_in(&b, &s);
	assert_non_null(strstr(names, NEW "/kernel/sound/snd.ko\n"));
	assert_non_null(strstr(names, NEW "/kernel/fs/ext4/ext4.ko\n"));
	kernel_fini(&b, &s);
}

static void plain_where_the_kernel_cannot_zstd(void **state)
{
	static const char *const old_layout[] = {"lib/modules/6.1.0-old/a/ext4.ko", NULL};
	_free_ char *names = NULL;
	_buf_ struct buf bytes = BUF_INIT;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_text(&b, SLOT "boot/config", "CONFIG_BLK_DEV_INITRD=y\n");
	put_base(&b, "none", old_layout);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, "graft", &err),
			 0);
	names = names_in(&b, &s);
	assert_non_null(
		strstr(names, "\nlib/modules/6.18.0-rc3/kernel/fs/ext4/ext4.ko\n"));
	assert_null(strstr(names, "usr/"));
	assert_int_equal(fs_read_file(s.fd, "initrd", 1u << 20, &bytes), 0);
	assert_no_time(&bytes, "lib/modules/6.18.0-rc3/kernel/fs");
	assert_no_time(&bytes, "lib/modules/6.18.0-rc3/kernel/fs/ext4/ext4.ko");
	/* A base that the new kernel could not unpack. */
	put_base(&b, "gzip", old_layout);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, NULL, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err.msg, "CONFIG_RD_GZIP=y"));
	kernel_fini(&b, &s);
}

/* A slot of its own, with the manifest of s, that counts as the running one.  initrd may
 * be NULL: it has none. */
static void run_slot(struct board *b, struct slot *s, const struct slot_conf *conf,
		     const struct buf *initrd)
{
	_buf_ struct buf manifest = BUF_INIT;
	_free_ char *rel = NULL;
	struct kf_error err = {0};
	_close_ int fd = -1;
	struct digest d;

	assert_int_equal(manifest_emit(&s->manifest, &manifest, &err), 0);
	digest_bytes(buf_data(&manifest), buf_len(&manifest), &d);
	manifest_slot_id(&d, b->a.boot.slot);
	assert_true(asprintf(&rel, "var/lib/kferry/slots/%s", b->a.boot.slot) > 0);
	assert_int_equal(fs_mkdirs(b->fd, rel), 0);
	fd = fs_open_dir(b->fd, rel);
	assert_int_equal(
		fs_replace(fd, "manifest", buf_data(&manifest), buf_len(&manifest), 0644),
		0);
	if (initrd)
		assert_int_equal(
			fs_replace(fd, "initrd", buf_data(initrd), buf_len(initrd), 0600),
			0);
	assert_int_equal(slot_conf_save(fd, conf, &err), 0);
}

static void grafts_on_a_graft(void **state)
{
	_free_ char *names = NULL;
	struct initramfs_result result;
	struct kf_error err = {0};
	struct slot_conf conf = {.chain = (char *)"hook",
				 .cmdline = (char *)"quiet",
				 .initramfs = (char *)"graft"};
	_buf_ struct buf base = BUF_INIT;
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	/* The running slot is a graft of ours: only its base counts. */
	cpio_make(&base, "zstd", base_names);
	conf.initrd_base = buf_len(&base);
	cpio_make(&base, "zstd", (const char *const[]){"usr/lib/modules/x/snd.ko", NULL});
	run_slot(&b, &s, &conf, &base);
	assert_int_equal(initramfs_make(&b.a, &boot_hook, &s,
					KFERRY__INITRAMFS__INITRAMFS_AUTO, NULL, &result,
					&err),
			 0);
	assert_string_equal(result.how, "graft");
	assert_int_equal(result.base_len, conf.initrd_base);
	names = names_in(&b, &s);
	assert_null(strstr(names, "snd.ko"));
	assert_non_null(strstr(names, "ext4.ko"));
	kernel_fini(&b, &s);
}

static void grafts_on_the_foreign_one_where_the_slot_has_none(void **state)
{
	struct slot_conf conf = {.chain = (char *)"hook",
				 .cmdline = (char *)"quiet",
				 .initramfs = (char *)"none"};
	_free_ char *names = NULL;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_base(&b, "zstd", base_names);
	/* Sent while the foreign kernel runs: its initramfs is noted although not used.
	 */
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_NONE, "none", &err),
			 0);
	run_slot(&b, &s, &conf, NULL);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, "graft", &err),
			 0);
	names = names_in(&b, &s);
	assert_non_null(strstr(names, NEW "/kernel/fs/ext4/ext4.ko"));
	kernel_fini(&b, &s);
}

#define OTHER_SLOT "var/lib/kferry/slots/k-0badcafe"

/* Another slot has the initrd of s, and what it was made of. */
static void give_to_other(struct board *b, struct slot *s)
{
	static const char *const names[] = {"initrd", "initrd.key"};
	_close_ int other = -1;

	assert_int_equal(fs_mkdirs(b->fd, OTHER_SLOT), 0);
	other = fs_open_beneath(b->fd, OTHER_SLOT, O_RDONLY | O_DIRECTORY, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_buf_ struct buf data = BUF_INIT;

		assert_int_equal(fs_read_file(s->fd, names[i], 1u << 20, &data), 0);
		assert_int_equal(fs_replace(other, names[i], buf_data(&data),
					    buf_len(&data), 0600),
				 0);
	}
}

/* Make it; is it the other slot's own file? */
static bool like_other(struct board *b, struct slot *s, Kferry__Initramfs mode)
{
	struct initramfs_result result;
	struct kf_error err = {0};
	struct stat ours, others;

	if (initramfs_make(&b->a, &boot_hook, s, mode, NULL, &result, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(fs_exists(s->fd, FS_TMP_PREFIX "initrd"));
	assert_true(fs_exists(s->fd, "initrd.key"));
	assert_true(result.base_len > 0);
	assert_int_equal(fstatat(s->fd, "initrd", &ours, 0), 0);
	assert_int_equal(fstatat(b->fd, OTHER_SLOT "/initrd", &others, 0), 0);
	return ours.st_ino == others.st_ino;
}

static void takes_the_graft_of_another_slot(void **state)
{
	static const Kferry__Initramfs graft = KFERRY__INITRAMFS__INITRAMFS_GRAFT;
	struct kf_error err = {0};
	struct digest d = {{1}};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_base(&b, "zstd", base_names);
	assert_int_equal(make(&b, &s, graft, "graft", &err), 0);
	give_to_other(&b, &s);
	assert_true(like_other(&b, &s, graft));
	/* Once more, where it has that file already. */
	assert_true(like_other(&b, &s, graft));
	/* Another mode, other modules, another base. */
	assert_false(like_other(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT_ALL));
	assert_int_equal(
		manifest_add(&s.manifest, "modules/6.18.0-rc3/kernel/z.ko", 0644, 1, &d),
		0);
	assert_false(like_other(&b, &s, graft));
	free((char *)s.manifest.files[--s.manifest.n_files].path);
	assert_true(like_other(&b, &s, graft));
	put_base(&b, "gzip", base_names);
	assert_false(like_other(&b, &s, graft));
	put_base(&b, "zstd", base_names);
	assert_true(like_other(&b, &s, graft));
	kernel_fini(&b, &s);
}

static void damaged_graft_of_another_slot_is_made_anew(void **state)
{
	static const Kferry__Initramfs graft = KFERRY__INITRAMFS__INITRAMFS_GRAFT;
	_buf_ struct buf key = BUF_INIT;
	struct kf_error err = {0};
	_free_ char *names = NULL;
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_base(&b, "zstd", base_names);
	assert_int_equal(make(&b, &s, graft, "graft", &err), 0);
	give_to_other(&b, &s);
	assert_int_equal(fs_read_file(s.fd, "initrd.key", 4096, &key), 0);
	put_bytes(&b, OTHER_SLOT "/initrd.key", buf_data(&key), buf_len(&key) - 1);
	assert_false(like_other(&b, &s, graft));
	put_bytes(&b, OTHER_SLOT "/initrd.key", buf_data(&key), buf_len(&key));
	put_text(&b, OTHER_SLOT "/initrd", "altered");
	assert_false(like_other(&b, &s, graft));
	names = names_in(&b, &s);
	assert_non_null(strstr(names, "ext4.ko"));
	assert_int_equal(unlinkat(b.fd, OTHER_SLOT "/initrd", 0), 0);
	put_text(&b, OTHER_SLOT "/initrd", "there again");
	assert_false(like_other(&b, &s, graft));
	/* One that is no graft leaves no note. */
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_NONE, "none", &err),
			 0);
	assert_false(fs_exists(s.fd, "initrd.key"));
	kernel_fini(&b, &s);
}

static void a_base_without_modules_is_copied(void **state)
{
	static const char *const none[] = {"init", NULL};
	_buf_ struct buf base = BUF_INIT, made = BUF_INIT;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_base(&b, "zstd", none);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_AUTO, "graft", &err),
			 0);
	assert_int_equal(fs_read_file(b.fd, BASE, 1u << 20, &base), 0);
	cpio_zeros(&base, (4 - buf_len(&base) % 4) % 4);
	assert_int_equal(fs_read_file(s.fd, "initrd", 1u << 20, &made), 0);
	assert_int_equal(buf_len(&made), buf_len(&base));
	assert_memory_equal(buf_data(&made), buf_data(&base), buf_len(&base));
	kernel_fini(&b, &s);
}

static void auto_decides(void **state)
{
	struct kf_error err = {0};
	_free_ char *made = NULL;
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	/* The running system has none: so has the new one, and an old file goes. */
	put_text(&b, SLOT "initrd", "stale");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_AUTO, "none", &err),
			 0);
	assert_false(fs_exists(s.fd, "initrd"));
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, NULL, &err),
			 -ENOENT);
	/* Damaged: neither way works, and both are named. */
	put_text(&b, BASE, "garbage");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_AUTO, NULL, &err),
			 -ENOENT);
	assert_non_null(strstr(err.msg, "damaged"));
	assert_non_null(strstr(err.msg, "none of initramfs-tools"));
	/* With a generator there is a second way. */
	put_program(&b, "usr/sbin/mkinitramfs",
		    "#!/bin/sh\n[ \"$1\" = -o ] && echo \"made for $3\" >\"$2\"\n");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_AUTO, "distro", &err),
			 0);
	made = get_text(&b, SLOT "initrd");
	assert_string_equal(made, "made for 6.18.0-rc3\n");
	put_program(&b, "usr/sbin/mkinitramfs",
		    "#!/bin/sh\necho 'no space in /var/tmp' >&2\nexit 1\n");
	assert_true(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_DISTRO, NULL, &err) < 0);
	assert_non_null(strstr(err.msg, "no space in /var/tmp"));
	put_program(&b, "usr/sbin/mkinitramfs", "#!/bin/sh\n: >\"$2\"\n");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_DISTRO, NULL, &err),
			 -EBADMSG);
	/* What was good before is still there. */
	assert_file(&b, SLOT "initrd", "made for 6.18.0-rc3\n");
	put_text(&b, SLOT "boot/config", "# CONFIG_BLK_DEV_INITRD is not set\n");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, NULL, &err),
			 -ENOTSUP);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_AUTO, "none", &err),
			 0);
	kernel_fini(&b, &s);
}

static void a_package_keeps_its_own(void **state)
{
	struct kf_error err = {0};
	struct digest d;
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	put_text(&b, SLOT "boot/initrd", "packed");
	digest_bytes("packed", 6, &d);
	assert_int_equal(manifest_add(&s.manifest, "boot/initrd", 0644, 6, &d), 0);
	assert_int_equal(
		make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, "package", &err), 0);
	assert_file(&b, SLOT "initrd", "packed");
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_NONE, "none", &err),
			 0);
	assert_false(fs_exists(s.fd, "initrd"));
	kernel_fini(&b, &s);
}

/* Arch and SteamOS have no release in these names. */
static void finds_the_base_by_the_kernel_that_grub_names(void **state)
{
	_free_ char *cmdline =
		strdup("BOOT_IMAGE=(hd0,gpt4)/boot/vmlinuz-linux-deck quiet");
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	kernel_init(&b, &s);
	b.a.boot.cmdline = cmdline;
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, NULL, &err),
			 -ENOENT);
	put_base(&b, "gzip", base_names);
	assert_int_equal(renameat(b.fd, BASE, b.fd, "boot/initramfs-linux-deck.img"), 0);
	assert_int_equal(make(&b, &s, KFERRY__INITRAMFS__INITRAMFS_GRAFT, "graft", &err),
			 0);
	kernel_fini(&b, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grafts_what_the_base_has),
		cmocka_unit_test(grafts_all_that_there_is),
		cmocka_unit_test(plain_where_the_kernel_cannot_zstd),
		cmocka_unit_test(grafts_on_a_graft),
		cmocka_unit_test(grafts_on_the_foreign_one_where_the_slot_has_none),
		cmocka_unit_test(takes_the_graft_of_another_slot),
		cmocka_unit_test(damaged_graft_of_another_slot_is_made_anew),
		cmocka_unit_test(a_base_without_modules_is_copied),
		cmocka_unit_test(auto_decides),
		cmocka_unit_test(a_package_keeps_its_own),
		cmocka_unit_test(finds_the_base_by_the_kernel_that_grub_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
