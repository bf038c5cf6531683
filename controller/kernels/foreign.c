/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/kernels/foreign.h"

#include <string.h>

#include "controller/copy/said.h"
#include "proto/reason.h"
#include "proto/text.h"

#define LIST_MAX   (256u * 1024)
#define LIST_S	   60
#define REMOVE_S   600 /* an initramfs or a boot menu may be made again */
#define REMOVE_OUT (4u << 20)

/* Whose package a file is.  Images of boot loaders have many names: these are the ones
 * that distributions and `make install` give. */
#define SCRIPT_COMMON                                                                    \
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"                                           \
	"LC_ALL=C\n"                                                                     \
	"export PATH LC_ALL\n"                                                           \
	"owner() {\n"                                                                    \
	"  if command -v dpkg-query >/dev/null 2>&1; then\n"                             \
	"    dpkg-query -S \"$1\" 2>/dev/null | head -n 1 | cut -d: -f1\n"               \
	"  elif command -v rpm >/dev/null 2>&1; then\n"                                  \
	"    p=$(rpm -qf --qf '%{NAME}-%{VERSION}-%{RELEASE}' \"$1\" 2>/dev/null) && "   \
	"echo \"$p\"\n"                                                                  \
	"  elif command -v pacman >/dev/null 2>&1; then\n"                               \
	"    pacman -Qqo \"$1\" 2>/dev/null\n"                                           \
	"  fi\n"                                                                         \
	"}\n"                                                                            \
	"image() {\n"                                                                    \
	"  for k in vmlinuz vmlinux Image kernel; do\n"                                  \
	"    [ ! -f \"/boot/$k-$1\" ] || { echo \"/boot/$k-$1\"; return; }\n"            \
	"  done\n"                                                                       \
	"  [ ! -f \"/lib/modules/$1/vmlinuz\" ] || echo \"/lib/modules/$1/vmlinuz\"\n"   \
	"}\n"

static const char list_script[] = SCRIPT_COMMON
	"echo \"now $(date +%s)\"\n"
	"for d in \"$1\"/slots/k-*; do\n"
	"  [ ! -f \"$d/manifest\" ] || "
	"echo \"slot ${d##*/} $(stat -c %Y \"$d/manifest\")\"\n"
	"done\n"
	"for f in /boot/vmlinuz-* /boot/vmlinux-* /boot/Image-* /boot/kernel-* "
	"/lib/modules/*/vmlinuz; do\n"
	"  [ -f \"$f\" ] || continue\n"
	"  case $f in\n"
	"  /lib/*) r=${f%/vmlinuz}; r=${r##*/}; [ ! -L \"/lib/modules/$r\" ] || continue "
	";;\n"
	"  *) r=${f##*/}; r=${r#*-} ;;\n"
	"  esac\n"
	"  [ \"$(image \"$r\")\" = \"$f\" ] || continue\n"
	"  m=; [ -L \"/lib/modules/$r\" ] || [ ! -d \"/lib/modules/$r\" ] || "
	"m=/lib/modules/$r\n"
	"  s=0; for k in $(du -k -s /boot/*-\"$r\" /boot/*-\"$r\".img $m 2>/dev/null | "
	"cut -f1); do s=$((s + k)); done\n"
	"  echo \"kernel $r $s $(stat -c %Y \"$f\") $(owner \"$f\")\"\n"
	"done\n";

/* The order: first what makes the menu, then the modules, so that an interruption leaves
 * a kernel that is still whole, or none. */
static const char remove_script[] = SCRIPT_COMMON
	"r=$1 keep=$2\n"
	"fail() { echo \"$*\" >&2; exit 1; }\n"
	"[ \"$r\" != \"$(uname -r)\" ] || fail \"$r is what runs\"\n"
	"f=$(image \"$r\")\n"
	"[ -n \"$f\" ] || fail \"there is no kernel $r on the board\"\n"
	"p=$(owner \"$f\")\n"
	"if [ -n \"$p\" ]; then\n"
	"  if command -v dpkg >/dev/null 2>&1; then\n"
	"    DEBIAN_FRONTEND=noninteractive dpkg --purge \"$p\" || "
	"fail \"dpkg does not remove its package $p\"\n"
	"  elif command -v rpm >/dev/null 2>&1; then\n"
	"    rpm -e \"$p\" || fail \"rpm does not remove its package $p\"\n"
	"  else\n"
	"    pacman -R --noconfirm \"$p\" || fail \"pacman does not remove its package "
	"$p\"\n"
	"  fi\n"
	"  exit 0\n"
	"fi\n"
	"rm -f -- \"/boot/vmlinuz-$r\" \"/boot/vmlinux-$r\" \"/boot/Image-$r\" "
	"\"/boot/kernel-$r\" || fail \"its image cannot be removed from /boot\"\n"
	"if command -v kernel-install >/dev/null 2>&1; then\n"
	"  kernel-install remove \"$r\" || fail \"kernel-install failed, its image is "
	"gone "
	"from /boot, and its modules are there still: see the board's boot menu\"\n"
	"fi\n"
	"rm -f -- \"/boot/initrd.img-$r\" \"/boot/initrd-$r\" \"/boot/initrd-$r.img\" "
	"\"/boot/initramfs-$r.img\" \"/boot/config-$r\" \"/boot/System.map-$r\" || "
	"fail \"its initramfs cannot be removed from /boot\"\n"
	"if [ -d /etc/kernel/postrm.d ] && command -v run-parts >/dev/null 2>&1; then\n"
	"  run-parts --arg=\"$r\" --arg=\"$f\" /etc/kernel/postrm.d || "
	"fail \"a program of /etc/kernel/postrm.d failed: see the board's boot menu\"\n"
	"elif command -v update-grub >/dev/null 2>&1; then\n"
	"  update-grub || fail \"update-grub failed: see the board's boot menu\"\n"
	"elif command -v grub2-mkconfig >/dev/null 2>&1 && [ -f /boot/grub2/grub.cfg ]; "
	"then\n"
	"  grub2-mkconfig -o /boot/grub2/grub.cfg || fail \"grub2-mkconfig failed\"\n"
	"elif command -v grub-mkconfig >/dev/null 2>&1 && [ -f /boot/grub/grub.cfg ]; "
	"then\n"
	"  grub-mkconfig -o /boot/grub/grub.cfg || fail \"grub-mkconfig failed\"\n"
	"fi\n"
	"[ \"$keep\" = yes ] || [ -L \"/lib/modules/$r\" ] || "
	"rm -rf -- \"/lib/modules/$r\" || fail \"its modules cannot be removed\"\n";

/* --- what the script says -------------------------------------------------------------
 */

/* The next word of a line; "" behind the last. */
static const char *word(char **at)
{
	char *w = strsep(at, " ");

	return w ? w : "";
}

/* Digits only; -1: it is no such number. */
static int64_t number(const char *s)
{
	int64_t v = 0;

	if (!*s || strlen(s) > 15)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = 10 * v + (*s - '0');
	}
	return v;
}

static void take_kernel(struct foreign *f, char *rest)
{
	const char *release = word(&rest);
	int64_t kib = number(word(&rest)), made = number(word(&rest));
	const char *package = word(&rest);
	struct foreign_one *one = &f->one[f->n];

	if (f->n == FOREIGN_MAX || !text_is_release(release) || kib < 0)
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->one[i].release, release) == 0)
			return;
	}
	*one = (struct foreign_one){.bytes = (uint64_t)kib * 1024, .age_s = -1};
	snprintf(one->release, sizeof(one->release), "%s", release);
	if (text_is_line(package, sizeof(one->package) - 1))
		snprintf(one->package, sizeof(one->package), "%s", package);
	if (made >= 0 && f->now >= made)
		one->age_s = f->now - made;
	f->n++;
}

static void take_slot(struct foreign *f, char *rest)
{
	const char *slot = word(&rest);
	int64_t made = number(word(&rest));

	if (f->n_made == FOREIGN_MAX || !text_is_slot(slot) || made < 0)
		return;
	snprintf(f->made[f->n_made].slot, sizeof(f->made->slot), "%s", slot);
	f->made[f->n_made++].made = made;
}

void foreign_parse(const char *text, size_t n, struct foreign *ret)
{
	*ret = (struct foreign){.now = -1};
	while (n > 0) {
		const char *nl = memchr(text, '\n', n), *kind;
		size_t used = nl ? (size_t)(nl - text) + 1 : n;
		size_t len = nl ? used - 1 : n;
		char line[512], *rest = line;

		snprintf(line, sizeof(line), "%.*s",
			 (int)(len < sizeof(line) ? len : sizeof(line) - 1), text);
		kind = word(&rest);
		if (rest && strcmp(kind, "now") == 0)
			ret->now = number(word(&rest));
		else if (rest && strcmp(kind, "slot") == 0)
			take_slot(ret, rest);
		else if (rest && strcmp(kind, "kernel") == 0)
			take_kernel(ret, rest);
		text += used;
		n -= used;
	}
}

int64_t foreign_slot_age(const struct foreign *f, const char *slot)
{
	for (size_t i = 0; i < f->n_made; i++) {
		if (strcmp(f->made[i].slot, slot) == 0)
			return f->now >= f->made[i].made ? f->now - f->made[i].made : -1;
	}
	return -1;
}

/* --- asking ---------------------------------------------------------------------------
 */

/* What a script says last is why it failed. */
static const char *last_line(struct buf *errors)
{
	char *text = buf_len(errors) ? (char *)buf_str(errors) : NULL, *line;
	size_t n = text ? strlen(text) : 0;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = n > 0 ? strrchr(text, '\n') : NULL;
	return n == 0 ? "the board gives no reason" : line ? line + 1 : text;
}

int foreign_list(struct client *c, const char *state_dir, deadline_ms deadline,
		 struct foreign *ret, struct kf_error *err)
{
	const char *dir = state_dir && *state_dir ? state_dir : "/var/lib/kferry";
	const char *const argv[] = {"sh", "-c", list_script, "kferry-kernels", dir, NULL};
	_buf_ struct buf out = BUF_INIT, errors = BUF_INIT;
	uint32_t status = 0;
	int r = said(c, argv, LIST_MAX, LIST_S, deadline, &out, &errors, &status, err);

	if (r < 0)
		return kf_err_wrap(err, "look for kernels of the board's own");
	/* Half a list would say that a kernel is the last, or not there. */
	if (status != 0)
		return kf_err(err, -EIO, KF_REASON_EXEC,
			      "look for kernels of the board's own: sh ended with status "
			      "%u there: %s",
			      status, last_line(&errors));
	foreign_parse((const char *)buf_data(&out), buf_len(&out), ret);
	return 0;
}

int foreign_remove(struct client *c, const char *release, bool keep_modules,
		   struct kf_error *err)
{
	const char *const argv[] = {"sh",	   "-c",
				    remove_script, "kferry-kernels",
				    release,	   keep_modules ? "yes" : "no",
				    NULL};
	_buf_ struct buf out = BUF_INIT, errors = BUF_INIT;
	uint32_t status = 0;
	int r = said(c, argv, REMOVE_OUT, REMOVE_S, deadline_in((REMOVE_S + 10) * 1000),
		     &out, &errors, &status, err);

	if (r < 0)
		return kf_err_wrap(err, "remove %s", release);
	if (status == 0)
		return 0;
	return kf_err(err, -EIO, KF_REASON_EXEC, "remove %s: %s", release,
		      last_line(&errors));
}
