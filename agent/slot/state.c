/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The durable state as a text with exactly one form: what state_parse() accepts,
 * state_emit() gives back byte for byte, but for the lines of later versions that may be
 * ignored.  The last line is the digest of all before it, so a torn or altered file is
 * told from a good one.
 */
#include "agent/slot/state.h"

#include <inttypes.h>
#include <string.h>

#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define STATE_FILE   "state"
#define STATE_MAX    8192 /* bytes; 32 slots take 1.5 KiB */
#define HEAD	     "kferry-state 1"
#define DIGEST_KEY   "digest "
#define NEXT_DEFAULT "next-default"

static const char *const trial_names[] = {
	[KFERRY__TRIAL__TRIAL_NONE] = "none",
	[KFERRY__TRIAL__TRIAL_ARMED] = "armed",
	[KFERRY__TRIAL__TRIAL_RUNNING] = "running",
	[KFERRY__TRIAL__TRIAL_FELL_BACK] = "fell-back",
	[KFERRY__TRIAL__TRIAL_CONFIRMED] = "confirmed",
};

static const char *const kexec_names[] = {
	[STATE_KEXEC_LOADED] = "loaded",
	[STATE_KEXEC_STARTED] = "started",
};

static const char *const slot_names[] = {
	[KFERRY__SLOT_STATE__SLOT_STAGED] = "staged",
	[KFERRY__SLOT_STATE__SLOT_TRIAL] = "trial",
	[KFERRY__SLOT_STATE__SLOT_GOOD] = "good",
	[KFERRY__SLOT_STATE__SLOT_BAD] = "bad",
	[KFERRY__SLOT_STATE__SLOT_GONE] = "gone",
};

void state_init(struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->next_number = 1;
	s->next_boot = 1;
	snprintf(s->known_good, sizeof(s->known_good), "%s", FOREIGN);
	snprintf(s->default_slot, sizeof(s->default_slot), "%s", FOREIGN);
	s->trial.phase = KFERRY__TRIAL__TRIAL_NONE;
}

/* The lines are taken in order; each parse_ function moves `at` behind its line. */
struct lines {
	char *at;
	unsigned line;
};

/* The value of the next line, which must have this key; NULL when it has not. */
static char *take(struct lines *l, const char *key)
{
	char *line = strsep(&l->at, "\n");
	size_t n = strlen(key);

	l->line++;
	if (!line || strncmp(line, key, n) != 0 || line[n] != ' ')
		return NULL;
	return line + n + 1;
}

/* Plain decimal without leading zeros: there is one way to write each number. */
static bool number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++)
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	if (n > max)
		return false;
	*ret = n;
	return true;
}

static bool take_number(struct lines *l, const char *key, uint64_t max, uint64_t *ret)
{
	const char *value = take(l, key);

	return value && number(value, max, ret);
}

static bool known(const char *const *names, size_t n, const char *s, int *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i] && strcmp(names[i], s) == 0) {
			*ret = (int)i;
			return true;
		}
	}
	return false;
}

static bool take_slot(struct lines *l, const char *key, const char *other,
		      char dst[SLOT_ID_SIZE])
{
	const char *value = take(l, key);

	if (!value)
		return false;
	if (strcmp(value, other) == 0) {
		snprintf(dst, SLOT_ID_SIZE, "%s", strcmp(other, "-") ? other : "");
		return true;
	}
	if (!text_is_slot(value))
		return false;
	memcpy(dst, value, SLOT_ID_SIZE);
	return true;
}

static bool take_boot_id(struct lines *l, const char *key, char dst[40])
{
	const char *value = take(l, key);

	if (!value)
		return false;
	if (strcmp(value, "-") == 0) {
		dst[0] = '\0';
		return true;
	}
	if (strlen(value) >= 40 || !text_is_name(value))
		return false;
	snprintf(dst, 40, "%s", value);
	return true;
}

/* A line that is there only for a trial by kexec. */
static bool take_kexec(struct lines *l, struct state_trial *t)
{
	const char *word;
	int n;

	if (!l->at || strncmp(l->at, "trial-kexec ", strlen("trial-kexec ")) != 0)
		return true;
	word = take(l, "trial-kexec");
	if (!word || !known(kexec_names, ARRAY_SIZE(kexec_names), word, &n))
		return false;
	t->kexec = (enum state_kexec)n;
	return true;
}

static bool take_trial(struct lines *l, struct state_trial *t)
{
	const char *phase = take(l, "trial");
	uint64_t timeout;
	int n;

	if (!phase || !known(trial_names, ARRAY_SIZE(trial_names), phase, &n))
		return false;
	t->phase = (Kferry__Trial)n;
	if (!take_slot(l, "trial-slot", "-", t->slot) ||
	    !take_number(l, "trial-timeout", UINT32_MAX, &timeout) ||
	    !take_boot_id(l, "trial-armed-boot", t->armed_boot_id) ||
	    !take_boot_id(l, "trial-boot", t->boot_id) || !take_kexec(l, t))
		return false;
	t->confirm_timeout_s = (unsigned)timeout;
	return t->phase == KFERRY__TRIAL__TRIAL_NONE || t->slot[0];
}

/* Three lines that are there only when there is something to say. */
static bool take_unconfirmed(struct lines *l, struct state_unconfirmed *u)
{
	uint64_t timeout;

	if (!l->at || strncmp(l->at, "unconfirmed-", strlen("unconfirmed-")) != 0)
		return true;
	if (!take_slot(l, "unconfirmed-slot", "-", u->slot) ||
	    !take_number(l, "unconfirmed-timeout", UINT32_MAX, &timeout) ||
	    !take_boot_id(l, "unconfirmed-boot", u->boot_id))
		return false;
	u->confirm_timeout_s = (unsigned)timeout;
	return u->slot[0] && u->boot_id[0];
}

/* Two lines, likewise. */
static bool take_modules(struct lines *l, struct state_modules *m)
{
	if (!l->at || strncmp(l->at, "modules-", strlen("modules-")) != 0)
		return true;
	return take_slot(l, "modules-slot", "-", m->slot) &&
	       take_boot_id(l, "modules-boot", m->boot_id) && m->slot[0] && m->boot_id[0];
}

/* "optional KEY VALUE", any number: ours, and those of a later version. */
static bool take_optional(struct lines *l, struct state *s)
{
	while (l->at && strncmp(l->at, "optional ", strlen("optional ")) == 0) {
		char *key = take(l, "optional"), *value;

		if (!key || !l->at)
			return false;
		value = strchr(key, ' ');
		if (!value)
			return false;
		*value++ = '\0';
		if (!text_is_name(key) || !*value ||
		    !text_is_plain(value, strlen(value), false))
			return false;
		if (strcmp(key, NEXT_DEFAULT) == 0 &&
		    (strcmp(value, FOREIGN) == 0 || text_is_slot(value)))
			snprintf(s->next_default, SLOT_ID_SIZE, "%s", value);
	}
	return true;
}

/* "slot k-0123abcd good 7" */
static bool take_one_slot(struct lines *l, struct state *s)
{
	char *id = take(l, "slot"), *state, *count;
	struct state_slot *slot;
	uint64_t n;
	int st;

	if (!id)
		return false;
	state = strchr(id, ' ');
	count = state ? strchr(state + 1, ' ') : NULL;
	if (!count)
		return false;
	*state++ = '\0';
	*count++ = '\0';
	if (!text_is_slot(id) || state_find(s, id) ||
	    !known(slot_names, ARRAY_SIZE(slot_names), state, &st) ||
	    !number(count, UINT64_MAX, &n))
		return false;
	slot = state_add(s, id);
	if (!slot)
		return false;
	slot->state = (Kferry__SlotState)st;
	slot->number = n;
	return true;
}

static bool is_kept(struct state *s, const char *id)
{
	return strcmp(id, FOREIGN) == 0 || state_find(s, id);
}

static bool parse_text(struct lines *l, struct state *s)
{
	const char *head = strsep(&l->at, "\n");

	l->line = 1;
	if (!head || strcmp(head, HEAD) != 0 ||
	    !take_number(l, "next-number", UINT64_MAX, &s->next_number) ||
	    !take_number(l, "next-boot", UINT64_MAX, &s->next_boot) ||
	    !take_slot(l, "known-good", FOREIGN, s->known_good) ||
	    !take_slot(l, "default", FOREIGN, s->default_slot) ||
	    !take_trial(l, &s->trial) || !take_unconfirmed(l, &s->unconfirmed) ||
	    !take_modules(l, &s->modules) || !take_optional(l, s))
		return false;
	while (l->at && *l->at)
		if (!take_one_slot(l, s))
			return false;
	return l->at && is_kept(s, s->known_good) && is_kept(s, s->default_slot) &&
	       (!s->modules.slot[0] || state_find(s, s->modules.slot));
}

/* Bytes before the digest line if it agrees with them, else 0. */
static size_t checked_len(const char *data, size_t n)
{
	const size_t tail = sizeof(DIGEST_KEY) - 1 + DIGEST_HEX; /* with its newline */
	struct digest want, is;

	if (n <= tail || data[n - 1] != '\n' || data[n - tail - 1] != '\n' ||
	    memcmp(data + n - tail, DIGEST_KEY, sizeof(DIGEST_KEY) - 1) != 0 ||
	    digest_parse(data + n - DIGEST_HEX, DIGEST_HEX - 1, &want) < 0)
		return 0;
	digest_bytes(data, n - tail, &is);
	return digest_equal(&want, &is) ? n - tail : 0;
}

int state_parse(const void *data, size_t n, struct state *ret, struct kf_error *err)
{
	_free_ char *text = NULL;
	struct lines l = {0};
	struct state s;
	size_t len = checked_len(data, n);

	if (len == 0 || memchr(data, '\0', len))
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the state's digest does not agree with its content");
	text = strndup(data, len);
	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	l.at = text;
	state_init(&s);
	if (!parse_text(&l, &s))
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the state is not valid at line %u", l.line);
	*ret = s;
	return 0;
}

static const char *or_dash(const char *s)
{
	return *s ? s : "-";
}

int state_emit(const struct state *s, struct buf *out)
{
	const struct state_trial *t = &s->trial;
	char hex[DIGEST_HEX];
	struct digest digest;
	size_t before = buf_len(out);
	int rc;

	rc = buf_printf(out,
			HEAD "\nnext-number %" PRIu64 "\nnext-boot %" PRIu64
			     "\nknown-good %s\ndefault %s\n",
			s->next_number, s->next_boot, s->known_good, s->default_slot);
	if (rc == 0)
		rc = buf_printf(out,
				"trial %s\ntrial-slot %s\ntrial-timeout %u\n"
				"trial-armed-boot %s\ntrial-boot %s\n",
				trial_names[t->phase], or_dash(t->slot),
				t->confirm_timeout_s, or_dash(t->armed_boot_id),
				or_dash(t->boot_id));
	if (rc == 0 && t->kexec)
		rc = buf_printf(out, "trial-kexec %s\n", kexec_names[t->kexec]);
	if (rc == 0 && s->unconfirmed.slot[0])
		rc = buf_printf(out,
				"unconfirmed-slot %s\nunconfirmed-timeout %u\n"
				"unconfirmed-boot %s\n",
				s->unconfirmed.slot, s->unconfirmed.confirm_timeout_s,
				s->unconfirmed.boot_id);
	if (rc == 0 && s->modules.slot[0])
		rc = buf_printf(out, "modules-slot %s\nmodules-boot %s\n",
				s->modules.slot, s->modules.boot_id);
	if (rc == 0 && state_default_changes(s))
		rc = buf_printf(out, "optional " NEXT_DEFAULT " %s\n", s->next_default);
	for (unsigned i = 0; rc == 0 && i < s->n_slots; i++)
		rc = buf_printf(out, "slot %s %s %" PRIu64 "\n", s->slots[i].id,
				slot_names[s->slots[i].state], s->slots[i].number);
	if (rc < 0)
		return rc;
	digest_bytes(buf_data(out) + before, buf_len(out) - before, &digest);
	digest_hex(&digest, hex);
	return buf_printf(out, DIGEST_KEY "%s\n", hex);
}

int state_load(int state_fd, struct state *s, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc;

	state_init(s);
	rc = fs_read_file(state_fd, STATE_FILE, STATE_MAX, &text);
	if (rc == -ENOENT)
		return rc;
	if (rc == -EFBIG)
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the state file is longer than it can be");
	if (rc < 0)
		return oserr(err, rc, "read the state file");
	return state_parse(buf_data(&text), buf_len(&text), s, err);
}

int state_save(int state_fd, const struct state *s, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc;

	rc = state_emit(s, &text);
	if (rc == 0)
		rc = fs_replace(state_fd, STATE_FILE, buf_data(&text), buf_len(&text),
				0600);
	return rc < 0 ? oserr(err, rc, "write the state file") : 0;
}

static bool is_on_disk(int state_fd, const struct state *s)
{
	_buf_ struct buf want = BUF_INIT, is = BUF_INIT;

	return state_emit(s, &want) == 0 &&
	       fs_read_file(state_fd, STATE_FILE, STATE_MAX, &is) == 0 &&
	       buf_len(&is) == buf_len(&want) &&
	       memcmp(buf_data(&is), buf_data(&want), buf_len(&is)) == 0;
}

int state_change(int state_fd, struct state *s, const struct state *before,
		 struct kf_error *err)
{
	int rc = state_save(state_fd, s, err);
	struct kf_error e;

	if (rc == 0)
		return 0;
	*s = *before;
	if (is_on_disk(state_fd, before))
		return rc;
	if (state_save(state_fd, before, &e) < 0)
		log_err("state event=undo error=\"%s\"", e.msg);
	return rc;
}

bool state_default_changes(const struct state *s)
{
	return s->next_default[0] && strcmp(s->next_default, s->default_slot) != 0;
}

bool state_default_may_be(const struct state *s, const char *slot)
{
	return state_default_changes(s) && strcmp(s->next_default, slot) == 0;
}

struct state_slot *state_find(struct state *s, const char *id)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (strcmp(s->slots[i].id, id) == 0)
			return &s->slots[i];
	return NULL;
}

struct state_slot *state_add(struct state *s, const char *id)
{
	struct state_slot *slot = state_find(s, id);

	if (slot)
		return slot;
	if (s->n_slots == STATE_SLOTS)
		return NULL;
	slot = &s->slots[s->n_slots++];
	memset(slot, 0, sizeof(*slot));
	slot->state = KFERRY__SLOT_STATE__SLOT_STAGED;
	snprintf(slot->id, sizeof(slot->id), "%s", id);
	return slot;
}

void state_drop(struct state *s, const char *id)
{
	struct state_slot *slot = state_find(s, id);
	size_t i;

	if (!slot)
		return;
	if (strcmp(s->modules.slot, id) == 0)
		memset(&s->modules, 0, sizeof(s->modules));
	i = (size_t)(slot - s->slots);
	s->n_slots--;
	memmove(slot, slot + 1, (s->n_slots - i) * sizeof(*slot));
}
