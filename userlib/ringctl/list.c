/* SPDX-License-Identifier: MIT */
/* ringctl list - the rings there are */

#include <stdio.h>
#include <stdlib.h>

#include "ringctl.h"

static int print_json(const struct ring_list_entry *e)
{
	cJSON *object = cJSON_CreateObject();
	char name[RING_LABEL_MAX];

	snprintf(name, sizeof(name), "ring%u", e->id);
	cJSON_AddStringToObject(object, "ring", name);
	cJSON_AddStringToObject(object, "name", printable(e->name, sizeof(e->name)));
	cJSON_AddStringToObject(object, "policy", policy_name(e->policy));
	cJSON_AddBoolToObject(object, "direct", !!(e->ring_flags & RING_DIRECT));
	cJSON_AddBoolToObject(object, "ephemeral", !!(e->ring_flags & RING_EPHEMERAL));
	cJSON_AddBoolToObject(object, "shutdown", !!(e->status & RING_STATUS_SHUTDOWN));
	cJSON_AddBoolToObject(object, "corrupt", !!(e->status & RING_STATUS_CORRUPT));
	json_number(object, "slots", e->slots);
	json_number(object, "slot_size", e->slot_size);
	json_number(object, "size", e->bulk_size);
	json_number(object, "bytes", e->bytes);
	json_number(object, "opens", e->opens);
	json_number(object, "subscribers", e->subscribers);
	json_number(object, "producers", e->producers);
	return json_print(object);
}

static void print_text(const struct ring_list_entry *e)
{
	char name[RING_LABEL_MAX];

	snprintf(name, sizeof(name), "ring%u", e->id);
	printf("%-8s %-16s %-9s %-8s %7u %9s %9s %5u %4u %4u%s%s%s\n", name,
	       *e->name ? printable(e->name, sizeof(e->name)) : "-", policy_name(e->policy),
	       e->ring_flags & RING_DIRECT ? "direct" : "mediated", e->slots,
	       e->bulk_size ? size_text(e->bulk_size) : "-", size_text(e->bytes), e->opens, e->subscribers,
	       e->producers, e->ring_flags & RING_EPHEMERAL ? "  ephemeral" : "",
	       e->status & RING_STATUS_SHUTDOWN ? "  shut down" : "",
	       e->status & RING_STATUS_CORRUPT ? "  CORRUPT" : "");
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct ring_list_entry *entries;
	int option, count, i, ret = EXIT_OK;
	bool json = false;

	while ((option = next_option(argc, argv, &verb_list, options)) != -1)
		if (option == 'j')
			json = true;
	if (optind < argc)
		misused(argv[optind], "list takes no ring; ringctl info shows one");
	count = list_rings(&entries);
	if (count < 0)
		return complain(CONTROL, "%s", error_text(count));
	if (count && !json)
		printf("%-8s %-16s %-9s %-8s %7s %9s %9s %5s %4s %4s\n", "RING", "NAME", "POLICY", "ACCESS",
		       "SLOTS", "BULK", "MEMORY", "OPENS", "SUBS", "PUBS");
	for (i = 0; i < count && !ret; i++) {
		if (json)
			ret = print_json(&entries[i]);
		else
			print_text(&entries[i]);
	}
	free(entries);
	return end_of_output(ret);
}

const struct verb verb_list = {
	.name = "list",
	.arguments = "",
	.summary = "list the rings",
	.options = "Memory is what a ring holds; opens are its open files, subs and pubs who subscribes and\n"
		   "publishes among them.\n\n"
		   "  --json               one object a line\n",
	.run = run,
};
