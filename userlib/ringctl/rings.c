/* SPDX-License-Identifier: MIT */
/* ringctl - finding and opening rings: by number, by path, by name */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ringctl.h"

const char *policy_name(uint32_t policy)
{
	return policy == RING_BLOCK ? "block" : policy == RING_OVERWRITE ? "overwrite" : "unknown";
}

/* Whether loading the module could make @where be there */
static bool could_be_ring(const char *where)
{
	return !strchr(where, '/') || !strncmp(where, "/dev/", 5);
}

int try_open(const char *where, unsigned int flags, struct ring **out, char name[RING_LABEL_MAX])
{
	struct ring_info info;
	int err;

	err = ring_open(where, flags, out);
	if (err && could_be_ring(where) && load_module(err))
		err = ring_open(where, flags, out);
	if (err)
		return err;
	err = ring_get_info(*out, &info);
	snprintf(name, RING_LABEL_MAX, "ring%u", info.id);
	return err;
}

int open_ring(const char *where, unsigned int flags, struct ring **out, char name[RING_LABEL_MAX])
{
	int err = try_open(where, flags, out, name);

	return err ? complain(where, "%s", error_text(err)) : EXIT_OK;
}

int try_open_any(const char *where, struct ring **out, char name[RING_LABEL_MAX])
{
	int err = try_open(where, RING_OPEN_READ, out, name);

	return err == -EACCES ? try_open(where, RING_OPEN_WRITE, out, name) : err;
}

int list_rings(struct ring_list_entry **out)
{
	struct ring_list_entry *entries = NULL;
	unsigned int room = 0, total;
	int count;

	for (;;) {
		count = ring_list(entries, room, &total);
		if (count < 0 && load_module(count))
			continue;
		if (count < 0 || total <= room)
			break;
		room = total + 16;
		entries = realloc(entries, room * sizeof(*entries));
		if (!entries)
			out_of_memory();
	}
	if (count < 0) {
		free(entries);
		entries = NULL;
	}
	*out = entries;
	return count;
}

/* The number in "N" and "ringN" */
static bool ring_number(const char *text, uint32_t *id)
{
	const char *number = strncmp(text, "ring", 4) ? text : text + 4;
	unsigned long value;

	if (!*number || strspn(number, "0123456789") != strlen(number))
		return false;
	errno = 0;
	value = strtoul(number, NULL, 10);
	*id = errno || value > UINT32_MAX ? RING_ANY : (uint32_t)value;
	return true;
}

/* What device a path is, sysfs knows without its being opened. */
static int find_path(const char *path, uint32_t *id)
{
	char link[64], target[256], *name;
	struct stat st;
	ssize_t len;

	if (stat(path, &st))
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	name = strstr(target, "/ring/");
	return name && ring_number(name + 6, id) ? 0 : -ENOTTY;
}

int find_ring(const char *where, uint32_t *id)
{
	if (strchr(where, '/'))
		return find_path(where, id);
	return ring_number(where, id) ? 0 : ring_find(where, id);
}

const struct ring_list_entry *find_entry(const struct ring_list_entry *entries, int count, uint32_t id)
{
	int i;

	for (i = 0; i < count; i++)
		if (entries[i].id == id)
			return &entries[i];
	return NULL;
}
