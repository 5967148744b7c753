/* SPDX-License-Identifier: MIT */
/* ringctl - the module: loaded when it is missing, and whether it fits */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ringctl.h"

/* Where the kernel itself looks for it; PATH may say anything. */
#define MODPROBE	"/sbin/modprobe"

/* Why the module could not be loaded, when that was tried in vain */
static char reason[256];

static void __attribute__((noreturn)) exec_modprobe(int output)
{
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execl(MODPROBE, "modprobe", "ring", (char *)NULL);
	dprintf(STDERR_FILENO, "%s: %s\n", MODPROBE, strerror(errno));
	_exit(127);
}

/* Run modprobe; the first line of what it says, if it fails, is the reason. */
static bool run_modprobe(void)
{
	static const char itself[] = "modprobe: ";
	char said[200], *line = said;
	int ends[2], status = -1;
	size_t len = 0;
	ssize_t n;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC)) {
		snprintf(reason, sizeof(reason), "modprobe ring: %s", strerror(errno));
		return false;
	}
	child = fork();
	if (!child)
		exec_modprobe(ends[1]);
	close(ends[1]);
	/* To its end, or modprobe would wait for room in the pipe. */
	while (child > 0 && (n = read(ends[0], said + len, sizeof(said) - 1 - len)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			break;
		if (len == sizeof(said) - 1)
			len--;
	}
	close(ends[0]);
	said[len] = '\0';
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!status)
		return true;
	said[strcspn(said, "\n")] = '\0';
	if (!strncmp(line, itself, sizeof(itself) - 1))
		line += sizeof(itself) - 1;
	snprintf(reason, sizeof(reason), "modprobe ring: %s", *line ? line : "failed");
	return false;
}

/* Not more than once, and never what was unloaded while ringctl ran */
static bool tried;

void load_no_more(void)
{
	tried = true;
}

bool load_module(int err)
{
	if ((err != -ENODEV && err != -ENOENT) || tried || !access(CONTROL, F_OK))
		return false;
	tried = true;
	if (geteuid()) {
		snprintf(reason, sizeof(reason), "the ring module is not loaded, and only root can load it");
		return false;
	}
	if (!run_modprobe())
		return false;
	if (access(CONTROL, F_OK))
		snprintf(reason, sizeof(reason), "the ring module is loaded, but there is no %s", CONTROL);
	return true;
}

const char *error_text(int err)
{
	return *reason && (err == -ENODEV || err == -ENOENT) ? reason : ring_strerror(err);
}

static int version_json(const struct ring_version *module, bool loaded, bool fits)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "ringctl", RING_VERSION);
	cJSON_AddStringToObject(object, "libring", ring_version());
	if (loaded) {
		cJSON_AddStringToObject(object, "module", printable(module->release, sizeof(module->release)));
		json_number(object, "abi", module->abi);
		cJSON_AddBoolToObject(object, "fits", fits);
	} else {
		cJSON_AddNullToObject(object, "module");
	}
	return json_print(object);
}

int print_version(bool json)
{
	struct ring_version module;
	int err = ring_module_version(&module);
	bool loaded = !err, fits = loaded && module.abi == RING_ABI_VERSION;

	if (json) {
		if (version_json(&module, loaded, fits))
			return EXIT_FAILED;
	} else {
		printf("ringctl %s\nlibring %s\n", RING_VERSION, ring_version());
		if (loaded)
			printf("module %s (abi %u)\n", printable(module.release, sizeof(module.release)),
			       module.abi);
		else if (err == -ENODEV)
			printf("module: not loaded\n");
		if (end_of_output(EXIT_OK))
			return EXIT_FAILED;
	}
	if (loaded && !fits)
		return complain("module", "it speaks ABI %u, ringctl and libring speak %u: they do not fit together",
				module.abi, RING_ABI_VERSION);
	if (!loaded && err != -ENODEV)
		return complain(CONTROL, "%s", ring_strerror(err));
	return EXIT_OK;
}
