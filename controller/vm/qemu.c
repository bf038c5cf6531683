/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting, watching and stopping the QEMU of a virtual board. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "controller/cancel.h"
#include "controller/vm/qmp.h"
#include "controller/vm/vm.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define START_TIMEOUT_MS 60000
#define QMP_TIMEOUT_MS	 10000

#define OVMF_CODE	 "/usr/share/OVMF/OVMF_CODE_4M.fd" /* Debian's ovmf */

pid_t vm_pid(const struct vm *vm)
{
	_free_ char *line = NULL;
	_buf_ struct buf cmdline = BUF_INIT;
	char path[64];
	char *end;
	long pid;

	if (fs_read_line(vm->fd, "pid", &line) < 0)
		return 0;
	pid = strtol(line, &end, 10);
	if (*end || pid <= 1 || kill((pid_t)pid, 0) < 0)
		return 0;
	/* The number may have been given to somebody else since. */
	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	if (fs_read_file(AT_FDCWD, path, 256 * 1024, &cmdline) < 0 ||
	    !memmem(buf_data(&cmdline), buf_len(&cmdline), vm->dir, strlen(vm->dir)))
		return 0;
	return (pid_t)pid;
}

int vm_up(const struct config *cfg, struct ui *ui, const struct vm *vm,
	  struct kf_error *err)
{
	const char *accel = vm_accel(cfg, ui);
	_free_ char *memory = NULL;
	_free_ char *cpus = NULL;
	_free_ char *net = NULL;
	_free_ char *name = NULL;
	struct proc_opts opts = {.timeout_ms = START_TIMEOUT_MS, .cwd = vm->dir};

	unsigned n_cpus = vm->cpus;

	if (vm_pid(vm))
		return 0;
	/* OVMF under software emulation with two processors was seen to wait for ever,
	 * once in some eighty warm resets, for a second processor that did not start. */
	if (!n_cpus)
		n_cpus = strcmp(accel, "kvm") == 0 ? VM_CPUS_KVM : 1;
	if (asprintf(&memory, "%u", vm->memory_mib) < 0 ||
	    asprintf(&cpus, "%u", n_cpus) < 0 ||
	    asprintf(&name, "kferry:%s", vm->dir) < 0 ||
	    asprintf(&net, "user,id=n0,hostfwd=tcp:127.0.0.1:%u-:22", vm->port) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");

	const char *argv[] = {
		"qemu-system-x86_64",
		"-name",
		name,
		"-machine",
		"q35",
		"-accel",
		accel,
		"-cpu",
		"max",
		"-m",
		memory,
		"-smp",
		cpus,
		"-nodefaults",
		"-display",
		"none",
		"-drive",
		"if=pflash,format=raw,readonly=on,file=" OVMF_CODE,
		"-drive",
		"if=pflash,format=raw,file=vars.fd",
		"-drive",
		"if=none,id=d0,format=qcow2,file=disk.qcow2,cache=writeback",
		"-device",
		"virtio-blk-pci,drive=d0,bootindex=1",
		"-netdev",
		net,
		"-device",
		"virtio-net-pci,netdev=n0,romfile=",
		"-device",
		"virtio-rng-pci",
		"-device",
		"i6300esb",
		"-action",
		"watchdog=reset",
		"-chardev",
		"socket,id=ser,path=serial.sock,server=on,wait=off,logfile=serial.log,"
		"logappend=on",
		"-serial",
		"chardev:ser",
		"-qmp",
		"unix:qmp.sock,server=on,wait=off",
		"-pidfile",
		"pid",
		"-daemonize",
		NULL,
	};
	return proc_check(argv, &opts, err);
}

/* 1 when the port's first bytes are an SSH banner, 0 when not yet, negative: cancelled.
 */
static int ssh_answers(unsigned port, deadline_ms deadline)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char banner[4] = "";
	int left = deadline_left(deadline);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return 0;
	/* QEMU accepts at once and the guest much later: the banner is what counts. */
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
			      {.fd = cancel_fd(), .events = POLLIN}};

	if (poll(p, 2, left >= 0 && left < 5000 ? left : 5000) < 0)
		return errno == EINTR ? 0 : -errno;
	if (atomic_load(cancel_flag()))
		return -ECANCELED;
	if (!(p[0].revents & POLLIN) ||
	    read(fd, banner, sizeof(banner)) != sizeof(banner))
		return 0;
	return memcmp(banner, "SSH-", 4) == 0;
}

int vm_wait_ssh(struct ui *ui, const struct vm *vm, deadline_ms deadline,
		struct kf_error *err)
{
	for (;;) {
		struct pollfd p = {.fd = cancel_fd(), .events = POLLIN};
		int rc = ssh_answers(vm->port, deadline);

		if (rc > 0)
			return 0;
		if (rc < 0 || atomic_load(cancel_flag()))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				      "interrupted while %s was booting", vm->name);
		if (!vm_pid(vm))
			return kf_err(err, -ECHILD, KF_REASON_UNREACHABLE,
				      "QEMU of %s ended; its console is in %s/serial.log",
				      vm->name, vm->dir);
		if (deadline_left(deadline) == 0)
			return kf_err(err, -ETIMEDOUT, KF_REASON_TIMEOUT,
				      "%s runs but its sshd did not answer in time; its "
				      "console "
				      "is in %s/serial.log",
				      vm->name, vm->dir);
		ui_progress(ui, "boot", vm->name, 0, 0, "waiting for its sshd");
		if (poll(&p, 1, 200) < 0 && errno != EINTR)
			return kf_err(err, -errno, KF_REASON_IO, "poll: %m");
	}
}

/* Wait for the process to be gone. */
static int wait_gone(const struct vm *vm, deadline_ms deadline)
{
	while (vm_pid(vm)) {
		struct pollfd p = {.fd = cancel_fd(), .events = POLLIN};

		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, 100) < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
	}
	return 0;
}

static int monitor(const struct vm *vm, const char *command, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(QMP_TIMEOUT_MS);
	struct qmp *q = NULL;
	int rc = qmp_open(vm->fd, "qmp.sock", deadline, &q, err);

	if (rc == 0)
		rc = qmp_command(q, command, deadline, err);
	qmp_close(q);
	return rc;
}

int vm_reset(const struct vm *vm, struct kf_error *err)
{
	return monitor(vm, "system_reset", err);
}

int vm_down(struct ui *ui, const struct vm *vm, bool force, deadline_ms deadline,
	    struct kf_error *err)
{
	pid_t pid = vm_pid(vm);

	if (!pid)
		return 0;
	if (!force && monitor(vm, "system_powerdown", err) == 0) {
		ui_progress(ui, "down", vm->name, 0, 0, "shutting down");
		if (wait_gone(vm, deadline) == 0)
			return 0;
		if (atomic_load(cancel_flag()))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				      "interrupted while %s was shutting down", vm->name);
		ui_note(ui, "%s did not shut down in time: switching it off", vm->name);
	}
	kill(pid, SIGTERM);
	if (wait_gone(vm, deadline_in(QMP_TIMEOUT_MS)) == -ETIMEDOUT) {
		kill(pid, SIGKILL);
		if (wait_gone(vm, deadline_in(QMP_TIMEOUT_MS)) < 0)
			return kf_err(err, -EBUSY, KF_REASON_TIMEOUT,
				      "QEMU of %s (process %d) does not end", vm->name,
				      (int)pid);
	}
	return 0;
}
