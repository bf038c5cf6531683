/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/module/module_spec.h"

#include <string.h>

#include "controller/config/config.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void module_spec_fini(struct module_spec *s)
{
	for (size_t i = 0; i < s->n_params; i++)
		free(s->params[i]);
	free(s->params);
	free(s->name);
	*s = (struct module_spec){0};
}

static int set_name(struct module_spec *s, const char *word, struct kf_error *err)
{
	const char *slash = strrchr(word, '/'), *base = slash ? slash + 1 : word;
	size_t n = strlen(base);

	if (n > 3 && strcmp(base + n - 3, ".ko") == 0)
		n -= 3;
	s->name = strndup(base, n);
	if (!s->name)
		return no_memory(err);
	if (text_is_name(s->name))
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_USAGE, "\"%.64s\" is no module's name",
		      word);
}

static int add_param(struct module_spec *s, const char *word, struct kf_error *err)
{
	char **more;

	if (!text_is_param(word))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%.64s\" is no parameter such as debug=1", word);
	if (s->n_params == LIMIT_PARAMS)
		return kf_err(err, -E2BIG, KF_REASON_USAGE,
			      "more than %d parameters for %s", LIMIT_PARAMS, s->name);
	more = reallocarray(s->params, s->n_params + 1, sizeof(*more));
	if (!more)
		return no_memory(err);
	s->params = more;
	more[s->n_params] = strdup(word);
	return more[s->n_params++] ? 0 : no_memory(err);
}

int module_spec_parse(const char *text, struct module_spec *ret, struct kf_error *err)
{
	_module_spec_ struct module_spec s = {0};
	_free_ char **words = NULL;
	int rc = config_words(text, &words);

	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc < 0 || !words[0])
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      rc < 0 ? "a quote is not closed in: %.200s"
				     : "which module?%.0s",
			      text);
	rc = set_name(&s, words[0], err);
	for (size_t i = 1; rc == 0 && words[i]; i++)
		rc = add_param(&s, words[i], err);
	if (rc < 0)
		return rc;
	*ret = s;
	s = (struct module_spec){0};
	return 0;
}

int module_specs_of(char *const words[], size_t n, struct module_spec **ret,
		    size_t *ret_n, struct kf_error *err)
{
	struct module_spec *all = calloc(n + 1, sizeof(*all));
	size_t used = 0;
	int rc = all ? 0 : no_memory(err);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (!strchr(words[i], '='))
			rc = set_name(&all[used++], words[i], err);
		else if (used == 0)
			rc = kf_err(err, -EINVAL, KF_REASON_USAGE,
				    "%.64s: of which module? Its name stands before it",
				    words[i]);
		else
			rc = add_param(&all[used - 1], words[i], err);
	}
	if (rc < 0) {
		for (size_t i = 0; all && i < used; i++)
			module_spec_fini(&all[i]);
		free(all);
		return rc;
	}
	*ret = all;
	*ret_n = used;
	return 0;
}
