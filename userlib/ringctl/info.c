/* SPDX-License-Identifier: MIT */
/* ringctl info - what rings there are and how they are made */

#include <stdio.h>

#include "ringctl.h"

static int print_json(const char *name, const struct ring_info *info)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "ring", name);
	cJSON_AddStringToObject(object, "name", printable(info->name, sizeof(info->name)));
	cJSON_AddStringToObject(object, "policy", policy_name(info->policy));
	cJSON_AddBoolToObject(object, "direct", !!(info->ring_flags & RING_DIRECT));
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
	printf("  slots           %u of %s\n", info->slots, size_text(info->slot_size));
	printf("  bulk area       %s\n", info->bulk_size ? size_text(info->bulk_size) : "none");
	printf("  longest record  %llu bytes\n", (unsigned long long)info->longest);
}

static int show(const char *where, void *json)
{
	char name[RING_LABEL_MAX];
	struct ring_info info;
	struct ring *r;
	int ret;

	ret = open_any(where, &r, name);
	if (ret)
		return ret;
	ring_get_info(r, &info);
	ring_close(r);
	if (*(bool *)json)
		return print_json(name, &info);
	print_text(name, &info);
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	bool json = false;
	int option, ret;

	while ((option = next_option(argc, argv, &verb_info, options)) != -1)
		if (option == 'j')
			json = true;
	ret = for_each_ring(argc - optind, argv + optind, show, &json);
	return fflush(stdout) ? complain("stdout", "%s", strerror(errno)) : ret;
}

const struct verb verb_info = {
	.name = "info",
	.arguments = "[RING]...",
	.summary = "show how rings are made",
	.options = "Of all rings when none is given.\n\n"
		   "  --json               one object a line\n",
	.run = run,
};
