/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtual board's directory: making, opening and removing it. */
#include "controller/vm/vm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/place.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define GUEST_TIMEOUT_MS   (30 * 60 * 1000) /* mmdebstrap on a slow machine */
#define STEP_TIMEOUT_MS	   120000
#define DEFAULT_MEMORY_MIB 1024
#define DEFAULT_CPUS	   2
#define MEMORY_MAX_MIB	   (1024 * 1024)
#define CPUS_MAX	   256
#define CONF_MAX	   4096

#define OVMF_VARS	   "/usr/share/OVMF/OVMF_VARS_4M.fd" /* Debian's ovmf */

void vm_close(struct vm *vm)
{
	free(vm->name);
	free(vm->dir);
	if (vm->fd > 0)
		close(vm->fd);
	*vm = (struct vm){0};
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
}

static int vm_dir(const struct config *cfg, const char *name, char **ret)
{
	return asprintf(ret, "%s/vm/%s", config_data_dir(cfg), name) < 0 ? -ENOMEM : 0;
}

static bool parse_conf(const char *text, struct vm *vm)
{
	return sscanf(text, "memory %u\ncpus %u\nport %u\n", &vm->memory_mib, &vm->cpus,
		      &vm->port) == 3 &&
	       vm->memory_mib > 0 && vm->memory_mib <= MEMORY_MAX_MIB &&
	       vm->cpus <= CPUS_MAX && vm->port > 0 && vm->port <= UINT16_MAX;
}

int vm_open(const struct config *cfg, const char *name, struct vm *ret,
	    struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	_buf_ struct buf conf = BUF_INIT;
	const char *text;
	int rc;

	if (!text_is_name(name))
		return kf_err(
			err, -EINVAL, KF_REASON_INVALID,
			"\"%s\" is no name for a virtual board: use letters, digits and "
			"._+-",
			name);
	vm.name = strdup(name);
	if (!vm.name || vm_dir(cfg, name, &vm.dir) < 0)
		return no_memory(err);
	vm.fd = fs_open_dir(AT_FDCWD, vm.dir);
	if (vm.fd < 0)
		return kf_err(
			err, vm.fd, KF_REASON_NOT_FOUND,
			"no virtual board is named %s: `kferry vm list` shows them, "
			"`kferry vm create %s` makes it",
			name, name);
	rc = fs_read_file(vm.fd, "vm.conf", CONF_MAX, &conf);
	text = rc < 0 ? NULL : buf_str(&conf);
	if (!text || !parse_conf(text, &vm))
		return kf_err(
			err, rc < 0 ? rc : -EBADMSG, KF_REASON_CONFIG,
			"%s/vm.conf is missing or damaged: remove the board with `kferry "
			"vm rm %s` and make it again",
			vm.dir, name);
	*ret = vm;
	vm = (struct vm){0};
	return 0;
}

/* Where the image that this script makes is cached: another script, another image. */
static int image_path(const struct config *cfg, const char *script, char **ret,
		      struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, script, O_RDONLY | O_CLOEXEC, 0);
	char hex[DIGEST_HEX];
	struct digest d;
	int rc = fd < 0 ? fd : digest_fd(fd, &d, NULL);

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s: %s", script,
			      strerror(-rc));
	digest_hex(&d, hex);
	if (asprintf(ret, "%s/guest-debian-12-amd64-%.8s.img", config_cache_dir(cfg),
		     hex) < 0)
		return no_memory(err);
	return 0;
}

/* The guest's image with its keys beside it, made when it is not cached yet. */
static int guest_image(const struct config *cfg, struct ui *ui, char **ret,
		       struct kf_error *err)
{
	_free_ char *script = NULL;
	_free_ char *image = NULL;
	struct proc_opts opts = {.timeout_ms = GUEST_TIMEOUT_MS,
				 .inherit_env = true,
				 .inherit_stdio = true};
	int rc = place_find_program("controller/vm/debian-guest.sh", "debian-guest.sh",
				    &script);

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NOT_FOUND,
			      "debian-guest.sh, which makes the guest's image, is not "
			      "installed: %s",
			      strerror(-rc));
	rc = image_path(cfg, script, &image, err);
	if (rc < 0)
		return rc;
	if (!fs_exists(AT_FDCWD, image)) {
		ui_note(ui, "making the Debian guest's image, once (a minute or two): %s",
			image);
		rc = fs_mkdirs(AT_FDCWD, config_cache_dir(cfg));
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_IO, "make %s: %s",
				      config_cache_dir(cfg), strerror(-rc));
		rc = proc_check((const char *const[]){script, image, NULL}, &opts, err);
		if (rc < 0)
			return rc;
	}
	*ret = TAKE_PTR(image);
	return 0;
}

/* A port that is free now; QEMU says so itself should it be taken by then. */
static unsigned free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return 0;
	return ntohs(sa.sin_port);
}

static int write_known_hosts(const struct vm *vm, const char *image, struct kf_error *err)
{
	_free_ char *path = NULL;
	_free_ char *key = NULL;
	_free_ char *line = NULL;
	int rc;

	if (asprintf(&path, "%s.hostkey.pub", image) < 0)
		return no_memory(err);
	rc = fs_read_line(AT_FDCWD, path, &key);
	if (rc < 0)
		return kf_err(
			err, rc, KF_REASON_NOT_FOUND,
			"the guest's host key %s cannot be read (%s): remove %s and try "
			"again",
			path, strerror(-rc), image);
	if (asprintf(&line, "[127.0.0.1]:%u %s\n", vm->port, key) < 0)
		return no_memory(err);
	rc = fs_replace(vm->fd, "known_hosts", line, strlen(line), 0644);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s/known_hosts: %s", vm->dir,
			      strerror(-rc));
	return 0;
}

static int make_disks(const struct vm *vm, const char *image, struct kf_error *err)
{
	struct proc_opts opts = {.timeout_ms = STEP_TIMEOUT_MS, .cwd = vm->dir};
	_close_ int in = fs_open_beneath(AT_FDCWD, OVMF_VARS, O_RDONLY | O_CLOEXEC, 0);
	_close_ int out = -1;
	int rc;

	if (in < 0)
		return kf_err(err, in, KF_REASON_NOT_FOUND,
			      "%s is missing: install the package ovmf", OVMF_VARS);
	rc = proc_check((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2",
					      "-F", "raw", "-b", image, "disk.qcow2",
					      NULL},
			&opts, err);
	if (rc < 0)
		return rc;
	out = fs_open_beneath(vm->fd, "vars.fd", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			      0644);
	rc = out < 0 ? out : fs_copy_fd(in, out, NULL);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s/vars.fd: %s", vm->dir,
			      strerror(-rc));
	return write_known_hosts(vm, image, err);
}

/* The board in the user's configuration; the link's keys are those of the guest's image.
 */
static int add_board(struct config *cfg, const struct vm *vm, const char *image,
		     struct kf_error *err)
{
	_free_ char *port = NULL;
	_free_ char *identity = NULL;
	_free_ char *known_hosts = NULL;

	if (asprintf(&port, "%u", vm->port) < 0 ||
	    asprintf(&identity, "%s.key", image) < 0 ||
	    asprintf(&known_hosts, "%s/known_hosts", vm->dir) < 0)
		return no_memory(err);

	const char *const values[][2] = {
		{"board.link", "ssh"},
		{"board.host", "127.0.0.1"},
		{"board.port", port},
		{"board.user", "root"},
		{"board.identity", identity},
		{"board.known_hosts", known_hosts},
		{"board.profile", "qemu-x86-64"},
		{"board.vm", vm->name},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		int rc = config_write(cfg, CONFIG_USER, vm->name, values[i][0],
				      values[i][1], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int fill(struct config *cfg, struct ui *ui, struct vm *vm,
		const struct vm_create_opts *opts, struct kf_error *err)
{
	_free_ char *image = opts->image ? strdup(opts->image) : NULL;
	_free_ char *conf = NULL;
	int rc = 0;

	if (!image)
		rc = guest_image(cfg, ui, &image, err);
	if (rc < 0)
		return rc;
	vm->memory_mib = opts->memory_mib ? opts->memory_mib : DEFAULT_MEMORY_MIB;
	vm->cpus = opts->cpus;
	vm->port = free_port();
	rc = make_disks(vm, image, err);
	if (rc < 0)
		return rc;
	if (asprintf(&conf, "memory %u\ncpus %u\nport %u\n", vm->memory_mib, vm->cpus,
		     vm->port) < 0)
		return no_memory(err);
	rc = fs_replace(vm->fd, "vm.conf", conf, strlen(conf), 0644);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s/vm.conf: %s", vm->dir,
			      strerror(-rc));
	rc = add_board(cfg, vm, image, err);
	if (rc < 0 && config_has_board(cfg, vm->name) &&
	    config_remove_board(cfg, vm->name, NULL) < 0)
		ui_warn(ui,
			"the board %s stays in the configuration: `kferry board rm %s`",
			vm->name, vm->name);
	return rc;
}

int vm_create(struct config *cfg, struct ui *ui, const char *name,
	      const struct vm_create_opts *opts, struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	int rc;

	if (!text_is_name(name))
		return kf_err(
			err, -EINVAL, KF_REASON_USAGE,
			"\"%s\" is no name for a virtual board: use letters, digits and "
			"._+-",
			name);
	vm.name = strdup(name);
	if (!vm.name || vm_dir(cfg, name, &vm.dir) < 0)
		return no_memory(err);
	if (fs_exists(AT_FDCWD, vm.dir) || config_has_board(cfg, name))
		return kf_err(
			err, -EEXIST, KF_REASON_EXISTS,
			"a board named %s exists already: choose another name, or remove "
			"it with `kferry vm rm %s`",
			name, name);
	rc = fs_mkdirs(AT_FDCWD, vm.dir);
	if (rc == 0)
		rc = vm.fd = fs_open_dir(AT_FDCWD, vm.dir);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "make %s: %s", vm.dir,
			      strerror(-rc));
	rc = fill(cfg, ui, &vm, opts, err);
	if (rc < 0 && fs_remove_tree(AT_FDCWD, vm.dir) < 0)
		ui_warn(ui, "what was made in %s could not be removed", vm.dir);
	return rc;
}

int vm_remove(struct config *cfg, struct ui *ui, const char *name, struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	int rc = vm_open(cfg, name, &vm, err);

	if (rc == -EBADMSG && vm_dir(cfg, name, &vm.dir) < 0)
		return no_memory(err);
	if (rc < 0 && rc != -EBADMSG)
		return rc;
	if (rc == 0)
		rc = vm_down(ui, &vm, true, deadline_in(0), err);
	else
		rc = 0;
	if (rc == 0 && config_has_board(cfg, name))
		rc = config_remove_board(cfg, name, err);
	if (rc < 0)
		return rc;
	rc = fs_remove_tree(AT_FDCWD, vm.dir);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "remove %s: %s", vm.dir,
			      strerror(-rc));
	return 0;
}
