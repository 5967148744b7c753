/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring - what the files of the module share: the objects, and who may touch what under which lock.
 *
 * Locks, outermost first:
 *	registry_lock	a mutex, in registry.c: making, removing and finding rings.
 *	ring_file.lock	a mutex: one call at a time moves this file's cursor. Held over copies to user
 *			space, never while sleeping for data.
 *	ring.lock	a spinlock: the tail and its mark, the wake words, the lists of subscribers and
 *			producers, the owner ids, who has it open. Claims, commits, reads and releases do not take it.
 */
#ifndef RING_INTERNAL_H
#define RING_INTERNAL_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include <linux/ring.h>
#include <linux/ring_protocol.h>

#include "compat.h"

/* The module's version, as RING_CTL_VERSION and modinfo tell it */
#define RING_RELEASE	"0.1.0"

struct ring_file;

/* area.c: memory that user space maps */

/**
 * struct ring_area - pages, mapped in the kernel
 * @pages: the pages, all @copies times over
 * @count: how many different ones
 * @copies: how many times the whole is mapped, back to back
 * @addr: where the kernel has them
 */
struct ring_area {
	struct page **pages;
	unsigned long count;
	unsigned int copies;
	void *addr;
};

extern unsigned long ring_max_bytes;

int ring_area_alloc(struct ring_area *area, u64 bytes, unsigned int copies, gfp_t gfp);
void ring_area_free(struct ring_area *area);
u64 ring_area_bytes(const struct ring_area *area);
u64 ring_area_bytes_used(void);
int ring_area_mmap(const struct ring_area *area, struct vm_area_struct *vma, unsigned long first);

/* ring.c: the ring and its device */

/**
 * struct ring_geometry - what a ring is made of; checked by ring_mem_check()
 * @slots: number of slots
 * @slot_size: bytes of a slot
 * @size: bytes of the bulk area
 * @policy: enum ring_policy
 * @flags: RING_DIRECT, RING_EPHEMERAL
 * @mode: permissions of its device; 0: the usual ones
 * @name: its name; empty for none
 */
struct ring_geometry {
	u64 slots;
	u64 slot_size;
	u64 size;
	u32 policy;
	u32 flags;
	umode_t mode;
	char name[RING_NAME_MAX + 1];
};

/**
 * struct ring - one ring
 * @dev: its device; the last reference frees the ring
 * @cdev: its character device; an open file holds it, and through it @dev
 * @id: N of /dev/ringN
 * @uid: who made it, and owns the device
 * @gid: likewise
 * @geometry: as it was made
 * @mem: the areas as the protocol sees them
 * @control: control page
 * @producers_page: producer page
 * @slots: slots
 * @bulk: bulk area
 * @lock: see above
 * @opens: open files
 * @gone: not revealed yet, being removed, or removed: nobody opens it
 * @subscribers: all of them, ring_file.sub.all
 * @gates: the reliable ones, ring_file.sub.gate
 * @producers: ring_file.prod.all
 * @subscriber_count: length of @subscribers
 * @producer_count: length of @producers
 * @exclusive: the only producer there is says that there shall be no other
 * @owners: owner ids in use
 * @next_owner: where to look for a free one, so that an id rests before it is used again
 * @next_subscriber: id of the next subscriber
 * @unplaced: the subscribers whose base is not known, by ring_file.sub.start
 * @lost_before: records lost by subscribers that are gone
 * @readers: who sleeps for data
 * @writers: who sleeps for space
 * @writers_want_data: a writer waits for the commit of a BUSY record that the tail cannot pass
 * @fasync_readers: who gets SIGIO for data
 * @fasync_writers: who gets SIGIO for space
 * @wake_lost: lowest cursor of those who poll for losses; RING_NONE for none
 * @busy_sequence: the BUSY record that somebody found in the way, RING_NONE for none
 * @busy_since: when that was first found, CLOCK_MONOTONIC ns
 * @reader_sleeps: see struct ring_stat; so the next three
 * @writer_sleeps:
 * @reader_wakes:
 * @writer_wakes:
 * @debugfs: its file in debugfs
 */
struct ring {
	struct device dev;
	struct cdev cdev;
	int id;
	kuid_t uid;
	kgid_t gid;
	struct ring_geometry geometry;
	struct ring_mem mem;
	struct ring_area control;
	struct ring_area producers_page;
	struct ring_area slots;
	struct ring_area bulk;

	spinlock_t lock;
	u32 opens;
	bool gone;
	struct list_head subscribers;
	struct list_head gates;
	struct list_head producers;
	u32 subscriber_count;
	u32 producer_count;
	bool exclusive;
	DECLARE_BITMAP(owners, RING_OWNER_MAX + 1);
	u32 next_owner;
	u32 next_subscriber;
	struct rb_root_cached unplaced;
	u64 lost_before;

	wait_queue_head_t readers;
	wait_queue_head_t writers;
	bool writers_want_data;
	struct fasync_struct *fasync_readers;
	struct fasync_struct *fasync_writers;
	u64 wake_lost;

	u64 busy_sequence;
	u64 busy_since;
	atomic64_t reader_sleeps;
	atomic64_t writer_sleeps;
	atomic64_t reader_wakes;
	atomic64_t writer_wakes;
	struct dentry *debugfs;
};

extern struct class ring_class;

struct ring *ring_create(int id, const struct ring_geometry *g);
void ring_reveal(struct ring *ring);
void ring_remove(struct ring *ring);
int ring_get_open(struct ring *ring);
bool ring_put_open(struct ring *ring);
int ring_go(struct ring *ring, bool force);
void ring_describe(struct ring *ring, struct ring_list_entry *e);
u64 ring_bytes(struct ring *ring);
int ring_chrdev_init(void);
void ring_chrdev_exit(void);

/* Where nothing is claimed, nothing ever will be; while CLOSING, a claim may be on its way. */
static inline bool ring_ended(u32 status)
{
	return status & ~RING_STATUS_CLOSING;
}

/**
 * ring_status_error - the error that a ring's status puts on every call
 * @status: the status
 */
static inline int ring_status_error(u32 status)
{
	return status & RING_STATUS_DESTROYED ? -ENODEV : status & RING_STATUS_CORRUPT ? -EUCLEAN : 0;
}

/* The same, as it is now */
static inline int ring_error(const struct ring *ring)
{
	return ring_status_error(READ_ONCE(ring->mem.control->status));
}

/**
 * ring_look - look at a sequence that anybody may have made up
 * @ring: the ring
 * @sequence: a cursor, or a caller's argument
 * @state: what its slot says
 *
 * Laps are compared modulo 2^32, so what lies beyond all that can be claimed must be told first. A claim
 * beyond comes after the move of the tail that allowed it, hence a tail that is too old here is as good as
 * having looked before that claim.
 */
static inline enum ring_look ring_look(const struct ring *ring, u64 sequence, u64 *state)
{
	u64 tail = smp_load_acquire(&ring->mem.control->tail);	/* RB_TAIL walk/B */

	*state = 0;
	if ((s64)(tail - sequence) > 0)		/* as ring_mem_lapped() has it, down to the sign of 2^63 */
		return RING_LOOK_PASSED;
	if (sequence - tail > ring->mem.slot_mask)
		return RING_LOOK_EMPTY;
	return ring_mem_look(&ring->mem, sequence, state);
}

void ring_set_status(struct ring *ring, u32 bit);
int ring_corrupt(struct ring *ring);

/* registry.c: all the rings */
bool ring_name_valid(const char *name);
int ring_registry_create(int id, const struct ring_geometry *g);
void ring_registry_reveal(void);
int ring_registry_destroy(u32 id, bool force);
void ring_registry_remove(struct ring *ring);
void ring_registry_remove_all(void);
int ring_registry_find(const char *name);
int ring_registry_list(struct ring_list_entry *entries, u32 room, u32 *total);

/* control.c: /dev/ring-control */
int ring_control_init(void);
void ring_control_exit(void);

/* file.c: an open file */

/**
 * struct ring_subscriber - the subscriber half of an open file
 * @attached: it is a subscriber: then what follows is set up, see ring_is_subscriber()
 * @all: in ring.subscribers
 * @gate: in ring.gates when reliable
 * @cursor: the cursor page: user space writes it, so each word is read once and checked
 * @page: its area
 * @id: its id
 * @flags: RING_SUBSCRIBE_RELIABLE or RING_SUBSCRIBE_LOSSY
 * @watermark: slots
 * @unplaced: in ring.unplaced, while the ordinal of where the cursor was put is not known
 * @start: where that was
 * @start_taken: the page's count of taken records at that time
 * @part_sequence: the record that read() has given a part of, RING_NONE for none
 * @part: how many bytes
 *
 * ring.lock: @all, @gate, @unplaced, @start, @start_taken. ring_file.lock: the rest.
 */
struct ring_subscriber {
	bool attached;
	struct list_head all;
	struct list_head gate;
	struct ring_cursor *cursor;
	struct ring_area page;
	u32 id;
	u32 flags;
	u32 watermark;
	struct rb_node unplaced;
	u64 start;
	u64 start_taken;
	u64 part_sequence;
	size_t part;
};

/**
 * struct ring_producer - the producer half of an open file; under ring.lock but for @next
 * @all: in ring.producers
 * @owner: owner id; 0: not a producer. Set once
 * @flags: RING_PRODUCE_*
 * @longest_k: slots of the longest record written so far, what EPOLLOUT asks for
 * @next: the end of a claim of its own, often the last one; 0 before the first
 */
struct ring_producer {
	struct list_head all;
	u32 owner;
	u32 flags;
	u32 longest_k;
	u64 next;
};

/**
 * struct ring_file - an open file
 * @ring: its ring; the file's reference to the device keeps it
 * @mode: what it was opened for, FMODE_READ, FMODE_WRITE
 * @lock: see above
 * @sub: subscriber half
 * @prod: producer half
 * @polled: somebody polls it or wants SIGIO: finding the ring empty arms the next wake-up
 * @pid: who opened it
 * @comm: the program that did
 */
struct ring_file {
	struct ring *ring;
	fmode_t mode;
	struct mutex lock;
	struct ring_subscriber sub;
	struct ring_producer prod;
	bool polled;
	struct pid *pid;
	char comm[TASK_COMM_LEN];
};

extern const struct file_operations ring_fops;

/**
 * ring_file_lock - take the lock that serialises what moves this file's cursor
 * @f: the file
 * @nowait: do not sleep: -EAGAIN
 *
 * Its holder may be in a page fault that takes long, so a signal ends the wait.
 */
static inline int ring_file_lock(struct ring_file *f, bool nowait)
{
	if (nowait)
		return mutex_trylock(&f->lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&f->lock) ? -ERESTARTSYS : 0;
}

/* mmap.c: the areas in user space */
int ring_mmap(struct file *file, struct vm_area_struct *vma);
void ring_mmap_layout(const struct ring *ring, struct ring_info *info);
int ring_cursor_file(struct file *file);

/* subscriber.c: cursors */
static inline bool ring_is_subscriber(const struct ring_file *f)
{
	/* Without a lock: pairs with the release in subscribe_locked(). Who sees it sees its cursor. */
	return smp_load_acquire(&f->sub.attached);
}

int ring_subscribe(struct ring_file *f, u32 flags, u32 watermark, u32 start, u64 *sequence);
int ring_subscribe_first(struct ring_file *f, bool nowait);
int ring_unsubscribe(struct ring_file *f);
int ring_seek(struct ring_file *f, u32 start, u64 *sequence);
void ring_cursor_place(struct ring_file *f, u64 sequence);
void ring_cursor_placed(struct ring *ring, struct ring_subscriber *sub);
bool ring_subscriber_ready(struct ring_file *f);
bool ring_subscriber_arm(void *file);
u64 ring_subscriber_lost(struct ring_file *f);

/* Whoever reads is a subscriber, if need be as who asked for nothing. @nowait: do not sleep: -EAGAIN */
static inline int ring_subscribe_default(struct ring_file *f, bool nowait)
{
	return likely(ring_is_subscriber(f)) ? 0 : ring_subscribe_first(f, nowait);
}

/* read.c: taking records */
enum ring_look ring_look_alone(const struct ring *ring, u64 sequence, u64 *state);
ssize_t ring_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t ring_read(struct file *file, char __user *buf, size_t len, loff_t *pos);
int ring_read_many(struct ring_file *f, struct ring_read *arg);
int ring_get(struct ring_file *f, struct ring_get *arg);
int ring_next_length(struct ring_file *f);
int ring_wait_data(struct ring_file *f, u64 sequence, u64 deadline);

/* producer.c: who publishes */
int ring_produce(struct ring_file *f, u32 flags);
int ring_produce_first(struct ring_file *f);
void ring_unproduce(struct ring_file *f);
bool ring_owner_gone(struct ring *ring, u64 sequence, u64 state);

/* Whoever writes is a producer, if need be one that just writes. */
static inline int ring_produce_default(struct ring_file *f)
{
	return likely(READ_ONCE(f->prod.owner)) ? 0 : ring_produce_first(f);
}

/* consistency.c: whether the slots' states make sense */
bool ring_consistent(struct ring *ring);

/* write.c: publishing */
ssize_t ring_write_iter(struct kiocb *iocb, struct iov_iter *from);
ssize_t ring_write(struct file *file, const char __user *buf, size_t len, loff_t *pos);
int ring_publish_many(struct ring_file *f, struct ring_publish *arg);
int ring_wait_space(struct ring *ring, u32 k, u64 deadline);

/* tail.c: the tail, the only thing that is overwritten */
u64 ring_lowest_cursor(struct ring *ring);
bool ring_room_arm(struct ring *ring, u32 k, bool dry);
void ring_tail_release(struct ring *ring);
void ring_flush(struct ring *ring);
int ring_find_latest(struct ring *ring, u64 *sequence, u64 *head);
u64 ring_head(const struct ring *ring);

/* wait.c: sleeping and waking */
int ring_sleep(struct ring *ring, struct wait_queue_head *queue, bool (*ready)(void *), void *arg,
	       u64 deadline);
void ring_arm_data(struct ring *ring, u64 sequence);
void ring_arm_space(struct ring *ring, u64 cursor, u64 busy);
void ring_arm_lost(struct ring *ring, u64 cursor);
void ring_wake_readers(struct ring *ring);
void ring_wake_writers(struct ring *ring);
__poll_t ring_poll(struct file *file, struct poll_table_struct *wait);

/* ioctl.c */
long ring_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
bool ring_argument_is(unsigned int cmd, unsigned int command);
int ring_argument_get(void *arg, u32 known, unsigned int command, void __user *user);
int ring_argument_put(int ret, const void *arg, u32 known, unsigned int command, void __user *user);

/* stat.c: what can be counted */

/**
 * struct ring_census - the records between tail and head, counted
 * @mark: the tail they were counted from
 * @head: the head they were counted to
 * @committed: committed ones
 * @discarded: discarded ones
 * @busy: the first BUSY one, RING_NONE for none
 * @owner: its owner
 */
struct ring_census {
	struct ring_mark mark;
	u64 head;
	u64 committed;
	u64 discarded;
	u64 busy;
	u32 owner;
};

void ring_take_census(struct ring *ring, struct ring_census *census);
void ring_note_busy(struct ring *ring, u64 sequence);
u64 ring_lost(struct ring *ring);
void ring_stat_fill(struct ring *ring, struct ring_stat *stat, struct ring_stat_subscriber *subscribers,
		    u32 room);
int ring_stat(struct ring_file *f, struct ring_stat *stat);
void ring_show_fdinfo(struct seq_file *m, struct file *file);

/* sysfs.c */
extern const struct attribute_group *ring_groups[];

/* debugfs.c: everything about a ring in one file, to see why it is stuck */
void ring_debugfs_init(void);
void ring_debugfs_exit(void);
void ring_debugfs_add(struct ring *ring);
void ring_debugfs_remove(struct ring *ring);

/* params.c: the module's parameters */
int ring_params_rings(void);
int ring_params_geometry(int index, struct ring_geometry *g);
int ring_params_check(void);

#endif /* RING_INTERNAL_H */
