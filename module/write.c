// SPDX-License-Identifier: GPL-2.0
/* ring - publishing: room, claim, copy, commit */

#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"
#include "user.h"

/* Records up to this long are copied in before they are claimed. */
#define COPY_FIRST	256

/* Attempts to copy straight into the ring before the record is copied in first after all */
#define COPY_TRIES	3

/* So many of an array are copied in at a time. */
#define SOME		32

/**
 * struct source - where a record's bytes come from
 * @iter: from there, if it is not NULL
 * @buf: else from here
 * @len: how many
 */
struct source {
	struct iov_iter *iter;
	const void __user *buf;
	size_t len;
};

struct space {
	struct ring *ring;
	u32 k;
};

/* What the ring's status answers to a writer */
static int write_error(const struct ring *ring)
{
	u32 status = READ_ONCE(ring->mem.control->status);

	return !status ? 0 : ring_status_error(status) ?: -EPIPE;
}

static bool space_arm(void *space)
{
	struct space *s = space;

	return ring_room_arm(s->ring, s->k, false);
}

/* Sleep until a record of @k slots has room. */
int ring_wait_space(struct ring *ring, u32 k, u64 deadline)
{
	struct space space = { ring, k };
	int ret;

	ret = ring_sleep(ring, &ring->writers, space_arm, &space, deadline);
	return ret ?: write_error(ring);
}

static void wake_data(struct ring *ring, u64 end)
{
	if (ring_mem_wakes_data(&ring->mem, end))	/* RB_DATA commit/D */
		ring_wake_readers(ring);
}

/* @k slots at @sequence are claimed: whether in time. */
static __always_inline int claimed(struct ring_file *f, u32 k, u64 sequence)
{
	struct ring *ring = f->ring;

	WRITE_ONCE(f->prod.next, sequence + k);
	/* Each time: by this an exclusive producer knows that there was a claim on its behalf. */
	WRITE_ONCE(ring->mem.producers->hint, sequence);
	/* RB_SHUTDOWN claim/G: readers may have seen the end of file here. */
	if (likely(!(READ_ONCE(ring->mem.control->status) & (RING_STATUS_SHUTDOWN | RING_STATUS_CLOSING))))
		return 0;
	ring_mem_discard(&ring->mem, sequence, k, READ_ONCE(f->prod.owner));
	wake_data(ring, sequence + k);
	return -EPIPE;
}

/* ring_mem_claim() until there is room, @deadline, or a signal */
static noinline int claim_patiently(struct ring_file *f, u32 k, u64 deadline, u64 *sequence)
{
	struct ring *ring = f->ring;
	int tries, ret;

	for (tries = 0;; tries++) {
		/* Others took every room there was. Whoever writes to a direct ring could make it so for ever. */
		if (tries > RING_CLAIM_TRIES) {
			if (deadline != RING_NEVER && ktime_get_ns() >= deadline)
				return deadline == RING_NOW ? -EAGAIN : -ETIMEDOUT;
			if (signal_pending(current))
				return -ERESTARTSYS;
		}
		if (tries && deadline != RING_NOW)
			cond_resched();
		ret = write_error(ring);
		if (ret)
			return ret;
		switch (ring_mem_claim(&ring->mem, READ_ONCE(f->prod.owner), k, READ_ONCE(f->prod.next), sequence)) {
		case RING_CLAIMED:
			return claimed(f, k, *sequence);
		case RING_CLAIM_FULL:
			ret = ring_wait_space(ring, k, deadline);
			if (ret)
				return ret;
			break;
		case RING_CLAIM_AGAIN:
			break;
		case RING_CLAIM_CORRUPT:
			return ring_corrupt(ring);
		}
	}
}

/* Claim @k slots. Mostly there is room behind the last claim of one's own, and nobody has claimed since. */
static __always_inline int claim(struct ring_file *f, u32 k, u64 deadline, u64 *sequence)
{
	u64 next = READ_ONCE(f->prod.next);

	if (likely(!write_error(f->ring) && ring_mem_claim_here(&f->ring->mem, READ_ONCE(f->prod.owner), k, next))) {
		*sequence = next;
		return claimed(f, k, next);
	}
	return claim_patiently(f, k, deadline, sequence);
}

static __always_inline void commit(struct ring_file *f, struct ring_slot *slot, u64 sequence, u32 k, u32 word, u32 tag)
{
	ring_slot_describe(slot, word, tag);
	trace_ring_publish(f, sequence, k, word & ~RING_LEN_BULK, tag);
	ring_slot_commit(&f->ring->mem, slot, sequence, k, f->prod.owner);	/* RB_PAYLOAD commit/A */
}

/* Claim, copy from the kernel's own memory, commit. @end: becomes where the record ends. */
static __always_inline int put(struct ring_file *f, const void *source, size_t len, u32 tag, u64 deadline,
			       u64 *sequence, u64 *end)
{
	const struct ring_mem *mem = &f->ring->mem;
	u32 word = ring_mem_len_word(mem, len), k = ring_mem_slots_for(mem, len);
	struct ring_slot *slot;
	int ret;

	ret = claim(f, k, deadline, sequence);
	if (ret)
		return ret;
	slot = ring_mem_slot(mem, *sequence);
	memcpy(ring_slot_payload(mem, slot, *sequence, word), source, len);
	commit(f, slot, *sequence, k, word, tag);
	*end = *sequence + k;
	return 0;
}

/* Whether all of it could be copied */
static __always_inline bool copy_in(void *to, const struct source *from)
{
	return from->iter ? _copy_from_iter(to, from->len, from->iter) == from->len :
			    !ring_copy_in(to, from->buf, from->len);
}

/*
 * Between claim and commit nothing may sleep, so that no reader waits for this caller's page faults: a short record
 * is copied in first.
 */
static __always_inline int publish_short(struct ring_file *f, const struct source *from, u32 tag, u64 deadline,
					 u64 *sequence, u64 *end)
{
	u8 copy[COPY_FIRST] ring_uninitialized;

	if (!copy_in(copy, from))
		return -EFAULT;
	return put(f, copy, from->len, tag, deadline, sequence, end);
}

static int publish_copied(struct ring_file *f, const struct source *from, u32 tag, u64 deadline,
			  u64 *sequence, u64 *end)
{
	void *copy;
	int ret;

	if (deadline == RING_NOW)
		return -EAGAIN;
	copy = kvmalloc(from->len, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_in(copy, from))
		ret = put(f, copy, from->len, tag, deadline, sequence, end);
	kvfree(copy);
	return ret;
}

/*
 * Of a long one the pages are faulted in first. Should they be gone again by the time of the copy, the claim is
 * discarded; when that goes on, it is copied in first after all.
 */
static noinline int publish_long(struct ring_file *f, const struct source *from, u32 tag, u64 deadline,
				 u64 *sequence, u64 *end)
{
	const struct ring_mem *mem = &f->ring->mem;
	u32 word = ring_mem_len_word(mem, from->len), k = ring_mem_slots_for(mem, from->len);
	int tries, ret;

	for (tries = 0; tries < COPY_TRIES; tries++) {
		if (from->iter ? fault_in_iov_iter_readable(from->iter, from->len) :
				 fault_in_readable(from->buf, from->len))
			return -EFAULT;
		ret = claim(f, k, deadline, sequence);
		if (ret)
			return ret;
		*end = *sequence + k;
		pagefault_disable();
		ret = copy_in(ring_mem_payload(mem, *sequence, word), from);
		pagefault_enable();
		if (ret) {
			commit(f, ring_mem_slot(mem, *sequence), *sequence, k, word, tag);
			return 0;
		}
		ring_mem_discard(mem, *sequence, k, f->prod.owner);
		wake_data(f->ring, *end);
		if (from->iter)
			iov_iter_revert(from->iter, from->len - iov_iter_count(from->iter));
	}
	return publish_copied(f, from, tag, deadline, sequence, end);
}

/* Publish one record, but for the wake-up. */
static __always_inline int publish(struct ring_file *f, const struct source *from, u32 tag, u64 deadline,
				   u64 *sequence, u64 *end)
{
	const struct ring_mem *mem = &f->ring->mem;
	u32 k;

	if (from->len > mem->longest)
		return -EMSGSIZE;
	k = ring_mem_slots_for(mem, from->len);
	if (READ_ONCE(f->prod.longest_k) < k)
		WRITE_ONCE(f->prod.longest_k, k);
	if (from->len <= COPY_FIRST)
		return publish_short(f, from, tag, deadline, sequence, end);
	return publish_long(f, from, tag, deadline, sequence, end);
}

static __always_inline ssize_t write(struct ring_file *f, const struct source *from, bool nowait)
{
	u64 sequence, end = RING_NONE;
	int ret;

	if (!from->len)
		return 0;
	ret = ring_produce_default(f);
	if (ret)
		return ret;
	ret = publish(f, from, 0, nowait ? RING_NOW : RING_NEVER, &sequence, &end);
	if (ret)
		return ret;
	wake_data(f->ring, end);
	return from->len;
}

ssize_t ring_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct source source = { .iter = from, .len = iov_iter_count(from) };
	struct file *file = iocb->ki_filp;

	return write(file->private_data, &source, iocb->ki_flags & IOCB_NOWAIT || file->f_flags & O_NONBLOCK);
}

/* The same without an iterator, which takes longer to be made and gone through than a short record to be published */
ssize_t ring_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct source source = { .buf = buf, .len = len };

	return write(file->private_data, &source, file->f_flags & O_NONBLOCK);
}

/*
 * So many of @n records, from the first on, as are short enough to be copied straight into a batch; how many were.
 * The pages may not be there: those records, and what has no room, are for publish_next(). @end as with put().
 */
static u32 publish_batch(struct ring_file *f, const struct ring_publish_record *records, u32 n, u64 *sequence, u64 *end)
{
	const struct ring_mem mem = f->ring->mem;	/* a copy: the compiler cannot know that nobody changes it */
	u32 longest = min_t(u32, mem.inline_max, COPY_FIRST), count = 0, done = 0, owner, i;
	u64 s;

	n = min(n, mem.k_max);
	while (count < n && records[count].len <= longest)
		count++;
	if (count < 2 || claim(f, count, RING_NOW, sequence))
		return 0;
	owner = READ_ONCE(f->prod.owner);
	s = *sequence;
	pagefault_disable();
	for (; done < count; done++, s++) {
		const struct ring_publish_record *r = &records[done];
		struct ring_slot *slot = ring_mem_slot(&mem, s);

		if (ring_copy_in(slot + 1, u64_to_user_ptr(r->addr), r->len))
			break;
		ring_slot_describe(slot, r->len, r->tag);
		trace_ring_publish(f, s, 1, r->len, r->tag);
		if (done)
			ring_mem_batch_store(&mem, s, 1, RING_COMMITTED);
	}
	pagefault_enable();
	for (i = done; i < count && done; i++)
		ring_mem_batch_store(&mem, s++, 1, RING_DISCARDED);
	if (done)
		ring_mem_commit(&mem, *sequence, 1, owner);		/* RB_PAYLOAD commit/A */
	else
		ring_mem_discard(&mem, *sequence, count, owner);
	*end = *sequence + count;
	if (done < count)
		wake_data(f->ring, *end);
	return done;
}

/* One of many; @end as with put(). */
static int publish_next(struct ring_file *f, const struct ring_publish_record *r, u64 deadline, u64 *sequence, u64 *end)
{
	struct source from = { .buf = u64_to_user_ptr(r->addr), .len = r->len };
	int ret;

	ret = publish(f, &from, r->tag, RING_NOW, sequence, end);
	if (ret != -EAGAIN || deadline == RING_NOW)
		return ret;
	/* About to sleep for readers: they must know what there is. */
	if (*end != RING_NONE)
		wake_data(f->ring, *end);
	return publish(f, &from, r->tag, deadline, sequence, end);
}

/**
 * ring_publish_many - publish an array of records, with one look at the wake word
 * @f: the file
 * @arg: the call's argument; published and sequence are filled in
 */
int ring_publish_many(struct ring_file *f, struct ring_publish *arg)
{
	const struct ring_publish_record __user *records = u64_to_user_ptr(arg->records);
	struct ring_publish_record some[SOME] ring_uninitialized;
	u64 sequence, end = RING_NONE;
	u32 i, n;
	int ret;

	arg->published = 0;
	if (!arg->count || arg->count > RING_BATCH_MAX)
		return -EINVAL;
	ret = ring_produce_default(f);
	while (!ret && arg->published < arg->count) {
		n = min_t(u32, arg->count - arg->published, SOME);
		/* An array that ends in the middle of them: those before that are published. */
		n -= DIV_ROUND_UP(copy_from_user(some, records + arg->published, n * sizeof(*some)), sizeof(*some));
		if (!n)
			ret = -EFAULT;
		i = n ? publish_batch(f, some, n, &sequence, &end) : 0;
		if (i && !arg->published)
			arg->sequence = sequence;
		arg->published += i;
		for (; i < n; i++) {
			ret = publish_next(f, &some[i], arg->deadline, &sequence, &end);
			if (ret)
				break;
			if (!arg->published++)
				arg->sequence = sequence;
		}
		/* It can be a long way. */
		cond_resched();
		if (signal_pending(current))
			break;
	}
	if (!arg->published)
		return ret;
	wake_data(f->ring, end);
	return 0;
}
