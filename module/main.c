// SPDX-License-Identifier: GPL-2.0
/* ring - loading and unloading */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "internal.h"

static int create_rings(void)
{
	struct ring_geometry geometry;
	int i, ret;

	for (i = 0; i < ring_params_rings(); i++) {
		ret = ring_params_geometry(i, &geometry);
		if (ret)
			return ret;
		ret = ring_registry_create(i, &geometry);
		if (ret < 0) {
			pr_err("ring%d: cannot make it: %pe\n", i, ERR_PTR(ret));
			return ret;
		}
	}
	return 0;
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
	ret = create_rings();
	if (ret)
		goto err_rings;
	ret = ring_control_init();
	if (ret)
		goto err_rings;
	/* Last: a module whose load fails goes even from under its open files. */
	ring_registry_reveal();
	return 0;

err_rings:
	ring_registry_remove_all();
	ring_chrdev_exit();
	return ret;
}

static void __exit ring_exit(void)
{
	ring_control_exit();
	ring_registry_remove_all();
	ring_chrdev_exit();
}

module_init(ring_init);
module_exit(ring_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Shared, permissioned, crash-safe ring buffers at /dev/ringN");
MODULE_VERSION(RING_RELEASE);
