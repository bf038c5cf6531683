/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mails: what is found in them lies within, and what was taken out is gone. */
#include <assert.h>
#include <string.h>

#include "controller/send/mailtext.h"
#include "controller/send/recipients.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const char *role, const char *address, size_t n)
{
	const char *email;
	size_t email_n;

	assert(*role && n > 2 && n < MAILTEXT_ADDRESS_MAX);
	assert(text_is_plain(address, n, false) && *address != '-');
	mailtext_email(address, n, &email, &email_n);
	assert(email >= address && email + email_n <= address + n);
	assert(memchr(email, '@', email_n) && !memchr(email, ' ', email_n));
	/* All that a mail names can be sent to. */
	assert(recipients_add(arg, role, address, n, NULL) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"To", "Cc", "Bcc", NULL};
	const char *text = (const char *)data;
	_recipients_ struct recipients r = {.block = NULL};
	_buf_ struct buf without = BUF_INIT;
	char field[64];

	if (mailtext_field(text, size, "Subject", field, sizeof(field)))
		assert(strlen(field) < sizeof(field));
	assert(mailtext_people(text, size, look, &r) == 0);
	assert(mailtext_without(text, size, names, &without) == 0);
	assert(buf_len(&without) <= size);
	for (size_t i = 0; names[i]; i++)
		assert(!mailtext_field((const char *)buf_data(&without),
				       buf_len(&without), names[i], field, 64));
	return 0;
}
