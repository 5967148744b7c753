// SPDX-License-Identifier: GPL-2.0
/* ring - /dev/ring-control: making, removing and finding rings */

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

static int do_create(void *data)
{
	struct ring_create *arg = data;
	struct ring_geometry g = {
		.slots = arg->slots, .slot_size = arg->slot_size, .size = arg->bulk_size,
		.policy = arg->policy, .flags = arg->ring_flags, .mode = arg->mode,
	};
	const char *which;
	int ret;

	if (arg->flags || arg->ring_flags & ~(RING_DIRECT | RING_EPHEMERAL) || arg->policy > RING_OVERWRITE ||
	    (arg->id != RING_ANY && arg->id >= RING_RINGS_MAX) || arg->mode & ~0666 ||
	    memchr_inv(arg->reserved, 0, sizeof(arg->reserved)) ||
	    strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name) || !ring_name_valid(arg->name) ||
	    ring_mem_check(g.slots, g.slot_size, g.size, PAGE_SIZE, &which))
		return -EINVAL;
	strscpy(g.name, arg->name, sizeof(g.name));
	ret = ring_registry_create(arg->id == RING_ANY ? -1 : (int)arg->id, &g);
	if (ret < 0)
		return ret;
	arg->id = ret;
	return 0;
}

static int do_destroy(void *data)
{
	struct ring_destroy *arg = data;

	if (arg->flags & ~RING_DESTROY_FORCE || arg->reserved)
		return -EINVAL;
	return ring_registry_destroy(arg->id, arg->flags & RING_DESTROY_FORCE);
}

static int do_find(void *data)
{
	struct ring_find *arg = data;
	int ret;

	if (arg->flags || arg->reserved || !*arg->name ||
	    strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name))
		return -EINVAL;
	ret = ring_registry_find(arg->name);
	if (ret < 0)
		return ret;
	arg->id = ret;
	return 0;
}

static int do_list(void *data)
{
	struct ring_list *arg = data;
	struct ring_list_entry *entries = NULL;
	u32 room = arg->array ? min_t(u32, arg->count, RING_RINGS_MAX) : 0;
	int ret;

	if (arg->flags || memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (room) {
		entries = kvcalloc(room, sizeof(*entries), GFP_KERNEL_ACCOUNT);
		if (!entries)
			return -ENOMEM;
	}
	ret = ring_registry_list(entries, room, &arg->total);
	if (ret >= 0) {
		arg->count = ret;
		ret = copy_to_user(u64_to_user_ptr(arg->array), entries, ret * sizeof(*entries)) ? -EFAULT : 0;
	}
	kvfree(entries);
	return ret;
}

static int do_version(void *data)
{
	struct ring_version *arg = data;

	if (arg->flags)
		return -EINVAL;
	*arg = (struct ring_version) {
		.size = arg->size,
		.abi = RING_ABI_VERSION,
		.max_bytes = ring_max_bytes,
		.bytes = ring_area_bytes_used(),
	};
	strscpy(arg->release, RING_RELEASE, sizeof(arg->release));
	return 0;
}

union control_argument {
	struct ring_create create;
	struct ring_destroy destroy;
	struct ring_find find;
	struct ring_list list;
	struct ring_version version;
};

static const struct call {
	unsigned int command;
	u32 size;
	fmode_t mode;
	int (*call)(void *data);
} calls[] = {
	{ RING_CTL_CREATE, sizeof(struct ring_create), FMODE_WRITE, do_create },
	{ RING_CTL_DESTROY, sizeof(struct ring_destroy), FMODE_WRITE, do_destroy },
	{ RING_CTL_FIND, sizeof(struct ring_find), 0, do_find },
	{ RING_CTL_LIST, sizeof(struct ring_list), 0, do_list },
	{ RING_CTL_VERSION, sizeof(struct ring_version), 0, do_version },
};

static long control_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	union control_argument arg;
	int i, ret, err;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct call *c = &calls[i];

		if (!ring_argument_is(cmd, c->command))
			continue;
		ret = ring_argument_get(&arg, c->size, c->command, (void __user *)user);
		if (ret)
			return ret;
		if ((file->f_mode & c->mode) != c->mode)
			return -EBADF;
		ret = c->call(&arg);
		err = ring_argument_put(ret, &arg, c->size, c->command, (void __user *)user);
		/* Where the answer goes was writable a moment ago: a ring whose number nobody was told must go. */
		if (!ret && err && c->call == do_create)
			ring_registry_destroy(arg.create.id, true);
		return err;
	}
	return -ENOTTY;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* What there is may be known by everybody, as from sysfs; making and removing is for who may write. */
static struct miscdevice control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ring-control",
	.fops = &control_fops,
	.mode = 0644,
};

int ring_control_init(void)
{
	return misc_register(&control);
}

void ring_control_exit(void)
{
	misc_deregister(&control);
}
