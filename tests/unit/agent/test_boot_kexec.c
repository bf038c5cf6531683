/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kexec as a boot chain: what it refuses, what it loads, what it remembers of that. */
#include <unistd.h>

#include "agent/boot/boot.h"
#include "agent/boot/kexec/boot_kexec.h"
#include "proto/reason.h"
#include "tests/lib/board.h"

#define IMAGE_SIZE 1024
#define CMDLINE	   "root=/dev/vda2 panic=10 kferry.slot="
#define BOOT	   "11111111-2222-4333-8444-555555555555"

static void set_up(struct board *b)
{
	board_init(b);
	snprintf(b->a.boot.machine, sizeof(b->a.boot.machine), "x86_64");
	snprintf(b->a.boot.boot_id, sizeof(b->a.boot.boot_id), BOOT);
	b->a.boot.cmdline = strdup("BOOT_IMAGE=/boot/vmlinuz-6.1.0 root=/dev/vda2 quiet");
	assert_int_equal(pthread_mutex_init(&b->a.state_lock, NULL), 0);
	put_text(b, "sys/kernel/kexec_loaded", "0\n");
	assert_int_equal(fs_mkdirs(b->fd, "dev"), 0);
}

static void tear_down(struct board *b)
{
	pthread_mutex_destroy(&b->a.state_lock);
	free(b->a.boot.cmdline);
	board_fini(b);
}

static void x86_image(uint8_t image[IMAGE_SIZE])
{
	memset(image, '.', IMAGE_SIZE);
	memcpy(image + 0x202, "HdrS", 4);
}

/* A complete slot, as slot_open() finds it. */
static void install(struct board *b, const void *image, const char *dtb,
		    char id[SLOT_ID_SIZE])
{
	_manifest_ struct manifest m = {0};
	_buf_ struct buf text = BUF_INIT;
	struct kf_error err = {0};
	struct digest d;
	char path[128], conf[160];

	m.release = strdup("6.18.0");
	m.arch = strdup("x86_64");
	m.image = strdup("boot/image");
	digest_bytes(image, IMAGE_SIZE, &d);
	assert_int_equal(manifest_add(&m, "boot/image", 0644, IMAGE_SIZE, &d), 0);
	if (dtb) {
		digest_bytes(dtb, strlen(dtb), &d);
		assert_int_equal(
			manifest_add(&m, "dtbs/board.dtb", 0644, strlen(dtb), &d), 0);
	}
	if (manifest_emit(&m, &text, &err) < 0)
		fail_msg("manifest: %s", err.msg);
	digest_bytes(buf_data(&text), buf_len(&text), &d);
	manifest_slot_id(&d, id);
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/manifest", id);
	put_bytes(b, path, buf_data(&text), buf_len(&text));
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/boot/image", id);
	put_bytes(b, path, image, IMAGE_SIZE);
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/slot.conf", id);
	snprintf(conf, sizeof(conf), "chain hook\ncmdline " CMDLINE "%s -- single\n", id);
	put_text(b, path, conf);
}

static void install_good(struct board *b, char id[SLOT_ID_SIZE])
{
	uint8_t image[IMAGE_SIZE];

	x86_image(image);
	install(b, image, NULL, id);
}

/* --- what speaks against it ------------------------------------------------------- */

static void refused(struct board *b, const char *why)
{
	struct kf_error err = {0};
	char note[256] = "";

	assert_true(boot_kexec.probe(&b->a, note, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not tell of %s", err.msg, why);
}

static void usable(struct board *b)
{
	struct kf_error err = {0};
	char note[256] = "";

	if (boot_kexec.probe(&b->a, note, &err) < 0)
		fail_msg("probe: %s", err.msg);
	assert_non_null(strstr(note, "kexec"));
}

static void kernels_that_cannot(void **state)
{
	struct board b;

	(void)state;
	set_up(&b);
	usable(&b);
	assert_int_equal(unlinkat(b.fd, "sys/kernel/kexec_loaded", 0), 0);
	refused(&b, "CONFIG_KEXEC_FILE");
	put_text(&b, "sys/kernel/kexec_loaded", "0\n");
	put_text(&b, "dev/kexec.errno", "38\n"); /* ENOSYS: only the older kexec_load */
	refused(&b, "CONFIG_KEXEC_FILE");
	put_text(&b, "dev/kexec.errno", "1\n");
	refused(&b, "not permitted");
	assert_int_equal(unlinkat(b.fd, "dev/kexec.errno", 0), 0);
	put_text(&b, "proc/sys/kernel/kexec_load_limit_reboot", "0\n");
	refused(&b, "limit on kexec loads");
	put_text(&b, "proc/sys/kernel/kexec_load_limit_reboot", "-1\n");
	put_text(&b, "proc/sys/kernel/kexec_load_disabled", "1\n");
	refused(&b, "kernel.kexec_load_disabled");
	put_text(&b, "proc/sys/kernel/kexec_load_disabled", "0\n");
	put_text(&b, "sys/kernel/security/lockdown",
		 "none [integrity] confidentiality\n");
	refused(&b, "integrity");
	put_text(&b, "sys/kernel/security/lockdown",
		 "none integrity [confidentiality]\n");
	refused(&b, "confidentiality");
	put_text(&b, "sys/kernel/security/lockdown",
		 "[none] integrity confidentiality\n");
	usable(&b);
	snprintf(b.a.boot.machine, sizeof(b.a.boot.machine), "armv7l");
	refused(&b, "armv7l");
	tear_down(&b);
}

/* What cannot be read may be a GPU. */
static void boards_whose_devices_are_not_to_be_read(void **state)
{
	struct board b;

	(void)state;
	set_up(&b);
	put_text(&b, "sys/bus/pci/devices", "no directory");
	refused(&b, "cannot be known");
	assert_int_equal(unlinkat(b.fd, "sys/bus/pci/devices", 0), 0);
	usable(&b);
	assert_int_equal(fs_mkdirs(b.fd, "sys/bus/pci/devices/0000:00:01.0/class"), 0);
	refused(&b, "0000:00:01.0");
	assert_int_equal(fs_remove_tree(b.fd, "sys/bus/pci/devices"), 0);
	put_text(&b, "sys/class/drm/card0/device/driver", "no link");
	refused(&b, "card0");
	tear_down(&b);
}

static void boards_that_may_not(void **state)
{
	static const char pi[] = "raspberrypi,4-model-b\0brcm,bcm2711";
	struct board b;

	(void)state;
	set_up(&b);
	put_bytes(&b, "proc/device-tree/compatible", "linux,dummy-virt", 17);
	usable(&b);
	put_bytes(&b, "proc/device-tree/compatible", pi, sizeof(pi));
	refused(&b, "Raspberry Pi");
	assert_int_equal(unlinkat(b.fd, "proc/device-tree/compatible", 0), 0);
	put_text(&b, "sys/class/dmi/id/sys_vendor", "Valve\n");
	put_text(&b, "sys/class/dmi/id/product_name", "Galileo\n");
	refused(&b, "Steam Deck");
	put_text(&b, "sys/class/dmi/id/sys_vendor", "Nobody\n");
	usable(&b);
	tear_down(&b);
}

static void display(struct board *b, const char *driver)
{
	_free_ char *target = NULL;

	put_text(b, "sys/bus/pci/devices/0000:03:00.0/class", "0x030000\n");
	unlinkat(b->fd, "sys/bus/pci/devices/0000:03:00.0/driver", 0);
	if (!driver)
		return;
	assert_true(asprintf(&target, "../../../bus/pci/drivers/%s", driver) > 0);
	assert_int_equal(
		symlinkat(target, b->fd, "sys/bus/pci/devices/0000:03:00.0/driver"), 0);
}

static void gpus(void **state)
{
	static const char *const real[] = {"amdgpu",  "nvidia", "i915",
					   "nouveau", "radeon", "xe"};
	static const char *const none[] = {"virtio-pci", "bochs-drm",
					   "simple-framebuffer", NULL};
	struct board b;

	(void)state;
	set_up(&b);
	/* A network card's driver is nobody's business. */
	put_text(&b, "sys/bus/pci/devices/0000:00:1f.6/class", "0x020000\n");
	assert_int_equal(symlinkat("../../../bus/pci/drivers/e1000e", b.fd,
				   "sys/bus/pci/devices/0000:00:1f.6/driver"),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		display(&b, none[i]);
		usable(&b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
		display(&b, real[i]);
		refused(&b, real[i]);
	}
	display(&b, NULL);
	/* One that is not on PCI; its connectors are no cards. */
	assert_int_equal(fs_mkdirs(b.fd, "sys/class/drm/card0-HDMI-A-1"), 0);
	assert_int_equal(fs_mkdirs(b.fd, "sys/class/drm/card0/device"), 0);
	assert_int_equal(symlinkat("/sys/bus/platform/drivers/panfrost", b.fd,
				   "sys/class/drm/card0/device/driver"),
			 0);
	refused(&b, "panfrost");
	tear_down(&b);
}

/* Usable, and nothing else is: it is asked for by name, or not taken. */
static void is_never_chosen(void **state)
{
	const struct boot_chain *chain = NULL;
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	usable(&b);
	assert_true(boot_select(&b.a, NULL, &chain, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	assert_int_equal(boot_select(&b.a, "kexec", &chain, &err), 0);
	assert_ptr_equal(chain, &boot_kexec);
	tear_down(&b);
}

/* --- slots it cannot start ---------------------------------------------------------- */

static void cannot_arm(struct board *b, const char *id, const char *why)
{
	struct kf_error err = {0};

	assert_true(boot_kexec.arm(&b->a, id, &err) < 0);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not tell of %s", err.msg, why);
	assert_file(b, "sys/kernel/kexec_loaded", "0\n");
	assert_true(boot_kexec.read_back(&b->a, id, &err) < 0);
}

static void images(void **state)
{
	uint8_t image[IMAGE_SIZE];
	struct kf_error err = {0};
	char id[SLOT_ID_SIZE];
	struct board b;

	(void)state;
	set_up(&b);
	memset(image, '.', sizeof(image));
	install(&b, image, NULL, id);
	cannot_arm(&b, id, "not a bzImage");
	memcpy(image, "\x1f\x8b\x08", 3);
	install(&b, image, NULL, id);
	cannot_arm(&b, id, "gzip");
	memcpy(image, "MZ\0\0zimg", 8);
	install(&b, image, NULL, id);
	cannot_arm(&b, id, "ZBOOT");
	snprintf(b.a.boot.machine, sizeof(b.a.boot.machine), "aarch64");
	cannot_arm(&b, id, "ZBOOT");
	x86_image(image);
	install(&b, image, NULL, id);
	cannot_arm(&b, id, "not an arm64 Image");
	memcpy(image + 0x38, "ARM\x64", 4);
	install(&b, image, NULL, id);
	assert_int_equal(boot_kexec.arm(&b.a, id, &err), 0);
	tear_down(&b);
}

static void bytes_that_changed(void **state)
{
	uint8_t image[IMAGE_SIZE];
	char id[SLOT_ID_SIZE], path[64];
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	x86_image(image);
	image[900] = '!';
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/boot/image", id);
	put_bytes(&b, path, image, sizeof(image));
	cannot_arm(&b, id, "not what its manifest promises");
	tear_down(&b);
}

static void device_trees(void **state)
{
	uint8_t image[IMAGE_SIZE];
	char old[SLOT_ID_SIZE], same[SLOT_ID_SIZE], other[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	x86_image(image);
	install(&b, image, "tree 1", old);
	image[900] = '2';
	install(&b, image, "tree 1", same);
	install(&b, image, "tree 2", other);
	cannot_arm(&b, old, "board's own kernel");
	snprintf(b.a.boot.slot, sizeof(b.a.boot.slot), "%s", old);
	cannot_arm(&b, other, "would not be applied");
	assert_int_equal(boot_kexec.arm(&b.a, same, &err), 0);
	tear_down(&b);
}

static void loads_that_fail(void **state)
{
	static const struct {
		const char *number, *why;
	} all[] = {{"8\n", "no loader"},
		   {"129\n", "SIG_FORCE"},
		   {"12\n", "memory"},
		   {"16\n", "another kernel"}};
	char id[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		put_text(&b, "dev/kexec.errno", all[i].number);
		cannot_arm(&b, id, all[i].why);
		assert_int_equal(boot_kexec.disarm(&b.a, &err), 0);
	}
	tear_down(&b);
}

/* --- the life of what is loaded -------------------------------------------------------
 */

static void arms_reads_back_and_disarms(void **state)
{
	_free_ char *line = NULL, *want = NULL;
	char id[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	assert_true(boot_kexec.read_back(&b.a, id, &err) < 0);
	assert_false(kexec_has_slot(&b.a, id));
	if (boot_kexec.arm(&b.a, id, &err) < 0)
		fail_msg("arm: %s", err.msg);
	assert_int_equal(boot_kexec.read_back(&b.a, id, &err), 0);
	assert_true(kexec_has_slot(&b.a, id));
	/* The loader's word goes along, the mark is before the words for init. */
	assert_true(asprintf(&want,
			     "BOOT_IMAGE=/boot/vmlinuz-6.1.0 root=/dev/vda2 panic=10 "
			     "kferry.kexec kferry.slot=%s -- single",
			     id) > 0);
	line = get_text(&b, "dev/kexec");
	assert_string_equal(line, want);
	assert_int_equal(boot_kexec.read_back(&b.a, TEST_SLOT, &err), -EIO);
	/* Somebody unloads it: armed no more. */
	put_text(&b, "sys/kernel/kexec_loaded", "0\n");
	assert_int_equal(boot_kexec.read_back(&b.a, id, &err), -EIO);
	put_text(&b, "sys/kernel/kexec_loaded", "1\n");
	assert_int_equal(boot_kexec.disarm(&b.a, &err), 0);
	assert_file(&b, "sys/kernel/kexec_loaded", "0\n");
	assert_false(kexec_has_slot(&b.a, id));
	assert_int_equal(boot_kexec.disarm(&b.a, &err), 0);
	tear_down(&b);
}

/* A kernel started without any would look for the first one's in EFI's tables. */
static void a_slot_without_initramfs_gets_an_empty_one(void **state)
{
	_buf_ struct buf cpio = BUF_INIT;
	const char *p;
	char id[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	assert_int_equal(boot_kexec.arm(&b.a, id, &err), 0);
	assert_int_equal(fs_read_file(b.fd, "var/lib/kferry/kexec.initrd", 4096, &cpio),
			 0);
	/* One header (6 + 13 fields of 8 digits), the name, padding to four bytes. */
	assert_int_equal(buf_len(&cpio), 124);
	p = (const char *)buf_data(&cpio);
	assert_memory_equal(p, "070701", 6);
	assert_int_equal(strspn(p, "0123456789ABCDEF"), 110);
	assert_memory_equal(p + 6 + 11 * 8, "0000000B", 8);
	assert_string_equal(p + 110, "TRAILER!!!");
	tear_down(&b);
}

/* A record of another boot says nothing of this one, and its kernel is nobody's. */
static void what_another_boot_loaded(void **state)
{
	char id[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	assert_int_equal(boot_kexec.arm(&b.a, id, &err), 0);
	b.a.boot.boot_id[0] = '9';
	assert_false(kexec_has_slot(&b.a, id));
	assert_int_equal(boot_kexec.read_back(&b.a, id, &err), -ENOENT);
	assert_int_equal(boot_kexec.disarm(&b.a, &err), 0);
	assert_file(&b, "sys/kernel/kexec_loaded", "1\n");
	assert_null(get_text(&b, "var/lib/kferry/kexec"));
	tear_down(&b);
}

/* Died between the record and the load: not armed, and undone by the next disarm. */
static void half_a_load(void **state)
{
	char id[SLOT_ID_SIZE], text[128];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	snprintf(text, sizeof(text), "boot " BOOT "\nslot %s\nloaded no\n", id);
	put_text(&b, "var/lib/kferry/kexec", text);
	put_text(&b, "sys/kernel/kexec_loaded", "1\n");
	assert_true(kexec_has_slot(&b.a, id));
	assert_true(boot_kexec.read_back(&b.a, id, &err) < 0);
	kexec_drop(&b.a);
	assert_file(&b, "sys/kernel/kexec_loaded", "0\n");
	put_text(&b, "var/lib/kferry/kexec", "rubbish");
	assert_false(kexec_has_slot(&b.a, id));
	kexec_drop(&b.a);
	tear_down(&b);
}

static void remove_and_commit(void **state)
{
	char id[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	assert_int_equal(boot_kexec.arm(&b.a, id, &err), 0);
	assert_int_equal(boot_kexec.remove(&b.a, TEST_SLOT, &err), 0);
	assert_file(&b, "sys/kernel/kexec_loaded", "1\n");
	assert_int_equal(boot_kexec.remove(&b.a, id, &err), 0);
	assert_file(&b, "sys/kernel/kexec_loaded", "0\n");
	assert_int_equal(boot_kexec.commit(&b.a, FOREIGN, &err), 0);
	assert_int_equal(boot_kexec.commit(&b.a, id, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "--once"));
	tear_down(&b);
}

static void nothing_to_reboot_into(void **state)
{
	char id[SLOT_ID_SIZE];
	struct kf_error err = {0};
	struct board b;

	(void)state;
	set_up(&b);
	install_good(&b, id);
	assert_int_equal(kexec_check_ready(&b.a, &err), -EINVAL);
	b.a.state.trial.phase = KFERRY__TRIAL__TRIAL_ARMED;
	memcpy(b.a.state.trial.slot, id, SLOT_ID_SIZE);
	assert_int_equal(kexec_check_ready(&b.a, &err), -ENOENT);
	assert_int_equal(boot_kexec.arm(&b.a, id, &err), 0);
	assert_int_equal(kexec_check_ready(&b.a, &err), 0);
	tear_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_that_cannot),
		cmocka_unit_test(boards_whose_devices_are_not_to_be_read),
		cmocka_unit_test(boards_that_may_not),
		cmocka_unit_test(gpus),
		cmocka_unit_test(is_never_chosen),
		cmocka_unit_test(images),
		cmocka_unit_test(bytes_that_changed),
		cmocka_unit_test(device_trees),
		cmocka_unit_test(loads_that_fail),
		cmocka_unit_test(arms_reads_back_and_disarms),
		cmocka_unit_test(a_slot_without_initramfs_gets_an_empty_one),
		cmocka_unit_test(what_another_boot_loaded),
		cmocka_unit_test(half_a_load),
		cmocka_unit_test(remove_and_commit),
		cmocka_unit_test(nothing_to_reboot_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
