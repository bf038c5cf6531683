// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a message may hold: one function per kind, each naming the first field at fault.
 */
#include <string.h>

#include "proto/digest.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "proto/wire.h"

/* A side that takes less than this in a frame cannot be talked to. */
#define FRAME_MIN 4096

/* --- kinds of field ------------------------------------------------------------- */

static bool is_set(const char *s)
{
	return s && *s;
}

static bool is_text(const char *s, size_t max, bool lines)
{
	size_t n = s ? strnlen(s, max + 1) : 0;

	return n <= max && text_is_plain(s, n, lines);
}

static bool plain(const char *s)
{
	return is_text(s, LIMIT_STRING, false);
}

static bool lines(const char *s)
{
	return is_text(s, LIMIT_STRING, true);
}

static bool label(const char *s)
{
	return is_text(s, LIMIT_NAME, false);
}

static bool cmdline(const char *s)
{
	return is_text(s, LIMIT_CMDLINE, false);
}

static bool person(const char *s)
{
	return !s || text_is_line(s, LIMIT_PERSON);
}

static bool name(const char *s)
{
	return is_set(s) && text_is_name(s);
}

static bool name_or_none(const char *s)
{
	return !is_set(s) || text_is_name(s);
}

static bool release(const char *s)
{
	return is_set(s) && text_is_release(s);
}

static bool slot(const char *s)
{
	return is_set(s) && text_is_slot(s);
}

static bool slot_or_none(const char *s)
{
	return !is_set(s) || text_is_slot(s);
}

static bool slot_or_foreign(const char *s)
{
	return slot_or_none(s) || strcmp(s, "foreign") == 0;
}

static bool hex_or_none(const char *s)
{
	return !is_set(s) || text_is_hex(s, strnlen(s, LIMIT_STRING), LIMIT_NAME);
}

static bool path(const char *s)
{
	return is_set(s) && text_is_path(s, strnlen(s, LIMIT_PATH + 1));
}

/* A word of a command: bytes that a program gets as they are, so only UTF-8 is asked. */
static bool word(const char *s)
{
	size_t n = s ? strnlen(s, LIMIT_STRING + 1) : LIMIT_STRING + 1;
	uint32_t point;

	if (n > LIMIT_STRING)
		return false;
	for (size_t i = 0, len; i < n; i += len) {
		len = text_utf8(s + i, n - i, &point);
		if (!len)
			return false;
	}
	return true;
}

/* What every kind of message is checked with: the field's own name is what is returned.
 */
#define FIELD(check, field)                                                              \
	do {                                                                             \
		if (!check(m->field))                                                    \
			return #field;                                                   \
	} while (0)
#define NEED(condition, field)                                                           \
	do {                                                                             \
		if (!(condition))                                                        \
			return field;                                                    \
	} while (0)

/* --- kinds of message ---------------------------------------------------------- */

static const char *fault_identity(const Kferry__Identity *m)
{
	NEED(is_set(m->name) && text_is_line(m->name, LIMIT_NAME), "name");
	return NULL;
}

static bool frame_max(uint32_t n)
{
	return n == 0 || n >= FRAME_MIN;
}

static const char *fault_hello(const Kferry__Hello *m)
{
	NEED(m->protocol_min >= 1, "protocol_min");
	NEED(m->protocol_max >= m->protocol_min, "protocol_max");
	FIELD(label, software);
	FIELD(frame_max, max_control);
	FIELD(frame_max, max_data);
	FIELD(name_or_none, arch);
	FIELD(label, hostname);
	FIELD(name_or_none, boot_id);
	FIELD(name_or_none, board_kind);
	FIELD(person, client);
	return NULL;
}

static const char *fault_error(const Kferry__Error *m)
{
	FIELD(lines, text);
	FIELD(person, holder);
	return NULL;
}

static const char *fault_done(const Kferry__Done *m)
{
	FIELD(plain, text);
	return NULL;
}

static const char *fault_progress(const Kferry__Progress *m)
{
	FIELD(name_or_none, stage);
	FIELD(plain, text);
	return NULL;
}

/* The release may be a foreign kernel's: shown, never used as a name. */
static const char *fault_status(const Kferry__Status *m)
{
	FIELD(name_or_none, boot_id);
	FIELD(label, release);
	FIELD(plain, banner);
	FIELD(hex_or_none, build_id);
	FIELD(slot_or_none, running_slot);
	FIELD(slot_or_foreign, known_good);
	FIELD(slot_or_foreign, default_slot);
	FIELD(slot_or_none, trial_slot);
	FIELD(person, holder);
	FIELD(name_or_none, chain);
	FIELD(plain, cmdline);
	FIELD(plain, watchdog);
	FIELD(slot_or_none, modules_slot);
	return NULL;
}

static const char *fault_fact(const Kferry__Fact *m)
{
	FIELD(label, group);
	FIELD(label, name);
	FIELD(lines, value);
	return NULL;
}

static const char *fault_chain(const Kferry__Chain *m)
{
	FIELD(name, name);
	FIELD(plain, reason);
	return NULL;
}

static const char *fault_watchdog(const Kferry__Watchdog *m)
{
	FIELD(plain, device);
	FIELD(plain, identity);
	FIELD(plain, holder);
	return NULL;
}

static const char *fault_facts(const Kferry__Facts *m)
{
	NEED(m->n_fact <= LIMIT_LIST, "fact");
	NEED(m->n_chain <= LIMIT_LIST, "chain");
	for (size_t i = 0; i < m->n_fact; i++)
		NEED(!fault_fact(m->fact[i]), "fact");
	for (size_t i = 0; i < m->n_chain; i++)
		NEED(!fault_chain(m->chain[i]), "chain");
	NEED(m->n_watchdog <= LIMIT_LIST, "watchdog");
	for (size_t i = 0; i < m->n_watchdog; i++)
		NEED(!fault_watchdog(m->watchdog[i]), "watchdog");
	FIELD(name_or_none, chain_in_use);
	FIELD(plain, pstore);
	return NULL;
}

static const char *fault_plan_request(const Kferry__PlanRequest *m)
{
	NEED(m->manifest_digest.len == DIGEST_SIZE, "manifest_digest");
	NEED(m->manifest_size > 0 && m->manifest_size <= LIMIT_MANIFEST, "manifest_size");
	FIELD(release, release);
	FIELD(name, arch);
	FIELD(name_or_none, board_kind);
	NEED(m->total_bytes <= LIMIT_PACKAGE_SIZE, "total_bytes");
	NEED(m->boot_bytes <= m->total_bytes, "boot_bytes");
	NEED(m->files > 0 && m->files <= LIMIT_FILES, "files");
	FIELD(cmdline, cmdline);
	FIELD(cmdline, cmdline_extra);
	FIELD(name_or_none, chain);
	return NULL;
}

static const char *fault_plan(const Kferry__Plan *m)
{
	FIELD(slot, slot);
	FIELD(name_or_none, chain);
	NEED(m->manifest_base.len == 0 || m->manifest_base.len == DIGEST_SIZE,
	     "manifest_base");
	return NULL;
}

static const char *fault_need(const Kferry__Need *m)
{
	unsigned used = m->files % 8;

	NEED(m->files > 0 && m->files <= LIMIT_FILES, "files");
	NEED(m->bitmap.len == (m->files + 7) / 8 && m->bitmap.data, "bitmap");
	NEED(!used || !(m->bitmap.data[m->bitmap.len - 1] >> used), "bitmap");
	NEED(m->bytes <= LIMIT_PACKAGE_SIZE, "bytes");
	return NULL;
}

static const char *fault_installed(const Kferry__Installed *m)
{
	FIELD(slot, slot);
	FIELD(name_or_none, initramfs);
	return NULL;
}

static const char *fault_arm_request(const Kferry__ArmRequest *m)
{
	FIELD(slot, slot);
	return NULL;
}

static const char *fault_armed(const Kferry__Armed *m)
{
	FIELD(slot, slot);
	FIELD(name_or_none, chain);
	FIELD(plain, text);
	return NULL;
}

static const char *fault_confirm_request(const Kferry__ConfirmRequest *m)
{
	FIELD(slot, slot);
	return NULL;
}

static const char *fault_slot(const Kferry__Slot *m)
{
	FIELD(slot, id);
	FIELD(release, release);
	FIELD(hex_or_none, build_id);
	FIELD(hex_or_none, commit);
	FIELD(plain, branch);
	FIELD(plain, banner);
	return NULL;
}

static const char *fault_slots(const Kferry__Slots *m)
{
	NEED(m->n_slot <= LIMIT_LIST, "slot");
	for (size_t i = 0; i < m->n_slot; i++)
		NEED(!fault_slot(m->slot[i]), "slot");
	return NULL;
}

static const char *fault_remove_request(const Kferry__RemoveRequest *m)
{
	FIELD(slot, slot);
	return NULL;
}

static const char *fault_rollback_request(const Kferry__RollbackRequest *m)
{
	FIELD(slot_or_foreign, slot);
	return NULL;
}

static const char *fault_log_request(const Kferry__LogRequest *m)
{
	NEED(m->boot <= 0, "boot");
	NEED(m->max_level <= 8, "max_level");
	return NULL;
}

static const char *fault_log_start(const Kferry__LogStart *m)
{
	FIELD(name_or_none, boot_id);
	FIELD(slot_or_none, slot);
	return NULL;
}

static const char *fault_boot(const Kferry__Boot *m)
{
	FIELD(name, boot_id);
	FIELD(slot_or_none, slot);
	FIELD(label, release);
	NEED(m->n_pstore <= LIMIT_COLLECT_FILES, "pstore");
	for (size_t i = 0; i < m->n_pstore; i++)
		FIELD(path, pstore[i]);
	return NULL;
}

static const char *fault_boots(const Kferry__Boots *m)
{
	NEED(m->n_boot <= LIMIT_LIST, "boot");
	for (size_t i = 0; i < m->n_boot; i++)
		NEED(!fault_boot(m->boot[i]), "boot");
	return NULL;
}

static const char *fault_collect_request(const Kferry__CollectRequest *m)
{
	FIELD(name, boot_id);
	return NULL;
}

static const char *fault_file(const Kferry__File *m)
{
	FIELD(path, name);
	NEED(m->size <= LIMIT_COLLECT_FILE, "size");
	return NULL;
}

static const char *fault_exec_request(const Kferry__ExecRequest *m)
{
	NEED(m->n_argv > 0 && m->n_argv <= LIMIT_ARGV, "argv");
	NEED(is_set(m->argv[0]), "argv");
	for (size_t i = 0; i < m->n_argv; i++)
		NEED(word(m->argv[i]), "argv");
	return NULL;
}

static const char *fault_modules_request(const Kferry__ModulesRequest *m)
{
	NEED(m->n_name <= LIMIT_LIST, "name");
	for (size_t i = 0; i < m->n_name; i++)
		FIELD(name, name[i]);
	return NULL;
}

static const char *fault_module(const Kferry__Module *m)
{
	FIELD(name, name);
	NEED(m->users >= -1, "users");
	NEED(m->n_holder <= LIMIT_LIST, "holder");
	for (size_t i = 0; i < m->n_holder; i++)
		FIELD(name, holder[i]);
	FIELD(name_or_none, state);
	FIELD(name_or_none, taint);
	FIELD(slot_or_none, slot);
	return NULL;
}

static const char *fault_modules(const Kferry__Modules *m)
{
	NEED(m->n_module <= LIMIT_LIST, "module");
	for (size_t i = 0; i < m->n_module; i++)
		NEED(!fault_module(m->module[i]), "module");
	FIELD(label, release);
	FIELD(slot_or_none, running_slot);
	FIELD(slot_or_none, modules_slot);
	return NULL;
}

static const char *fault_module_request(const Kferry__ModuleRequest *m)
{
	FIELD(name, name);
	NEED(m->n_param <= LIMIT_PARAMS, "param");
	for (size_t i = 0; i < m->n_param; i++)
		FIELD(text_is_param, param[i]);
	return NULL;
}

static const char *fault_module_change(const Kferry__ModuleChange *m)
{
	NEED(m->n_unloaded <= LIMIT_LIST, "unloaded");
	for (size_t i = 0; i < m->n_unloaded; i++)
		FIELD(name, unloaded[i]);
	NEED(m->n_loaded <= LIMIT_LIST, "loaded");
	for (size_t i = 0; i < m->n_loaded; i++)
		FIELD(name, loaded[i]);
	return NULL;
}

static const char *fault_show_modules_request(const Kferry__ShowModulesRequest *m)
{
	FIELD(slot_or_none, slot);
	return NULL;
}

static const char *fault_modules_shown(const Kferry__ModulesShown *m)
{
	FIELD(slot, slot);
	FIELD(release, release);
	NEED(m->n_name <= LIMIT_LIST, "name");
	for (size_t i = 0; i < m->n_name; i++)
		FIELD(name, name[i]);
	return NULL;
}

/* --- the Envelope -------------------------------------------------------------- */

/* X(CASE, field): the kinds that have something to check; the others cannot be wrong. */
#define CHECKED_KINDS(X)                                                                 \
	X(IDENTITY, identity)                                                            \
	X(HELLO, hello)                                                                  \
	X(ERROR, error)                                                                  \
	X(DONE, done)                                                                    \
	X(PROGRESS, progress)                                                            \
	X(STATUS, status)                                                                \
	X(FACTS, facts)                                                                  \
	X(PLAN_REQUEST, plan_request)                                                    \
	X(PLAN, plan)                                                                    \
	X(NEED, need)                                                                    \
	X(INSTALLED, installed)                                                          \
	X(ARM_REQUEST, arm_request)                                                      \
	X(ARMED, armed)                                                                  \
	X(CONFIRM_REQUEST, confirm_request)                                              \
	X(SLOTS, slots)                                                                  \
	X(REMOVE_REQUEST, remove_request)                                                \
	X(ROLLBACK_REQUEST, rollback_request)                                            \
	X(LOG_REQUEST, log_request)                                                      \
	X(LOG_START, log_start)                                                          \
	X(BOOTS, boots)                                                                  \
	X(COLLECT_REQUEST, collect_request)                                              \
	X(FILE, file)                                                                    \
	X(EXEC_REQUEST, exec_request)                                                    \
	X(MODULES_REQUEST, modules_request)                                              \
	X(MODULES, modules)                                                              \
	X(MODULE_REQUEST, module_request)                                                \
	X(MODULE_CHANGE, module_change)                                                  \
	X(SHOW_MODULES_REQUEST, show_modules_request)                                    \
	X(MODULES_SHOWN, modules_shown)

const char *wire_fault(const Kferry__Envelope *env)
{
	switch (env->body_case) {
#define CHECK(CASE, field)                                                               \
	case KFERRY__ENVELOPE__BODY_##CASE:                                              \
		return env->field ? fault_##field(env->field) : #field;
		CHECKED_KINDS(CHECK)
#undef CHECK
	default:
		return NULL;
	}
}

enum wire_way wire_way(const Kferry__Envelope *env)
{
	switch (env->body_case) {
	case KFERRY__ENVELOPE__BODY_IDENTITY:
	case KFERRY__ENVELOPE__BODY_STATUS_REQUEST:
	case KFERRY__ENVELOPE__BODY_FACTS_REQUEST:
	case KFERRY__ENVELOPE__BODY_PLAN_REQUEST:
	case KFERRY__ENVELOPE__BODY_ARM_REQUEST:
	case KFERRY__ENVELOPE__BODY_REBOOT_REQUEST:
	case KFERRY__ENVELOPE__BODY_CONFIRM_REQUEST:
	case KFERRY__ENVELOPE__BODY_SLOTS_REQUEST:
	case KFERRY__ENVELOPE__BODY_REMOVE_REQUEST:
	case KFERRY__ENVELOPE__BODY_ROLLBACK_REQUEST:
	case KFERRY__ENVELOPE__BODY_LOG_REQUEST:
	case KFERRY__ENVELOPE__BODY_BOOTS_REQUEST:
	case KFERRY__ENVELOPE__BODY_COLLECT_REQUEST:
	case KFERRY__ENVELOPE__BODY_EXEC_REQUEST:
	case KFERRY__ENVELOPE__BODY_MODULES_REQUEST:
	case KFERRY__ENVELOPE__BODY_MODULE_REQUEST:
	case KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST:
		return WIRE_TO_AGENT;
	case KFERRY__ENVELOPE__BODY_PROGRESS:
	case KFERRY__ENVELOPE__BODY_STATUS:
	case KFERRY__ENVELOPE__BODY_FACTS:
	case KFERRY__ENVELOPE__BODY_PLAN:
	case KFERRY__ENVELOPE__BODY_NEED:
	case KFERRY__ENVELOPE__BODY_INSTALLED:
	case KFERRY__ENVELOPE__BODY_ARMED:
	case KFERRY__ENVELOPE__BODY_SLOTS:
	case KFERRY__ENVELOPE__BODY_LOG_START:
	case KFERRY__ENVELOPE__BODY_BOOTS:
	case KFERRY__ENVELOPE__BODY_FILE:
	case KFERRY__ENVELOPE__BODY_EXIT:
	case KFERRY__ENVELOPE__BODY_MODULES:
	case KFERRY__ENVELOPE__BODY_MODULE_CHANGE:
	case KFERRY__ENVELOPE__BODY_MODULES_SHOWN:
		return WIRE_TO_CONTROLLER;
	default:
		return WIRE_BOTH;
	}
}
