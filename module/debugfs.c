// SPDX-License-Identifier: GPL-2.0
/*
 * ring - /sys/kernel/debug/ring/ringN: everything that helps to see why a ring is stuck, for a person to read.
 * No ring fails for want of it, and what it says may change; Documentation/ABI/testing/debugfs-ring has it.
 */

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "internal.h"

static struct dentry *top;

/* A producer as it is shown */
struct shown_producer {
	u32 owner;
	u32 flags;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

static void show_sequence(struct seq_file *m, const char *name, u64 sequence)
{
	if (sequence == RING_NONE)
		seq_printf(m, "%s:\tnone\n", name);
	else
		seq_printf(m, "%s:\t%llu\n", name, sequence);
}

/* What a program calls itself may have a line end in it, or anything: the rest of its line, escaped. */
static void show_comm(struct seq_file *m, const char *comm)
{
	seq_printf(m, "%*pE\n", (int)strlen(comm), comm);
}

static void show_ring(struct seq_file *m, const struct ring *ring)
{
	const struct ring_geometry *g = &ring->geometry;
	u32 status = READ_ONCE(ring->mem.control->status);

	seq_printf(m, "name:\t%s\nopens:\t%u\n", g->name, READ_ONCE(ring->opens));
	seq_printf(m, "slots:\t%llu\nslot_size:\t%llu\nsize:\t%llu\n", g->slots, g->slot_size, g->size);
	seq_printf(m, "longest:\t%llu\n", ring->mem.longest);
	seq_printf(m, "policy:\t%s\n", g->policy == RING_BLOCK ? "block" : "overwrite");
	seq_printf(m, "direct:\t%d\n", !!(g->flags & RING_DIRECT));
	seq_printf(m, "ephemeral:\t%d\n", !!(g->flags & RING_EPHEMERAL));
	/* One that was destroyed has no file here. */
	seq_printf(m, "status:\t%s%s%s\n", ring_ended(status) ? "" : "ok",
		   status & RING_STATUS_SHUTDOWN ? "shutdown" : "",
		   !(status & RING_STATUS_CORRUPT) ? "" :
		   status & RING_STATUS_SHUTDOWN ? " corrupt" : "corrupt");
}

static void show_records(struct seq_file *m, const struct ring *ring, const struct ring_stat *stat)
{
	seq_printf(m, "bytes:\t%llu\n", stat->bytes);
	seq_printf(m, "tail:\t%llu\nhead:\t%llu\n", stat->tail, stat->head);
	seq_printf(m, "hint:\t%llu\n", READ_ONCE(ring->mem.producers->hint));
	seq_printf(m, "retained:\t%llu\npublished:\t%llu\n", stat->retained, stat->published);
	seq_printf(m, "discarded:\t%llu\nlost:\t%llu\n", stat->discarded, stat->lost);
	seq_printf(m, "reclaims:\t%llu\n", stat->reclaims);
}

static void show_busy(struct seq_file *m, const struct ring_stat *stat)
{
	u64 since = stat->busy_since ? ktime_get_ns() - stat->busy_since : 0;

	if (stat->busy_sequence == RING_NONE) {
		seq_puts(m, "busy:\tnone\n");
		return;
	}
	seq_printf(m, "busy:\t%llu owner %u pid %u since %llu ms\n", stat->busy_sequence, stat->busy_owner,
		   stat->busy_pid, div_u64(since, NSEC_PER_MSEC));
}

static void show_sleepers(struct seq_file *m, struct ring *ring, const struct ring_stat *stat)
{
	bool reading = waitqueue_active(&ring->readers);	/* only told */
	bool writing = waitqueue_active(&ring->writers);	/* likewise */

	show_sequence(m, "wake_data", READ_ONCE(ring->mem.control->wake_data));
	show_sequence(m, "wake_space", READ_ONCE(ring->mem.control->wake_space));
	seq_printf(m, "readers:\t%s sleeps %llu wakes %llu\n",
		   reading ? "waiting" : "none", stat->reader_sleeps, stat->reader_wakes);
	seq_printf(m, "writers:\t%s sleeps %llu wakes %llu\n",
		   writing ? "waiting" : "none", stat->writer_sleeps, stat->writer_wakes);
}

static void show_subscribers(struct seq_file *m, const struct ring_stat *stat,
			     const struct ring_stat_subscriber *s)
{
	u32 i;

	seq_printf(m, "slowest:\t%u\nsubscribers:\t%u\n", stat->slowest, stat->subscribers);
	for (i = 0; i < stat->subscriber_count; i++, s++) {
		seq_printf(m, "subscriber:\t%u %s cursor %llu lag %llu taken %llu lost %llu watermark %u pid %u ",
			   s->id, s->flags & RING_STAT_LOSSY ? "lossy" : "reliable", s->cursor, s->lag, s->taken,
			   s->lost, s->watermark, s->pid);
		show_comm(m, s->comm);
	}
}

/* As many as there are, and as there is @room for */
static u32 find_producers(struct ring *ring, struct shown_producer *p, u32 room)
{
	struct ring_file *f;
	u32 n = 0;

	spin_lock(&ring->lock);
	list_for_each_entry(f, &ring->producers, prod.all) {
		if (n == room)
			break;
		p[n].owner = f->prod.owner;
		p[n].flags = f->prod.flags;
		p[n].pid = pid_vnr(f->pid);
		strscpy(p[n].comm, f->comm, sizeof(p[n].comm));
		n++;
	}
	spin_unlock(&ring->lock);
	return n;
}

static void show_producers(struct seq_file *m, const struct shown_producer *p, u32 count)
{
	seq_printf(m, "producers:\t%u\n", count);
	for (; count--; p++) {
		seq_printf(m, "producer:\t%u %s%s pid %u ", p->owner,
			   p->flags & RING_PRODUCE_EXCLUSIVE ? "exclusive" : "shared",
			   p->flags & RING_PRODUCE_DIRECT ? " direct" : "", p->pid);
		show_comm(m, p->comm);
	}
}

static int ring_debugfs_show(struct seq_file *m, void *v)
{
	struct ring *ring = m->private;
	u32 subscriber_room = READ_ONCE(ring->subscriber_count);
	u32 producer_room = READ_ONCE(ring->producer_count);
	struct ring_stat_subscriber *subscribers;
	struct shown_producer *producers;
	struct ring_stat stat = {};
	int ret = -ENOMEM;

	/* No lock is held while printing: there may be many of both. */
	subscribers = kvcalloc(subscriber_room, sizeof(*subscribers), GFP_KERNEL);
	producers = kvcalloc(producer_room, sizeof(*producers), GFP_KERNEL);
	if (!subscribers || !producers)
		goto out;
	ring_stat_fill(ring, &stat, subscribers, subscriber_room);
	show_ring(m, ring);
	show_records(m, ring, &stat);
	show_busy(m, &stat);
	show_sleepers(m, ring, &stat);
	show_subscribers(m, &stat, subscribers);
	show_producers(m, producers, find_producers(ring, producers, producer_room));
	ret = 0;
out:
	kvfree(producers);
	kvfree(subscribers);
	return ret;
}
DEFINE_SHOW_ATTRIBUTE(ring_debugfs);

/* The ring's device is there. An open file holds the module, and debugfs_remove() waits for who reads. */
void ring_debugfs_add(struct ring *ring)
{
	ring->debugfs = debugfs_create_file(dev_name(&ring->dev), 0400, top, ring, &ring_debugfs_fops);
}

void ring_debugfs_remove(struct ring *ring)
{
	debugfs_remove(ring->debugfs);
}

void ring_debugfs_init(void)
{
	top = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

void ring_debugfs_exit(void)
{
	debugfs_remove(top);
}
