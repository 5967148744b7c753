/* SPDX-License-Identifier: MIT */
/* libring - making and ending handles, and what they are made of */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define GUARD_LENGTH	4096u

int ring_call(const struct handle *h, unsigned long request, void *arg)
{
	int ret = ioctl(h->fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int ring_call_value(const struct handle *h, unsigned long request, unsigned long arg)
{
	int ret = ioctl(h->fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int ring_map(struct handle *h, enum area area, int fd, uint64_t offset, uint64_t length, bool writable)
{
	struct mapping *m = &h->areas[area];
	void *addr;

	if (m->addr || !length)
		return 0;
	if (length > SIZE_MAX || (uint64_t)(off_t)offset != offset)
		return -ENOMEM;
	addr = mmap(NULL, (size_t)length, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		    MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);
	if (addr == MAP_FAILED)
		return -errno;
	/* A child must not keep the ring's file alive by mappings that it cannot use. */
	madvise(addr, (size_t)length, MADV_DONTFORK);
	m->addr = addr;
	m->length = (size_t)length;
	return 0;
}

void ring_unmap(struct handle *h, enum area area)
{
	struct mapping *m = &h->areas[area];

	if (m->addr)
		munmap(m->addr, m->length);
	m->addr = NULL;
}

/* Where the ring is: "N" and "ringN" are /dev/ringN, what has a slash is a path, all else a *@name. */
static int device_path(const char *where, char *path, size_t size, const char **name)
{
	const char *number = strncmp(where, "ring", 4) ? where : where + 4;
	uint32_t id;
	int len, err;

	*name = NULL;
	if (strchr(where, '/')) {
		len = snprintf(path, size, "%s", where);
	} else if (*number && strspn(number, "0123456789") == strlen(number)) {
		len = snprintf(path, size, "/dev/ring%s", number);
	} else {
		err = ring_find(where, &id);
		if (err)
			return err;
		len = snprintf(path, size, "/dev/ring%u", id);
		*name = where;
	}
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* What the memory protocol is computed from. The module is trusted; another driver at that path is not. */
static int check_info(const struct ring_info *info)
{
	if (info->abi != RING_ABI_VERSION)
		return -EPROTONOSUPPORT;
	if (!power_of_two(info->slots) || info->slots < RING_SLOTS_MIN || info->slots > RING_SLOTS_MAX ||
	    info->slot_size < RING_SLOT_SIZE_MIN || info->slot_size > RING_SLOT_SIZE_MAX ||
	    info->slot_size % RING_SLOT_SIZE_ALIGN)
		return -EPROTO;
	if (info->bulk_size && (!power_of_two(info->bulk_size) || info->bulk_size > RING_BULK_MAX ||
				info->bulk_size / info->slots < RING_STRIDE_MIN))
		return -EPROTO;
	if (info->slots_length < (uint64_t)info->slots * info->slot_size ||
	    (info->bulk_size && info->bulk_length < 2 * info->bulk_size) ||
	    info->control_length < sizeof(struct ring_control) ||
	    info->producers_length < sizeof(struct ring_producers))
		return -EPROTO;
	return 0;
}

static int set_up(struct handle *h)
{
	int mode = fcntl(h->fd, F_GETFL);
	int err;

	if (mode < 0)
		return -errno;
	h->readable = (mode & O_ACCMODE) != O_WRONLY;
	h->writable = (mode & O_ACCMODE) != O_RDONLY;

	h->info.size = sizeof(h->info);
	err = ring_call(h, RING_IOC_INFO, &h->info);
	if (err < 0)
		return err;
	err = check_info(&h->info);
	if (err)
		return err;
	ring_mem_init(&h->ring.in, h->info.slots, h->info.slot_size, h->info.bulk_size);
	if (h->ring.in.longest != h->info.longest)
		return -EPROTO;

	if (h->readable) {
		err = ring_map(h, AREA_CONTROL, h->fd, h->info.control_offset, h->info.control_length, false);
		if (err)
			return err;
		h->ring.in.control = h->areas[AREA_CONTROL].addr;
	}
	h->ring.out = h->ring.in;
	if (!h->readable || !h->writable || !(h->info.ring_flags & RING_DIRECT))
		h->mediated = true;
	return 0;
}

static struct handle *handle_new(void)
{
	size_t size = (sizeof(struct handle) + RING_APART - 1) / RING_APART * RING_APART;
	struct handle *h = aligned_alloc(RING_APART, size);
	void *guard;

	if (!h)
		return NULL;
	memset(h, 0, sizeof(*h));
	guard = mmap(NULL, GUARD_LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guard == MAP_FAILED)
		goto err_free;
	if (madvise(guard, GUARD_LENGTH, MADV_WIPEONFORK))
		goto err_unmap;
	h->guard = guard;
	ring_store(&h->guard[0], 1);
	h->ring.reading = &h->guard[1];
	h->ring.publishing = &h->guard[1];
	h->fd = -1;
	h->watermark = 1;
	pthread_mutex_init(&h->lock, NULL);
	return h;

err_unmap:
	munmap(guard, GUARD_LENGTH);
err_free:
	free(h);
	return NULL;
}

static void handle_free(struct handle *h)
{
	struct room *room;
	int area;

	/* In a child the areas were not inherited, and something else may lie there. */
	if (ring_load(&h->guard[0]))
		for (area = 0; area < AREA_COUNT; area++)
			ring_unmap(h, (enum area)area);
	munmap(h->guard, GUARD_LENGTH);
	while ((room = h->rooms)) {
		h->rooms = room->next;
		free(room);
	}
	free(h->spare);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

EXPORT int ring_open_fd(int fd, unsigned int flags, struct ring **out)
{
	struct handle *h;
	int err;

	if (flags & ~RING_OPEN_MEDIATED)
		return -EINVAL;
	h = handle_new();
	if (!h)
		return -ENOMEM;
	h->fd = fd;
	h->mediated = flags & RING_OPEN_MEDIATED;
	err = set_up(h);
	if (err) {
		handle_free(h);
		return err;
	}
	*out = &h->ring;
	return 0;
}

EXPORT int ring_open(const char *where, unsigned int flags, struct ring **out)
{
	static const int modes[] = { -1, O_RDONLY, O_WRONLY, O_RDWR };
	int mode = modes[flags & (RING_OPEN_READ | RING_OPEN_WRITE)];
	struct ring *r;
	const char *name;
	char path[4096];
	int err, fd;

	if (mode < 0 || flags & ~(RING_OPEN_READ | RING_OPEN_WRITE | RING_OPEN_MEDIATED))
		return -EINVAL;
	err = device_path(where, path, sizeof(path), &name);
	if (err)
		return err;
	fd = open(path, mode | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENXIO ? -ENODEV : -errno;	/* the node outlives its ring for a moment */
	err = ring_open_fd(fd, flags & RING_OPEN_MEDIATED, &r);
	if (err) {
		close(fd);
		return err;
	}
	/* That number may have become another ring's since it was asked for. */
	if (name && strcmp(name, handle_of(r)->info.name)) {
		ring_close(r);
		return -ENOENT;
	}
	*out = r;
	return 0;
}

EXPORT void ring_close(struct ring *r)
{
	struct handle *h;

	if (!r)
		return;
	h = handle_of(r);
	close(h->fd);
	handle_free(h);
}
