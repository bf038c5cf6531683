// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands on a board that may have no agent yet.  Only POSIX shell and what busybox has
 * too is used there.  Scripts are constants; whatever varies is an argument, quoted by
 * the link.
 */
#include "controller/setup/setup_remote.h"

#include <sodium.h>
#include <string.h>

#include "proto/reason.h"

#define COMMAND_MS 180000 /* systemd on a slow board reads all its units again */
#define UPLOAD_MS  300000
#define OUTPUT_MAX (256 * 1024)
#define WORDS_MAX  32

enum how { HOW_UNKNOWN, HOW_ROOT, HOW_SUDO, HOW_SUDO_PASSWORD };

struct remote {
	struct link_runner *runner;
	struct ui *ui;
	const char *board;
	const char *sudo; /* auto, yes, no */
	enum how how;
	char *password;		   /* a line with its newline, or NULL */
	const char *unlock, *lock; /* commands, "" when there are none */
};

int remote_open(const struct config *cfg, struct ui *ui, const char *board,
		struct remote **ret, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(config_ms(cfg, board, "timeout.connect"));
	struct remote *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "setup: %m");
	r->ui = ui;
	r->board = board;
	r->unlock = r->lock = "";
	r->sudo = config_get(cfg, board, "board.sudo");
	rc = link_runner_open(cfg, board, deadline, &r->runner, err);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	ui_forget(r->password);
	link_runner_close(r->runner);
	free(r);
}

static int run(struct remote *r, const char *const argv[], const void *input, size_t len,
	       struct buf *out, struct buf *err_out, int *ret_status,
	       struct kf_error *err)
{
	struct link_run run = {
		.argv = argv,
		.input = input,
		.input_len = len,
		.out = out,
		.err_out = err_out,
		.deadline = deadline_in(len > 4096 ? UPLOAD_MS : COMMAND_MS),
	};

	return link_runner_run(r->runner, &run, ret_status, err);
}

static void last_line(struct buf *b, char *dst, size_t size)
{
	const char *text = buf_str(b), *line;
	size_t n = text ? strlen(text) : 0;

	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	line = n ? memrchr(text, '\n', n) : NULL;
	line = line ? line + 1 : text;
	snprintf(dst, size, "%.*s", n ? (int)(text + n - line) : 0, n ? line : "");
}

/* argv: prefix..., sh -c script sh args... */
static int run_sh(struct remote *r, const char *const prefix[], const char *doing,
		  const char *script, const char *const args[], const void *input,
		  size_t len, struct buf *out, struct kf_error *err)
{
	_buf_ struct buf said = {.max = OUTPUT_MAX}, ignored = {.max = OUTPUT_MAX};
	const char *argv[WORDS_MAX];
	char line[300];
	int status, n = 0, rc;

	for (int i = 0; prefix && prefix[i] && n < 8; i++)
		argv[n++] = prefix[i];
	argv[n++] = "sh";
	argv[n++] = "-c";
	argv[n++] = script;
	argv[n++] = "sh";
	for (int i = 0; args && args[i] && n < WORDS_MAX - 1; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	rc = run(r, argv, input, len, out ? out : &ignored, &said, &status, err);
	if (rc < 0)
		return kf_err_wrap(err, "%s", doing);
	if (status == 0)
		return 0;
	last_line(&said, line, sizeof(line));
	return kf_err(err, -EIO, KF_REASON_EXEC, "%s: exit status %d%s%s", doing, status,
		      line[0] ? ": " : "", line);
}

int remote_sh(struct remote *r, const char *doing, const char *script,
	      const char *const args[], struct buf *out, struct kf_error *err)
{
	return run_sh(r, NULL, doing, script, args, NULL, 0, out, err);
}

int remote_root_sh(struct remote *r, const char *doing, const char *script,
		   const char *const args[], struct buf *out, struct kf_error *err)
{
	static const char *const plain[] = {"sudo", "-n", "--", NULL};
	/* -k: a password is always read, so it can never end up in the script's stdin. */
	static const char *const asking[] = {"sudo", "-k", "-S", "-p", "", "--", NULL};

	if (r->how == HOW_ROOT)
		return run_sh(r, NULL, doing, script, args, NULL, 0, out, err);
	if (r->how == HOW_SUDO)
		return run_sh(r, plain, doing, script, args, NULL, 0, out, err);
	return run_sh(r, asking, doing, script, args, r->password, strlen(r->password),
		      out, err);
}

/* Does sudo with this input work? */
static int try_sudo(struct remote *r, const char *const argv[], const char *input,
		    bool *ret, struct kf_error *err)
{
	_buf_ struct buf out = {.max = OUTPUT_MAX}, said = {.max = OUTPUT_MAX};
	int status, rc;

	rc = run(r, argv, input, input ? strlen(input) : 0, &out, &said, &status, err);
	if (rc < 0)
		return rc;
	*ret = status == 0;
	if (status == 127)
		return kf_err(err, -ENOENT, KF_REASON_PERMISSION,
			      "the login is not root and the board has no sudo: log in "
			      "as root for the setup (board.user)");
	return 0;
}

static int ask_password(struct remote *r, struct kf_error *err)
{
	static const char *const test[] = {"sudo", "-k", "-S",	 "-p",
					   "",	   "--", "true", NULL};
	_free_ char *prompt = NULL;
	bool works = false;
	size_t n;
	int rc;

	if (asprintf(&prompt, "kferry: password for sudo on %s: ", r->board) < 0) {
		prompt = NULL;
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "setup: %m");
	}
	rc = ui_ask_secret(r->ui, prompt, &r->password);
	if (rc == -ENOTTY)
		return kf_err(err, rc, KF_REASON_PERMISSION,
			      "sudo on the board asks for a password, and there is no "
			      "terminal to ask for it; run the setup on one, or as root");
	if (rc < 0)
		return kf_err(err, rc,
			      rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_IO,
			      "ask for the password: %m");
	/* sudo reads a line; ui_ask_secret() gives one of less than its room. */
	n = strlen(r->password);
	memcpy(r->password + n, "\n", 2);
	rc = try_sudo(r, test, r->password, &works, err);
	if (rc == 0 && !works)
		rc = kf_err(err, -EACCES, KF_REASON_PERMISSION,
			    "sudo on the board refused: a wrong password, or the login "
			    "may not become root");
	return rc;
}

int remote_become_root(struct remote *r, struct kf_error *err)
{
	static const char *const no_password[] = {"sudo", "-n", "-k", "--", "true", NULL};
	_buf_ struct buf out = {.max = OUTPUT_MAX};
	bool works = false;
	int rc;

	rc = remote_sh(r, "find out who logs in", "id -u", NULL, &out, err);
	if (rc < 0)
		return rc;
	if (!buf_str(&out))
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "setup: %m");
	if (!strcmp(buf_str(&out), "0\n") && strcmp(r->sudo, "yes")) {
		r->how = HOW_ROOT;
		return 0;
	}
	if (!strcmp(r->sudo, "no"))
		return kf_err(err, -EPERM, KF_REASON_PERMISSION,
			      "the login is not root, and board.sudo is no");
	rc = try_sudo(r, no_password, NULL, &works, err);
	if (rc < 0)
		return rc;
	r->how = HOW_SUDO;
	if (works)
		return 0;
	r->how = HOW_SUDO_PASSWORD;
	return ask_password(r, err);
}

/* --- files ----------------------------------------------------------------------------
 */

static void sha256_hex(const void *data, size_t len, char hex[static 65])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, data, len);
	sodium_bin2hex(hex, 65, hash, sizeof(hash));
}

/* Mode and digest of $1, or nothing.  A board without sha256sum gets every file anew. */
static const char look_script[] =
	"test -f \"$1\" || exit 0; stat -c %a \"$1\"; sha256sum < \"$1\" || :";

/* The bytes into a file that only the login can read; its name is printed. */
static const char stage_script[] = "umask 077; d=$(mktemp -d) && cat > \"$d/f\" && "
				   "echo \"$d/f\"";

/* $1 staged file, $2 place, $3 mode, $4 digest, $5 and $6 how a read-only file system is
 * unlocked and locked.  The digest is checked on what lies in place, as root: what was
 * staged may have changed since. */
static const char install_script[] =
	"set -e; export LC_ALL=C; t=$2.kferry-new; umask 077; "
	"make() { mkdir -p \"${2%/*}\" && rm -f \"$t\" && : > \"$t\"; }; "
	"relock() { s=$?; trap - EXIT; $6 || { "
	"echo \"$2: $6 failed, it is still writable\" >&2; s=1; }; exit $s; }; "
	"if ! e=$(make \"$@\" 2>&1); then "
	"case $e in *ead-only*) ;; *) echo \"$e\" >&2; exit 1 ;; esac; "
	"test -n \"$5\" || { echo \"it is on a read-only file system; set agent.path and "
	"agent.state_dir to places that can be written, or, where the profile says how "
	"(setup.unlock), use --force\" >&2; exit 1; }; "
	"trap 'exit 1' HUP TERM INT PIPE; trap 'relock \"$@\"' EXIT; "
	"$5 >&2; make \"$@\"; fi; "
	"cat \"$1\" > \"$t\"; "
	"if command -v sha256sum >/dev/null; then "
	"test \"$(sha256sum < \"$t\" | cut -c1-64)\" = \"$4\" || "
	"{ rm -f \"$t\"; echo \"$2: the bytes changed on their way\" >&2; exit 1; }; fi; "
	"chown 0:0 \"$t\"; chmod \"$3\" \"$t\"; "
	"sync \"$t\" 2>/dev/null || sync; mv -f \"$t\" \"$2\"; "
	"sync \"${2%/*}\" 2>/dev/null || sync; "
	"rm -f \"$1\"; rmdir \"${1%/*}\" 2>/dev/null || :";

void remote_unlock_with(struct remote *r, const char *unlock, const char *lock)
{
	if (!unlock || !lock)
		return;
	r->unlock = unlock;
	r->lock = lock;
}

int remote_install(struct remote *r, const char *path, const char *mode, const void *data,
		   size_t len, bool *ret_changed, struct kf_error *err)
{
	_buf_ struct buf now = {.max = OUTPUT_MAX}, staged = {.max = 4096};
	const char *look[] = {path, NULL};
	const char *place[] = {NULL, path, mode, NULL, r->unlock, r->lock, NULL};
	char hex[65], want[80];
	char *name;
	int rc;

	sha256_hex(data, len, hex);
	snprintf(want, sizeof(want), "%s\n%s", mode, hex);
	rc = remote_root_sh(r, path, look_script, look, &now, err);
	if (rc < 0)
		return rc;
	if (buf_str(&now) && !strncmp(buf_str(&now), want, strlen(want))) {
		*ret_changed = false;
		return 0;
	}
	rc = run_sh(r, NULL, path, stage_script, NULL, data, len, &staged, err);
	if (rc < 0)
		return rc;
	name = (char *)buf_str(&staged);
	if (!name || name[0] != '/')
		return kf_err(err, -EBADMSG, KF_REASON_EXEC,
			      "%s: the board's mktemp gave no name", path);
	name[strcspn(name, "\n")] = '\0';
	place[0] = name;
	place[3] = hex;
	rc = remote_root_sh(r, path, install_script, place, NULL, err);
	if (rc == 0)
		*ret_changed = true;
	return rc;
}
