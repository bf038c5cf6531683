/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BootOrder, BootNext and our Boot####. */
#include "agent/boot/efi/efiboot.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/boot/efi/efivar.h"
#include "agent/boot/efi/loadopt.h"
#include "proto/base/fs.h"
#include "proto/base/le.h"
#include "proto/text.h"

#define VAR_ORDER EFIVAR_GLOBAL("BootOrder")
#define VAR_NEXT  EFIVAR_GLOBAL("BootNext")
#define VENDOR	  EFIVAR_GLOBAL("")
#define OURS_DOS  "\\EFI\\kferry\\"
#define IMAGE_DOS "\\" EFIBOOT_IMAGE

void efiboot_var(uint16_t number, char dst[static EFIBOOT_VAR])
{
	snprintf(dst, EFIBOOT_VAR, "Boot%04X%s", number, VENDOR);
}

/* "Boot00A1-8be4df61-...": its number, -1 for other names. */
static int entry_number(const char *name)
{
	int number = 0;

	if (strlen(name) < 8 || strncmp(name, "Boot", 4) != 0 ||
	    strcasecmp(name + 8, VENDOR) != 0)
		return -1;
	for (int i = 4; i < 8; i++) {
		if (!isdigit((unsigned char)name[i]) && (name[i] < 'A' || name[i] > 'F'))
			return -1;
		number = number * 16 +
			 (name[i] <= '9' ? name[i] - '0' : name[i] - 'A' + 10);
	}
	return number;
}

/* 1 and the slot if the variable is an entry of ours, else 0. */
static int read_slot(int vars, const char *name, char slot[static SLOT_ID_SIZE])
{
	size_t before = strlen(OURS_DOS), behind = strlen(IMAGE_DOS), n;
	_loadopt_ struct loadopt o = {0};
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = efivar_read(vars, name, NULL, &b);
	if (r == 0)
		r = loadopt_decode(buf_data(&b), buf_len(&b), &o);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	n = o.file ? strlen(o.file) : 0;
	if (n != before + SLOT_ID_SIZE - 1 + behind ||
	    strncasecmp(o.file, OURS_DOS, before) != 0 ||
	    strcasecmp(o.file + n - behind, IMAGE_DOS) != 0)
		return 0;
	memcpy(slot, o.file + before, SLOT_ID_SIZE - 1);
	slot[SLOT_ID_SIZE - 1] = '\0';
	return text_is_slot(slot);
}

static int find_ours(struct efiboot *b)
{
	_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int r;

	r = fs_dir_stream(fs_open_dir(b->vars, "."), &dir);
	if (r < 0)
		return r;
	while (b->n_ours < EFIBOOT_OURS && (e = readdir(dir))) {
		int number = entry_number(e->d_name);

		if (number < 0)
			continue;
		r = read_slot(b->vars, e->d_name, b->ours[b->n_ours].slot);
		if (r < 0)
			return r;
		if (r > 0)
			b->ours[b->n_ours++].number = (uint16_t)number;
	}
	return 0;
}

static int read_numbers(int vars, const char *name, uint16_t *dst, size_t max,
			size_t *ret_n)
{
	_buf_ struct buf b = BUF_INIT;
	int r = efivar_read(vars, name, NULL, &b);
	size_t n;

	*ret_n = 0;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n = buf_len(&b) / 2;
	if (buf_len(&b) % 2 != 0 || n > max)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		dst[i] = le16(buf_data(&b) + 2 * i);
	*ret_n = n;
	return 0;
}

static int write_numbers(int vars, const char *name, const uint16_t *p, size_t n)
{
	_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		uint8_t le[2] = {(uint8_t)p[i], (uint8_t)(p[i] >> 8)};
		int r = buf_append(&b, le, 2);

		if (r < 0)
			return r;
	}
	return efivar_write(vars, name, EFIVAR_NV_BS_RT, buf_data(&b), buf_len(&b));
}

int efiboot_load(int vars, struct efiboot *ret)
{
	uint16_t next;
	size_t n;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->vars = vars;
	ret->next = -1;
	r = read_numbers(vars, VAR_ORDER, ret->order, EFIBOOT_ORDER, &ret->n_order);
	if (r == 0)
		r = read_numbers(vars, VAR_NEXT, &next, 1, &n);
	if (r == 0 && n == 1)
		ret->next = next;
	return r < 0 ? r : find_ours(ret);
}

const char *efiboot_slot(const struct efiboot *b, int number)
{
	for (size_t i = 0; i < b->n_ours; i++)
		if (b->ours[i].number == number)
			return b->ours[i].slot;
	return NULL;
}

bool efiboot_in_order(const struct efiboot *b, uint16_t number)
{
	for (size_t i = 0; i < b->n_order; i++)
		if (b->order[i] == number)
			return true;
	return false;
}

int efiboot_default(const struct efiboot *b)
{
	return b->n_order > 0 && efiboot_slot(b, b->order[0]) ? b->order[0] : -1;
}

/* The lowest that no variable has and BootOrder does not name: a number that is left
 * over there would make the entry bootable by default. */
static int free_number(const struct efiboot *b, uint16_t *ret)
{
	for (unsigned number = 0; number <= UINT16_MAX; number++) {
		char name[EFIBOOT_VAR];

		efiboot_var((uint16_t)number, name);
		if ((int)number != b->next && !efiboot_in_order(b, (uint16_t)number) &&
		    !fs_exists(b->vars, name)) {
			*ret = (uint16_t)number;
			return 0;
		}
	}
	return -ENOSPC;
}

int efiboot_put(struct efiboot *b, const char *slot, const void *data, size_t n,
		uint16_t *ret_number)
{
	_buf_ struct buf now = BUF_INIT;
	char name[EFIBOOT_VAR];
	size_t i = 0;
	int r;

	while (i < b->n_ours && strcmp(b->ours[i].slot, slot) != 0)
		i++;
	if (i == EFIBOOT_OURS)
		return -ENOSPC;
	if (i == b->n_ours) {
		r = free_number(b, &b->ours[i].number);
		if (r < 0)
			return r;
	}
	efiboot_var(b->ours[i].number, name);
	r = efivar_read(b->vars, name, NULL, &now);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r < 0 || buf_len(&now) != n || memcmp(buf_data(&now), data, n) != 0) {
		r = efivar_write(b->vars, name, EFIVAR_NV_BS_RT, data, n);
		if (r < 0)
			return r;
	}
	if (i == b->n_ours) {
		snprintf(b->ours[i].slot, SLOT_ID_SIZE, "%s", slot);
		b->n_ours++;
	}
	*ret_number = b->ours[i].number;
	return 0;
}

int efiboot_set_next(struct efiboot *b, uint16_t number)
{
	int r = write_numbers(b->vars, VAR_NEXT, &number, 1);

	if (r == 0)
		b->next = number;
	return r;
}

int efiboot_clear_next(struct efiboot *b)
{
	int r = b->next < 0 ? 0 : efivar_remove(b->vars, VAR_NEXT);

	if (r == 0)
		b->next = -1;
	return r;
}

int efiboot_set_order(struct efiboot *b, int front)
{
	uint16_t order[EFIBOOT_ORDER];
	size_t n = 0;
	int r;

	if (front >= 0)
		order[n++] = (uint16_t)front;
	for (size_t i = 0; i < b->n_order; i++) {
		if (efiboot_slot(b, b->order[i]) || b->order[i] == front)
			continue;
		if (n == EFIBOOT_ORDER)
			return -ENOSPC;
		order[n++] = b->order[i];
	}
	if (n == b->n_order && memcmp(order, b->order, n * sizeof(*order)) == 0)
		return 0;
	r = n > 0 ? write_numbers(b->vars, VAR_ORDER, order, n)
		  : efivar_remove(b->vars, VAR_ORDER);
	if (r < 0)
		return r;
	memcpy(b->order, order, n * sizeof(*order));
	b->n_order = n;
	return 0;
}

int efiboot_prune(struct efiboot *b, const char *slot, int keep)
{
	size_t i = 0;

	while (i < b->n_ours) {
		uint16_t number = b->ours[i].number;
		char name[EFIBOOT_VAR];
		int r;

		if (number == b->next || number == keep ||
		    (slot && strcmp(b->ours[i].slot, slot) != 0)) {
			i++;
			continue;
		}
		efiboot_var(number, name);
		r = efivar_remove(b->vars, name);
		if (r < 0)
			return r;
		b->ours[i] = b->ours[--b->n_ours];
	}
	return 0;
}

unsigned efiboot_dumps(int vars)
{
	_closedir_ DIR *dir = NULL;
	struct dirent *e;
	unsigned n = 0;

	if (fs_dir_stream(fs_open_dir(vars, "."), &dir) < 0)
		return 0;
	while ((e = readdir(dir)))
		n += strncmp(e->d_name, "dump-type", 9) == 0;
	return n;
}
