/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring - tracepoints, in /sys/kernel/tracing/events/ring/. What each one tells, and what none of them can
 * see, is in Documentation/trace/events-ring.rst.
 *
 * A tracepoint is given what its caller has at hand and finds the rest itself, so that one that is off is a
 * no-operation. Publishing, release and reclaim are told just before others can see them, so that they come in
 * this order in the trace as well.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ring

#if !defined(RING_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RING_TRACE_H

#include <linux/tracepoint.h>

#include "internal.h"

TRACE_DEFINE_ENUM(RING_BLOCK);
TRACE_DEFINE_ENUM(RING_OVERWRITE);

TRACE_EVENT(ring_create,
	TP_PROTO(const struct ring *r),
	TP_ARGS(r),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(u32, slots)
		__field(u32, slot_size)
		__field(u64, size)
		__field(u32, policy)
		__field(bool, direct)
	),
	TP_fast_assign(
		__entry->ring = r->id;
		__entry->slots = r->geometry.slots;
		__entry->slot_size = r->geometry.slot_size;
		__entry->size = r->geometry.size;
		__entry->policy = r->geometry.policy;
		__entry->direct = r->geometry.flags & RING_DIRECT;
	),
	TP_printk("ring%d slots=%u slot_size=%u size=%llu policy=%s direct=%d", __entry->ring, __entry->slots,
		  __entry->slot_size, __entry->size,
		  __print_symbolic(__entry->policy, { RING_BLOCK, "block" }, { RING_OVERWRITE, "overwrite" }),
		  __entry->direct)
);

TRACE_EVENT(ring_destroy,
	TP_PROTO(const struct ring *r),
	TP_ARGS(r),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(u64, tail)
		__field(u32, subscribers)
		__field(u32, producers)
	),
	TP_fast_assign(
		__entry->ring = r->id;
		__entry->tail = READ_ONCE(r->mem.control->tail);
		__entry->subscribers = READ_ONCE(r->subscriber_count);
		__entry->producers = READ_ONCE(r->producer_count);
	),
	TP_printk("ring%d tail=%llu subscribers=%u producers=%u", __entry->ring, __entry->tail,
		  __entry->subscribers, __entry->producers)
);

TRACE_EVENT(ring_publish,
	TP_PROTO(const struct ring_file *f, u64 sequence, u32 slots, u32 len, u32 tag),
	TP_ARGS(f, sequence, slots, len, tag),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(u64, sequence)
		__field(u32, slots)
		__field(u32, len)
		__field(u32, tag)
		__field(u32, owner)
	),
	TP_fast_assign(
		__entry->ring = f->ring->id;
		__entry->sequence = sequence;
		__entry->slots = slots;
		__entry->len = len;
		__entry->tag = tag;
		__entry->owner = READ_ONCE(f->prod.owner);
	),
	TP_printk("ring%d sequence=%llu slots=%u len=%u tag=%u owner=%u", __entry->ring, __entry->sequence,
		  __entry->slots, __entry->len, __entry->tag, __entry->owner)
);

DECLARE_EVENT_CLASS(ring_cursor,
	TP_PROTO(const struct ring_file *f, u64 cursor, u64 next, u64 records),
	TP_ARGS(f, cursor, next, records),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(u32, subscriber)
		__field(u64, cursor)
		__field(u64, next)
		__field(u64, records)
	),
	TP_fast_assign(
		__entry->ring = f->ring->id;
		__entry->subscriber = f->sub.id;
		__entry->cursor = cursor;
		__entry->next = next;
		__entry->records = records;
	),
	TP_printk("ring%d subscriber=%u cursor=%llu next=%llu records=%llu", __entry->ring,
		  __entry->subscriber, __entry->cursor, __entry->next, __entry->records)
);

DEFINE_EVENT(ring_cursor, ring_release,
	TP_PROTO(const struct ring_file *f, u64 cursor, u64 next, u64 records),
	TP_ARGS(f, cursor, next, records)
);

DEFINE_EVENT(ring_cursor, ring_overrun,
	TP_PROTO(const struct ring_file *f, u64 cursor, u64 next, u64 records),
	TP_ARGS(f, cursor, next, records)
);

TRACE_EVENT(ring_sleep,
	TP_PROTO(const struct ring *r, bool writer, u64 deadline),
	TP_ARGS(r, writer, deadline),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(bool, writer)
		__field(u64, tail)
		__field(u64, wake_data)
		__field(u64, wake_space)
		__field(u64, deadline)
	),
	TP_fast_assign(
		__entry->ring = r->id;
		__entry->writer = writer;
		__entry->tail = READ_ONCE(r->mem.control->tail);
		__entry->wake_data = READ_ONCE(r->mem.control->wake_data);
		__entry->wake_space = READ_ONCE(r->mem.control->wake_space);
		__entry->deadline = deadline;
	),
	TP_printk("ring%d %s tail=%llu wake_data=%lld wake_space=%lld deadline=%lld", __entry->ring,
		  __entry->writer ? "writer" : "reader", __entry->tail, __entry->wake_data,
		  __entry->wake_space, __entry->deadline)
);

TRACE_EVENT(ring_wake,
	TP_PROTO(struct ring *r, bool writers),
	TP_ARGS(r, writers),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(bool, writers)
		__field(u64, tail)
		__field(bool, waiting)
	),
	TP_fast_assign(
		__entry->ring = r->id;
		__entry->writers = writers;
		__entry->tail = READ_ONCE(r->mem.control->tail);
		/* only told */
		__entry->waiting = waitqueue_active(writers ? &r->writers : &r->readers);
	),
	TP_printk("ring%d %s tail=%llu waiting=%d", __entry->ring, __entry->writers ? "writers" : "readers",
		  __entry->tail, __entry->waiting)
);

TRACE_EVENT(ring_reclaim,
	TP_PROTO(const struct ring *r, const struct ring_mark *next, u64 discarded),
	TP_ARGS(r, next, discarded),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(u64, tail)
		__field(u64, next)
		__field(u64, records)
		__field(u64, discarded)
	),
	TP_fast_assign(
		__entry->ring = r->id;
		__entry->tail = r->mem.control->tail;
		__entry->next = next->tail;
		__entry->records = next->ordinal - ring_mem_mark_read(&r->mem).ordinal;
		__entry->discarded = discarded - r->mem.control->discarded;
	),
	TP_printk("ring%d tail=%llu next=%llu records=%llu discarded=%llu", __entry->ring, __entry->tail,
		  __entry->next, __entry->records, __entry->discarded)
);

TRACE_EVENT(ring_reap,
	TP_PROTO(const struct ring_file *f, u64 sequence, u32 slots),
	TP_ARGS(f, sequence, slots),
	TP_STRUCT__entry(
		__field(int, ring)
		__field(u64, sequence)
		__field(u32, slots)
		__field(u32, owner)
		__field(pid_t, pid)
		__array(char, comm, TASK_COMM_LEN)
	),
	TP_fast_assign(
		__entry->ring = f->ring->id;
		__entry->sequence = sequence;
		__entry->slots = slots;
		__entry->owner = f->prod.owner;
		__entry->pid = pid_nr(f->pid);
		memcpy(__entry->comm, f->comm, TASK_COMM_LEN);
	),
	TP_printk("ring%d sequence=%llu slots=%u owner=%u pid=%d comm=%s", __entry->ring, __entry->sequence,
		  __entry->slots, __entry->owner, __entry->pid, __entry->comm)
);

#endif /* RING_TRACE_H */

/* Found through -I, in a kernel tree as outside of it */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
