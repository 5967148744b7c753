/* SPDX-License-Identifier: MIT */
/* ringctl pub - publish lines, blocks or whole files */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ringctl.h"

#define BATCH		1024
#define READ_AHEAD	262144u

enum cut {
	CUT_LINES,
	CUT_BLOCKS,
	CUT_WHOLE,
};

/**
 * struct publisher - what is published, and how far that got
 * @r: where to
 * @name: ringN
 * @longest: its longest record in bytes
 * @cut: how the input becomes records
 * @block: bytes of a block
 * @limit: records to publish at most
 * @timeout: how long to wait for room, in ns
 * @tag: of all records
 * @file: what is being read, for messages
 * @line: the line that was cut off last
 * @buf: what was read of it
 * @capacity: bytes that fit there
 * @start: where what is not yet cut begins
 * @end: where what was read ends
 * @batch: records cut and not yet published; their payload is in @buf
 * @batched: how many
 * @published: records published
 * @bytes: bytes in them
 * @first: sequence of the first one
 * @progress: the bar
 */
struct publisher {
	struct ring *r;
	char name[RING_LABEL_MAX];
	uint64_t longest;
	enum cut cut;
	uint64_t block;
	uint64_t limit;
	uint64_t timeout;
	uint32_t tag;
	const char *file;
	uint64_t line;
	char *buf;
	size_t capacity;
	size_t start;
	size_t end;
	struct ring_publish_record batch[BATCH];
	unsigned int batched;
	uint64_t published;
	uint64_t bytes;
	uint64_t first;
	struct progress progress;
};

static int failed(struct publisher *p, int err)
{
	progress_end(&p->progress);
	if (err == -ETIMEDOUT || err == -EAGAIN)
		complain(p->name, "no room within %s; %llu records were published", duration_text(p->timeout),
			 (unsigned long long)p->published);
	else
		complain(p->name, "%s; %llu records were published", ring_strerror(err),
			 (unsigned long long)p->published);
	return EXIT_FAILED;
}

static int publish_batch(struct publisher *p)
{
	unsigned int done = 0, i;
	uint64_t first, bytes;
	int ret;

	while (done < p->batched) {
		ret = ring_publish_many(p->r, p->batch + done, p->batched - done,
					ring_deadline_in(p->timeout), &first);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return failed(p, ret);
		if (!p->published)
			p->first = first;
		for (i = 0, bytes = 0; i < (unsigned int)ret; i++)
			bytes += p->batch[done + i].len;
		p->published += (unsigned int)ret;
		p->bytes += bytes;
		done += (unsigned int)ret;
	}
	p->batched = 0;
	return EXIT_OK;
}

static int too_long(struct publisher *p)
{
	progress_end(&p->progress);
	if (p->cut == CUT_WHOLE)
		return complain(p->file, "longer than the longest record of %s, %llu bytes; --block cuts it",
				p->name, (unsigned long long)p->longest);
	return complain(p->file, "line %llu is longer than the longest record of %s, %llu bytes",
			(unsigned long long)p->line, p->name, (unsigned long long)p->longest);
}

/*
 * Cut the next record off what was read. Returns 1: *@len bytes at p->start, and *@skip bytes to go on. 0: it
 * takes more input. -1: it is too long, told.
 */
static int cut_record(struct publisher *p, bool end_of_file, size_t *len, size_t *skip)
{
	const char *at = p->buf + p->start, *newline;
	size_t have = p->end - p->start;

	if (p->cut == CUT_BLOCKS) {
		if (!have || (have < p->block && !end_of_file))
			return 0;
		*len = have < p->block ? have : (size_t)p->block;
		*skip = *len;
		return 1;
	}
	newline = p->cut == CUT_LINES && have ? memchr(at, '\n', have) : NULL;
	*len = newline ? (size_t)(newline - at) : have;
	*skip = newline ? *len + 1 : *len;
	if (*len > p->longest) {
		p->line++;
		too_long(p);
		return -1;
	}
	if (!newline && (!end_of_file || (p->cut == CUT_LINES && !have)))
		return 0;
	p->line++;
	return 1;
}

/* Publish all records that what was read has. */
static int publish_records(struct publisher *p, bool end_of_file)
{
	size_t len, skip;
	int ret;

	while (p->published + p->batched < p->limit) {
		ret = cut_record(p, end_of_file, &len, &skip);
		if (ret < 0) {
			publish_batch(p);	/* what came before it is good */
			return EXIT_FAILED;
		}
		if (!ret)
			break;
		p->batch[p->batched++] = (struct ring_publish_record) {
			.addr = (uintptr_t)(p->buf + p->start),
			.len = (uint32_t)len,
			.tag = p->tag,
		};
		p->start += skip;
		progress_add(&p->progress, skip);
		if (p->batched == BATCH && publish_batch(p))
			return EXIT_FAILED;
		if (p->cut == CUT_WHOLE)
			break;
	}
	return publish_batch(p);
}

/* Make room for more input behind what is not yet cut. */
static void make_room(struct publisher *p)
{
	if (p->start) {
		memmove(p->buf, p->buf + p->start, p->end - p->start);
		p->end -= p->start;
		p->start = 0;
	}
	if (p->capacity - p->end >= READ_AHEAD)
		return;
	p->capacity = p->capacity ? p->capacity * 2 : (size_t)2 * READ_AHEAD;
	p->buf = realloc(p->buf, p->capacity);
	if (!p->buf)
		out_of_memory();
}

static int publish_descriptor(struct publisher *p, int fd)
{
	ssize_t n;

	p->line = 0;
	p->start = 0;
	p->end = 0;
	do {
		make_room(p);
		n = read(fd, p->buf + p->end, p->capacity - p->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			progress_end(&p->progress);
			return complain(p->file, "%s", strerror(errno));
		}
		p->end += (size_t)n;
		if (publish_records(p, !n))
			return EXIT_FAILED;
	} while (n && p->published < p->limit);
	return EXIT_OK;
}

static int publish_file(struct publisher *p, const char *file)
{
	bool standard = !strcmp(file, "-");
	int fd = STDIN_FILENO, ret;

	p->file = standard ? "stdin" : file;
	if (!standard) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			progress_end(&p->progress);
			return complain(file, "%s", strerror(errno));
		}
	}
	ret = publish_descriptor(p, fd);
	if (!standard)
		close(fd);
	return ret;
}

/* Bytes in all files together; 0 if that cannot be told */
static uint64_t total_size(int count, char **files)
{
	uint64_t total = 0;
	struct stat st;
	int i;

	if (!count)
		return !fstat(STDIN_FILENO, &st) && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	for (i = 0; i < count; i++) {
		if (strcmp(files[i], "-") ? stat(files[i], &st) : fstat(STDIN_FILENO, &st))
			return 0;
		if (!S_ISREG(st.st_mode))
			return 0;
		total += (uint64_t)st.st_size;
	}
	return total;
}

static int print_json(const struct publisher *p)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "ring", p->name);
	json_number(object, "published", p->published);
	json_number(object, "bytes", p->bytes);
	if (p->published)
		json_number(object, "first", p->first);
	else
		cJSON_AddNullToObject(object, "first");
	return json_print(object);
}

static void set_cut(struct publisher *p, bool *given, enum cut cut)
{
	if (*given && p->cut != cut)
		misused("--lines, --block, --whole", "only one of them");
	*given = true;
	p->cut = cut;
}

static bool take_options(struct publisher *p, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "lines", no_argument, NULL, 'l' },
		{ "block", required_argument, NULL, 'b' },
		{ "whole", no_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ "tag", required_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	bool given = false, json = false;
	uint64_t tag;
	int option;

	while ((option = next_option(argc, argv, &verb_pub, options)) != -1) {
		switch (option) {
		case 'l':
			set_cut(p, &given, CUT_LINES);
			break;
		case 'b':
			set_cut(p, &given, CUT_BLOCKS);
			p->block = parse_size("--block", optarg);
			if (!p->block)
				misused("--block", "must be longer than nothing");
			break;
		case 'w':
			set_cut(p, &given, CUT_WHOLE);
			break;
		case 'n':
			p->limit = parse_number("--count", optarg);
			break;
		case 't':
			p->timeout = parse_duration("--timeout", optarg);
			break;
		case 'g':
			tag = parse_number("--tag", optarg);
			if (tag > UINT32_MAX)
				misused("--tag", "'%s' is more than 32 bits", optarg);
			p->tag = (uint32_t)tag;
			break;
		case 'j':
			json = true;
			break;
		}
	}
	if (optind == argc)
		misused("pub", "which ring?");
	return json;
}

static int run(int argc, char **argv)
{
	static struct publisher publisher = { .limit = UINT64_MAX, .timeout = RING_NEVER };
	static char *standard_input[] = { "-" };
	struct publisher *p = &publisher;
	char **files = standard_input;
	struct ring_info info;
	int i, count, ret;
	bool json;

	json = take_options(p, argc, argv);
	ret = open_ring(argv[optind], RING_OPEN_WRITE, &p->r, p->name);
	if (ret)
		return ret;
	ring_get_info(p->r, &info);
	p->longest = info.longest;
	if (p->cut == CUT_BLOCKS && p->block > p->longest) {
		ret = complain("--block", "%llu bytes are more than the longest record of %s, %llu bytes",
			       (unsigned long long)p->block, p->name, (unsigned long long)p->longest);
		goto out;
	}
	count = argc - optind - 1;
	progress_begin(&p->progress, total_size(count, argv + optind + 1));
	if (count)
		files = argv + optind + 1;
	else
		count = 1;
	for (i = 0; i < count && !ret && p->published < p->limit; i++)
		ret = publish_file(p, files[i]);
	progress_end(&p->progress);
	if (json && print_json(p))
		ret = EXIT_FAILED;
out:
	ring_close(p->r);
	free(p->buf);
	return ret;
}

const struct verb verb_pub = {
	.name = "pub",
	.arguments = "RING [FILE]...",
	.summary = "publish from files, or from stdin",
	.options = "  --lines              each line is a record, without its newline (this is the default)\n"
		   "  --block SIZE         records of SIZE bytes; the last one of a file may be shorter\n"
		   "  --whole              each file is a record\n"
		   "  -n, --count N        publish at most N records\n"
		   "  --timeout DURATION   how long to wait when there is no room (for ever)\n"
		   "  --tag N              the tag of the records (0)\n"
		   "  --json               say at the end what was published\n",
	.run = run,
};
