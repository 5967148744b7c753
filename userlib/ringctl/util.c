/* SPDX-License-Identifier: MIT */
/* ringctl - messages and numbers */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ringctl.h"

static void message(const char *what, const char *why, va_list args)
{
	fprintf(stderr, "ringctl: %s: ", what);
	vfprintf(stderr, why, args);
	fputc('\n', stderr);
}

int complain(const char *what, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	message(what, why, args);
	va_end(args);
	return EXIT_FAILED;
}

void misused(const char *what, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	message(what, why, args);
	va_end(args);
	exit(EXIT_USAGE);
}

void out_of_memory(void)
{
	fputs("ringctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A number at the start of @text; *end is what follows it. */
static bool leading_number(const char *text, const char **end, uint64_t *value)
{
	char *after;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &after, !strncmp(text, "0x", 2) ? 16 : 10);
	*end = after;
	return !errno;
}

uint64_t parse_number(const char *option, const char *text)
{
	const char *end;
	uint64_t value;

	if (!leading_number(text, &end, &value) || *end)
		misused(option, "'%s' is not a number", text);
	return value;
}

uint64_t parse_size(const char *option, const char *text)
{
	static const char units[] = "KMGT";
	unsigned int shift = 0;
	const char *end, *unit;
	uint64_t value;

	if (!leading_number(text, &end, &value))
		goto err;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end || value > UINT64_MAX >> shift)
		goto err;
	return value << shift;
err:
	misused(option, "'%s' is not a size, like 4096, 64K or 1M", text);
}

uint64_t parse_duration(const char *option, const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 }, { "m", 60e9 },
		{ "h", 3600e9 },
	};
	double value, ns;
	char *end;
	size_t i;

	if (!isdigit((unsigned char)*text) || !strncmp(text, "0x", 2))
		goto err;
	value = strtod(text, &end);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		ns = value * units[i].ns;
		return ns < 9e18 ? (uint64_t)ns : RING_NEVER;
	}
err:
	misused(option, "'%s' is not a duration, like 500ms, 2s or 1.5m", text);
}

/* As many results may be in use at a time as there are buffers. */
static char *text_buffer(size_t *size)
{
	static char buffers[8][128];
	static unsigned int next;

	*size = sizeof(buffers[0]);
	return buffers[next++ % 8];
}

const char *size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned int unit = 0;
	size_t size;
	char *text = text_buffer(&size);

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(text, size, value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return text;
}

const char *duration_text(uint64_t ns)
{
	size_t size;
	char *text = text_buffer(&size);

	if (ns < 1000000)
		snprintf(text, size, "%.3gus", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, size, "%.3gms", (double)ns / 1e6);
	else
		snprintf(text, size, "%.10gs", (double)(ns / 1000000) / 1e3);
	return text;
}

const char *printable(const char *from, size_t max)
{
	size_t size, i;
	char *text = text_buffer(&size);

	for (i = 0; i < max && i < size - 1 && from[i]; i++)
		text[i] = from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	text[i] = '\0';
	return text;
}
