// SPDX-License-Identifier: GPL-2.0-or-later
/* The places of one board, and the agent's files with them. */
#include "controller/setup/setup_paths.h"

#include <string.h>

#include "proto/reason.h"
#include "proto/text.h"

#define AGENT	 "/usr/local/sbin/kferryd"
#define DEADLINE "/usr/local/sbin/kferry-deadline"
#define STATE	 "/var/lib/kferry"
/* /etc is there before anything that is mounted late, and images keep what is listed. */
#define DEADLINE_IN_ETC "/etc/kferry/kferry-deadline"
#define SAFE		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+"

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

/* What ProtectHome= covers. */
static bool is_hidden(const char *path)
{
	return is_below(path, "/home") || is_below(path, "/root") ||
	       is_below(path, "/run/user");
}

static int check(const char *key, const char *path, struct kf_error *err)
{
	if (path[0] == '/' && text_is_path(path + 1, strlen(path + 1)) &&
	    !path[strspn(path, SAFE)])
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_CONFIG,
		      "%s must be an absolute path of letters, digits and /._-+, which "
		      "\"%s\" is not",
		      key, path);
}

int setup_paths_init(const struct config *cfg, const char *board, struct setup_paths *ret,
		     struct kf_error *err)
{
	const char *agent = config_get(cfg, board, "agent.path");
	const char *state = config_get(cfg, board, "agent.state_dir");
	struct setup_paths p = {.agent = agent ? agent : AGENT,
				.state = state ? state : STATE};
	int rc = check("agent.path", p.agent, err);

	if (rc == 0)
		rc = check("agent.state_dir", p.state, err);
	if (rc < 0)
		return rc;
	p.deadline = is_below(p.agent, "/usr") ? DEADLINE : DEADLINE_IN_ETC;
	p.agent_dir = strndup(p.agent, (size_t)(strrchr(p.agent, '/') - p.agent));
	if (!p.agent_dir)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "setup: %m");
	p.agent_hidden = is_hidden(p.agent);
	p.state_hidden = is_hidden(p.state);
	*ret = p;
	return 0;
}

void setup_paths_fini(struct setup_paths *p)
{
	free(p->agent_dir);
	p->agent_dir = NULL;
}

/* The first of the usual places in text, as a whole path or the beginning of one. */
static const char *find(const struct setup_paths *p, const char *text, size_t *ret_len,
			const char **ret_new)
{
	const struct {
		const char *usual, *here, *behind;
	} places[] = {
		{DEADLINE, p->deadline, " \t\n\"'"},
		{AGENT, p->agent, " \t\n\"'"},
		{STATE, p->state, " \t\n\"'/:"},
	};
	const char *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = strlen(places[i].usual);
		const char *at = text;

		while ((at = strstr(at, places[i].usual)) &&
		       !strchr(places[i].behind, at[n]))
			at += n;
		if (!at || (first && at >= first))
			continue;
		first = at;
		*ret_len = n;
		*ret_new = places[i].here;
	}
	return first;
}

int setup_paths_apply(const struct setup_paths *p, const char *text, struct buf *ret)
{
	const char *found, *here = NULL;
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && (found = find(p, text, &n, &here))) {
		rc = buf_append(ret, text, (size_t)(found - text));
		if (rc == 0)
			rc = buf_printf(ret, "%s", here);
		text = found + n;
	}
	return rc < 0 ? rc : buf_append(ret, text, strlen(text));
}
