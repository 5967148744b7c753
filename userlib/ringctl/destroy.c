/* SPDX-License-Identifier: MIT */
/* ringctl destroy - remove rings */

#include "ringctl.h"

static int destroy(const char *where, bool force)
{
	uint32_t id;
	int err = find_ring(where, &id);

	if (!err)
		err = ring_destroy(id, force ? RING_DESTROY_FORCE : 0);
	switch (err) {
	case 0:
		return EXIT_OK;
	case -EBUSY:
		return complain(where, "somebody has it open; --force removes it all the same");
	case -EACCES:
	case -EPERM:
		return complain(CONTROL, "%s", ring_strerror(err));
	case -ENODEV:	/* what is not there need not be loaded to be removed */
		return complain(where, "no such ring: the ring module is not loaded");
	}
	return complain(where, "%s", ring_strerror(err));
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "force", no_argument, NULL, 'f' },
		{ 0 },
	};
	int option, i, ret, worst = EXIT_OK;
	bool force = false;

	while ((option = next_option(argc, argv, &verb_destroy, options)) != -1)
		if (option == 'f')
			force = true;
	if (optind == argc)
		misused("destroy", "which ring?");
	for (i = optind; i < argc; i++) {
		ret = destroy(argv[i], force);
		worst = ret > worst ? ret : worst;
	}
	return worst;
}

const struct verb verb_destroy = {
	.name = "destroy",
	.arguments = "RING...",
	.summary = "remove rings",
	.options = "  --force              even if somebody has them open: who reads or writes there is told\n",
	.run = run,
};
