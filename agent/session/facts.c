/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The facts of a board, read from /proc, /sys and /etc below the root.  A fact that
 * cannot be read is left out; only memory can make the whole fail.
 */
#include "agent/session/facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/vfs.h>

#include "agent/boot/boot.h"
#include "agent/boot/mountinfo.h"
#include "agent/session/msg.h"
#include "agent/trial/wdinfo.h"
#include "proto/base/fs.h"
#include "proto/text.h"

#define FACTS_MAX  256 /* of LIMIT_LIST */
#define CHAINS_MAX 16
#define FILE_MAX   (256 * 1024)
#define SECTOR	   512 /* /sys/block/X/size counts these, whatever the disk's own */

struct facts {
	const struct agent *a;
	Kferry__Facts *m;
	int r; /* first failure for lack of memory */
};

static _printf_(4, 5) void add(struct facts *f, const char *group, const char *name,
			       const char *fmt, ...)
{
	char value[1024];
	Kferry__Fact *fact;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (!*value || f->r < 0 || f->m->n_fact == FACTS_MAX)
		return;
	fact = malloc(sizeof(*fact));
	if (!fact) {
		f->r = -ENOMEM;
		return;
	}
	kferry__fact__init(fact);
	f->m->fact[f->m->n_fact++] = fact;
	fact->group = msg_text(group, LIMIT_NAME);
	fact->name = msg_text(name, LIMIT_NAME);
	fact->value = msg_text(value, LIMIT_STRING);
	if (!fact->group || !fact->name || !fact->value)
		f->r = -ENOMEM;
}

/* --- reading -------------------------------------------------------------------- */

/* The first line of a file, or NULL; the caller's. */
static _printf_(2, 3) char *line_at(struct facts *f, const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return agent_line(f->a, path);
}

static void add_line(struct facts *f, const char *group, const char *name,
		     const char *path)
{
	_free_ char *line = agent_line(f->a, path);

	if (line)
		add(f, group, name, "%s", line);
}

static bool exists(struct facts *f, const char *path)
{
	_free_ char *full = agent_path(f->a, path);

	return full && fs_exists(AT_FDCWD, full);
}

static DIR *open_dir(struct facts *f, const char *path)
{
	_free_ char *full = agent_path(f->a, path);
	DIR *d;

	if (!full || fs_dir_stream(fs_open_dir(AT_FDCWD, full), &d) < 0)
		return NULL;
	return d;
}

/* Call fn for each name in a directory; entries that begin with '.' are not names. */
static void each(struct facts *f, const char *path,
		 void (*fn)(struct facts *f, const char *name))
{
	_closedir_ DIR *d = open_dir(f, path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			fn(f, e->d_name);
}

/* The value of "key<sep>value" lines; quotes are taken off.  The caller's, or NULL. */
static char *value_in(struct facts *f, const char *path, const char *key, char sep)
{
	_buf_ struct buf b = BUF_INIT;
	size_t n = strlen(key);
	const char *p;

	if (agent_read_file(f->a, path, FILE_MAX, &b) < 0)
		return NULL;
	for (p = buf_str(&b); p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *v = p + n;
		size_t len;

		if (strncmp(p, key, n) != 0)
			continue;
		v += strspn(v, " \t");
		if (*v++ != sep)
			continue;
		v += strspn(v, " \t\"");
		len = strcspn(v, "\n\"");
		while (len > 0 && (v[len - 1] == ' ' || v[len - 1] == '\t'))
			len--;
		return strndup(v, len);
	}
	return NULL;
}

static void add_value(struct facts *f, const char *group, const char *name,
		      const char *path, const char *key, char sep)
{
	_free_ char *v = value_in(f, path, key, sep);

	if (v)
		add(f, group, name, "%s", v);
}

/* --- the facts ------------------------------------------------------------------ */

static void board(struct facts *f)
{
	_free_ char *vendor = agent_line(f->a, "/sys/class/dmi/id/sys_vendor");
	_free_ char *product = agent_line(f->a, "/sys/class/dmi/id/product_name");

	if (exists(f, "/proc/device-tree/model"))
		add_line(f, "board", "model", "/proc/device-tree/model");
	else if (product)
		add(f, "board", "model", "%s%s%s", vendor ? vendor : "",
		    vendor ? " " : "", product);
	add_line(f, "board", "serial", "/proc/device-tree/serial-number");
	if (f->a->conf.board_kind)
		add(f, "board", "kind", "%s", f->a->conf.board_kind);
}

static void cpu(struct facts *f)
{
	_buf_ struct buf b = BUF_INIT;
	unsigned cores = 0;
	const char *p;

	add(f, "cpu", "machine", "%s", f->a->boot.machine);
	add_value(f, "cpu", "model", "/proc/cpuinfo", "model name", ':');
	if (agent_read_file(f->a, "/proc/cpuinfo", FILE_MAX, &b) < 0)
		return;
	for (p = buf_str(&b); p && (p = strstr(p, "processor")); p++)
		if (p == (const char *)buf_data(&b) || p[-1] == '\n')
			cores++;
	if (cores > 0)
		add(f, "cpu", "cores", "%u", cores);
}

static void memory(struct facts *f)
{
	_free_ char *total = value_in(f, "/proc/meminfo", "MemTotal", ':');
	char text[16];

	if (total)
		add(f, "memory", "total", "%s",
		    text_bytes(strtoull(total, NULL, 10) * 1024, text));
}

static void disk(struct facts *f, const char *name)
{
	static const char *const not_disks[] = {"loop", "ram", "zram", "dm-", "md", "sr"};
	_free_ char *size = line_at(f, "/sys/block/%s/size", name);
	_free_ char *model = line_at(f, "/sys/block/%s/device/model", name);
	char text[16];

	for (size_t i = 0; i < ARRAY_SIZE(not_disks); i++)
		if (strncmp(name, not_disks[i], strlen(not_disks[i])) == 0)
			return;
	if (size)
		add(f, "disk", name, "%s%s%s",
		    text_bytes(strtoull(size, NULL, 10) * SECTOR, text),
		    model ? "  " : "", model ? model : "");
}

static void space(struct facts *f, const char *path)
{
	_free_ char *full = agent_path(f->a, path);
	_close_ int fd = -1;
	struct statfs st;
	char free_text[16], all[16];
	uint64_t left;

	if (!full)
		return;
	fd = fs_open_dir(AT_FDCWD, full);
	if (fd < 0 || fstatfs(fd, &st) < 0 || fs_free_bytes(fd, &left) < 0)
		return;
	add(f, "space", path, "%s free of %s", text_bytes(left, free_text),
	    text_bytes((uint64_t)st.f_blocks * (uint64_t)st.f_bsize, all));
}

static void spaces(struct facts *f)
{
	space(f, "/");
	space(f, "/boot");
	space(f, "/boot/efi");
	space(f, "/boot/firmware");
	space(f, f->a->conf.state_dir);
}

static void os(struct facts *f)
{
	const char *path =
		exists(f, "/etc/os-release") ? "/etc/os-release" : "/usr/lib/os-release";

	add_value(f, "os", "name", path, "PRETTY_NAME", '=');
	add_value(f, "os", "id", path, "ID", '=');
	add_value(f, "os", "version", path, "VERSION_ID", '=');
}

static void kernel(struct facts *f)
{
	add(f, "kernel", "release", "%s", f->a->boot.release);
	add(f, "kernel", "banner", "%s", f->a->boot.banner ? f->a->boot.banner : "");
	add(f, "kernel", "build-id", "%s", f->a->boot.build_id);
}

static void init_system(struct facts *f)
{
	_free_ char *comm = agent_line(f->a, "/proc/1/comm");
	_free_ char *full =
		agent_path(f->a, "/etc/systemd/system/display-manager.service");
	char target[256];
	ssize_t n;

	if (exists(f, "/run/systemd/system"))
		add(f, "os", "init", "systemd");
	else if (exists(f, "/run/openrc"))
		add(f, "os", "init", "openrc");
	else if (comm)
		add(f, "os", "init", "%s", comm);
	if (!full)
		return;
	n = readlink(full, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		add(f, "os", "desktop", "%s",
		    strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	}
}

static void firmware(struct facts *f)
{
	add(f, "firmware", "kind", "%s",
	    exists(f, "/sys/firmware/efi")		  ? "EFI"
	    : exists(f, "/proc/device-tree")		  ? "device tree"
	    : exists(f, "/sys/class/dmi/id/bios_version") ? "BIOS"
							  : "");
	add_line(f, "firmware", "vendor", "/sys/class/dmi/id/bios_vendor");
	add_line(f, "firmware", "version", "/sys/class/dmi/id/bios_version");
	add_line(f, "firmware", "date", "/sys/class/dmi/id/bios_date");
}

static void pci(struct facts *f, const char *name)
{
	_free_ char *pci_class = line_at(f, "/sys/bus/pci/devices/%s/class", name);
	_free_ char *vendor = line_at(f, "/sys/bus/pci/devices/%s/vendor", name);
	_free_ char *device = line_at(f, "/sys/bus/pci/devices/%s/device", name);

	if (pci_class && strncmp(pci_class, "0x03", 4) == 0 && vendor && device)
		add(f, "gpu", name, "%s:%s", vendor, device);
}

/* "ext4 on /dev/vda2, read-only" for what holds the path. */
static void file_system(struct facts *f, const char *name, const char *path)
{
	_mountinfo_ struct mountinfo m = {0};

	if (mountinfo_find(f->a, path, &m) < 0 || strcmp(m.point, path) != 0)
		return;
	add(f, "mount", name, "%s on %s%s", m.type, m.source,
	    m.read_only ? ", read-only" : "");
}

static void file_systems(struct facts *f)
{
	static const char *const places[] = {"/",    "/boot", "/boot/efi",
					     "/efi", "/esp",  "/boot/firmware"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		file_system(f, places[i], places[i]);
}

static void say_watchdog(struct facts *f, const struct wdinfo *w, const char *holder)
{
	char range[64] = "";

	if (w->max_timeout > 0)
		snprintf(range, sizeof(range), " (%u to %u s)", w->min_timeout,
			 w->max_timeout);
	add(f, "watchdog", w->name, "%s, %u s%s%s%s%s%s%s",
	    *w->identity ? w->identity : "unknown kind", w->timeout, range,
	    w->nowayout ? ", cannot be stopped" : "", w->active ? ", runs" : "",
	    w->reset_us ? ", the last reset came from it" : "", *holder ? ", " : "",
	    holder);
}

static void watchdogs(struct facts *f)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&f->a->state_lock;
	char holder[WDINFO_SETTING] = "", trial[sizeof(f->a->watchdog)];

	pthread_mutex_lock(lock);
	memcpy(trial, f->a->watchdog, sizeof(trial));
	pthread_mutex_unlock(lock);
	add(f, "watchdog", "trial", "%s", trial);
	wdinfo_systemd(f->a, holder);
	for (unsigned n = 0; n < WDINFO_DEVICES && f->r == 0; n++) {
		Kferry__Watchdog *m;
		struct wdinfo w;
		char text[32];

		snprintf(text, sizeof(text), "watchdog%u", n);
		if (!wdinfo_read(f->a, text, &w))
			continue;
		say_watchdog(f, &w, n ? "" : holder);
		m = malloc(sizeof(*m));
		if (!m) {
			f->r = -ENOMEM;
			return;
		}
		kferry__watchdog__init(m);
		f->m->watchdog[f->m->n_watchdog++] = m;
		snprintf(text, sizeof(text), "/dev/%s", w.name);
		m->device = msg_text(text, LIMIT_NAME);
		m->identity = msg_text(w.identity, LIMIT_STRING);
		m->holder = msg_text(n ? "" : holder, LIMIT_STRING);
		m->timeout_s = w.timeout;
		m->min_timeout_s = w.min_timeout;
		m->max_timeout_s = w.max_timeout;
		m->nowayout = w.nowayout;
		m->reset_board = w.reset_us;
		m->software = w.software;
		if (!m->device || !m->identity || !m->holder)
			f->r = -ENOMEM;
	}
}

static void pstore(struct facts *f)
{
	_free_ char *backend = agent_line(f->a, "/sys/module/pstore/parameters/backend");
	bool none = !backend || strcmp(backend, "(null)") == 0;

	if (!none)
		add(f, "pstore", "backend", "%s", backend);
	f->m->pstore = msg_text(none ? "" : backend, LIMIT_STRING);
	if (!f->m->pstore)
		f->r = -ENOMEM;
}

static void chains(struct facts *f)
{
	const struct boot_chain *in_use;
	struct kf_error ignored;

	f->m->chain_in_use = msg_text(
		boot_select(f->a, NULL, &in_use, &ignored) == 0 ? in_use->name : "",
		LIMIT_NAME);
	if (!f->m->chain_in_use)
		f->r = -ENOMEM;
	for (size_t i = 0; boot_chains[i] && f->r == 0 && i < CHAINS_MAX; i++) {
		const struct boot_chain *chain = boot_chains[i];
		struct kf_error err = {0};
		char note[256] = "";
		Kferry__Chain *m = malloc(sizeof(*m));

		if (!m) {
			f->r = -ENOMEM;
			return;
		}
		kferry__chain__init(m);
		f->m->chain[f->m->n_chain++] = m;
		m->usable = chain->probe(f->a, note, &err) == 0;
		m->name = msg_text(chain->name, LIMIT_NAME);
		m->reason = msg_text(m->usable ? note : err.msg, LIMIT_STRING);
		if (!m->name || !m->reason)
			f->r = -ENOMEM;
	}
}

int facts_build(const struct agent *a, Kferry__Facts **ret)
{
	struct facts f = {.a = a};

	f.m = malloc(sizeof(*f.m));
	if (!f.m)
		return -ENOMEM;
	kferry__facts__init(f.m);
	f.m->fact = calloc(FACTS_MAX, sizeof(Kferry__Fact *));
	f.m->chain = calloc(CHAINS_MAX, sizeof(Kferry__Chain *));
	f.m->watchdog = calloc(WDINFO_DEVICES, sizeof(Kferry__Watchdog *));
	if (!f.m->fact || !f.m->chain || !f.m->watchdog)
		f.r = -ENOMEM;
	board(&f);
	cpu(&f);
	memory(&f);
	each(&f, "/sys/block", disk);
	spaces(&f);
	file_systems(&f);
	os(&f);
	init_system(&f);
	kernel(&f);
	firmware(&f);
	each(&f, "/sys/bus/pci/devices", pci);
	watchdogs(&f);
	pstore(&f);
	chains(&f);
	if (f.r < 0) {
		kferry__facts__free_unpacked(f.m, NULL);
		return f.r;
	}
	*ret = f.m;
	return 0;
}
