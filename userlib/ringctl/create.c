/* SPDX-License-Identifier: MIT */
/* ringctl create - make a ring */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/ring_protocol.h>

#include "ringctl.h"

/**
 * struct wish - what was asked for
 * @c: the ring
 * @slots: --slots, as it was written; NULL: not given. So the next two.
 * @slot_size: --slot-size
 * @size: --size
 */
struct wish {
	struct ring_create c;
	const char *slots;
	const char *slot_size;
	const char *size;
};

static uint64_t bytes_wanted(const struct ring_create *c)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t slots = ((uint64_t)c->slots * c->slot_size + page - 1) / page * page;

	return slots + c->bulk_size + 2 * page;	/* and the control and the producer page */
}

static int no_memory(const struct ring_create *c)
{
	uint64_t wanted = bytes_wanted(c);
	struct ring_version module;

	if (ring_module_version(&module) ||
	    (module.bytes <= module.max_bytes && wanted <= module.max_bytes - module.bytes))
		return complain("create", "out of memory: the ring takes %s", size_text(wanted));
	return complain(c->bulk_size > (uint64_t)c->slots * c->slot_size ? "--size" : "--slots",
			"the ring takes %s; all together may hold %s (max_bytes), and %s are in use",
			size_text(wanted), size_text(module.max_bytes), size_text(module.bytes));
}

static int taken(const struct ring_create *c)
{
	uint32_t id;

	if (*c->name && !ring_find(c->name, &id))
		return complain(c->name, "the name is taken, by ring%u", id);
	if (c->id != RING_ANY)
		return complain("--id", "%u is taken", c->id);
	return complain("create", "%s", ring_strerror(-EEXIST));
}

int create_ring(struct ring_create *c)
{
	struct ring_create wanted = *c;
	int err = ring_create(c);

	if (err && load_module(err)) {
		*c = wanted;
		err = ring_create(c);
	}
	switch (err) {
	case 0:
		return EXIT_OK;
	case -EEXIST:
		return taken(&wanted);
	case -ENOMEM:
		return no_memory(&wanted);
	case -EINVAL:
		return complain("create", "the module refuses this ring");
	case -EACCES:
	case -EPERM:
	case -ENODEV:
		return complain(CONTROL, "%s", error_text(err));
	}
	return complain("create", "%s", ring_strerror(err));
}

/* Before the module does: it only says EINVAL. */
static void check_geometry(const struct wish *w, uint64_t slots, uint64_t slot_size, uint64_t size)
{
	const char *which, *option, *given, *why;
	uint64_t value;

	why = ring_mem_check(slots, slot_size, size, (uint64_t)sysconf(_SC_PAGESIZE), &which);
	if (!why)
		return;
	if (!strcmp(which, "slots")) {
		option = "--slots";
		given = w->slots;
		value = slots;
	} else if (!strcmp(which, "slot_size")) {
		option = "--slot-size";
		given = w->slot_size;
		value = slot_size;
	} else {
		option = "--size";
		given = w->size;
		value = size;
	}
	if (given)
		misused(option, "%s: %s", given, why);
	misused(option, "%s, unless another one is given: %s", size_text(value), why);
}

static void set_name(struct ring_create *c, const char *name)
{
	const char *number = strncmp(name, "ring", 4) ? name : name + 4;
	const char *at;

	if (!*name)
		misused("create", "the name is empty");
	if (strlen(name) > RING_NAME_MAX)
		misused("create", "the name is longer than %d bytes", RING_NAME_MAX);
	for (at = name; *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '/')
			misused(printable(name, RING_NAME_MAX),
				"a name is of letters, digits and other visible ASCII characters but '/'");
	if (*number && strspn(number, "0123456789") == strlen(number))
		misused(name, "no name: it is a number; --id takes that");
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		misused(name, "no name: a folder is called so");
	strcpy(c->name, name);
}

/* Permissions, as chmod has them in digits */
static uint32_t parse_mode(const char *option, const char *text)
{
	size_t digits = strspn(text, "01234567");
	unsigned long mode = strtoul(text, NULL, 8);

	if (!digits || digits > 4 || text[digits] || !mode || mode & ~0666ul)
		misused(option, "%s: not permissions of a device, as 0640", text);
	return (uint32_t)mode;
}

static void take_options(struct wish *w, bool *json, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "slots", required_argument, NULL, 's' },
		{ "slot-size", required_argument, NULL, 'z' },
		{ "size", required_argument, NULL, 'b' },
		{ "policy", required_argument, NULL, 'p' },
		{ "direct", no_argument, NULL, 'd' },
		{ "ephemeral", no_argument, NULL, 'e' },
		{ "id", required_argument, NULL, 'i' },
		{ "mode", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct ring_create *c = &w->c;
	uint64_t slots = c->slots, slot_size = c->slot_size, size = c->bulk_size, id;
	int option;

	while ((option = next_option(argc, argv, &verb_create, options)) != -1) {
		switch (option) {
		case 's':
			slots = parse_size("--slots", optarg);
			w->slots = optarg;
			break;
		case 'z':
			slot_size = parse_size("--slot-size", optarg);
			w->slot_size = optarg;
			break;
		case 'b':
			size = parse_size("--size", optarg);
			w->size = optarg;
			break;
		case 'p':
			if (!strcmp(optarg, "block"))
				c->policy = RING_BLOCK;
			else if (!strcmp(optarg, "overwrite"))
				c->policy = RING_OVERWRITE;
			else
				misused("--policy", "'%s' is neither block nor overwrite", optarg);
			break;
		case 'd':
			c->ring_flags |= RING_DIRECT;
			break;
		case 'e':
			c->ring_flags |= RING_EPHEMERAL;
			break;
		case 'i':
			id = parse_number("--id", optarg);
			if (id >= RING_RINGS_MAX)
				misused("--id", "%s: not from 0 to %u", optarg, RING_RINGS_MAX - 1);
			c->id = (uint32_t)id;
			break;
		case 'm':
			c->mode = parse_mode("--mode", optarg);
			break;
		case 'j':
			*json = true;
			break;
		}
	}
	if (optind < argc)
		set_name(c, argv[optind]);
	if (optind + 1 < argc)
		misused(argv[optind + 1], "one ring at a time");
	check_geometry(w, slots, slot_size, size);
	c->slots = (uint32_t)slots;
	c->slot_size = (uint32_t)slot_size;
	c->bulk_size = size;
}

static int print_json(const struct ring_create *c, const char *path)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "ring", path + strlen("/dev/"));
	cJSON_AddStringToObject(object, "path", path);
	cJSON_AddStringToObject(object, "name", c->name);
	return json_print(object);
}

static int run(int argc, char **argv)
{
	bool json = false;
	struct wish wish = { 0 };
	char path[RING_LABEL_MAX];
	int ret;

	ring_create_defaults(&wish.c);
	take_options(&wish, &json, argc, argv);
	ret = create_ring(&wish.c);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/ring%u", wish.c.id);
	if (json)
		return print_json(&wish.c, path);
	puts(path);
	return end_of_output(EXIT_OK);
}

const struct verb verb_create = {
	.name = "create",
	.arguments = "[NAME]",
	.summary = "make a ring, and print its device",
	.options = "  --slots N            a power of two, 4 to 1M (4096)\n"
		   "  --slot-size SIZE     a multiple of 16, 32 to 4096 (64)\n"
		   "  --size SIZE          for records longer than a slot: a power of two, at least 64 bytes\n"
		   "                       a slot, at most 4G; 0: none (1M)\n"
		   "  --policy POLICY      block: writers wait for reliable subscribers (this is the default);\n"
		   "                       overwrite: the oldest records go\n"
		   "  --direct             producers may map the ring writable\n"
		   "  --ephemeral          it goes with its last close\n"
		   "  --mode MODE          permissions of the device, as 0640\n"
		   "  --id N               it is to be /dev/ringN (the lowest number that is free)\n"
		   "  --json               print an object\n",
	.run = run,
};
