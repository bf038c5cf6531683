/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/kernels/choice.h"

#include <fnmatch.h>
#include <limits.h>
#include <regex.h>
#include <string.h>

#include "controller/near.h"
#include "controller/strf.h"
#include "proto/reason.h"

bool choice_is_pattern(const struct choice *c, const char *name)
{
	return c->regex || strpbrk(name, "*?[") != NULL;
}

static const char *name_of(const struct choice_one *one)
{
	return one->slot ? one->slot : one->release;
}

/* --- by its name ----------------------------------------------------------------------
 */

static int not_found(const struct choice *c, const char *name, struct kf_error *err)
{
	const char *nearest = NULL;
	unsigned least = UINT_MAX;

	for (size_t i = 0; i < c->n; i++) {
		const char *both[] = {c->v[i].slot, c->v[i].release};

		for (size_t k = 0; k < ARRAY_SIZE(both); k++) {
			unsigned d = both[k] ? near_distance(name, both[k]) : UINT_MAX;

			if (d < least) {
				least = d;
				nearest = both[k];
			}
		}
	}
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
		      "no kernel of the board is called \"%s\"%s%s", name,
		      nearest ? "; the nearest is " : "", nearest ? nearest : "");
}

static int take_exact(struct choice *c, const char *name, struct kf_error *err)
{
	struct choice_one *found = NULL;

	for (size_t i = 0; i < c->n; i++) {
		struct choice_one *one = &c->v[i];

		if (one->slot && strcmp(one->slot, name) == 0) {
			found = one;
			break;
		}
		if (strcmp(one->release, name) != 0)
			continue;
		if (found)
			return kf_err(err, -EINVAL, KF_REASON_USAGE,
				      "%s is the release of %s and of %s%s: name the "
				      "slot",
				      name, name_of(found),
				      one->slot ? "" : "the board's own ", name_of(one));
		found = one;
	}
	if (!found)
		return not_found(c, name, err);
	if (found->stays)
		return kf_err(err, -EBUSY, KF_REASON_INVALID, "%s stays: %s", name,
			      found->stays);
	if (!found->slot && !c->foreign)
		return kf_err(err, -EPERM, KF_REASON_INVALID,
			      "%s is none of kferry's: --force removes it all the same",
			      name);
	found->chosen = true;
	return 0;
}

/* --- by a pattern ---------------------------------------------------------------------
 */

static bool fits(const regex_t *re, const char *pattern, const char *name)
{
	if (!name)
		return false;
	return re ? regexec(re, name, 0, NULL, 0) == 0 : fnmatch(pattern, name, 0) == 0;
}

static void take_one(struct choice *c, struct choice_one *one)
{
	if (!one->slot && !c->foreign)
		c->passed_own++;
	else if (one->stays)
		c->passed_stays++;
	else
		one->chosen = true;
}

static int take_fitting(struct choice *c, const regex_t *re, const char *pattern,
			struct kf_error *err)
{
	size_t fitting = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (!fits(re, pattern, c->v[i].slot) &&
		    !fits(re, pattern, c->v[i].release))
			continue;
		take_one(c, &c->v[i]);
		fitting++;
	}
	return fitting ? 0
		       : kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
				"\"%s\" fits no kernel of the board", pattern);
}

static int take_regex(struct choice *c, const char *text, struct kf_error *err)
{
	_free_ char *whole = strf("^(%s)$", text);
	char why[128];
	regex_t re;
	int bad, r;

	if (!whole)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	bad = regcomp(&re, whole, REG_EXTENDED | REG_NOSUB);
	if (bad) {
		regerror(bad, &re, why, sizeof(why));
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%s\" is no regular expression: %s", text, why);
	}
	r = take_fitting(c, &re, text, err);
	regfree(&re);
	return r;
}

int choice_take(struct choice *c, const char *name, struct kf_error *err)
{
	if (!*name)
		return kf_err(err, -EINVAL, KF_REASON_USAGE, "an empty name");
	if (c->regex)
		return take_regex(c, name, err);
	if (choice_is_pattern(c, name))
		return take_fitting(c, NULL, name, err);
	return take_exact(c, name, err);
}

void choice_take_all(struct choice *c)
{
	for (size_t i = 0; i < c->n; i++)
		take_one(c, &c->v[i]);
}
