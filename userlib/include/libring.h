/* SPDX-License-Identifier: MIT */
/*
 * libring - shared ring buffers at /dev/ringN
 *
 * A ring is a device that holds records: published messages, numbered by sequence. A handle is an open
 * ring. It may publish, subscribe (have a cursor: the sequence of the next record it has not released),
 * or both. The words and the meaning of every call are those of <linux/ring.h>.
 *
 *	struct ring *r;				struct ring *r;
 *	struct ring_view v;
 *
 *	ring_open("0", RING_OPEN_READ, &r);	ring_open("0", RING_OPEN_WRITE, &r);
 *	ring_subscribe(r, NULL);		ring_publish(r, "hello", 5, 0, RING_NEVER);
 *	while (!ring_wait(r, RING_NEVER)) {	ring_close(r);
 *		while ((got = ring_next(r, &v)) > 0)
 *			use(v.data, v.len);	the bytes lie in the ring: nothing was copied
 *		err = ring_release(r);		-EOVERFLOW: what was just used may have been torn
 *		if (!got)
 *			break;			shut down, and everything was read
 *	}
 *	ring_close(r);
 *
 * Errors. A function that can fail returns 0 or a count, or a negative errno value; the variable errno
 * means nothing after it. ring_strerror() has a text for each. Where a function's comment says nothing
 * else, it can return:
 *	-EBADF	the handle was not opened for that
 *	-EPERM	the handle belongs to another process: this one is its forked child
 *	-ENODEV	the ring was destroyed; it can only be closed
 *	-EUCLEAN	the ring was found corrupt, which a direct producer can bring about; ring_flush() mends it
 *	-ENOMEM	no memory
 *	-EINVAL	an argument makes no sense
 *
 * Deadlines are absolute, CLOCK_MONOTONIC in nanoseconds, see ring_deadline_in(); RING_NOW does not sleep
 * and RING_NEVER sleeps as long as it takes. One that passes gives -ETIMEDOUT, RING_NOW gives -EAGAIN. A
 * signal whose handler was not installed with SA_RESTART gives -EINTR.
 *
 * Threads. Publishing (ring_publish() to ring_discard(), ring_wait_space()) may be done by any number of
 * threads of a handle at a time, by one of an exclusive producer's. So may what names no cursor: ring_get(),
 * ring_latest(), ring_get_info(), ring_get_stat(), ring_flush(), ring_shutdown(), ring_fd(). Everything that
 * subscribes, reads, releases or waits for data is for one thread of a handle at a time, and one may read while
 * others publish.
 * ring_open() and ring_close() are for one thread, with no other one inside a call on that handle.
 *
 * Processes. A handle is of the process that opened it. A forked child may only close it, and should, so
 * that the ring sees when its parent ends; the views and reservations are not there in the child. It opens
 * the ring again.
 *
 * Everything here exists since 0.1.
 */
#ifndef LIBRING_H
#define LIBRING_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/ring.h>

/* For the library itself, which makes callable functions of the inline ones. */
#ifndef RING_INLINE
#define RING_INLINE static inline __attribute__((always_inline))
#endif

#ifdef __cplusplus
extern "C" {
/* As with stat() in POSIX, some functions are named like a structure of the ABI: write "struct" there. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/**
 * struct ring - a handle: made by ring_open(), ended by ring_close(), nothing in it is for its users
 */
struct ring;

/**
 * struct ring_view - a record, where it lies in the ring
 * @data: its payload: valid until it is released; never to be written
 * @sequence: its sequence
 * @len: its length in bytes
 * @tag: its publisher's tag
 */
struct ring_view {
	const void *data;
	uint64_t sequence;
	uint32_t len;
	uint32_t tag;
};

/**
 * struct ring_meta - what is to be known of a record besides its payload
 * @sequence: its sequence
 * @len: its length in bytes
 * @tag: its publisher's tag
 */
struct ring_meta {
	uint64_t sequence;
	uint32_t len;
	uint32_t tag;
};

/**
 * struct ring_reservation - room for a record, being filled
 * @data: where its payload is to be written: @len bytes, aligned to 16
 * @sequence: its sequence; on a mediated ring only ring_commit() sets it, RING_NONE before
 * @len: bytes reserved
 * @tag: the publisher's own; 0 from ring_reserve(), may be set before ring_commit()
 * @k: the library's own
 * @reserved: the library's own
 *
 * The caller may copy it, keep it anywhere and change nothing of it but @tag.
 */
struct ring_reservation {
	void *data;
	uint64_t sequence;
	uint32_t len;
	uint32_t tag;
	uint32_t k;
	uint32_t reserved;
};

/**
 * struct ring_batch - room for many records, being filled
 * @sequence: of its first record; on a mediated ring only ring_commit_many() sets it, RING_NONE before
 * @count: records that it has room for; 0 once it is ended
 * @len: bytes that each can become
 * @k: the library's own
 * @reserved: the library's own
 *
 * The caller may keep it anywhere and change nothing of it. It is for one thread at a time.
 */
struct ring_batch {
	uint64_t sequence;
	uint32_t count;
	uint32_t len;
	uint32_t k;
	uint32_t reserved;
};

/* ---- Opening ---- */

#define RING_OPEN_READ		(1u << 0)	/* to subscribe, and to get records */
#define RING_OPEN_WRITE		(1u << 1)	/* to publish */
#define RING_OPEN_MEDIATED	(1u << 2)	/* publish by system calls even where the ring is direct */

/**
 * ring_open - open a ring
 * @where: its number ("0"), its device's name ("ring0"), a path ("/dev/ring0") or the name it was given
 * @flags: RING_OPEN_READ, RING_OPEN_WRITE or both, and RING_OPEN_MEDIATED if wanted. On a direct ring a
 *	handle opened for both publishes without a system call.
 * @out: the handle, to be closed with ring_close(); untouched when this fails
 *
 * Opening neither subscribes nor attaches a producer. The descriptor is close-on-exec.
 *
 * Returns 0 or what open() says (-ENOENT, -EACCES, ...). -ENODEV: there is no control node to ask for a
 * name, or the ring has just been destroyed. -ENOTTY: that is no ring.
 * -EPROTONOSUPPORT: the module speaks another ABI.
 */
int ring_open(const char *where, unsigned int flags, struct ring **out);

/**
 * ring_open_fd - make a handle of an open descriptor, one that another process passed for instance
 * @fd: the descriptor. The handle's from now on if this succeeds: ring_close() closes it.
 * @flags: 0 or RING_OPEN_MEDIATED; the open mode is that of the descriptor
 * @out: the handle
 *
 * A file has one cursor, however many descriptors and handles there are of it: pass a descriptor on, do
 * not share it. Returns 0 or a negative errno like ring_open().
 */
int ring_open_fd(int fd, unsigned int flags, struct ring **out);

/**
 * ring_close - close a handle
 * @r: the handle; NULL is nothing to do
 *
 * Views and reservations of it are gone; records reserved and not committed are discarded, records not
 * released are not taken. A forked child may call this for the handle it inherited.
 */
void ring_close(struct ring *r);

/**
 * ring_fd - the descriptor, for poll() and epoll
 * @r: the handle
 *
 * Edge-triggered pollers are served too: from the first call of this on, ring_next() prepares the next edge
 * whenever it returns -EAGAIN. Read until it does. ring_subscribe() before the descriptor is first polled
 * for input: that subscribes a file that has not.
 *
 * The descriptor stays the handle's. Do not read(), lseek() or close() it.
 *
 * Returns the descriptor, -EPERM in a forked child.
 */
int ring_fd(struct ring *r);

/**
 * ring_get_info - what the ring is: geometry, policy, whether it is direct
 * @r: the handle
 * @info: filled; what INFO said when the ring was opened
 */
int ring_get_info(struct ring *r, struct ring_info *info);

/**
 * ring_get_stat - how the ring is doing
 * @r: the handle
 * @stat: filled; stat->subscriber_count says how many of @subscribers were filled, stat->subscribers how
 *	many there are
 * @subscribers: an array for the subscribers, or NULL
 * @count: its length
 */
int ring_get_stat(struct ring *r, struct ring_stat *stat, struct ring_stat_subscriber *subscribers,
		  unsigned int count);

/* ---- Subscribing ---- */

/**
 * struct ring_subscribe_options - how to subscribe
 * @size: sizeof(struct ring_subscribe_options)
 * @flags: RING_SUBSCRIBE_RELIABLE or RING_SUBSCRIBE_LOSSY; 0: reliable on a block ring, lossy on an
 *	overwrite ring
 * @start: enum ring_start: RING_OLDEST, RING_NEXT, RING_LATEST or RING_SEQUENCE
 * @watermark: ring_wait(), ring_read() and poll() sleep until so many slots are ready; 0 means 1
 * @sequence: the start of RING_SEQUENCE, else 0
 * @spin: as for ring_set_spin(), in nanoseconds
 */
struct ring_subscribe_options {
	uint32_t size;
	uint32_t flags;
	uint32_t start;
	uint32_t watermark;
	uint64_t sequence;
	uint64_t spin;
};

#define RING_SUBSCRIBE_OPTIONS_INIT	{ sizeof(struct ring_subscribe_options), 0, RING_OLDEST, 0, 0, 0 }

/**
 * ring_subscribe - give the handle a cursor
 * @r: a handle opened for reading
 * @options: how; NULL: as RING_SUBSCRIBE_OPTIONS_INIT says
 *
 * Maps the ring's memory. A handle that asks for records without having subscribed is subscribed as with
 * NULL, so calling this is only needed for anything else, or for the cursor to stand from now on.
 *
 * -EBUSY: subscribed already. -EOPNOTSUPP: reliable, on an overwrite ring. RING_SEQUENCE: -ENODATA: that
 * record is no longer there; -EAGAIN: beyond the head; -EINVAL: no record starts there. -E2BIG: the options
 * are of a later release and use what this one does not have.
 */
int ring_subscribe(struct ring *r, const struct ring_subscribe_options *options);

/**
 * ring_unsubscribe - take the cursor away
 * @r: the handle
 *
 * Views are gone. Writers no longer wait for it. -EINVAL: not subscribed.
 */
int ring_unsubscribe(struct ring *r);

/**
 * ring_set_spin - how long to look again and again before sleeping
 * @r: the handle
 * @ns: nanoseconds; 0, as after ring_open(): sleep at once
 *
 * Takes latency away when the next record is close, at the cost of a busy processor. Waiting for data only.
 */
int ring_set_spin(struct ring *r, uint64_t ns);

/**
 * ring_next - look at the next record, where it lies
 * @r: a handle opened for reading
 * @v: the record
 *
 * Each call gives the record after the one that the call before gave, released or not. Discarded records
 * are passed over. Never sleeps, makes no system call while there are records.
 *
 * A lossy subscriber uses views at its risk until ring_release() or ring_valid() says that they were whole.
 * On a direct ring the producers can write there at any time: what a program checks, it copies first.
 *
 * Returns 1: a record is in @v. 0: the ring was shut down, and there are no more. -EAGAIN: nothing yet.
 * -EOVERFLOW: records were overwritten, or flushed; all views since the last release are void, the cursor
 * stands on the oldest retained record, ring_lost() has grown by what was lost. -EUCLEAN: the memory holds
 * what no record can be.
 */
RING_INLINE int ring_next(struct ring *r, struct ring_view *v);

/**
 * ring_next_many - look at many records, in place
 * @r: a handle opened for reading
 * @v: the records, an array
 * @count: its length
 *
 * As so many calls of ring_next(), in less time. Fewer than @count does not mean that there are no more: the next call
 * tells.
 *
 * Returns how many it gave, at least 1; else as ring_next(). With -EOVERFLOW those of this call are void, too.
 * -EINVAL: @count is 0.
 */
RING_INLINE int ring_next_many(struct ring *r, struct ring_view *v, unsigned int count);

/**
 * ring_release - release all records that ring_next() and ring_next_many() gave
 * @r: the handle
 *
 * Their views are void from now on. Wakes writers that wait for the room.
 *
 * Returns 0, also when there was nothing to release. -EOVERFLOW: one of them at least was overwritten while
 * it was looked at. Then all that was given since the last release is to be thrown away: those that are
 * still retained are given again, the rest is counted as lost, so that records released and records lost
 * add up to the records published, exactly. A reliable subscriber sees that only after a flush.
 */
RING_INLINE int ring_release(struct ring *r);

/**
 * ring_valid - whether a view is whole up to now
 * @r: the handle
 * @v: a view of a record not yet released
 *
 * For a lossy subscriber that copied something out of a view and wants to know about this record alone,
 * before it goes on. ring_release() has the last word on whether the record counts as taken or as lost.
 */
RING_INLINE int ring_valid(struct ring *r, const struct ring_view *v);

/**
 * ring_wait - sleep until ring_next() has something to say
 * @r: the handle
 * @deadline: how long
 *
 * With records given and not released, it waits for the one after them. With all released, it waits for the
 * watermark. Spins first as ring_set_spin() says.
 *
 * Returns 0: a record, a loss, the end, or an error for ring_next() to tell. -EAGAIN, -ETIMEDOUT, -EINTR.
 */
int ring_wait(struct ring *r, uint64_t deadline);

/**
 * ring_wait_sequence - sleep until the record at a sequence is no longer on its way
 * @r: a handle opened for reading; it need not be subscribed
 * @sequence: the sequence
 * @deadline: how long
 *
 * Returns 0: committed, discarded, overwritten or never to come; ring_get() tells. -EAGAIN, -ETIMEDOUT,
 * -EINTR.
 */
int ring_wait_sequence(struct ring *r, uint64_t sequence, uint64_t deadline);

/**
 * ring_read - copy the next record out and release it
 * @r: the handle
 * @buf: where to
 * @len: bytes there
 * @deadline: how long to wait for a record
 * @meta: what was read, NULL if not wanted. With -EMSGSIZE meta->len says how long the record is.
 *
 * What it gives is whole. Returns 1: a record. 0: shut down, no more. -EMSGSIZE: @buf is too short; the
 * record stays. -EBUSY: records given by ring_next() are not released. -EOVERFLOW, -EUCLEAN as ring_next();
 * -EAGAIN, -ETIMEDOUT, -EINTR.
 */
int ring_read(struct ring *r, void *buf, size_t len, uint64_t deadline, struct ring_meta *meta);

/**
 * ring_read_many - copy many records out, with one system call, and release them
 * @r: the handle
 * @records: an array, filled: records[i].offset says where in @buf its payload starts
 * @count: its length, at most RING_BATCH_MAX
 * @buf: where the payloads go
 * @len: bytes there
 * @deadline: how long to wait for the first record
 * @needed: with -EMSGSIZE, bytes that the next record needs; may be NULL
 *
 * Takes what is there and fits. Returns how many, 0: shut down, no more; otherwise as ring_read().
 */
int ring_read_many(struct ring *r, struct ring_read_record *records, unsigned int count, void *buf,
		   size_t len, uint64_t deadline, uint32_t *needed);

/**
 * ring_seek - move the cursor
 * @r: the handle
 * @start: enum ring_start
 * @sequence: for RING_SEQUENCE, else 0
 *
 * Views are gone. What is passed over is not counted as lost. Errors as ring_subscribe(); then nothing
 * moved.
 */
int ring_seek(struct ring *r, enum ring_start start, uint64_t sequence);

/* Records this subscriber has lost so far, as far as it was told (-EOVERFLOW); 0 when not subscribed. */
RING_INLINE uint64_t ring_lost(const struct ring *r);

/* Records this subscriber has taken: given and released; 0 when not subscribed. */
RING_INLINE uint64_t ring_taken(const struct ring *r);

/* The sequence that ring_next() looks at next; RING_NONE when not subscribed. */
RING_INLINE uint64_t ring_position(const struct ring *r);

/* The cursor: the sequence of the first record not released; RING_NONE when not subscribed. */
RING_INLINE uint64_t ring_released(const struct ring *r);

/* ---- Getting single records, without a cursor ---- */

/**
 * ring_get - copy the record at a sequence out
 * @r: a handle opened for reading; it need not be subscribed
 * @sequence: which one
 * @buf: where to
 * @len: bytes there
 * @meta: what was got, NULL if not wanted; with -EMSGSIZE meta->len says how long it is
 *
 * Returns 0. -EAGAIN: not there yet. -ENODATA: no longer there: overwritten, flushed or discarded.
 * -EINVAL: no record starts at that sequence. -EMSGSIZE: @buf is too short.
 */
int ring_get(struct ring *r, uint64_t sequence, void *buf, size_t len, struct ring_meta *meta);

/**
 * ring_latest - copy the latest committed record out
 * @r: a handle opened for reading; it need not be subscribed
 * @buf: where to
 * @len: bytes there
 * @meta: what was got, NULL if not wanted; with -EMSGSIZE meta->len says how long it is
 *
 * Returns 0. -EAGAIN: nothing is retained. -EMSGSIZE: @buf is too short.
 */
int ring_latest(struct ring *r, void *buf, size_t len, struct ring_meta *meta);

/* ---- Publishing ---- */

/**
 * ring_produce - attach as a producer now, rather than with the first record
 * @r: a handle opened for writing
 * @flags: 0, or RING_PRODUCE_EXCLUSIVE to be the only producer
 *
 * On a direct ring a handle opened for reading too becomes a direct producer, by itself. Exclusive, it publishes
 * from one thread at a time, and in less time: nothing needs to be compared with what others claim.
 *
 * -EBUSY: an exclusive producer is attached; or, exclusive, any; or this handle is one already. -EAGAIN:
 * the ring has as many producers as it can have.
 */
int ring_produce(struct ring *r, unsigned int flags);

/* Whether this handle publishes without system calls: it is attached as a direct producer. */
RING_INLINE int ring_is_direct(const struct ring *r);

/**
 * ring_publish - publish one record
 * @r: a handle opened for writing
 * @buf: its payload
 * @len: its length in bytes; 0 is a record too
 * @tag: the caller's own, readers see it
 * @deadline: how long to wait for room
 *
 * Returns 0. -EMSGSIZE: longer than the ring's longest record. -EPIPE: the ring was shut down; an exclusive
 * producer's record, when that happens in the very moment, may be read by those who are not yet at the end. -EBUSY:
 * another one is the exclusive producer. -EAGAIN, -ETIMEDOUT: no room. -EFAULT: bad address, nothing was
 * published (not on a direct ring). -EINTR.
 */
RING_INLINE int ring_publish(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline);

/**
 * ring_publish_quiet - ring_publish() that wakes nobody
 * @r: a handle opened for writing
 * @buf: its payload
 * @len: its length in bytes
 * @tag: the caller's own
 * @deadline: how long to wait for room
 *
 * For readers that spin, or before a ring_notify(): on a direct ring it saves the full barrier that a look at who
 * sleeps costs, the greater part of a publish. Who sleeps goes on sleeping until somebody publishes aloud or
 * notifies; before a wait for room, and with the first record, the library does that itself. On a mediated ring it
 * is ring_publish(). The idea is
 * that of BPF_RB_NO_WAKEUP (Documentation/bpf/ringbuf.rst of the kernel).
 *
 * Returns as ring_publish().
 */
RING_INLINE int ring_publish_quiet(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline);

/* Wake who sleeps for what ring_publish_quiet() has published. Returns 0. -EPERM, -EBADF. */
RING_INLINE int ring_notify(struct ring *r);

/**
 * ring_publish_many - publish many records
 * @r: a handle opened for writing
 * @records: them: address of the payload, length in bytes, tag
 * @count: how many
 * @deadline: how long to wait for room, for all of them together
 * @sequence: the sequence of the first one; may be NULL
 *
 * One system call for every RING_BATCH_MAX of them, or none on a direct ring; readers are woken once.
 *
 * Returns how many were published: the first so many of the array; an error only when not even the first
 * one was, as ring_publish().
 */
int ring_publish_many(struct ring *r, const struct ring_publish_record *records, unsigned int count,
		      uint64_t deadline, uint64_t *sequence);

/**
 * ring_reserve - get room for a record, to be filled in place
 * @r: a handle opened for writing
 * @len: how long it can become, in bytes
 * @deadline: how long to wait for room
 * @res: the reservation, to be ended with ring_commit() or ring_discard()
 *
 * Several may be open at once, and be ended in any order and by any thread. On a direct ring the room lies
 * in the ring: readers wait at a record that is reserved and not ended, so end it soon. On a mediated ring
 * it is memory of the library, and ring_commit() publishes it.
 *
 * Returns 0 or as ring_publish().
 */
RING_INLINE int ring_reserve(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res);

/**
 * ring_commit - publish what was reserved
 * @r: the handle it was reserved with
 * @res: the reservation; res->sequence says what became of it
 * @len: bytes that were written, at most res->len
 *
 * Returns 0. -EINVAL: not a reservation that is open, or @len is longer: nothing happened. On a mediated
 * ring also what ring_publish() returns, with ring_reserve()'s deadline: others may have taken the room in
 * the meantime; then the reservation is still open, to be committed again or discarded.
 */
RING_INLINE int ring_commit(struct ring *r, struct ring_reservation *res, size_t len);

/**
 * ring_discard - give a reservation up
 * @r: the handle it was reserved with
 * @res: the reservation
 *
 * Readers pass over it. Returns 0. -EINVAL: not a reservation that is open.
 */
RING_INLINE int ring_discard(struct ring *r, struct ring_reservation *res);

/**
 * ring_reserve_many - get room for many records at once, to be filled in place
 * @r: a handle opened for writing
 * @len: how long each can become, in bytes
 * @count: how many
 * @deadline: how long to wait for room for one at least
 * @b: the batch, to be ended with ring_commit_many() or ring_discard_many()
 *
 * One claim, which costs as much as one for a single record. Readers see none of the records before all are committed.
 *
 *	n = ring_reserve_many(r, len, 32, RING_NEVER, &b);
 *	for (i = 0; i < n; i++)
 *		fill(ring_batch_at(r, &b, i, len, 0), len);
 *	ring_commit_many(r, &b, n);
 *
 * On a direct ring the room lies in the ring, and readers wait at it. On a mediated ring it is memory of the
 * library, and ring_commit_many() publishes it.
 *
 * Returns for how many records there is room, b->count: at least one, at most @count and what a quarter of the ring's
 * slots holds; fewer when the ring has no more room. Errors as ring_publish(); -EINVAL also when @count is 0.
 */
RING_INLINE int ring_reserve_many(struct ring *r, size_t len, unsigned int count, uint64_t deadline,
				  struct ring_batch *b);

/**
 * ring_batch_at - where the payload of a batch's record goes
 * @r: the handle
 * @b: the batch
 * @i: which record, from 0
 * @len: its length in bytes, at most b->len
 * @tag: the caller's own, readers see it
 *
 * To be called for each record that is to be published; again when its length turns out to be another. The payload is
 * aligned to 16 and is not touched. NULL: there is no such record, @len is longer, or the batch is ended.
 */
RING_INLINE void *ring_batch_at(struct ring *r, struct ring_batch *b, unsigned int i, size_t len, uint32_t tag);

/**
 * ring_commit_many - publish the first records of a batch, and give the rest of its room up
 * @r: the handle it was reserved with
 * @b: the batch; b->sequence becomes that of its first record
 * @count: how many of its records
 *
 * Readers are woken once. Returns how many were published. -EINVAL: not a batch that is open, or @count is more than it
 * has. On a mediated ring the room may be taken by others in the meantime, so it also waits, until
 * ring_reserve_many()'s deadline, and returns what ring_publish_many() does: when fewer than @count, or an error, the
 * batch is still open with those that are left, counted from 0 again, to be committed or discarded.
 */
RING_INLINE int ring_commit_many(struct ring *r, struct ring_batch *b, unsigned int count);

/**
 * ring_discard_many - give a batch up
 * @r: the handle it was reserved with
 * @b: the batch
 *
 * Returns 0. -EINVAL: not a batch that is open.
 */
RING_INLINE int ring_discard_many(struct ring *r, struct ring_batch *b);

/**
 * ring_wait_space - sleep until a record has room
 * @r: a handle opened for writing
 * @len: its length in bytes
 * @deadline: how long
 *
 * Other producers may be quicker, so it is a hint. Returns 0. -EMSGSIZE, -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE.
 */
int ring_wait_space(struct ring *r, size_t len, uint64_t deadline);

/**
 * ring_flush - drop what the ring retains; sequences go on, subscribers count what they had not taken as lost
 * @r: a handle opened for writing
 *
 * A corrupt ring is emptied whole and works again; what it held is counted neither as published nor as lost.
 */
int ring_flush(struct ring *r);

/**
 * ring_shutdown - no more records, for ever: readers drain, then get the end; writers get -EPIPE
 * @r: a handle opened for writing
 */
int ring_shutdown(struct ring *r);

/* ---- Making and removing rings ---- */

/**
 * ring_create_defaults - what a ring is unless something else is asked for
 * @c: filled in: the lowest free number, no name, 4096 slots of 64 bytes, 1 MiB of bulk area, block, mediated
 */
static inline void ring_create_defaults(struct ring_create *c)
{
	memset(c, 0, sizeof(*c));
	c->size = (uint32_t)sizeof(*c);
	c->id = RING_ANY;
	c->slots = 4096;
	c->slot_size = 64;
	c->bulk_size = 1u << 20;
	c->policy = RING_BLOCK;
}

/**
 * ring_create - make a ring
 * @c: what kind of ring, see struct ring_create and ring_create_defaults(); @c->id becomes its number
 *
 * Needs a control node that the caller may write to. -EACCES: it may not. -ENODEV: there is none, the module
 * is not loaded. -EINVAL: there is no such ring: ring_mem_check() of <linux/ring_protocol.h> tells what is
 * wrong with the geometry. -EEXIST: the number or the name is taken. -ENOSPC: all numbers are. -ENOMEM: no
 * memory, or more than the module's max_bytes. Any thread may call this, and the next four.
 */
int ring_create(struct ring_create *c);

/**
 * ring_destroy - remove a ring
 * @id: its number
 * @flags: RING_DESTROY_FORCE: even while somebody has it open; calls answer -ENODEV from then on
 *
 * -ENOENT: no such ring. -EBUSY: in use. -EACCES, -ENODEV as ring_create().
 */
int ring_destroy(uint32_t id, uint32_t flags);

/**
 * ring_find - the number of the ring of that name
 * @name: its name
 * @id: its number
 *
 * -ENOENT: there is none. -EACCES, -ENODEV: the control node cannot be opened, not even for reading.
 */
int ring_find(const char *name, uint32_t *id);

/**
 * ring_list - the rings there are, by number
 * @entries: where to; NULL: only count
 * @count: how many fit
 * @total: how many there are; may be NULL
 *
 * Returns how many were filled in. Errors as ring_find().
 */
int ring_list(struct ring_list_entry *entries, unsigned int count, unsigned int *total);

/**
 * ring_module_version - which module is loaded, and how much memory rings hold
 * @v: filled in
 *
 * Errors as ring_find().
 */
int ring_module_version(struct ring_version *v);

/* ---- Helpers ---- */

/**
 * ring_deadline_in - a deadline from now
 * @ns: nanoseconds from now; 0 gives RING_NOW, RING_NEVER stays so
 */
uint64_t ring_deadline_in(uint64_t ns);

/**
 * ring_strerror - what an error of this library means
 * @err: what a function returned, negative or not
 *
 * In the words of rings where those say more than strerror(): "records were overwritten before they were
 * read". Never NULL, never to be freed.
 */
const char *ring_strerror(int err);

/* The version of the library that runs: "0.1.0". */
const char *ring_version(void);

/* What is inline of this. Nothing there is to be used in another way. */
#include "libring-inline.h"

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif /* LIBRING_H */
