/* SPDX-License-Identifier: MIT */
/* ringctl info - what rings there are and how they are made */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ring_protocol.h>

#include "ringctl.h"

static int print_json(const char *name, const struct ring_info *info)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "ring", name);
	cJSON_AddStringToObject(object, "name", printable(info->name, sizeof(info->name)));
	cJSON_AddStringToObject(object, "policy", policy_name(info->policy));
	cJSON_AddBoolToObject(object, "direct", !!(info->ring_flags & RING_DIRECT));
	cJSON_AddBoolToObject(object, "ephemeral", !!(info->ring_flags & RING_EPHEMERAL));
	json_number(object, "slots", info->slots);
	json_number(object, "slot_size", info->slot_size);
	json_number(object, "size", info->bulk_size);
	json_number(object, "longest", info->longest);
	json_number(object, "abi", info->abi);
	return json_print(object);
}

static void print_text(const char *name, const struct ring_info *info)
{
	printf("%s\n", name);
	if (info->name[0])
		printf("  name            %s\n", printable(info->name, sizeof(info->name)));
	printf("  policy          %s\n", policy_name(info->policy));
	printf("  access          %s\n", info->ring_flags & RING_DIRECT ? "direct" : "mediated");
	if (info->ring_flags & RING_EPHEMERAL)
		printf("  ephemeral       removed with its last close\n");
	printf("  slots           %u of %s\n", info->slots, size_text(info->slot_size));
	printf("  bulk area       %s\n", info->bulk_size ? size_text(info->bulk_size) : "none");
	printf("  longest record  %llu bytes\n", (unsigned long long)info->longest);
}

static int print(const struct ring_info *info, bool json)
{
	char name[RING_LABEL_MAX];

	snprintf(name, sizeof(name), "ring%u", info->id);
	if (json)
		return print_json(name, info);
	print_text(name, info);
	return EXIT_OK;
}

static struct ring_info info_of(const struct ring_list_entry *entry, uint32_t abi)
{
	struct ring_info info = {
		.abi = abi,
		.id = entry->id,
		.slots = entry->slots,
		.slot_size = entry->slot_size,
		.bulk_size = entry->bulk_size,
		.policy = entry->policy,
		.ring_flags = entry->ring_flags,
	};
	struct ring_mem memory;

	ring_mem_init(&memory, entry->slots, entry->slot_size, entry->bulk_size);
	info.longest = memory.longest;
	memcpy(info.name, entry->name, sizeof(info.name));
	return info;
}

/* Where the control node cannot be asked, the ring itself may be. */
static int open_and_print(const char *where, bool json)
{
	char name[RING_LABEL_MAX];
	struct ring_info info;
	struct ring *r;
	int err;

	err = try_open_any(where, &r, name);
	if (err)
		return complain(where, "%s", error_text(err));
	ring_get_info(r, &info);
	ring_close(r);
	return print(&info, json);
}

static int show(const char *where, const struct ring_list_entry *entries, int count, uint32_t abi, bool json)
{
	const struct ring_list_entry *entry;
	struct ring_info info;
	uint32_t id;
	int err;

	if (count < 0)
		return open_and_print(where, json);
	err = find_ring(where, &id);
	entry = err ? NULL : find_entry(entries, count, id);
	if (!entry)
		return complain(where, "%s", error_text(err ? err : -ENOENT));
	info = info_of(entry, abi);
	return print(&info, json);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct ring_list_entry *entries;
	int option, count, i, ret, worst = EXIT_OK;
	struct ring_version module = { 0 };
	struct ring_info info;
	bool json = false;

	while ((option = next_option(argc, argv, &verb_info, options)) != -1)
		if (option == 'j')
			json = true;
	count = list_rings(&entries);
	if (count < 0 && optind == argc)
		return complain(CONTROL, "%s", error_text(count));
	if (count > 0)
		ring_module_version(&module);
	for (i = optind; i < argc; i++) {
		ret = show(argv[i], entries, count, module.abi, json);
		worst = ret > worst ? ret : worst;
	}
	for (i = 0; optind == argc && i < count; i++) {
		info = info_of(&entries[i], module.abi);
		ret = print(&info, json);
		worst = ret > worst ? ret : worst;
	}
	free(entries);
	return end_of_output(worst);
}

const struct verb verb_info = {
	.name = "info",
	.arguments = "[RING]...",
	.summary = "show how rings are made",
	.options = "Of all rings when none is given.\n\n"
		   "  --json               one object a line\n",
	.run = run,
};
