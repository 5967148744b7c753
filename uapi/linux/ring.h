/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ring - shared, permissioned, crash-safe ring buffers at /dev/ringN
 *
 * This header is the ABI and its manual. How the mapped memory is read and written is in
 * <linux/ring_protocol.h>; most programs use libring, which wraps both.
 *
 * A ring is a row of slots. A record is one published message; it takes one slot or several
 * consecutive ones. The sequence of a record (64 bits, from 0, never reused) is the number of its
 * first slot. A producer is an open file that publishes, a subscriber one that has a cursor: the
 * sequence of the next record it has not released. The tail is the sequence of the oldest retained
 * record, the head the one that the next record will get.
 *
 * Opening
 *	O_RDONLY subscribes, O_WRONLY publishes, O_RDWR may do both. A reader that asked for nothing
 *	becomes a subscriber with its first read(), poll() for input, lseek(), FIONREAD, O_ASYNC, or
 *	RING_IOC_CURSOR before it maps its cursor page: reliable on a block ring, lossy on an overwrite
 *	ring, at the oldest retained record. Mapping the other areas alone observes, and gates nobody. A
 *	writer that asked for nothing is attached as a shared producer by its first write. Both last until
 *	the file is released: until its last descriptor and its last mapping are gone.
 *
 * write(), writev()
 *	One record a call, all or nothing. Zero bytes publish nothing and return 0. EMSGSIZE: longer
 *	than the ring's longest record. EAGAIN: no room, and O_NONBLOCK (or RWF_NOWAIT) was given.
 *	EFAULT: bad address, nothing is visible to any reader. EPIPE: the ring was shut down.
 *	EBUSY: another file is the exclusive producer.
 *
 * read(), readv()
 *	The bytes of one record. What did not fit comes with the next reads of the same record; a read
 *	never crosses records. A record of length 0 (PUBLISH can make one) is passed over. 0: the ring
 *	was shut down and everything has been read. EAGAIN: nothing there, and O_NONBLOCK.
 *	EOVERFLOW: records were overwritten, or flushed, before they were read; told once, the count is
 *	in the cursor page and STAT, the next read goes on at the oldest retained record.
 *
 * poll(), select(), epoll, SIGIO
 *	EPOLLIN: a record (or as many slots as the watermark asks) is ready, or the ring was shut down.
 *	EPOLLOUT: a record as long as the longest this file wrote so far would not wait. EPOLLPRI:
 *	records were lost and read() has not told yet. EPOLLHUP: shut down. EPOLLERR: corrupt, or
 *	destroyed.
 *	An edge-triggered poller that takes records from the mapping must, when it finds the ring empty,
 *	call WAIT with RING_NOW, or be late for the next edge; libring does that.
 *
 * lseek()
 *	SEEK_SET 0: the oldest retained record. SEEK_END 0: the next record. Returns 0. Else EINVAL.
 *
 * ioctl()
 *	Every structure starts with its size, set by the caller, and flags. Unknown flags and non-zero
 *	reserved members: EINVAL. Members that only tell something ("out") are not looked at. A structure
 *	larger than the kernel knows: E2BIG, unless the rest is zero and all of it fits a page. Unknown
 *	calls: ENOTTY. Calls that need another open mode: EBADF. A corrupt ring: EUCLEAN, also to who
 *	sleeps in one, but for INFO, STAT, UNSUBSCRIBE, SHUTDOWN, and FLUSH, which mends it. A ring that
 *	was destroyed: ENODEV, likewise, but for INFO, STAT and UNSUBSCRIBE.
 *	Deadlines are CLOCK_MONOTONIC in nanoseconds, RING_NOW or RING_NEVER; one covers the whole call.
 *	A deadline that passes: ETIMEDOUT (RING_NOW: EAGAIN). A signal: EINTR, or a restart as the
 *	handler's SA_RESTART says. O_NONBLOCK does not matter to them.
 *
 * mmap()
 *	MAP_SHARED only; offsets and lengths are told by INFO. The control page, the producer page, the
 *	slots and the bulk area are read-only (a writable mapping is refused with EACCES and mprotect()
 *	cannot regain it), except that a direct producer may map the last three writable. The bulk area
 *	is mapped twice, back to back, so that every payload is contiguous. A subscriber's cursor page
 *	has a file of its own, see RING_IOC_CURSOR. The offsets need 64 bits: 32-bit programs are to be
 *	compiled with _FILE_OFFSET_BITS=64.
 *
 * Since 0.1, all of it. Any thread may make any call; calls on one file that move its cursor are
 * serialised by the kernel, uses of the mapped cursor page are the caller's to serialise.
 */
#ifndef _UAPI_LINUX_RING_H
#define _UAPI_LINUX_RING_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define RING_ABI_VERSION	1
#define RING_MAGIC		0x00676e6972766564ULL	/* "devring" */
#define RING_NAME_MAX		63
#define RING_RINGS_MAX		4096u			/* N of /dev/ringN is less */

/* Geometry. The module's parameters and INFO use the same units. */
#define RING_SLOTS_MIN		4u
#define RING_SLOTS_MAX		(1u << 20)
#define RING_SLOT_SIZE_MIN	32u
#define RING_SLOT_SIZE_MAX	4096u
#define RING_SLOT_SIZE_ALIGN	16u
#define RING_STRIDE_MIN		64u			/* bulk bytes of a slot */
#define RING_BULK_MAX		(1ull << 32)

/* Deadlines */
#define RING_NOW		0ull			/* do not sleep */
#define RING_NEVER		(~0ull)			/* sleep as long as it takes */

/* No such sequence */
#define RING_NONE		(~0ull)

/**
 * enum ring_policy - what happens when the ring is full
 * @RING_BLOCK: a writer waits for the slowest reliable subscriber. A record that no reliable
 *	subscriber has released is never overwritten, even while none is attached.
 * @RING_OVERWRITE: a writer never waits for a reader; the oldest records go. Every subscriber is lossy.
 */
enum ring_policy {
	RING_BLOCK,
	RING_OVERWRITE,
};

/* ring_info.ring_flags, ring_control.flags, ring_create.ring_flags */
#define RING_DIRECT		(1u << 0)	/* producers may map the ring writable */
#define RING_EPHEMERAL		(1u << 1)	/* removed with its last close */

/* ring_control.status, ring_stat.status */
#define RING_STATUS_SHUTDOWN	(1u << 0)	/* no more records; readers drain, then end of file */
#define RING_STATUS_CORRUPT	(1u << 1)	/* found inconsistent: calls answer EUCLEAN */
#define RING_STATUS_DESTROYED	(1u << 2)	/* removed: calls answer ENODEV */
#define RING_STATUS_CLOSING	(1u << 3)	/* for a moment before SHUTDOWN: no more records */

/**
 * struct ring_info - RING_IOC_INFO: what this ring is and where its areas are mapped
 * @size: sizeof(struct ring_info), set by the caller
 * @flags: 0
 * @abi: RING_ABI_VERSION of the module
 * @id: N of /dev/ringN
 * @slots: number of slots, a power of two
 * @slot_size: bytes of a slot, header included
 * @bulk_size: bytes of the bulk area, 0 for none
 * @longest: longest record in bytes
 * @policy: enum ring_policy
 * @ring_flags: RING_DIRECT, RING_EPHEMERAL
 * @control_offset: mmap() offset of the control page (struct ring_control)
 * @control_length: its length
 * @producers_offset: mmap() offset of the producer page (struct ring_producers)
 * @producers_length: its length
 * @slots_offset: mmap() offset of the slots
 * @slots_length: their length, rounded up to whole pages
 * @bulk_offset: mmap() offset of the bulk area
 * @bulk_length: length to map: twice @bulk_size; 0 for none
 * @name: name of the ring, terminated; empty for none
 * @reserved: 0
 */
struct ring_info {
	__u32 size;
	__u32 flags;
	__u32 abi;
	__u32 id;
	__u32 slots;
	__u32 slot_size;
	__aligned_u64 bulk_size;
	__aligned_u64 longest;
	__u32 policy;
	__u32 ring_flags;
	__aligned_u64 control_offset;
	__aligned_u64 control_length;
	__aligned_u64 producers_offset;
	__aligned_u64 producers_length;
	__aligned_u64 slots_offset;
	__aligned_u64 slots_length;
	__aligned_u64 bulk_offset;
	__aligned_u64 bulk_length;
	char name[RING_NAME_MAX + 1];
	__aligned_u64 reserved[4];
};

/**
 * enum ring_start - where a cursor is put
 * @RING_OLDEST: the oldest retained record
 * @RING_NEXT: the next record that will be claimed
 * @RING_LATEST: the latest committed record, or the next one where there is none
 * @RING_SEQUENCE: the record with the given sequence. ENODATA: no longer retained. EAGAIN: beyond
 *	the head. EINVAL: no record starts there, as far as is known: in a batch that is not committed none does.
 */
enum ring_start {
	RING_OLDEST,
	RING_NEXT,
	RING_LATEST,
	RING_SEQUENCE,
};

/* ring_subscribe.flags; neither: reliable on a block ring, lossy on an overwrite ring */
#define RING_SUBSCRIBE_RELIABLE	(1u << 0)	/* gates the writer; EOPNOTSUPP on an overwrite ring */
#define RING_SUBSCRIBE_LOSSY	(1u << 1)	/* never gates, may lose */
#define RING_SUBSCRIBE_ALL	(RING_SUBSCRIBE_RELIABLE | RING_SUBSCRIBE_LOSSY)

/**
 * struct ring_subscribe - RING_IOC_SUBSCRIBE: give this file a cursor
 * @size: sizeof(struct ring_subscribe)
 * @flags: RING_SUBSCRIBE_RELIABLE or RING_SUBSCRIBE_LOSSY or neither, not both
 * @start: enum ring_start
 * @watermark: blocking read()s, WAIT and poll sleep until so many slots are ready at the cursor; at
 *	most half of the slots; 0 means 1
 * @sequence: in: the start of RING_SEQUENCE. out: the cursor
 * @id: out: the subscriber's id, as STAT shows it
 * @reserved: 0
 *
 * EBUSY: this file is a subscriber already. EBADF: not open for reading.
 */
struct ring_subscribe {
	__u32 size;
	__u32 flags;
	__u32 start;
	__u32 watermark;
	__aligned_u64 sequence;
	__u32 id;
	__u32 reserved[3];
};

/**
 * struct ring_seek - RING_IOC_SEEK: move the cursor of this file
 * @size: sizeof(struct ring_seek)
 * @flags: 0
 * @start: enum ring_start
 * @reserved: 0
 * @sequence: in: the target of RING_SEQUENCE. out: the cursor
 *
 * A file that is no subscriber yet becomes one. What is passed over is not counted as lost.
 */
struct ring_seek {
	__u32 size;
	__u32 flags;
	__u32 start;
	__u32 reserved;
	__aligned_u64 sequence;
};

/* ring_produce.flags */
#define RING_PRODUCE_EXCLUSIVE	(1u << 0)	/* the only producer; EBUSY while there is another one */
#define RING_PRODUCE_DIRECT	(1u << 1)	/* will map the ring writable; EOPNOTSUPP on a mediated one */
#define RING_PRODUCE_ALL	(RING_PRODUCE_EXCLUSIVE | RING_PRODUCE_DIRECT)

/**
 * struct ring_produce - RING_IOC_PRODUCE: attach this file as a producer
 * @size: sizeof(struct ring_produce)
 * @flags: RING_PRODUCE_*; 0 for a shared, mediated one
 * @owner: out: the owner id in the states of its records
 * @reserved: 0
 *
 * EBUSY: an exclusive producer is attached, or this file is attached already, or exclusive was asked
 * for and another producer is attached. EAGAIN: no owner id is free. EBADF: not open for writing, or
 * direct without being open for reading too.
 */
struct ring_produce {
	__u32 size;
	__u32 flags;
	__u32 owner;
	__u32 reserved;
};

/**
 * struct ring_publish_record - one record of RING_IOC_PUBLISH
 * @addr: pointer to the payload
 * @len: its length; 0 is a record too
 * @tag: the publisher's own
 */
struct ring_publish_record {
	__aligned_u64 addr;
	__u32 len;
	__u32 tag;
};

/**
 * struct ring_publish - RING_IOC_PUBLISH: publish many records in one call
 * @size: sizeof(struct ring_publish)
 * @flags: 0
 * @records: pointer to an array of struct ring_publish_record
 * @count: its length, at most RING_BATCH_MAX
 * @published: out: how many were published: the first so many of the array
 * @sequence: out: the sequence of the first one
 * @deadline: how long to wait for room
 *
 * Fails only when not even the first record was published, with write()'s errors. A signal ends it after what was
 * published by then.
 */
struct ring_publish {
	__u32 size;
	__u32 flags;
	__aligned_u64 records;
	__u32 count;
	__u32 published;
	__aligned_u64 sequence;
	__aligned_u64 deadline;
};

#define RING_BATCH_MAX		65536u

/**
 * struct ring_read_record - one record of RING_IOC_READ
 * @sequence: its sequence
 * @offset: where its payload starts in the buffer, a multiple of 8
 * @len: its length
 * @tag: its publisher's tag
 * @reserved: 0
 */
struct ring_read_record {
	__aligned_u64 sequence;
	__u32 offset;
	__u32 len;
	__u32 tag;
	__u32 reserved;
};

/**
 * struct ring_read - RING_IOC_READ: take many records in one call
 * @size: sizeof(struct ring_read)
 * @flags: 0
 * @records: pointer to an array of struct ring_read_record, filled
 * @count: its length, at most RING_BATCH_MAX
 * @taken: out: how many records were taken; 0: shut down and everything read
 * @buf: where the payloads go, one after the other
 * @buf_len: bytes there
 * @needed: out, with EMSGSIZE: bytes that the next record needs
 * @deadline: how long to wait for the first record
 *
 * Takes what is ready and fits, whole records only. EMSGSIZE: not even the first fits; it stays.
 * EOVERFLOW as with read(). A record that read() has taken a part of is given whole.
 */
struct ring_read {
	__u32 size;
	__u32 flags;
	__aligned_u64 records;
	__u32 count;
	__u32 taken;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 needed;
	__aligned_u64 deadline;
};

/* ring_wait.flags: exactly one */
#define RING_WAIT_DATA		(1u << 0)	/* until a record is ready; EBADF unless open for reading */
#define RING_WAIT_SPACE		(1u << 1)	/* until there is room; EBADF unless open for writing */
#define RING_WAIT_ALL		(RING_WAIT_DATA | RING_WAIT_SPACE)

/**
 * struct ring_wait - RING_IOC_WAIT: sleep until there is data, or space
 * @size: sizeof(struct ring_wait)
 * @flags: RING_WAIT_DATA or RING_WAIT_SPACE
 * @sequence: data: until the record at this sequence is no longer on its way: committed, discarded
 *	or overwritten; RING_NONE: until the file's cursor has its watermark of slots ready.
 *	space: RING_NONE
 * @slots: space: until a record of so many slots has room, 1 to what the longest takes. data: 0
 * @reserved: 0
 * @deadline: how long. RING_NOW reclaims, and arms the wake-up for a poller, without sleeping
 *
 * Data: returns 0 also when the ring is shut down and there is nothing more to come. Space: EPIPE then.
 */
struct ring_wait {
	__u32 size;
	__u32 flags;
	__aligned_u64 sequence;
	__u32 slots;
	__u32 reserved;
	__aligned_u64 deadline;
};

/* Argument of RING_IOC_WAKE: either or both */
#define RING_WAKE_DATA		(1u << 0)
#define RING_WAKE_SPACE		(1u << 1)
#define RING_WAKE_ALL		(RING_WAKE_DATA | RING_WAKE_SPACE)

/* ring_get.flags */
#define RING_GET_LATEST		(1u << 0)	/* the latest committed record, whatever @sequence says */
#define RING_GET_ALL		RING_GET_LATEST

/**
 * struct ring_get - RING_IOC_GET: copy one record out, without being a subscriber
 * @size: sizeof(struct ring_get)
 * @flags: RING_GET_LATEST or 0
 * @sequence: in: which one. out: the one that was got
 * @buf: where the payload goes
 * @buf_len: bytes there
 * @len: out, also with EMSGSIZE: the record's length
 * @tag: out: its tag
 * @reserved: 0
 *
 * EAGAIN: not there yet (or, latest: nothing is retained). ENODATA: overwritten, flushed or
 * discarded. EINVAL: no record starts at that sequence. EMSGSIZE: the buffer is too short.
 */
struct ring_get {
	__u32 size;
	__u32 flags;
	__aligned_u64 sequence;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 len;
	__u32 tag;
	__u32 reserved;
};

/* ring_stat_subscriber.flags */
#define RING_STAT_LOSSY		(1u << 0)
#define RING_STAT_LOST		(1u << 1)	/* has lost records that read() has not told yet */

/**
 * struct ring_stat_subscriber - one subscriber in STAT
 * @id: its id, unique on this ring since the ring was made
 * @pid: the process that opened the file, as the caller's pid namespace sees it; 0: not visible there
 * @flags: RING_STAT_*
 * @watermark: slots
 * @cursor: its cursor
 * @lag: slots from its cursor to the head
 * @taken: records it has taken
 * @lost: records it has lost
 * @comm: name of the program that opened the file
 */
struct ring_stat_subscriber {
	__u32 id;
	__u32 pid;
	__u32 flags;
	__u32 watermark;
	__aligned_u64 cursor;
	__aligned_u64 lag;
	__aligned_u64 taken;
	__aligned_u64 lost;
	char comm[16];
};

/**
 * struct ring_stat - RING_IOC_STAT: how the ring is doing
 * @size: sizeof(struct ring_stat)
 * @flags: 0
 * @status: RING_STATUS_*
 * @subscribers: subscribers attached
 * @producers: producers attached
 * @exclusive: 1 when the producer is an exclusive one
 * @head: sequence of the next record
 * @tail: sequence of the oldest retained record
 * @published: records published since the ring was made
 * @discarded: records discarded since the ring was made
 * @retained: records from the tail to the head that are committed
 * @lost: records lost by all subscribers, past and present; the present ones tell themselves
 * @bytes: memory the ring holds, with its subscribers' pages
 * @slowest: id of the reliable subscriber that the writer has to wait for: the one with the lowest
 *	cursor; 0 for none
 * @busy_owner: owner id of the oldest record claimed and not committed, which readers cannot pass; 0
 *	for none
 * @busy_pid: pid of its producer, 0 when unknown
 * @busy_sequence: that record's sequence, RING_NONE for none
 * @busy_since: when a reader, a writer or STAT first found it so, CLOCK_MONOTONIC ns; 0 for none
 * @reclaims: times the tail was moved
 * @reader_sleeps: times a reader went to sleep
 * @writer_sleeps: times a writer went to sleep
 * @reader_wakes: times sleeping readers were woken
 * @writer_wakes: times sleeping writers were woken
 * @subscriber_array: in: pointer to an array of struct ring_stat_subscriber, or 0
 * @subscriber_count: in: its length. out: how many were filled in
 * @reserved: 0
 */
struct ring_stat {
	__u32 size;
	__u32 flags;
	__u32 status;
	__u32 subscribers;
	__u32 producers;
	__u32 exclusive;
	__aligned_u64 head;
	__aligned_u64 tail;
	__aligned_u64 published;
	__aligned_u64 discarded;
	__aligned_u64 retained;
	__aligned_u64 lost;
	__aligned_u64 bytes;
	__u32 slowest;
	__u32 busy_owner;
	__u32 busy_pid;
	__u32 reserved0;
	__aligned_u64 busy_sequence;
	__aligned_u64 busy_since;
	__aligned_u64 reclaims;
	__aligned_u64 reader_sleeps;
	__aligned_u64 writer_sleeps;
	__aligned_u64 reader_wakes;
	__aligned_u64 writer_wakes;
	__aligned_u64 subscriber_array;
	__u32 subscriber_count;
	__u32 reserved1;
	__aligned_u64 reserved[4];
};

#define RING_IOC_MAGIC		0xbe
#define RING_IOC_INFO		_IOWR(RING_IOC_MAGIC, 0x00, struct ring_info)
#define RING_IOC_SUBSCRIBE	_IOWR(RING_IOC_MAGIC, 0x01, struct ring_subscribe)
/* Take the cursor away; it stops gating and writers wake. Argument 0. EINVAL: no subscriber. */
#define RING_IOC_UNSUBSCRIBE	_IO(RING_IOC_MAGIC, 0x02)
/*
 * Returns a new close-on-exec descriptor whose one page at offset 0 is this subscriber's cursor page
 * (struct ring_cursor), to be mapped shared, readable and writable. It is a file of its own because the
 * kernel's memory management grants no shared writable mapping of a file opened O_RDONLY. It and its
 * mappings keep the ring's file alive. A file that is no subscriber yet becomes one. Argument 0.
 */
#define RING_IOC_CURSOR		_IO(RING_IOC_MAGIC, 0x03)
#define RING_IOC_SEEK		_IOWR(RING_IOC_MAGIC, 0x04, struct ring_seek)
#define RING_IOC_PRODUCE	_IOWR(RING_IOC_MAGIC, 0x05, struct ring_produce)
#define RING_IOC_PUBLISH	_IOWR(RING_IOC_MAGIC, 0x06, struct ring_publish)
#define RING_IOC_READ		_IOWR(RING_IOC_MAGIC, 0x07, struct ring_read)
#define RING_IOC_GET		_IOWR(RING_IOC_MAGIC, 0x08, struct ring_get)
#define RING_IOC_WAIT		_IOW(RING_IOC_MAGIC, 0x09, struct ring_wait)
/* Wake who sleeps for what the caller published or released. Argument: RING_WAKE_*. */
#define RING_IOC_WAKE		_IO(RING_IOC_MAGIC, 0x0a)
#define RING_IOC_STAT		_IOWR(RING_IOC_MAGIC, 0x0b, struct ring_stat)
/*
 * Drop every retained record up to the first one still being written; sequences go on. Subscribers
 * that had not taken them count them as lost. A corrupt ring is emptied whole and works again; what it
 * held is counted neither as published nor as lost. Argument 0. EBADF unless open for writing.
 */
#define RING_IOC_FLUSH		_IO(RING_IOC_MAGIC, 0x0c)
/*
 * No more records: readers drain, then get end of file; writers get EPIPE; everybody wakes. It lasts.
 * Argument 0. EBADF unless open for writing.
 */
#define RING_IOC_SHUTDOWN	_IO(RING_IOC_MAGIC, 0x0d)

/*
 * /dev/ring-control
 *	Rings are made and removed while the module is loaded. The structures are as those of the rings'
 *	own calls. CREATE and DESTROY need a file that is open for writing (EBADF). Who makes a ring is
 *	charged for its memory (memory cgroup).
 */

/* ring_create.id: the lowest number that is free */
#define RING_ANY		(~0u)

/**
 * struct ring_create - RING_CTL_CREATE: make a ring
 * @size: sizeof(struct ring_create)
 * @flags: 0
 * @id: in: N of /dev/ringN, or RING_ANY; out: N
 * @slots: number of slots
 * @slot_size: bytes of a slot
 * @policy: enum ring_policy
 * @bulk_size: bytes of the bulk area, 0 for none
 * @ring_flags: RING_DIRECT, RING_EPHEMERAL. An ephemeral ring is removed when its last file is closed;
 *	until it is opened for the first time it stays.
 * @mode: permissions of the device, of 0666; 0: the usual ones
 * @name: terminated; empty for none. Letters, digits and other visible ASCII characters but '/'; not a
 *	number, ringN, "." or "..". Unique
 * @reserved: 0
 *
 * The device is there when the call returns and belongs to the caller: 0600, unless @mode says otherwise, and
 * until udev has applied its rules, which respect @mode. EINVAL: there is no ring of this geometry
 * (ring_mem_check() tells why), or of this name. EEXIST: the number or the name is taken. ENOSPC: all numbers
 * are. ENOMEM: no memory, or more than the module's max_bytes.
 */
struct ring_create {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 slots;
	__u32 slot_size;
	__u32 policy;
	__aligned_u64 bulk_size;
	__u32 ring_flags;
	__u32 mode;
	char name[RING_NAME_MAX + 1];
	__aligned_u64 reserved[4];
};

/* ring_destroy.flags */
#define RING_DESTROY_FORCE	(1u << 0)	/* also while it is in use */

/**
 * struct ring_destroy - RING_CTL_DESTROY: remove a ring
 * @size: sizeof(struct ring_destroy)
 * @flags: RING_DESTROY_FORCE
 * @id: N of /dev/ringN
 * @reserved: 0
 *
 * ENOENT: no such ring. EBUSY: somebody has it open, and no RING_DESTROY_FORCE: with it, everybody wakes,
 * all calls but INFO, STAT and UNSUBSCRIBE answer ENODEV from then on, and the memory goes when the last
 * file and the last mapping do. Its number and its name are free when the call returns.
 */
struct ring_destroy {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 reserved;
};

/**
 * struct ring_find - RING_CTL_FIND: the number of a ring
 * @size: sizeof(struct ring_find)
 * @flags: 0
 * @id: out: N of /dev/ringN
 * @reserved: 0
 * @name: its name, terminated
 *
 * ENOENT: there is none of that name.
 */
struct ring_find {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 reserved;
	char name[RING_NAME_MAX + 1];
};

/**
 * struct ring_list_entry - a ring, as LIST tells
 * @id: N of /dev/ringN
 * @slots: number of slots
 * @slot_size: bytes of a slot
 * @policy: enum ring_policy
 * @bulk_size: bytes of the bulk area
 * @ring_flags: RING_DIRECT, RING_EPHEMERAL
 * @status: RING_STATUS_*
 * @opens: open files of it
 * @subscribers: subscribers among them
 * @producers: producers among them
 * @reserved0: 0
 * @bytes: memory that it holds, its subscribers' pages included
 * @name: its name, terminated; empty for none
 */
struct ring_list_entry {
	__u32 id;
	__u32 slots;
	__u32 slot_size;
	__u32 policy;
	__aligned_u64 bulk_size;
	__u32 ring_flags;
	__u32 status;
	__u32 opens;
	__u32 subscribers;
	__u32 producers;
	__u32 reserved0;
	__aligned_u64 bytes;
	char name[RING_NAME_MAX + 1];
};

/**
 * struct ring_list - RING_CTL_LIST: the rings there are, by number
 * @size: sizeof(struct ring_list)
 * @flags: 0
 * @count: in: entries that @array has room for; out: how many were filled in
 * @total: out: how many rings there are
 * @array: address of struct ring_list_entry; 0: only count
 * @reserved: 0
 */
struct ring_list {
	__u32 size;
	__u32 flags;
	__u32 count;
	__u32 total;
	__aligned_u64 array;
	__aligned_u64 reserved[2];
};

/**
 * struct ring_version - RING_CTL_VERSION: which module this is
 * @size: sizeof(struct ring_version)
 * @flags: 0
 * @abi: out: RING_ABI_VERSION of the module
 * @reserved0: out: 0
 * @release: out: its version, terminated
 * @max_bytes: out: most memory that all rings together may hold
 * @bytes: out: memory that they hold now
 */
struct ring_version {
	__u32 size;
	__u32 flags;
	__u32 abi;
	__u32 reserved0;
	char release[32];
	__aligned_u64 max_bytes;
	__aligned_u64 bytes;
};

#define RING_CTL_CREATE		_IOWR(RING_IOC_MAGIC, 0x40, struct ring_create)
#define RING_CTL_DESTROY	_IOW(RING_IOC_MAGIC, 0x41, struct ring_destroy)
#define RING_CTL_FIND		_IOWR(RING_IOC_MAGIC, 0x42, struct ring_find)
#define RING_CTL_LIST		_IOWR(RING_IOC_MAGIC, 0x43, struct ring_list)
#define RING_CTL_VERSION	_IOWR(RING_IOC_MAGIC, 0x44, struct ring_version)

#endif /* _UAPI_LINUX_RING_H */
