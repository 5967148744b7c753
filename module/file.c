// SPDX-License-Identifier: GPL-2.0
/* ring - an open file: what it may do with the ring, and what is undone when it is released */

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"

static int ring_open(struct inode *inode, struct file *file)
{
	struct ring *ring = container_of(inode->i_cdev, struct ring, cdev);
	struct ring_file *f;
	int ret;

	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	ret = ring_get_open(ring);
	if (ret) {
		kfree(f);
		return ret;
	}
	f->ring = ring;
	f->mode = file->f_mode & (FMODE_READ | FMODE_WRITE);
	mutex_init(&f->lock);
	INIT_LIST_HEAD(&f->sub.all);
	INIT_LIST_HEAD(&f->sub.gate);
	RB_CLEAR_NODE(&f->sub.unplaced);
	INIT_LIST_HEAD(&f->prod.all);
	f->prod.longest_k = 1;
	f->pid = get_pid(task_tgid(current));
	get_task_comm(f->comm, current->group_leader);
	file->private_data = f;

	/*
	 * A stream, but one with lseek(), and splice() from a character device asks for that: there is no
	 * file position to lock or to keep, and pread() and pwrite() mean nothing. No call sleeps under
	 * IOCB_NOWAIT.
	 */
	file->f_mode &= ~(FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS);
	file->f_mode |= FMODE_STREAM | FMODE_NOWAIT;
	return 0;
}

/* The last descriptor and the last mapping are gone. Nobody else can be in a call on this file. */
static int ring_release(struct inode *inode, struct file *file)
{
	struct ring_file *f = file->private_data;

	ring_unsubscribe(f);
	ring_unproduce(f);
	ring_area_free(&f->sub.page);
	put_pid(f->pid);
	if (ring_put_open(f->ring))
		ring_registry_remove(f->ring);
	kfree(f);
	return 0;
}

static int ring_fasync(int fd, struct file *file, int on)
{
	struct ring_file *f = file->private_data;
	struct ring *ring = f->ring;
	int ret = 0;

	if (f->mode & FMODE_READ)
		ret = fasync_helper(fd, file, on, &ring->fasync_readers);
	if (ret >= 0 && f->mode & FMODE_WRITE) {
		ret = fasync_helper(fd, file, on, &ring->fasync_writers);
		if (ret < 0)
			fasync_helper(-1, file, 0, &ring->fasync_readers);
	}
	if (ret < 0 || !on)
		return ret;
	/* Arm the first signal; finding the ring empty, or full, arms the next one. */
	WRITE_ONCE(f->polled, true);
	if (f->mode & FMODE_READ && !ring_subscribe_default(f, false) && ring_subscriber_arm(f))
		kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
	return 0;
}

static loff_t ring_llseek(struct file *file, loff_t offset, int whence)
{
	struct ring_file *f = file->private_data;
	u64 sequence = 0;
	int ret;

	if (offset || (whence != SEEK_SET && whence != SEEK_END))
		return -EINVAL;
	if (!(f->mode & FMODE_READ))
		return -EBADF;
	ret = ring_error(f->ring);
	if (ret)
		return ret;
	return ring_seek(f, whence == SEEK_SET ? RING_OLDEST : RING_NEXT, &sequence);
}

const struct file_operations ring_fops = {
	.owner = THIS_MODULE,
	.open = ring_open,
	.release = ring_release,
	.read = ring_read,
	.write = ring_write,
	.read_iter = ring_read_iter,
	.write_iter = ring_write_iter,
	.splice_read = ring_splice_read,
	.splice_write = iter_file_splice_write,
	.poll = ring_poll,
	.fasync = ring_fasync,
	.llseek = ring_llseek,
	.mmap = ring_mmap,
	.unlocked_ioctl = ring_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = ring_show_fdinfo,
};
