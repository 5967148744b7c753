// SPDX-License-Identifier: GPL-2.0
/*
 * ring - sleeping and waking
 *
 * Who sleeps first queues up, then arms: it lowers a wake word to what it waits for, then looks again.
 * Who commits or releases looks at the word. It clears the word and wakes the whole queue; who is not
 * served arms again. Every clearing is followed by a wake of everybody who was queued when it was cleared.
 */

#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "internal.h"
#include "trace.h"

/*
 * RB_DATA sleep/D, RB_SPACE sleep/E: the wake word before the look that follows. An unlock and a later
 * load may be seen in either order, hence the full barrier. Pairs with commit/D and release/E.
 */
#define armed()	smp_mb()

static void lower(u64 *word, u64 value)
{
	if (value < *word)
		WRITE_ONCE(*word, value);
}

/* From now on a commit of @sequence or beyond wakes the readers. */
void ring_arm_data(struct ring *ring, u64 sequence)
{
	spin_lock(&ring->lock);
	lower(&ring->mem.control->wake_data, sequence);
	spin_unlock(&ring->lock);
	armed();
}

/* Once a ring was shut down, is corrupt or gone, also who polls for nothing else is woken. */
static __poll_t ends(const struct ring *ring)
{
	return READ_ONCE(ring->mem.control->status) ? EPOLLHUP | EPOLLERR : 0;
}

static void wake_queue_of_writers(struct ring *ring)
{
	atomic64_inc(&ring->writer_wakes);
	trace_ring_wake(ring, true);
	wake_up_poll(&ring->writers, EPOLLOUT | EPOLLWRNORM | ends(ring));
	kill_fasync(&ring->fasync_writers, SIGIO, POLL_OUT);
}

/*
 * Forget a wake_space that no cursor can cross any more: who armed it and then found room left it behind, or its
 * crossing was missed by one who looked at the word before it was there. It would keep higher ones out. Whether
 * it was so: then the queue must be woken, for those whose own need it stood for.
 */
static bool forget_crossed(struct ring *ring)
{
	u64 *word = &ring->mem.control->wake_space;

	lockdep_assert_held(&ring->lock);
	if (*word > ring_lowest_cursor(ring))
		return false;
	WRITE_ONCE(*word, RING_NONE);
	return true;
}

/*
 * From now on a cursor that gets to @cursor, or a commit of @busy or beyond, wakes the writers.
 *
 * Only crossing wake_space wakes, and a crossing may come before the word: so it is looked at again behind the
 * barrier. That the caller then finds room does not help those whose higher word it has lowered.
 */
void ring_arm_space(struct ring *ring, u64 cursor, u64 busy)
{
	bool wake;

	spin_lock(&ring->lock);
	wake = forget_crossed(ring);
	if (cursor > ring_lowest_cursor(ring))
		lower(&ring->mem.control->wake_space, cursor);
	if (busy != RING_NONE) {
		lower(&ring->mem.control->wake_data, busy);
		ring->writers_want_data = true;
	}
	armed();
	wake |= forget_crossed(ring);
	spin_unlock(&ring->lock);
	if (wake)
		wake_queue_of_writers(ring);
}

/* From now on a tail beyond @cursor wakes the readers. */
void ring_arm_lost(struct ring *ring, u64 cursor)
{
	spin_lock(&ring->lock);
	lower(&ring->wake_lost, cursor);
	spin_unlock(&ring->lock);
}

/* Wake who sleeps for data. */
void ring_wake_readers(struct ring *ring)
{
	bool writers_too;

	spin_lock(&ring->lock);
	WRITE_ONCE(ring->mem.control->wake_data, RING_NONE);
	writers_too = ring->writers_want_data;
	ring->writers_want_data = false;
	spin_unlock(&ring->lock);
	atomic64_inc(&ring->reader_wakes);
	trace_ring_wake(ring, false);
	wake_up_poll(&ring->readers, EPOLLIN | EPOLLRDNORM | EPOLLPRI | ends(ring));
	kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
	if (writers_too)
		wake_queue_of_writers(ring);
}

/* Wake who sleeps for space. */
void ring_wake_writers(struct ring *ring)
{
	spin_lock(&ring->lock);
	WRITE_ONCE(ring->mem.control->wake_space, RING_NONE);
	spin_unlock(&ring->lock);
	wake_queue_of_writers(ring);
}

/**
 * ring_sleep - sleep until something is so
 * @ring: the ring
 * @queue: its readers or its writers
 * @ready: whether it is; when not, it arms the wake word
 * @arg: for @ready
 * @deadline: CLOCK_MONOTONIC ns, RING_NOW or RING_NEVER
 *
 * Returns 0, -EAGAIN for RING_NOW, -ETIMEDOUT, or -ERESTARTSYS for a signal.
 */
int ring_sleep(struct ring *ring, struct wait_queue_head *queue, bool (*ready)(void *), void *arg,
	       u64 deadline)
{
	bool writer = queue == &ring->writers;
	ktime_t expires = ns_to_ktime(min_t(u64, deadline, KTIME_MAX));
	DEFINE_WAIT(wait);
	bool expired = false;
	int ret;

	for (;;) {
		ret = prepare_to_wait_event(queue, &wait, TASK_INTERRUPTIBLE);
		if (ready(arg)) {
			ret = 0;
			break;
		}
		/* Who does not sleep is not interrupted. */
		if (deadline == RING_NOW)
			ret = -EAGAIN;
		else if (!ret && expired)
			ret = -ETIMEDOUT;
		if (ret)
			break;
		atomic64_inc(writer ? &ring->writer_sleeps : &ring->reader_sleeps);
		trace_ring_sleep(ring, writer, deadline);
		if (deadline == RING_NEVER)
			schedule();
		else
			expired = !schedule_hrtimeout(&expires, HRTIMER_MODE_ABS);
		/* Mostly that was it: no need to queue up again. If not, what this arms is armed again then. */
		if (ready(arg)) {
			ret = 0;
			break;
		}
	}
	finish_wait(queue, &wait);
	return ret;
}

__poll_t ring_poll(struct file *file, struct poll_table_struct *wait)
{
	struct ring_file *f = file->private_data;
	struct ring *ring = f->ring;
	__poll_t asked = poll_requested_events(wait);
	__poll_t ret = 0;
	bool waits = false;
	u32 status;

	poll_wait(file, &ring->readers, wait);
	if (f->mode & FMODE_WRITE)
		poll_wait(file, &ring->writers, wait);
	WRITE_ONCE(f->polled, true);

	/* Not for EPOLLPRI, which io_uring asks for whatever it waits for. A signal is the caller's to notice. */
	if (f->mode & FMODE_READ && asked & (EPOLLIN | EPOLLRDNORM)) {
		int err = ring_subscribe_default(f, false);

		if (err && err != -ERESTARTSYS)
			ret |= EPOLLERR;
	}
	if (ring_is_subscriber(f) && asked & (EPOLLIN | EPOLLRDNORM | EPOLLPRI)) {
		u64 cursor = READ_ONCE(f->sub.cursor->cursor);

		if (asked & EPOLLPRI)
			ring_arm_lost(ring, cursor);
		if (ring_mem_lapped(&ring->mem, cursor))
			ret |= EPOLLPRI;
		waits = !ring_subscriber_arm(f);
		if (!waits)
			ret |= EPOLLIN | EPOLLRDNORM;
	}
	if (f->mode & FMODE_WRITE && asked & (EPOLLOUT | EPOLLWRNORM) &&
	    ring_room_arm(ring, READ_ONCE(f->prod.longest_k), true))
		ret |= EPOLLOUT | EPOLLWRNORM;

	status = READ_ONCE(ring->mem.control->status);
	/* A reader has not come to the end while there is a record on its way. */
	if (status & RING_STATUS_SHUTDOWN && !waits)
		ret |= EPOLLHUP;
	if (ring_status_error(status))
		ret |= EPOLLERR;
	return ret;
}
