/* SPDX-License-Identifier: MIT */
/* libring - making, removing and finding rings, through the control node */

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

#define CONTROL	"/dev/ring-control"

/* One call; the node is open for as long as that takes. */
static int control(int mode, unsigned long request, void *arg)
{
	int fd = open(CONTROL, mode | O_CLOEXEC | O_NOCTTY);
	int ret;

	if (fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	ret = ioctl(fd, request, arg) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

EXPORT int ring_create(struct ring_create *c)
{
	c->size = sizeof(*c);
	return control(O_RDWR, RING_CTL_CREATE, c);
}

EXPORT int ring_destroy(uint32_t id, uint32_t flags)
{
	struct ring_destroy d = { .size = sizeof(d), .flags = flags, .id = id };

	return control(O_RDWR, RING_CTL_DESTROY, &d);
}

EXPORT int ring_find(const char *name, uint32_t *id)
{
	struct ring_find f = { .size = sizeof(f) };
	size_t len = strlen(name);
	int err;

	if (!len || len > RING_NAME_MAX)
		return -ENOENT;
	memcpy(f.name, name, len);
	err = control(O_RDONLY, RING_CTL_FIND, &f);
	if (!err)
		*id = f.id;
	return err;
}

EXPORT int ring_list(struct ring_list_entry *entries, unsigned int count, unsigned int *total)
{
	struct ring_list l = { .size = sizeof(l), .count = count, .array = (uintptr_t)entries };
	int err = control(O_RDONLY, RING_CTL_LIST, &l);

	if (err)
		return err;
	if (total)
		*total = l.total;
	return (int)l.count;
}

EXPORT int ring_module_version(struct ring_version *v)
{
	memset(v, 0, sizeof(*v));
	v->size = sizeof(*v);
	return control(O_RDONLY, RING_CTL_VERSION, v);
}
