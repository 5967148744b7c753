// SPDX-License-Identifier: GPL-2.0
/* ring - loading and unloading */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>

#include "internal.h"

static struct ring **rings;
static int ring_count;

static void ring_remove_all(void)
{
	while (ring_count)
		ring_remove(rings[--ring_count]);
	kfree(rings);
}

static int ring_create_all(void)
{
	int wanted = ring_params_rings();
	struct ring_geometry geometry;
	struct ring *ring;
	int ret;

	rings = kcalloc(wanted, sizeof(*rings), GFP_KERNEL);
	if (!rings)
		return -ENOMEM;
	while (ring_count < wanted) {
		ret = ring_params_geometry(ring_count, &geometry);
		if (ret)
			goto err_remove;
		ring = ring_create(ring_count, &geometry);
		if (IS_ERR(ring)) {
			ret = PTR_ERR(ring);
			pr_err("ring%d: cannot make it: %pe\n", ring_count, ring);
			goto err_remove;
		}
		rings[ring_count++] = ring;
	}
	return 0;

err_remove:
	ring_remove_all();
	return ret;
}

static int __init ring_init(void)
{
	int ret;

	ret = ring_params_check();
	if (ret)
		return ret;
	ret = ring_chrdev_init();
	if (ret)
		return ret;
	ret = ring_create_all();
	if (ret)
		ring_chrdev_exit();
	return ret;
}

static void __exit ring_exit(void)
{
	ring_remove_all();
	ring_chrdev_exit();
}

module_init(ring_init);
module_exit(ring_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Shared, permissioned, crash-safe ring buffers at /dev/ringN");
MODULE_VERSION("0.1.0");
