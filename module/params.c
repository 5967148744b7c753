// SPDX-License-Identifier: GPL-2.0
/*
 * ring - the module's parameters. All are taken as text and read here, so that whatever is wrong refuses
 * the load with one line that names the parameter, and with EINVAL.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

#include "internal.h"

#define RINGS_MAX	256

static char *rings = "1";
module_param(rings, charp, 0444);
MODULE_PARM_DESC(rings, "how many rings to make, 0 to 256 (default 1)");

static char *max_bytes = "";
module_param(max_bytes, charp, 0444);
MODULE_PARM_DESC(max_bytes, "most memory that all rings together may hold, in bytes, K, M or G (default a quarter of the memory)");

/* Per ring; the last value repeats */
#define RING_PARAM(name, value, what)				\
	static char *name[RINGS_MAX] = { value };		\
	static int name##_count = 1;				\
	module_param_array(name, charp, &name##_count, 0444);	\
	MODULE_PARM_DESC(name, what)

RING_PARAM(slots, "4096", "slots of each ring, a power of two, 4 to 1M (default 4096)");
RING_PARAM(slot_size, "64", "bytes of a slot, a multiple of 16, 32 to 4096 (default 64)");
RING_PARAM(size, "1M", "bytes of the bulk area, a power of two, at least 64 a slot and a page, 0 for none (default 1M)");
RING_PARAM(policy, "block", "block: writers wait for reliable subscribers; overwrite: the oldest records go (default block)");
RING_PARAM(direct, "0", "1: producers may map the ring writable (default 0)");

static const char *value_of(char *const *values, int count, int index)
{
	return values[min(index, count - 1)];
}

/* A number with an optional K, M or G behind it, and nothing else */
static int parse_bytes(const char *text, u64 *value)
{
	char digits[24];
	size_t len = strlen(text);
	int shift = 0;

	if (!len || len >= sizeof(digits))
		return -EINVAL;
	strscpy(digits, text, sizeof(digits));
	switch (digits[len - 1]) {
	case 'G': case 'g':
		shift += 10;
		fallthrough;
	case 'M': case 'm':
		shift += 10;
		fallthrough;
	case 'K': case 'k':
		shift += 10;
		digits[len - 1] = '\0';
	}
	if (!isdigit(digits[0]) || kstrtoull(digits, 0, value) || *value << shift >> shift != *value)
		return -EINVAL;
	*value <<= shift;
	return 0;
}

static int bytes_param(const char *name, const char *text, u64 *value)
{
	if (!parse_bytes(text, value))
		return 0;
	pr_err("%s=%s: not a number (K, M and G may follow it)\n", name, text);
	return -EINVAL;
}

int ring_params_rings(void)
{
	u64 count;

	return parse_bytes(rings, &count) ? 0 : count;
}

/* What ring @index shall be. Refuses with one line in the log. */
int ring_params_geometry(int index, struct ring_geometry *g)
{
	const char *policy_text = value_of(policy, policy_count, index);
	const char *direct_text = value_of(direct, direct_count, index);
	const struct {
		const char *name;
		const char *text;
		u64 *value;
	} numbers[] = {
		{ "slots", value_of(slots, slots_count, index), &g->slots },
		{ "slot_size", value_of(slot_size, slot_size_count, index), &g->slot_size },
		{ "size", value_of(size, size_count, index), &g->size },
	};
	const char *parameter, *why;
	bool is_direct;
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		ret = bytes_param(numbers[i].name, numbers[i].text, numbers[i].value);
		if (ret)
			return ret;
	}
	if (!strcmp(policy_text, "block")) {
		g->policy = RING_BLOCK;
	} else if (!strcmp(policy_text, "overwrite")) {
		g->policy = RING_OVERWRITE;
	} else {
		pr_err("policy=%s: neither block nor overwrite\n", policy_text);
		return -EINVAL;
	}
	if (kstrtobool(direct_text, &is_direct)) {
		pr_err("direct=%s: neither 0 nor 1\n", direct_text);
		return -EINVAL;
	}
	g->flags = is_direct ? RING_DIRECT : 0;
	g->mode = 0;
	*g->name = '\0';

	why = ring_mem_check(g->slots, g->slot_size, g->size, PAGE_SIZE, &parameter);
	if (!why)
		return 0;
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(numbers[i].name, parameter))
			pr_err("%s=%s: %s\n", parameter, numbers[i].text, why);
	return -EINVAL;
}

/* Everything is looked at before anything is made. */
int ring_params_check(void)
{
	struct ring_geometry geometry;
	u64 count, bytes;
	int i, ret;

	ret = bytes_param("rings", rings, &count);
	if (ret)
		return ret;
	if (count > RINGS_MAX) {
		pr_err("rings=%s: more than %d\n", rings, RINGS_MAX);
		return -EINVAL;
	}
	bytes = (u64)totalram_pages() << PAGE_SHIFT >> 2;
	if (*max_bytes) {
		ret = bytes_param("max_bytes", max_bytes, &bytes);
		if (ret)
			return ret;
	}
	ring_max_bytes = min_t(u64, bytes, ULONG_MAX);
	for (i = 0; i < max_t(int, count, max3(slots_count, slot_size_count, size_count)) ||
	     i < max(policy_count, direct_count); i++) {
		ret = ring_params_geometry(i, &geometry);
		if (ret)
			return ret;
	}
	return 0;
}
