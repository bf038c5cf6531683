// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/posts.h"

#include <string.h>

#include "controller/mail/msgid.h"

static void post_fini(struct post *p)
{
	free(p->id);
	free(p->parent);
	free(p->text);
	free(p->author);
	free(p->email);
}

void posts_fini(struct posts *all)
{
	for (size_t i = 0; i < all->n; i++)
		post_fini(&all->p[i]);
	free(all->p);
	*all = (struct posts){0};
}

const struct post *posts_find(const struct posts *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->p[i].id, id) == 0)
			return &all->p[i];
	}
	return NULL;
}

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

int posts_add(struct posts *all, const struct post *p)
{
	struct post new = {.date = p->date};

	if (!msgid_is_id(p->id))
		return -EINVAL;
	if (posts_find(all, p->id))
		return 0;
	if (all->n == POSTS_MAX)
		return -E2BIG;
	/* Space for as many again, so that this is no matter of squares. */
	if ((all->n & (all->n - 1)) == 0) {
		struct post *more =
			reallocarray(all->p, all->n ? all->n * 2 : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		all->p = more;
	}
	new.id = strdup(p->id);
	new.parent = p->parent &&msgid_is_id(p->parent) ? strdup(p->parent) : NULL;
	new.text = copy(p->text);
	new.author = copy(p->author);
	new.email = copy(p->email);
	if (!new.id || !new.text || !new.author || !new.email) {
		post_fini(&new);
		return -ENOMEM;
	}
	subject_parse(new.text, &new.subject);
	all->p[all->n++] = new;
	return 0;
}
