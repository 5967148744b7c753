/* SPDX-License-Identifier: MIT */
/* libring - what its files share; nothing of this is seen outside */
#ifndef LIBRING_INTERNAL_H
#define LIBRING_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include <libring.h>

/* Every symbol is hidden but those of libring.h. */
#define EXPORT	__attribute__((visibility("default")))

#define NSEC_PER_SEC	1000000000ull

/* The areas of a ring as this process has mapped them. Producers have a writable mapping of their own. */
enum area {
	AREA_CONTROL,
	AREA_PRODUCERS,
	AREA_SLOTS,
	AREA_BULK,
	AREA_CURSOR,
	AREA_OUT_PRODUCERS,
	AREA_OUT_SLOTS,
	AREA_OUT_BULK,
	AREA_COUNT,
};

struct mapping {
	void *addr;
	size_t length;
};

/* What a mediated reservation is, in front of its payload; that of a batch begins with an array of its records */
struct room {
	struct room *next;
	uint64_t deadline;
	uint32_t id;
	uint32_t len;			/* reserved, for each record */
	size_t capacity;
	uint32_t count;			/* of a batch: records that were reserved; 0: no batch */
	uint32_t done;			/* and published */
	_Alignas(16) unsigned char data[];
};

/*
 * A handle. The first part is what the inline functions know.
 *
 * @guard is a page that a forked child finds zeroed: [0] is 1 in the process of the handle, [1] is always 0.
 * ring.reading and ring.publishing point to one or the other, so that one look tells both whether a thing
 * is set up and whether this process may do it.
 */
struct handle {
	struct ring ring;

	__u32 *guard;
	int fd;
	bool readable;
	bool writable;
	bool mediated;			/* asked for, or found to be so */
	struct ring_info info;
	struct mapping areas[AREA_COUNT];

	/* the reading side; one thread at a time */
	uint32_t watermark;
	uint64_t spin;
	_Atomic(bool) polled;

	/* the publishing side, under @lock */
	pthread_mutex_t lock;
	bool attached;			/* the library called PRODUCE */
	uint32_t next_room;
	struct room *rooms;		/* handed out */
	struct room *spare;		/* one, for the next reservation of no greater length */
};

static inline struct handle *handle_of(struct ring *r)
{
	return (struct handle *)r;
}

/* What every call but ring_close() begins with: 0 or -EPERM */
static inline int usable(const struct handle *h)
{
	return ring_load(&h->guard[0]) ? 0 : -EPERM;
}

static inline int usable_for_reading(const struct handle *h)
{
	return !usable(h) ? h->readable ? 0 : -EBADF : -EPERM;
}

static inline int usable_for_writing(const struct handle *h)
{
	return !usable(h) ? h->writable ? 0 : -EBADF : -EPERM;
}

/* The error that a ring's status puts on every call */
static inline int status_error(__u32 status)
{
	return status & RING_STATUS_DESTROYED ? -ENODEV : status & RING_STATUS_CORRUPT ? -EUCLEAN : 0;
}

/* ioctl() that returns -errno */
int ring_call(const struct handle *h, unsigned long request, void *arg);
/* The same with an integer for an argument */
int ring_call_value(const struct handle *h, unsigned long request, unsigned long arg);

/* Map an area, unless it is mapped already. */
int ring_map(struct handle *h, enum area area, int fd, uint64_t offset, uint64_t length, bool writable);
void ring_unmap(struct handle *h, enum area area);

/* Subscribe in the default way unless subscribed: what every function does that reads. */
int ring_reading(struct handle *h);
/* The kernel moved the cursor: go on from there. */
void ring_resync(struct handle *h);
/* Pass over discarded records at the position. 0 or -EUCLEAN. */
int ring_skip(struct ring *r);

/* Become a direct producer if that is possible and not yet done. Failing leaves the mediated way. */
void ring_try_direct(struct handle *h);
/* One PUBLISH. Returns how many or -errno. */
int ring_call_publish(struct handle *h, const struct ring_publish_record *records, unsigned int count,
		      uint64_t deadline, uint64_t *sequence);
/* Sleep until so many slots have room; with RING_NOW the kernel makes what room it can. */
int ring_wait_slots(struct handle *h, uint32_t slots, uint64_t deadline);
/*
 * ring_claim_direct() of as many slots as @count records of @len bytes take, or less, with waiting for one at least:
 * how many records there is room for, or -errno.
 */
int ring_claim_wait(struct ring *r, size_t len, unsigned int count, uint64_t deadline, __u64 *sequence);
/* The same of one, as a reservation: 0, or -errno. */
int ring_reserve_wait(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res);

/* From one payload of a mediated batch to the next */
size_t ring_room_stride(uint32_t len);
/* The room for a reservation of @len bytes, on the list; of @count of them for a batch, else 0 */
struct room *ring_room_get(struct handle *h, uint32_t len, uint32_t count, uint64_t deadline);
/* Where the room of that id hangs on the list, under the lock; *where is NULL if there is none. */
struct room **ring_room_find(struct handle *h, uint64_t id);
/* Put one that was taken off it back on the list, or away. */
void ring_room_back(struct handle *h, struct room *room);
void ring_room_put(struct handle *h, struct room *room);

uint64_t ring_clock(void);

#endif /* LIBRING_INTERNAL_H */
