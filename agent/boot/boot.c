/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of boot chains, and the choice among them. */
#include "agent/boot/boot.h"

#include <string.h>

#include "proto/reason.h"

/* A hook comes first because somebody configured it for this board; BootNext last, which
 * every UEFI board has below its boot loader. */
const struct boot_chain *const boot_chains[] = {
	&boot_hook,  &boot_systemd, &boot_grub,	 &boot_rpi,
	&boot_uboot, &boot_efi,	    &boot_kexec, NULL,
};

const struct boot_chain *boot_find(const char *name)
{
	for (size_t i = 0; boot_chains[i]; i++)
		if (strcmp(boot_chains[i]->name, name) == 0)
			return boot_chains[i];
	return NULL;
}

static int select_named(const struct agent *a, const char *name,
			const struct boot_chain **ret, struct kf_error *err)
{
	const struct boot_chain *c = boot_find(name);
	_buf_ struct buf known = BUF_INIT;
	char note[256] = "";
	int r;

	if (c) {
		r = c->probe(a, note, err);
		if (r < 0)
			return kf_err_wrap(err, "boot chain %s", name);
		*ret = c;
		return 0;
	}
	for (size_t i = 0; boot_chains[i]; i++) {
		r = buf_printf(&known, "%s%s", i ? ", " : "", boot_chains[i]->name);
		if (r < 0)
			return kf_err(err, r, KF_REASON_NO_MEMORY, "choose a boot chain");
	}
	return kf_err(err, -EINVAL, KF_REASON_BOOT_CHAIN,
		      "there is no boot chain \"%s\"; known are %s", name,
		      buf_str(&known));
}

int boot_select(const struct agent *a, const char *want, const struct boot_chain **ret,
		struct kf_error *err)
{
	_buf_ struct buf why = BUF_INIT;
	const char *text;
	int r;

	if (want && *want)
		return select_named(a, want, ret, err);
	if (a->conf.chain && *a->conf.chain)
		return select_named(a, a->conf.chain, ret, err);
	for (size_t i = 0; boot_chains[i]; i++) {
		struct kf_error e = {0};
		char note[256] = "";

		if (boot_chains[i]->on_request)
			continue;
		if (boot_chains[i]->probe(a, note, &e) == 0) {
			if (!boot_chains[i]->untried) {
				*ret = boot_chains[i];
				return 0;
			}
			kf_err(&e, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			       "usable, but never tried on a real boot: it has to be "
			       "asked "
			       "for by name (boot.chain = %s)",
			       boot_chains[i]->name);
		}
		r = buf_printf(&why, "%s%s: %s", i ? "; " : "", boot_chains[i]->name,
			       e.msg);
		if (r < 0)
			return kf_err(err, r, KF_REASON_NO_MEMORY, "choose a boot chain");
	}
	text = buf_str(&why);
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "no boot chain of this board can start a kernel once: %s",
		      text ? text : "out of memory");
}
