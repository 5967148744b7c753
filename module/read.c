// SPDX-License-Identifier: GPL-2.0
/* ring - taking records out: read(), many at once, one by its sequence */

#include <linux/kcsan-checks.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"
#include "user.h"

/* So many of an array are copied out at a time. */
#define SOME	32

/**
 * struct taken - a committed record as it was found
 * @sequence: its sequence
 * @next: the sequence after it
 * @payload: where it lies
 * @len: bytes
 * @tag: its tag
 */
struct taken {
	u64 sequence;
	u64 next;
	const void *payload;
	u32 len;
	u32 tag;
};

/* What the header of the committed record of @k slots says, each word read once, and checked. */
static __always_inline int open_record(const struct ring_mem *mem, const struct ring_slot *slot, u64 sequence, u32 k,
				       struct taken *t)
{
	u32 word = READ_ONCE(slot->len);

	if (!ring_mem_k_valid(mem, k) || !ring_mem_len_valid(mem, k, word))
		return -EUCLEAN;
	t->sequence = sequence;
	t->next = sequence + k;
	t->payload = ring_slot_payload(mem, slot, sequence, word);
	t->len = word & ~RING_LEN_BULK;
	t->tag = READ_ONCE(slot->tag);
	return 0;
}

/* An inconsistent record, unless it was overwritten while it was looked at. */
static int corrupt_unless_lapped(struct ring *ring, u64 sequence)
{
	return ring_mem_lapped(&ring->mem, sequence) ? -EOVERFLOW : ring_corrupt(ring);
}

/*
 * The next committed record at or after @sequence, passing over discarded ones. 1: @t. 0: the end, the
 * ring is shut down. -EAGAIN: not there yet. -EOVERFLOW: overwritten.
 */
static int find_record(struct ring *ring, u64 sequence, struct taken *t)
{
	const struct ring_mem *mem = &ring->mem;
	u64 first = sequence, state;
	u32 status;
	int ret;

	/* Discarded records that fill the whole ring: at most so many steps. */
	while (sequence - first <= mem->slot_count) {
		status = smp_load_acquire(&mem->control->status);	/* RB_SHUTDOWN end/G */
		ret = ring_status_error(status);
		if (ret)
			return ret;
		switch (ring_look(ring, sequence, &state)) {
		case RING_LOOK_PASSED:
			return corrupt_unless_lapped(ring, first);
		case RING_LOOK_EMPTY:
			t->next = sequence;
			if (ring_mem_lapped(mem, first))
				return -EOVERFLOW;
			return ring_ended(status) ? 0 : -EAGAIN;
		case RING_LOOK_BUSY:
			ring_note_busy(ring, sequence);
			t->next = sequence;
			return ring_mem_lapped(mem, first) ? -EOVERFLOW : -EAGAIN;
		case RING_LOOK_READY:
			ret = open_record(mem, ring_mem_slot(mem, sequence), sequence, ring_state_k(state), t);
			return ret ? corrupt_unless_lapped(ring, first) : 1;
		case RING_LOOK_SKIP:
			if (!ring_mem_k_valid(mem, ring_state_k(state)))
				return corrupt_unless_lapped(ring, first);
			sequence += ring_state_k(state);
			break;
		}
	}
	t->next = sequence;
	return -EAGAIN;
}

/*
 * Whether a committed record stands at @sequence, and nothing else is to be told of it; if not, find_record() tells
 * what. @tail: as it was some time before: see ring_look().
 */
static __always_inline bool next_record(const struct ring_mem *mem, u64 tail, u64 sequence, struct taken *t)
{
	const struct ring_slot *slot = ring_mem_slot(mem, sequence);
	u32 k = 1;
	u64 state;

	if (sequence - tail > mem->slot_mask)
		return false;
	if (!ring_slot_is(slot, ring_mem_single(mem, sequence))) {
		if (ring_mem_look(mem, sequence, &state) != RING_LOOK_READY)
			return false;
		k = ring_state_k(state);
	}
	return !open_record(mem, slot, sequence, k, t);
}

/* Move the cursor to @next, @records having been taken. */
static __always_inline void release(struct ring_file *f, u64 next, u64 records)
{
	f->sub.part_sequence = RING_NONE;
	f->sub.part = 0;
	trace_ring_release(f, READ_ONCE(f->sub.cursor->cursor), next, records);
	if (ring_cursor_release(&f->ring->mem, f->sub.cursor, next, records))
		ring_wake_writers(f->ring);
}

/* Overwritten: go on at the tail, with the loss counted. */
static int catch_up(struct ring_file *f)
{
	u64 cursor = READ_ONCE(f->sub.cursor->cursor), lost = READ_ONCE(f->sub.cursor->lost), next;

	f->sub.part_sequence = RING_NONE;
	f->sub.part = 0;
	next = ring_cursor_catch_up(&f->ring->mem, f->sub.cursor);
	trace_ring_overrun(f, cursor, next, READ_ONCE(f->sub.cursor->lost) - lost);
	return -EOVERFLOW;
}

/**
 * struct sink - where a read()'s bytes go
 * @iter: there, if it is not NULL
 * @buf: else here
 * @room: how many at most
 */
struct sink {
	struct iov_iter *iter;
	void __user *buf;
	size_t room;
};

/*
 * Around a copy of what may be overwritten meanwhile, as ring_mem_lapped() tells then: a race that is meant, as in a
 * seqlock's reader. What a reliable subscriber has not released nobody overwrites, unless the ring is flushed: there
 * KCSAN looks.
 */
static __always_inline void copy_begin(const struct ring_subscriber *sub)
{
	if (!(sub->flags & RING_SUBSCRIBE_RELIABLE))
		kcsan_disable_current();
}

static __always_inline void copy_end(const struct ring_subscriber *sub)
{
	if (!(sub->flags & RING_SUBSCRIBE_RELIABLE))
		kcsan_enable_current();
}

/* Give what there is of @t behind its first @part bytes, or as much of it as there is room for. */
static __always_inline ssize_t give(struct ring_file *f, const struct sink *to, u64 cursor, const struct taken *t,
				    size_t part)
{
	size_t n = min(t->len - part, to->room), copied;

	copy_begin(&f->sub);
	/* Not copy_to_iter(), for the same reason as in user.h */
	copied = to->iter ? _copy_to_iter(t->payload + part, n, to->iter) :
			    n - ring_copy_out(to->buf, t->payload + part, n);
	copy_end(&f->sub);
	if (ring_mem_lapped(&f->ring->mem, cursor))		/* RB_LAPPED read/C */
		return catch_up(f);
	if (!copied)
		return -EFAULT;
	if (part + copied == t->len) {
		release(f, t->next, 1);
	} else {
		f->sub.part_sequence = t->sequence;
		f->sub.part = part + copied;
	}
	return copied;
}

/* read_now() where there is more to it */
static noinline ssize_t read_carefully(struct ring_file *f, const struct sink *to)
{
	struct ring_subscriber *sub = &f->sub;
	u64 cursor, turns;
	struct taken t;
	size_t part;
	int ret;

	for (turns = 0;; turns++) {
		/* Over records of length 0 without end, if somebody publishes them faster than this passes them. */
		if (turns > f->ring->mem.slot_count || (turns && signal_pending(current)))
			return -EAGAIN;
		cursor = READ_ONCE(sub->cursor->cursor);
		ret = find_record(f->ring, cursor, &t);
		if (ret == -EOVERFLOW)
			return catch_up(f);
		/* Over discarded ones: they free room, and at the end what is to be passed is the mark. */
		if ((ret == -EAGAIN || !ret) && t.next != cursor)
			release(f, t.next, 0);
		if (ret <= 0)
			return ret;
		part = sub->part_sequence == t.sequence ? sub->part : 0;
		if (part < t.len)
			return give(f, to, cursor, &t, part);
		/* A record of length 0 would look like the end of the file. */
		release(f, t.next, 1);
	}
}

/* One read() of what is there now; under f->lock. -EAGAIN: nothing. */
static __always_inline ssize_t read_now(struct ring_file *f, void *sink)
{
	const struct sink *to = sink;
	const struct ring_mem *mem = &f->ring->mem;
	u64 tail = smp_load_acquire(&mem->control->tail);	/* RB_TAIL walk/B */
	u64 cursor = READ_ONCE(f->sub.cursor->cursor);
	struct taken t ring_uninitialized;

	lockdep_assert_held(&f->lock);
	/* Mostly there is a record, and nobody has read a part of it. */
	if (likely(!ring_error(f->ring) && f->sub.part_sequence == RING_NONE && next_record(mem, tail, cursor, &t) &&
		   t.len))
		return give(f, to, cursor, &t, 0);
	return read_carefully(f, to);
}

/*
 * Take something with @now, which is called under f->lock and answers -EAGAIN when there is nothing;
 * sleep for it until @deadline. @nolock: never sleep, not even for the lock.
 */
static __always_inline ssize_t take(struct ring_file *f, ssize_t (*now)(struct ring_file *f, void *arg), void *arg,
				    u64 deadline, bool nolock)
{
	struct ring *ring = f->ring;
	ssize_t ret;
	int tries;

	ret = ring_subscribe_default(f, nolock);
	if (ret)
		return ret;
	for (tries = 0;; tries++) {
		/* Mostly there is something: then it does without the queue. Who waits for many looks first. */
		if (deadline != RING_NOW && (tries || (f->sub.watermark > 1 && !ring_subscriber_ready(f)))) {
			ret = ring_sleep(ring, &ring->readers, ring_subscriber_arm, f, deadline);
			if (ret)
				return ret;
		}
		ret = ring_file_lock(f, nolock);
		if (ret)
			return ret;
		ret = now(f, arg);
		mutex_unlock(&f->lock);
		if (ret != -EAGAIN)
			return ret;
		/* An edge-triggered poller that finds nothing is to be told of the next record. */
		if (deadline == RING_NOW &&
		    (!READ_ONCE(f->polled) || !ring_subscriber_arm(f) || tries > RING_CLAIM_TRIES))
			return ret;
		/* Another thread was quicker, or moves the cursor about for ever. */
		if (deadline != RING_NOW && signal_pending(current))
			return -ERESTARTSYS;
		cond_resched();
	}
}

ssize_t ring_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct sink sink = { .iter = to, .room = iov_iter_count(to) };
	bool nolock = iocb->ki_flags & IOCB_NOWAIT;
	bool nowait = nolock || iocb->ki_filp->f_flags & O_NONBLOCK;

	if (!sink.room)
		return 0;
	return take(iocb->ki_filp->private_data, read_now, &sink, nowait ? RING_NOW : RING_NEVER, nolock);
}

/* The same without an iterator: see ring_write(). */
ssize_t ring_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct sink sink = { .buf = buf, .room = len };

	if (!len)
		return 0;
	return take(file->private_data, read_now, &sink, file->f_flags & O_NONBLOCK ? RING_NOW : RING_NEVER, false);
}

/* Tell the caller of @n records; of how many it could be told, where its array ends among them. */
static u32 tell(struct ring_read_record __user *to, const struct ring_read_record *records, u32 n)
{
	u32 told = 0;

	if (!copy_to_user(to, records, n * sizeof(*records)))
		return n;
	/* How much of all was copied a processor may know only roughly. */
	while (told < n && !copy_to_user(to + told, records + told, sizeof(*records)))
		told++;
	return told;
}

/* Under f->lock: what is ready and fits. The cursor moves over what the caller has been told of. */
static ssize_t read_many_now(struct ring_file *f, void *data)
{
	struct ring_read *arg = data;
	struct ring_read_record __user *records = u64_to_user_ptr(arg->records);
	struct ring_read_record some[SOME] ring_uninitialized;
	u64 cursor = READ_ONCE(f->sub.cursor->cursor), next = cursor, at = cursor, tail;
	u8 __user *buf = u64_to_user_ptr(arg->buf);
	struct ring *ring = f->ring;
	const struct ring_mem mem = ring->mem;	/* a copy: the compiler cannot know that nobody changes it */
	u32 offset = 0, n, told;
	struct taken t;
	int ret = 1;

	lockdep_assert_held(&f->lock);
	while (ret > 0 && arg->taken < arg->count) {
		ret = ring_error(ring) ?: 1;
		tail = smp_load_acquire(&mem.control->tail);	/* RB_TAIL walk/B */
		for (n = 0; ret > 0 && n < min_t(u32, arg->count - arg->taken, SOME); n++) {
			if (!next_record(&mem, tail, at, &t)) {
				ret = find_record(ring, at, &t);
				if (ret <= 0)
					break;
			}
			if (t.len > arg->buf_len - offset) {
				arg->needed = t.len;
				ret = -EMSGSIZE;
				break;
			}
			copy_begin(&f->sub);
			ret = ring_copy_out(buf + offset, t.payload, t.len) ? -EFAULT : 1;
			copy_end(&f->sub);
			if (ret > 0 && ring_mem_lapped(&mem, at))	/* RB_LAPPED read/C */
				ret = -EOVERFLOW;
			if (ret <= 0)
				break;
			some[n] = (struct ring_read_record){ t.sequence, offset, t.len, t.tag, 0 };
			at = t.next;
			offset = min_t(u64, ALIGN((u64)offset + t.len, 8), arg->buf_len);
		}
		told = tell(records + arg->taken, some, n);
		arg->taken += told;
		if (told)
			next = told < n ? some[told].sequence : at;
		if (told < n)
			ret = -EFAULT;
	}
	if (!arg->taken && ret == -EOVERFLOW)
		return catch_up(f);
	if (!arg->taken && (ret == -EAGAIN || !ret))
		next = t.next;
	if (next != cursor)
		release(f, next, arg->taken);
	return arg->taken ? 0 : ret;
}

/**
 * ring_read_many - take many records in one call
 * @f: the subscriber; becomes one if it is none
 * @arg: the call's argument; taken and needed are filled in
 */
int ring_read_many(struct ring_file *f, struct ring_read *arg)
{
	arg->taken = 0;
	arg->needed = 0;
	if (!arg->count || arg->count > RING_BATCH_MAX)
		return -EINVAL;
	return take(f, read_many_now, arg, arg->deadline, false);
}

/**
 * ring_look_alone - ring_look() by one who has not come by the records before
 * @ring: the ring
 * @sequence: a caller's argument
 * @state: what its slot says
 *
 * What lies in a batch is not there before the batch is committed, and never if it is discarded; the first slot of the
 * batch tells, the last one before this that names an owner. At most as many steps as a claim has slots. Then another
 * look, for when the batch was committed in between: what it did not use is discarded before that.
 */
enum ring_look ring_look_alone(const struct ring *ring, u64 sequence, u64 *state)
{
	const struct ring_mem *mem = &ring->mem;
	enum ring_look look = ring_look(ring, sequence, state), before;
	u64 tail = smp_load_acquire(&mem->control->tail);	/* RB_TAIL walk/B */
	u64 s, first;

	if (look == RING_LOOK_BUSY || look == RING_LOOK_PASSED || (look != RING_LOOK_EMPTY && ring_state_owner(*state)))
		return look;
	for (s = sequence; (s64)(s - tail) > 0 && sequence - s < mem->k_max;) {
		before = ring_mem_look(mem, --s, &first);
		if (before == RING_LOOK_EMPTY || (before != RING_LOOK_PASSED && !ring_state_owner(first)))
			continue;
		if (sequence - s >= ring_state_k(first))
			break;
		if (before == RING_LOOK_BUSY || (before == RING_LOOK_SKIP && look != RING_LOOK_EMPTY))
			return before;
		break;
	}
	return ring_look(ring, sequence, state);
}

/* The record at @arg->sequence, copied out; -EOVERFLOW: overwritten in the middle of it. */
static int get_now(struct ring *ring, struct ring_get *arg)
{
	const struct ring_mem *mem = &ring->mem;
	u64 sequence = arg->sequence, state;
	struct taken t;
	int ret;

	if (ring_mem_lapped(mem, sequence))
		return -ENODATA;
	switch (ring_look_alone(ring, sequence, &state)) {
	case RING_LOOK_EMPTY:
		if ((s64)(sequence - ring_head(ring)) >= 0)
			return -EAGAIN;
		/* Claimed since it was looked at, or the inside of a record. */
		if (ring_look(ring, sequence, &state) != RING_LOOK_EMPTY)
			return -EOVERFLOW;
		return ring_mem_lapped(mem, sequence) ? -ENODATA : -EINVAL;
	case RING_LOOK_BUSY:
		return -EAGAIN;
	case RING_LOOK_SKIP:
	case RING_LOOK_PASSED:
		return -ENODATA;
	case RING_LOOK_READY:
		break;
	}
	ret = open_record(mem, ring_mem_slot(mem, sequence), sequence, ring_state_k(state), &t);
	if (ret)
		return corrupt_unless_lapped(ring, sequence);
	arg->len = t.len;
	arg->tag = t.tag;
	/* As at copy_begin() */
	if (t.len <= arg->buf_len && data_race(ring_copy_out(u64_to_user_ptr(arg->buf), t.payload, t.len)))
		return -EFAULT;
	if (ring_mem_lapped(mem, sequence))			/* RB_LAPPED read/C */
		return -EOVERFLOW;
	return t.len <= arg->buf_len ? 0 : -EMSGSIZE;
}

/**
 * ring_get - copy one record out by its sequence, or the latest
 * @f: the file; needs no cursor
 * @arg: the call's argument; sequence, len and tag are filled in
 *
 * The latest is looked for again when it is overwritten meanwhile, by whole laps. That so many times over
 * means that somebody makes it so: -EAGAIN.
 */
int ring_get(struct ring_file *f, struct ring_get *arg)
{
	struct ring *ring = f->ring;
	bool latest = arg->flags & RING_GET_LATEST;
	int tries = 0, ret;
	u64 head;

	do {
		if (tries && signal_pending(current))
			return -ERESTARTSYS;
		if (latest) {
			ret = ring_find_latest(ring, &arg->sequence, &head);
			if (ret == -EUCLEAN)
				return ring_corrupt(ring);
			if (ret == -ENODATA)
				return -EAGAIN;
			if (ret)
				continue;
		}
		ret = get_now(ring, arg);
		if (latest && ret == -ENODATA)
			ret = -EOVERFLOW;
	} while ((ret == -EOVERFLOW || (latest && ret == -EAGAIN)) && tries++ < RING_CLAIM_TRIES);
	return ret == -EOVERFLOW ? -EAGAIN : ret;
}

/* Bytes that the next read() can give at most, 0 for none: FIONREAD */
int ring_next_length(struct ring_file *f)
{
	struct taken t;
	size_t part;

	if (!ring_is_subscriber(f) || find_record(f->ring, READ_ONCE(f->sub.cursor->cursor), &t) != 1)
		return 0;
	part = READ_ONCE(f->sub.part_sequence) == t.sequence ? READ_ONCE(f->sub.part) : 0;
	return t.len - min_t(size_t, part, t.len);
}

struct wait_for {
	struct ring *ring;
	u64 sequence;
};

static bool arrived(void *wait_for)
{
	struct wait_for *w = wait_for;
	const struct ring_mem *mem = &w->ring->mem;
	bool armed = false;
	u32 status;
	u64 state;

	for (;; armed = true) {
		status = smp_load_acquire(&mem->control->status);	/* RB_SHUTDOWN end/G */
		switch (ring_look_alone(w->ring, w->sequence, &state)) {
		case RING_LOOK_EMPTY:
			if (ring_ended(status) || ring_mem_lapped(mem, w->sequence))
				return true;
			break;
		case RING_LOOK_BUSY:
			ring_note_busy(w->ring, w->sequence);
			if (ring_status_error(status))
				return true;
			break;
		default:
			return true;
		}
		if (armed)
			return false;
		ring_arm_data(w->ring, w->sequence);
	}
}

/**
 * ring_wait_data - sleep until there is something to read
 * @f: the file
 * @sequence: until the record there is no longer on its way; RING_NONE: until a read() would not sleep
 * @deadline: how long
 */
int ring_wait_data(struct ring_file *f, u64 sequence, u64 deadline)
{
	struct wait_for wait_for = { f->ring, sequence };
	struct ring *ring = f->ring;
	int ret;

	if (sequence == RING_NONE) {
		ret = ring_subscribe_default(f, false);
		if (ret)
			return ret;
		ret = ring_sleep(ring, &ring->readers, ring_subscriber_arm, f, deadline);
	} else {
		ret = ring_sleep(ring, &ring->readers, arrived, &wait_for, deadline);
	}
	return ret ?: ring_error(ring);
}
