/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An mbox of an archive: its mails lie in it, and what is written of them can be read. */
#include <assert.h>
#include <string.h>

#include "controller/mail/msgid.h"
#include "controller/mail/patchset.h"
#include "controller/mail/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const struct message *m)
{
	static const char name[] = "Me", email[] = "me@example.org";
	struct reply_opts opts = {.me = {.name = (char *)name, .email = (char *)email},
				  .tags = {REPLY_TESTED},
				  .n_tags = 1,
				  .id = "new@example.org"};
	_messages_ struct messages again = {0};
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};
	_free_ char *mail = NULL;
	const struct message *sent;

	if (reply_write(m, &opts, &mail) < 0 || buf_append(&b, mail, strlen(mail)) < 0)
		return;
	assert(messages_read(&b, &again, &err) == 0);
	sent = messages_find(&again, opts.id);
	/* Nothing that came in a field made a field of its own. */
	assert(sent && again.n >= 1 && sent->from.n == 1);
	assert(strcmp(sent->from.a[0].email, email) == 0);
	assert(sent->parent && strcmp(sent->parent, m->id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_messages_ struct messages all = {0};
	_patchset_ struct patchset p = {0};
	_buf_ struct buf b = BUF_INIT;
	_buf_ struct buf text = BUF_INIT;
	_buf_ struct buf mbox = BUF_INIT;
	struct kf_error err = {0};
	_free_ char *id = NULL;

	if (buf_append(&b, data, size) < 0 || messages_read(&b, &all, &err) < 0)
		return 0;
	for (size_t i = 0; i < all.n; i++) {
		const struct message *m = &all.m[i];

		assert(msgid_is_id(m->id) && m->subject && m->text);
		assert(m->n_refs <= MESSAGE_REFS);
		assert((const uint8_t *)m->raw >= buf_data(&all.mbox) &&
		       (const uint8_t *)m->raw + m->raw_len <=
			       buf_data(&all.mbox) + buf_len(&all.mbox));
		assert(memcmp(m->raw, "From ", 5) == 0);
	}
	check_reply(&all.m[0]);
	id = strdup(all.m[all.n - 1].id);
	if (!id || patchset_find(&all, id, &p, &err) < 0)
		return 0;
	assert(patchset_text(&p, true, &text) == 0);
	if (patchset_check(&p, &err) == 0)
		assert(patchset_mbox(&p, &mbox) == 0 && buf_len(&mbox) > 0);
	return 0;
}
