// SPDX-License-Identifier: GPL-2.0
/* ring - ioctl(): checks what is the same for all calls, copies in and out, and calls who does it */

#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <asm/ioctls.h>

#include "internal.h"

/* The size in a command's number is the caller's; what counts is the size in the structure. */
#define COMMAND(cmd)	((cmd) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT))

static int do_info(struct ring_file *f, void *data)
{
	struct ring *ring = f->ring;
	struct ring_info *info = data;

	if (info->flags || memchr_inv(info->reserved, 0, sizeof(info->reserved)))
		return -EINVAL;
	*info = (struct ring_info) {
		.size = info->size,
		.abi = RING_ABI_VERSION,
		.id = ring->id,
		.slots = ring->geometry.slots,
		.slot_size = ring->geometry.slot_size,
		.bulk_size = ring->geometry.size,
		.longest = ring->mem.longest,
		.policy = ring->geometry.policy,
		.ring_flags = ring->geometry.flags,
	};
	strscpy(info->name, ring->geometry.name, sizeof(info->name));
	ring_mmap_layout(ring, info);
	return 0;
}

static int do_subscribe(struct ring_file *f, void *data)
{
	struct ring_subscribe *arg = data;
	int ret;

	if (arg->flags & ~RING_SUBSCRIBE_ALL || arg->flags == RING_SUBSCRIBE_ALL ||
	    arg->start > RING_SEQUENCE || arg->watermark > f->ring->mem.slot_count / 2 ||
	    memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	ret = ring_subscribe(f, arg->flags, arg->watermark, arg->start, &arg->sequence);
	arg->id = f->sub.id;
	return ret;
}

static int do_seek(struct ring_file *f, void *data)
{
	struct ring_seek *arg = data;

	if (arg->flags || arg->reserved || arg->start > RING_SEQUENCE)
		return -EINVAL;
	return ring_seek(f, arg->start, &arg->sequence);
}

static int do_produce(struct ring_file *f, void *data)
{
	struct ring_produce *arg = data;
	int ret;

	if (arg->flags & ~RING_PRODUCE_ALL || arg->reserved)
		return -EINVAL;
	/* It maps the ring, and a mapping needs a file that is open for reading. */
	if (arg->flags & RING_PRODUCE_DIRECT && !(f->mode & FMODE_READ))
		return -EBADF;
	ret = ring_produce(f, arg->flags);
	arg->owner = f->prod.owner;
	return ret;
}

static int do_publish(struct ring_file *f, void *data)
{
	struct ring_publish *arg = data;

	if (arg->flags)
		return -EINVAL;
	return ring_publish_many(f, arg);
}

static int do_read(struct ring_file *f, void *data)
{
	struct ring_read *arg = data;

	if (arg->flags)
		return -EINVAL;
	return ring_read_many(f, arg);
}

static int do_get(struct ring_file *f, void *data)
{
	struct ring_get *arg = data;

	if (arg->flags & ~RING_GET_ALL || arg->reserved)
		return -EINVAL;
	return ring_get(f, arg);
}

static int do_wait_data(struct ring_file *f, void *data)
{
	struct ring_wait *arg = data;

	if (arg->slots || arg->reserved)
		return -EINVAL;
	return ring_wait_data(f, arg->sequence, arg->deadline);
}

static int do_wait_space(struct ring_file *f, void *data)
{
	struct ring_wait *arg = data;

	if (arg->sequence != RING_NONE || !ring_mem_k_valid(&f->ring->mem, arg->slots) || arg->reserved)
		return -EINVAL;
	return ring_wait_space(f->ring, arg->slots, arg->deadline);
}

static int do_wait(struct ring_file *f, void *data)
{
	struct ring_wait *arg = data;

	switch (arg->flags) {
	case RING_WAIT_DATA:
		return f->mode & FMODE_READ ? do_wait_data(f, data) : -EBADF;
	case RING_WAIT_SPACE:
		return f->mode & FMODE_WRITE ? do_wait_space(f, data) : -EBADF;
	}
	return -EINVAL;
}

static int do_stat(struct ring_file *f, void *data)
{
	struct ring_stat *arg = data;

	if (arg->flags || arg->reserved0 || arg->reserved1 ||
	    memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	return ring_stat(f, arg);
}

union ring_argument {
	struct ring_info info;
	struct ring_subscribe subscribe;
	struct ring_seek seek;
	struct ring_produce produce;
	struct ring_publish publish;
	struct ring_read read;
	struct ring_get get;
	struct ring_wait wait;
	struct ring_stat stat;
};

/* The calls with a structure, by number: what the file must be open for, and which ones a ring answers in any status */
static const struct call {
	unsigned int command;
	u32 size;
	fmode_t mode;
	bool error_too;
	int (*call)(struct ring_file *f, void *data);
} calls[] = {
#define CALL(command, type, ...)	[_IOC_NR(command)] = { command, sizeof(type), __VA_ARGS__ }
	CALL(RING_IOC_INFO, struct ring_info, 0, true, do_info),
	CALL(RING_IOC_SUBSCRIBE, struct ring_subscribe, FMODE_READ, false, do_subscribe),
	CALL(RING_IOC_SEEK, struct ring_seek, FMODE_READ, false, do_seek),
	CALL(RING_IOC_PRODUCE, struct ring_produce, FMODE_WRITE, false, do_produce),
	CALL(RING_IOC_PUBLISH, struct ring_publish, FMODE_WRITE, false, do_publish),
	CALL(RING_IOC_READ, struct ring_read, FMODE_READ, false, do_read),
	CALL(RING_IOC_GET, struct ring_get, FMODE_READ, false, do_get),
	CALL(RING_IOC_WAIT, struct ring_wait, 0, false, do_wait),
	CALL(RING_IOC_STAT, struct ring_stat, 0, true, do_stat),
#undef CALL
};

bool ring_argument_is(unsigned int cmd, unsigned int command)
{
	return COMMAND(cmd) == COMMAND(command);
}

/**
 * ring_argument_get - copy a call's structure in
 * @arg: where to
 * @known: its size, as it is known here
 * @command: the call
 * @user: where from
 */
int ring_argument_get(void *arg, u32 known, unsigned int command, void __user *user)
{
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < known)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(arg, known, user, size);
	if (ret)
		return ret;
	*(u32 *)arg = size;	/* not what another thread made of it meanwhile */
	/* Where the answer goes must be writable before anything is done that could not be undone. */
	return _IOC_DIR(command) & _IOC_READ && copy_to_user(user, arg, known) ? -EFAULT : 0;
}

/* Copy it out again, when the call has returned @ret. EMSGSIZE tells how much would do. */
int ring_argument_put(int ret, const void *arg, u32 known, unsigned int command, void __user *user)
{
	if ((!ret || ret == -EMSGSIZE) && _IOC_DIR(command) & _IOC_READ && copy_to_user(user, arg, known))
		return -EFAULT;
	return ret;
}

static long call_with_structure(struct file *file, const struct call *c, void __user *user)
{
	struct ring_file *f = file->private_data;
	union ring_argument arg ring_uninitialized;	/* so much of it as is copied in */
	int ret;

	ret = ring_argument_get(&arg, c->size, c->command, user);
	if (ret)
		return ret;
	if ((f->mode & c->mode) != c->mode)
		return -EBADF;
	ret = c->error_too ? 0 : ring_error(f->ring);
	if (ret)
		return ret;
	return ring_argument_put(c->call(f, &arg), &arg, c->size, c->command, user);
}

static long call_with_value(struct file *file, unsigned int command, unsigned long value)
{
	struct ring_file *f = file->private_data;
	struct ring *ring = f->ring;
	fmode_t mode = command == RING_IOC_FLUSH || command == RING_IOC_SHUTDOWN ? FMODE_WRITE :
		       command == RING_IOC_WAKE ? 0 : FMODE_READ;
	int ret;

	if (command == RING_IOC_WAKE ? !value || value & ~RING_WAKE_ALL : value)
		return -EINVAL;
	if ((f->mode & mode) != mode)
		return -EBADF;
	/* What is left to do with a corrupt ring, and with one that was destroyed, besides closing it */
	ret = ring_error(ring);
	if (ret == -EUCLEAN && (command == RING_IOC_SHUTDOWN || command == RING_IOC_FLUSH))
		ret = 0;
	if (ret && command != RING_IOC_UNSUBSCRIBE)
		return ret;

	switch (command) {
	case RING_IOC_UNSUBSCRIBE:
		ret = ring_file_lock(f, false);
		if (ret)
			return ret;
		ret = ring_unsubscribe(f);
		mutex_unlock(&f->lock);
		return ret;
	case RING_IOC_CURSOR:
		return ring_cursor_file(file);
	case RING_IOC_WAKE:
		if (value & RING_WAKE_DATA)
			ring_wake_readers(ring);
		if (value & RING_WAKE_SPACE)
			ring_wake_writers(ring);
		return 0;
	case RING_IOC_FLUSH:
		ring_flush(ring);
		return 0;
	case RING_IOC_SHUTDOWN:
		ring_set_status(ring, RING_STATUS_SHUTDOWN);
		return 0;
	}
	return -ENOTTY;
}

long ring_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ring_file *f = file->private_data;
	unsigned int nr = _IOC_NR(cmd);
	int ret;

	if (cmd == FIONREAD) {
		if (!(f->mode & FMODE_READ))
			return -EBADF;
		ret = ring_error(f->ring) ?: ring_subscribe_default(f, false);
		return ret ?: put_user(ring_next_length(f), (int __user *)arg);
	}
	if (_IOC_TYPE(cmd) != RING_IOC_MAGIC)
		return -ENOTTY;
	if (nr < ARRAY_SIZE(calls)) {
		const struct call *c = &calls[array_index_nospec(nr, ARRAY_SIZE(calls))];

		if (ring_argument_is(cmd, c->command))
			return call_with_structure(file, c, (void __user *)arg);
	}
	switch (cmd) {
	case RING_IOC_UNSUBSCRIBE:
	case RING_IOC_CURSOR:
	case RING_IOC_WAKE:
	case RING_IOC_FLUSH:
	case RING_IOC_SHUTDOWN:
		return call_with_value(file, cmd, arg);
	}
	return -ENOTTY;
}
