/* SPDX-License-Identifier: MIT */
/* ringctl - make rings, look at them, publish to them, subscribe to them */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringctl.h"

static const struct verb *const verbs[] = {
	&verb_list, &verb_create, &verb_destroy, &verb_info, &verb_pub, &verb_sub, &verb_stat, &verb_top, &verb_bench,
};

#define VERBS	(sizeof(verbs) / sizeof(verbs[0]))

static void help(void)
{
	size_t i;

	printf("ringctl VERB [OPTION]... [ARGUMENT]...\n\n");
	for (i = 0; i < VERBS; i++)
		printf("  %-7s %-16s %s\n", verbs[i]->name, verbs[i]->arguments, verbs[i]->summary);
	printf("\nA RING is a number, ringN, a path or a name. ringctl VERB --help tells more.\n"
	       "ringctl --version [--json] tells whether tool, library and module fit together.\n");
}

static void help_verb(const struct verb *verb)
{
	printf("ringctl %s [OPTION]... %s\n%s\n\n%s", verb->name, verb->arguments, verb->summary,
	       verb->options);
	printf("  --help               this\n");
}

int next_option(int argc, char **argv, const struct verb *verb, const struct option *options)
{
	const struct option *o;
	char short_one[3] = "-";
	bool count = false;
	const char *said;
	int option;

	for (o = options; o->name; o++)
		count |= o->val == 'n';
	opterr = 0;
	option = getopt_long(argc, argv, count ? ":hn:" : ":h", options, NULL);
	/* What getopt has stopped at may be in the middle of a word of short ones. */
	short_one[1] = (char)optopt;
	said = optopt && strncmp(argv[optind - 1], "--", 2) ? short_one : argv[optind - 1];
	switch (option) {
	case 'h':
		help_verb(verb);
		exit(end_of_output(EXIT_OK));
	case ':':
		misused(said, "needs a value");
	case '?':
		misused(said, "ringctl %s has no such option, or it takes no value", verb->name);
	}
	return option;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	size_t i;

	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		help();
		return end_of_output(EXIT_OK);
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		if (argc > 3 || (argc == 3 && strcmp(argv[2], "--json")))
			misused("--version", "takes nothing but --json");
		return print_version(argc == 3);
	}
	for (i = 0; i < VERBS; i++)
		if (!strcmp(name, verbs[i]->name))
			return verbs[i]->run(argc - 1, argv + 1);
	if (!*name)
		misused("no verb", "ringctl --help lists them");
	misused(name, "no such verb; ringctl --help lists them");
}
