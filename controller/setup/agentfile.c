// SPDX-License-Identifier: GPL-2.0-or-later
/* The machines that boards are, and which agent each runs. */
#include "controller/setup/agentfile.h"

#include <elf.h>
#include <string.h>
#include <sys/utsname.h>

#include "controller/place.h"
#include "proto/reason.h"

/* In the words of uname -m; arch: as `make agent-static` takes it, NULL: not built there.
 */
struct machine {
	const char *name;
	unsigned elf;
	const char *agent; /* whose agent it runs */
	const char *arch;
};

static const struct machine machines[] = {
	{"x86_64", EM_X86_64, "x86_64", "amd64"},
	{"aarch64", EM_AARCH64, "aarch64", "arm64"},
	{"armv7l", EM_ARM, "armv7l", "armhf"},
	/* A 64-bit processor that shows itself as a 32-bit one. */
	{"armv8l", EM_ARM, "armv7l", "armhf"},
	{"armv6l", EM_ARM, "armv6l", NULL},
	{"i686", EM_386, "i686", NULL},
	{"riscv64", EM_RISCV, "riscv64", NULL},
};

static const struct machine *find_machine(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (!strcmp(machines[i].name, name))
			return &machines[i];
	return NULL;
}

bool agentfile_fits(const struct buf *b, const char *machine)
{
	const struct machine *m = find_machine(machine);
	const uint8_t *d = buf_data(b);

	if (buf_len(b) < 20 || memcmp(d, ELFMAG, SELFMAG))
		return false;
	return !m || (d[18] | (unsigned)d[19] << 8) == m->elf;
}

/* build/static holds the agent for the processor that it was built on. */
static int in_tree_of(const struct machine *m, char **ret)
{
	struct utsname uts;
	bool same = uname(&uts) == 0 && !strcmp(uts.machine, m->name);

	if (asprintf(ret, "build/static%s%s/kferryd", same ? "" : "-",
		     same ? "" : m->arch) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int find_built(const struct machine *m, const char *agent, char **ret)
{
	_free_ char *in_tree = NULL, *installed = NULL;

	if (m && m->arch && in_tree_of(m, &in_tree) < 0)
		return -ENOMEM;
	if (asprintf(&installed, "agent/kferryd-%s", agent) < 0) {
		installed = NULL;
		return -ENOMEM;
	}
	return place_find(in_tree, installed, ret);
}

static int not_there(const struct machine *m, const char *machine, struct kf_error *err)
{
	if (m && m->arch)
		return kf_err(
			err, -ENOENT, KF_REASON_NOT_FOUND,
			"the agent for %s was not built: run `make agent-static "
			"ARCH=%s` in kferry's source tree, and `make install` again if "
			"kferry is installed; or name a directory with kferryd-%s in "
			"KF_AGENT_DIR",
			machine, m->arch, m->agent);
	if (!strcmp(machine, "armv6l"))
		return kf_err(
			err, -ENOTSUP, KF_REASON_ARCH,
			"the board is armv6l (a Raspberry Pi 1 or Zero?), and the agent "
			"for 32-bit ARM needs ARMv7; an agent built for ARMv6 is taken "
			"as kferryd-armv6l from the directory that KF_AGENT_DIR names");
	return kf_err(
		err, -ENOTSUP, KF_REASON_ARCH,
		"the board is %s, which kferry builds no agent for; one of your own is "
		"taken as kferryd-%s from the directory that KF_AGENT_DIR names",
		machine, machine);
}

int agentfile_find(const char *machine, char **ret, struct kf_error *err)
{
	const struct machine *m = find_machine(machine);
	const char *agent = m ? m->agent : machine;
	const char *dir = getenv("KF_AGENT_DIR");
	_free_ char *path = NULL;
	int rc;

	if (dir && *dir) {
		if (asprintf(&path, "%s/kferryd-%s", dir, agent) < 0)
			path = NULL;
		rc = !path ? -ENOMEM : access(path, R_OK) < 0 ? -ENOENT : 0;
	} else {
		rc = find_built(m, agent, &path);
	}
	if (rc == -ENOMEM)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "find the agent: %m");
	if (rc < 0)
		return not_there(m, machine, err);
	*ret = TAKE_PTR(path);
	return 0;
}
