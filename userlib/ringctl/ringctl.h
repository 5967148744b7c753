/* SPDX-License-Identifier: MIT */
/* ringctl - what its files share */
#ifndef RINGCTL_H
#define RINGCTL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <libring.h>

/* Exit statuses */
enum {
	EXIT_OK,
	EXIT_FAILED,
	EXIT_USAGE,
};

/**
 * struct verb - what ringctl can do
 * @name: its name
 * @arguments: what follows it, for --help
 * @summary: what it does, in a line
 * @options: its options, a line each, and what else is to be known
 * @run: does it; argv[0] is the verb. Returns the exit status
 */
struct verb {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *options;
	int (*run)(int argc, char **argv);
};

/* One verb a file */
extern const struct verb verb_info, verb_pub, verb_stat, verb_sub;

/* main.c */

/* The next option, or -1; prints the verb's help, and what is wrong with an option, by itself and exits. */
int next_option(int argc, char **argv, const struct verb *verb, const struct option *options);

/* util.c: messages, numbers and rings */

/* "ringctl: what: why" on stderr, the why as in printf(). Returns EXIT_FAILED. */
int complain(const char *what, const char *why, ...) __attribute__((format(printf, 2, 3)));
/* The same about how ringctl was called; exits with EXIT_USAGE. */
_Noreturn void misused(const char *what, const char *why, ...) __attribute__((format(printf, 2, 3)));
/* The same about memory; exits. */
_Noreturn void out_of_memory(void);

/* The values of options; @option is for the message, with which they exit when it is none. */
uint64_t parse_number(const char *option, const char *text);
uint64_t parse_size(const char *option, const char *text);		/* bytes: 4096, 64K, 1M */
uint64_t parse_duration(const char *option, const char *text);		/* to ns: 500ms, 2s, 1.5m */

/* A size and a duration as people write them, in one of a few static buffers */
const char *size_text(uint64_t bytes);
const char *duration_text(uint64_t ns);
/* Text that another process has chosen, without what could upset a terminal or JSON, in the same buffers */
const char *printable(const char *text, size_t max);

/* Open a ring, or say why not. Its name goes to @name. */
#define RING_LABEL_MAX	32
int open_ring(const char *where, unsigned int flags, struct ring **out, char name[RING_LABEL_MAX]);
/* Open a ring to look at it, in whatever mode is allowed. */
int open_any(const char *where, struct ring **out, char name[RING_LABEL_MAX]);
/* Call @visit for each ring named, or for each ring there is. Returns the worst of what it returned. */
int for_each_ring(int count, char **names, int (*visit)(const char *where, void *arg), void *arg);

const char *policy_name(uint32_t policy);

/* output.c: what is written to stdout */

/**
 * struct output - bytes on their way to stdout
 * @data: them
 * @len: how many
 * @capacity: how many fit
 */
struct output {
	char *data;
	size_t len;
	size_t capacity;
};

/* Room for @len more bytes; returns where they go. They count once output->len has been raised. */
char *output_room(struct output *o, size_t len);
void output_bytes(struct output *o, const void *data, size_t len);
void output_format(struct output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* @data as a JSON member's value: "data": a string if it is UTF-8, else "base64". */
void output_json_data(struct output *o, const unsigned char *data, size_t len);
void output_hexdump(struct output *o, const unsigned char *data, size_t len);
/*
 * Write it all and start anew. 0; -EPIPE: nobody reads it any more; -EINTR: *stop became true; another
 * -errno, having complained.
 */
int output_flush(struct output *o, const volatile bool *stop);

/* Numbers that a double cannot hold */
void json_number(cJSON *object, const char *name, uint64_t value);
/* Print an object in a line and delete it. Returns the exit status. */
int json_print(cJSON *object);

/* progress.c: a bar on stderr, if that is a terminal */

/**
 * struct progress - how far something has got
 * @total: bytes there are, 0 if not known
 * @done: bytes done
 * @began: when, CLOCK_MONOTONIC ns
 * @shown: when it was last drawn, 0 for never
 * @wanted: stderr is a terminal and @total is known
 */
struct progress {
	uint64_t total;
	uint64_t done;
	uint64_t began;
	uint64_t shown;
	bool wanted;
};

void progress_begin(struct progress *p, uint64_t total);
void progress_add(struct progress *p, uint64_t bytes);
/* Take the bar away, so that a message or the prompt has the line. */
void progress_end(struct progress *p);

uint64_t now_ns(void);

#endif /* RINGCTL_H */
