/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Raspberry Pi is, and why it may not be able to tryboot.
 *
 * Names of filters: raspberrypi/documentation, config_txt/conditional.adoc; of device
 * trees: arch/arm64/boot/dts/broadcom; /chosen/bootloader: bootflow-eeprom.adoc.
 */
#include "agent/boot/rpi/rpiboard.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/rpi/rpicfg.h"
#include "agent/boot/rpi/rpiinclude.h"
#include "agent/outside/outside.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

/* The first boot loader whose tryboot is known to be good is of 2022-12-01; a day less,
 * as it says when it was built and not where. */
#define LOADER_TIME_MIN 1669766400
/* kernel_watchdog_timeout: 2025-07-17, rpi-eeprom's release notes */
#define LOADER_TIME_WATCHDOG 1752710400
#define FIRMWARE_MAX	     (16u << 20) /* bytes of start4.elf */
#define DT_MAX		     4096
#define PARAM		     "/run/systemd/reboot-param"
#define PARAM_TEXT	     "0 tryboot"
#define PARAM_NEW	     "/run/kferry/reboot-param"
#define COPY_MS		     20000

struct model {
	const char *compatible, *soc;
	const char *filters[3], *dtb[3];
};

static const struct model models[] = {
	{"raspberrypi,4-model-b", "bcm2711", {"pi4"}, {"bcm2711-rpi-4-b.dtb"}},
	{"raspberrypi,400", "bcm2711", {"pi4", "pi400"}, {"bcm2711-rpi-400.dtb"}},
	{"raspberrypi,4-compute-module",
	 "bcm2711",
	 {"pi4", "cm4"},
	 {"bcm2711-rpi-cm4.dtb", "bcm2711-rpi-cm4-io.dtb"}},
	{"raspberrypi,4-compute-module-s",
	 "bcm2711",
	 {"pi4", "cm4s"},
	 {"bcm2711-rpi-cm4s.dtb"}},
	{"raspberrypi,5-model-b",
	 "bcm2712",
	 {"pi5"},
	 {"bcm2712-rpi-5-b.dtb", "bcm2712d0-rpi-5-b.dtb"}},
	{"raspberrypi,500", "bcm2712", {"pi5", "pi500"}, {"bcm2712-rpi-500.dtb"}},
	{"raspberrypi,5-compute-module",
	 "bcm2712",
	 {"pi5", "cm5"},
	 {"bcm2712-rpi-cm5-cm5io.dtb", "bcm2712-rpi-cm5-cm4io.dtb"}},
	{VCIO_MODEL, "bcm2711", {"pi4"}, {"bcm2711-rpi-4-b.dtb"}},
};

static int read_dt(const struct agent *a, const char *name, struct buf *out)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "/proc/device-tree/%s", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return agent_read_file(a, path, DT_MAX, out);
}

/* A cell: four bytes, big endian.  0 when it is not there. */
static uint32_t read_cell(const struct agent *a, const char *name)
{
	_buf_ struct buf b = BUF_INIT;
	const uint8_t *p;

	if (read_dt(a, name, &b) < 0 || buf_len(&b) < 4)
		return 0;
	p = buf_data(&b);
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int find_model(const struct agent *a, struct rpiboard *b, struct kf_error *err)
{
	_buf_ struct buf compatible = BUF_INIT;
	const char *text;

	if (read_dt(a, "compatible", &compatible) < 0 || buf_len(&compatible) == 0)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "this is not a Raspberry Pi (there is no "
			      "/proc/device-tree/compatible)");
	text = buf_str(&compatible);
	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "read compatible: %m");
	/* Strings, each with its terminator, the exact one first. */
	for (const char *s = text; s < text + buf_len(&compatible); s += strlen(s) + 1)
		for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
			if (strcmp(s, models[i].compatible) != 0)
				continue;
			snprintf(b->soc, sizeof(b->soc), "%s", models[i].soc);
			memcpy(b->filters, models[i].filters, sizeof(b->filters));
			memcpy(b->dtb, models[i].dtb, sizeof(b->dtb));
			return 0;
		}
	return kf_err(
		err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		"%s is not a Raspberry Pi that can tryboot (4, 400, 5, 500, Compute "
		"Module 4 or 5, with a boot loader in EEPROM)",
		text);
}

static int is_firmware_fat(int fd)
{
	int r = fatdir_has(fd, "config.txt");

	if (r == 0)
		r = fatdir_has(fd, "config.txt.good");
	return r == 0 ? fatdir_has(fd, "start4.elf") : r;
}

/* /proc/kallsyms has names for everybody; only the downstream kernel's driver looks at
 * the argument of a reboot. */
static bool reads_argument(const struct agent *a)
{
	_free_ char *path = agent_path(a, "/proc/kallsyms"), *line = NULL;
	_fclose_ FILE *f = NULL;
	bool found = false;
	size_t size = 0;
	int fd;

	fd = path ? fs_open_beneath(AT_FDCWD, path, O_RDONLY, 0) : -ENOMEM;
	if (fd < 0)
		return false;
	f = fdopen(fd, "re");
	if (!f) {
		close(fd);
		return false;
	}
	while (!found && getline(&line, &size, f) > 0)
		found = strstr(line, " rpi_firmware_notify_reboot") != NULL;
	return found;
}

static enum rpi_arm find_arm(const struct agent *a, struct rpiboard *b)
{
	_free_ char *run = agent_path(a, "/run/systemd/system");
	uint32_t flags;

	if (vcio_open(a, &b->vcio) == 0 && vcio_flags(&b->vcio, &flags) == 0)
		return RPI_ARM_VCIO;
	if (run && fs_exists(AT_FDCWD, run) && reads_argument(a))
		return RPI_ARM_PARAM;
	return RPI_ARM_NONE;
}

int rpiboard_open(const struct agent *a, struct rpiboard *ret, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	int r;

	r = find_model(a, &b, err);
	if (r < 0)
		return r;
	r = fatdir_find(a, is_firmware_fat, &b.fat);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_IO,
			      "look for the vfat with config.txt among the mounts: %m");
	if (r < 0)
		return kf_err(
			err, r, KF_REASON_BOOT_CHAIN,
			"no vfat with config.txt is mounted: mount the partition "
			"that the firmware reads (usually at /boot/firmware), or set "
			"boot_dir in agent.conf");
	r = fs_read_file(b.fat.fd, "config.txt", RPICFG_MAX, &b.config);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "read %s/config.txt: %m",
			      b.fat.path);
	b.arm = find_arm(a, &b);
	b.loader_time = read_cell(a, "chosen/bootloader/build-timestamp");
	*ret = b;
	b = (struct rpiboard){.fat.fd = -1, .vcio.fd = -1};
	return 0;
}

void rpiboard_close(struct rpiboard *b)
{
	fatdir_fini(&b->fat);
	buf_fini(&b->config);
	vcio_close(&b->vcio);
}

static int refuse(struct kf_error *err, const char *fmt, ...) _printf_(2, 3);

static int refuse(struct kf_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kf_verr(err, -ENOTSUP, KF_REASON_BOOT_CHAIN, fmt, ap);
	va_end(ap);
	return -ENOTSUP;
}

/* Does a setting of config.txt, under any filters, have this value? */
static bool any_is(const struct rpiboard *b, const char *key, const char *want)
{
	return rpicfg_has(buf_data(&b->config), buf_len(&b->config), RPICFG_SETTING, key,
			  want);
}

void rpiboard_loader_date(const struct rpiboard *b, char dst[static 16])
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30,
					     31, 31, 30, 31, 30, 31};
	unsigned day = (unsigned)(b->loader_time / 86400), year = 1970, month = 0;

	/* gmtime_r() would bring 20 KiB of time zones into the static agent.  32 bits of
	 * seconds end in 2106, and 2100 is the one year that this takes for a leap year.
	 */
	for (; day >= (year % 4 == 0 ? 366u : 365u); year++)
		day -= year % 4 == 0 ? 366 : 365;
	for (; month < 11; month++) {
		unsigned n = days[month] + (month == 1 && year % 4 == 0);

		if (day < n)
			break;
		day -= n;
	}
	snprintf(dst, 16, "%u-%02u-%02u", year % 10000, month + 1, day % 31 + 1);
}

static int check_loader(const struct agent *a, const struct rpiboard *b,
			struct kf_error *err)
{
	/* New-style codes: bits 4-11 are the model (0x11: 4B), 0-3 the board's revision
	 */
	const uint32_t code = read_cell(a, "system/linux,revision");
	char date[16];

	if (b->loader_time == 0)
		return refuse(
			err, "the boot loader does not say when it was built "
			     "(/proc/device-tree/chosen/bootloader), so it is too old to "
			     "tryboot: sudo rpi-eeprom-update -a, and reboot");
	if (b->loader_time < LOADER_TIME_MIN) {
		rpiboard_loader_date(b, date);
		return refuse(
			err,
			"the boot loader is of %s, and tryboot needs one of "
			"2022-12-01 or later: sudo rpi-eeprom-update -a, and reboot",
			date);
	}
	if ((code >> 4 & 0xff) == 0x11 && (code & 0xf) <= 1 && code != 0 &&
	    any_is(b, "eeprom_write_protect", "1"))
		return refuse(
			err, "this revision of the Raspberry Pi 4 keeps the tryboot flag "
			     "in its EEPROM, which config.txt makes read-only "
			     "(eeprom_write_protect=1)");
	return 0;
}

static int check_arm(const struct rpiboard *b, struct kf_error *err)
{
	if (b->arm != RPI_ARM_NONE)
		return 0;
	return refuse(
		err,
		"the running kernel cannot set the firmware's tryboot flag: it has "
		"no /dev/vcio (CONFIG_BCM_VCIO), and does not pass on the argument "
		"of a reboot, which mainline kernels never do; let the board run a "
		"kernel of raspberrypi/linux as its known-good one (the trial kernel "
		"may be any)");
}

/* Who else decides what tryboot starts. */
static int check_others(const struct rpiboard *b, struct kf_error *err)
{
	static const char *const piboot[] = {"current", "new", "old"};
	_buf_ struct buf autoboot = BUF_INIT;
	char dir[16];

	if (fs_read_file(b->fat.fd, "autoboot.txt", DT_MAX, &autoboot) == 0 &&
	    rpicfg_has(buf_data(&autoboot), buf_len(&autoboot), RPICFG_SETTING,
		       "tryboot_a_b", NULL))
		return refuse(err,
			      "autoboot.txt has tryboot_a_b: this board tryboots between "
			      "partitions, and tryboot.txt is not read");
	if (any_is(b, "boot_ramdisk", "1"))
		return refuse(err, "config.txt has boot_ramdisk=1: the firmware reads "
				   "boot.img instead of files");
	for (size_t i = 0; i < ARRAY_SIZE(piboot); i++) {
		snprintf(dir, sizeof(dir), "%s/", piboot[i]);
		if (any_is(b, "os_prefix", dir) && fs_exists(b->fat.fd, "current"))
			return refuse(
				err,
				"Ubuntu's flash-kernel-piboot uses tryboot on this "
				"board (os_prefix=%s in config.txt), and both cannot: "
				"use the package flash-kernel without piboot",
				dir);
	}
	if (fs_exists(b->fat.fd, "tryboot.txt")) {
		_buf_ struct buf t = BUF_INIT;
		char slot[SLOT_ID_SIZE];

		/* One that is empty is what a power cut left of ours. */
		if (fs_read_file(b->fat.fd, "tryboot.txt", RPICFG_MAX, &t) < 0 ||
		    (buf_len(&t) > 0 && rpicfg_slot(buf_data(&t), buf_len(&t), slot) < 0))
			return refuse(
				err,
				"%s/tryboot.txt is somebody else's: move it away if "
				"nothing needs it",
				b->fat.path);
	}
	return 0;
}

static int check_config(const struct rpiboard *b, struct kf_error *err)
{
	_buf_ struct buf plain = BUF_INIT;

	if (!fs_exists(b->fat.fd, "config.txt"))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s has no config.txt%s", b->fat.path,
			      fs_exists(b->fat.fd, "config.txt.good")
				      ? ": a write to it was interrupted; copy "
					"config.txt.good to config.txt"
				      : "");
	if (rpicfg_strip(buf_data(&b->config), buf_len(&b->config), &plain) < 0)
		return kf_err(err, -EBADMSG, KF_REASON_BOOT_CHAIN,
			      "%s/config.txt is damaged (a block of kferry's that does "
			      "not end, or NUL bytes): correct it, or copy "
			      "config.txt.good over it",
			      b->fat.path);
	return rpiinclude_check(&b->fat, &b->config, err);
}

int rpiboard_check(const struct agent *a, const struct rpiboard *b, struct kf_error *err)
{
	int r = check_config(b, err);

	if (r == 0)
		r = check_loader(a, b, err);
	if (r == 0)
		r = check_others(b, err);
	if (r == 0)
		r = check_arm(b, err);
	return r < 0 ? r : fatdir_check(a, &b->fat, err);
}

/* The agent's sandbox has no /run/systemd, so a program outside of it writes there. */
static int run_outside(const struct agent *a, const char *const *argv,
		       struct kf_error *err)
{
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = COPY_MS};
	int status = 0, r;

	r = outside_run(a, &p, &opts, &status);
	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC, "run %s: %m", argv[0]);
	if (status != 0)
		return kf_err(err, -EIO, KF_REASON_EXEC, "%s ended with status %d",
			      argv[0], status);
	return 0;
}

static int set_param(const struct agent *a, struct kf_error *err)
{
	_free_ char *from = agent_path(a, PARAM_NEW), *to = agent_path(a, PARAM);
	const char *const argv[] = {"cp", from, to, NULL};
	int r;

	if (!from || !to)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "write " PARAM ": %m");
	r = fs_replace(AT_FDCWD, from, PARAM_TEXT "\n", strlen(PARAM_TEXT) + 1, 0644);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "write " PARAM_NEW ": %m");
	return run_outside(a, argv, err);
}

static int param_is_set(const struct agent *a)
{
	_free_ char *line = NULL;
	int r = agent_read_line(a, PARAM, &line);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return strcmp(line, PARAM_TEXT) == 0;
}

int rpiboard_arm(const struct agent *a, const struct rpiboard *b, struct kf_error *err)
{
	uint32_t flags = 0;
	int r;

	r = check_arm(b, err);
	if (r < 0)
		return r;
	if (b->arm == RPI_ARM_PARAM)
		return set_param(a, err);
	r = vcio_flags(&b->vcio, &flags);
	if (r == 0)
		r = vcio_set_flags(&b->vcio, flags | VCIO_TRYBOOT);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "set the tryboot flag through /dev/vcio: %m");
	return 0;
}

int rpiboard_armed(const struct agent *a, const struct rpiboard *b)
{
	uint32_t flags = 0;
	int r;

	if (b->arm == RPI_ARM_NONE)
		return 0;
	if (b->arm == RPI_ARM_PARAM)
		return param_is_set(a);
	r = vcio_flags(&b->vcio, &flags);
	return r < 0 ? r : !!(flags & VCIO_TRYBOOT);
}

int rpiboard_disarm(const struct agent *a, const struct rpiboard *b, struct kf_error *err)
{
	_free_ char *param = agent_path(a, PARAM);
	const char *const argv[] = {"rm", "-f", param, NULL};
	uint32_t flags = 0;
	int r;

	r = rpiboard_armed(a, b);
	if (r == 0)
		return 0;
	if (r > 0 && b->arm == RPI_ARM_PARAM)
		return param ? run_outside(a, argv, err)
			     : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
				      "remove " PARAM ": %m");
	if (r > 0)
		r = vcio_flags(&b->vcio, &flags);
	if (r == 0)
		r = vcio_set_flags(&b->vcio, flags & ~VCIO_TRYBOOT);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "clear the tryboot flag: %m");
	return 0;
}

const char *rpiboard_config_owner(const struct agent *a)
{
	_free_ char *hook = agent_path(a, "/etc/kernel/postinst.d/z50-raspi-firmware");

	return hook && fs_exists(AT_FDCWD, hook) ? "raspi-firmware" : NULL;
}

bool rpiboard_has_kernel_watchdog(const struct rpiboard *b)
{
	static const char key[] = "kernel_watchdog_timeout";
	_buf_ struct buf elf = BUF_INIT;

	/* The Raspberry Pi 5 has all of its firmware in the EEPROM. */
	if (strcmp(b->soc, "bcm2712") == 0)
		return b->loader_time >= LOADER_TIME_WATCHDOG;
	return b->loader_time >= LOADER_TIME_WATCHDOG &&
	       fs_read_file(b->fat.fd, "start4.elf", FIRMWARE_MAX, &elf) == 0 &&
	       buf_len(&elf) > 0 &&
	       memmem(buf_data(&elf), buf_len(&elf), key, strlen(key));
}
