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
extern const struct verb verb_bench, verb_create, verb_destroy, verb_info, verb_list;
extern const struct verb verb_pub, verb_stat, verb_sub, verb_top;

/* main.c */

/* The next option, or -1; prints the verb's help, and what is wrong with an option, by itself and exits. */
int next_option(int argc, char **argv, const struct verb *verb, const struct option *options);

/* util.c: messages and numbers */

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

uint64_t now_ns(void);

/* module.c: the module itself */

#define CONTROL		"/dev/ring-control"

/* After an error of libring: load the module if it is that what is missing. Returns whether to try again. */
bool load_module(int err);
/* From now on a module that is missing was unloaded on purpose. */
void load_no_more(void);
/* ring_strerror(), or why the module could not be loaded when that is the reason */
const char *error_text(int err);
/* ringctl --version. Returns the exit status. */
int print_version(bool json);

/* rings.c: finding and opening rings. @where is a number, ringN, a path or a name. */

#define RING_LABEL_MAX	32
/* Open a ring; ringN goes to @name. 0 or -errno. */
int try_open(const char *where, unsigned int flags, struct ring **out, char name[RING_LABEL_MAX]);
/* The same to look at it, in whatever mode is allowed */
int try_open_any(const char *where, struct ring **out, char name[RING_LABEL_MAX]);
/* Open a ring, or say why not. Returns the exit status. */
int open_ring(const char *where, unsigned int flags, struct ring **out, char name[RING_LABEL_MAX]);
/* All rings, in an array to be freed. Returns how many, or -errno. */
int list_rings(struct ring_list_entry **out);
/* The number of a ring, without opening it: that could be an ephemeral ring's last close. 0 or -errno. */
int find_ring(const char *where, uint32_t *id);
/* The ring of that number among the @count of @entries, or NULL */
const struct ring_list_entry *find_entry(const struct ring_list_entry *entries, int count, uint32_t id);

const char *policy_name(uint32_t policy);

/* create.c: make a ring, or say why not. Returns the exit status. */
int create_ring(struct ring_create *c);

/* sample.c: how rings are doing, sampled again and again */

/**
 * struct sample - a ring at a moment
 * @at: when, CLOCK_MONOTONIC ns
 * @stat: what STAT said
 * @subscribers: stat.subscriber_count of them
 */
struct sample {
	uint64_t at;
	struct ring_stat stat;
	struct ring_stat_subscriber *subscribers;
};

/**
 * struct report - a ring, twice
 * @title: what to call it: ringN, or as it was asked for where that is not known
 * @info: how it is made
 * @first: the sample before the last one; none when its at is 0
 * @last: the last one
 * @problem: why there is no last sample; NULL: there is
 * @gone: there is no such ring, or not any more
 */
struct report {
	char title[256];
	struct ring_info info;
	struct sample first;
	struct sample last;
	const char *problem;
	bool gone;
};

struct reports {
	struct report *all;
	int count;
};

/*
 * Sample the rings named, or all there are when @count is 0; the last samples become the first ones. All there
 * are does not mean those that went meanwhile, nor ephemeral ones that nobody has open: to open such a ring would
 * be its end. 0 or -errno: there is no telling which rings there are.
 */
int reports_sample(struct reports *reports, int count, char **names);
void reports_free(struct reports *reports);

/* Of something that was counted in both samples, how much a second; 0 without a first one */
double report_rate(const struct report *report, uint64_t first, uint64_t last);
double report_taken_rate(const struct report *report, const struct ring_stat_subscriber *s);
const struct ring_stat_subscriber *sample_find(const struct sample *s, uint32_t id);
/* How long the record has been begun that readers wait for, in ns */
uint64_t sample_busy_for(const struct sample *s);
cJSON *report_json(const struct report *report);

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

/* After the last word on stdout, else the exit status is @status. Returns the exit status. */
int end_of_output(int status);

/* Numbers that a double cannot hold */
void json_number(cJSON *object, const char *name, uint64_t value);
/* Print an object in a line and delete it. Returns the exit status. */
int json_print(cJSON *object);
/* The same, but it goes to @o. */
void output_json(struct output *o, cJSON *object);

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

#endif /* RINGCTL_H */
