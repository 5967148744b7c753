/* SPDX-License-Identifier: MIT */
/* ringctl sub - subscribe, and print what comes */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringctl.h"

/* What is printed between two releases, at most, so that writers get their room back in time */
#define BATCH_RECORDS	1024
#define BATCH_BYTES	1048576u

#define LAST_RECORD_POLL	100000000u	/* ns */

enum format {
	FORMAT_LINES,
	FORMAT_RAW,
	FORMAT_HEX,
	FORMAT_JSON,
};

/**
 * struct printer - what was asked for, and how far that got
 * @r: the ring
 * @name: ringN
 * @format: how records are printed
 * @limit: how many
 * @printed: how many were
 * @lost: what was told of lost ones
 * @timeout: how long it may take, in ns; RING_NEVER
 * @deadline: when that is
 * @out: what was formatted and not yet printed
 */
struct printer {
	struct ring *r;
	char name[RING_LABEL_MAX];
	enum format format;
	uint64_t limit;
	uint64_t printed;
	uint64_t lost;
	uint64_t timeout;
	uint64_t deadline;
	struct output out;
};

static volatile bool stop;

static void on_signal(int number)
{
	(void)number;
	stop = true;
}

static void format(struct printer *p, const struct ring_view *v)
{
	struct output *o = &p->out;

	switch (p->format) {
	case FORMAT_LINES:
		output_bytes(o, v->data, v->len);
		output_bytes(o, "\n", 1);
		break;
	case FORMAT_RAW:
		output_bytes(o, v->data, v->len);
		break;
	case FORMAT_HEX:
		output_format(o, "sequence %llu, tag %u, length %u\n", (unsigned long long)v->sequence,
			      v->tag, v->len);
		output_hexdump(o, v->data, v->len);
		break;
	case FORMAT_JSON:
		output_format(o, "{\"sequence\":%llu,\"tag\":%u,\"length\":%u,",
			      (unsigned long long)v->sequence, v->tag, v->len);
		output_json_data(o, v->data, v->len);
		output_bytes(o, "}\n", 2);
		break;
	}
}

static void tell_lost(struct printer *p)
{
	uint64_t lost = ring_lost(p->r), more = lost - p->lost;

	p->lost = lost;
	if (!more)
		return;
	if (p->format == FORMAT_JSON)
		output_format(&p->out, "{\"lost\":%llu}\n", (unsigned long long)more);
	else
		complain(p->name, "lost %llu record%s", (unsigned long long)more, more == 1 ? "" : "s");
}

/*
 * Print what there is, in one batch. It is formatted where it lies, then released, and only printed when
 * the release says that it was whole. Returns 1: go on; 0: shut down, or nobody reads stdout any more;
 * -EAGAIN: nothing there; another -errno.
 */
static int print_batch(struct printer *p)
{
	uint64_t left = p->limit - p->printed;
	unsigned int most = left < BATCH_RECORDS ? (unsigned int)left : BATCH_RECORDS;
	unsigned int count = 0;
	struct ring_view v;
	int got = 1, err;

	while (count < most && p->out.len < BATCH_BYTES && (got = ring_next(p->r, &v)) == 1) {
		format(p, &v);
		count++;
	}
	err = got == -EOVERFLOW ? got : ring_release(p->r);
	if (err == -EOVERFLOW) {
		p->out.len = 0;
		count = 0;
		got = 1;
		tell_lost(p);
	} else if (err) {
		return err;
	}
	p->printed += count;
	err = output_flush(&p->out, &stop);
	if (err == -EPIPE || err == -EINTR)
		return 0;
	return err ? err : got < 0 && count ? 1 : got;
}

/* Sleep until there is something, somebody wants this to end, or nobody reads stdout any more. */
static int wait_for_more(struct printer *p)
{
	struct pollfd fds[] = { { .fd = ring_fd(p->r), .events = POLLIN }, { .fd = STDOUT_FILENO } };
	uint64_t now = now_ns(), left = p->deadline > now ? p->deadline - now : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(left / 1000000000),
		.tv_nsec = (long)(left % 1000000000),
	};
	sigset_t ending, before;
	int n = 0;

	/* Signals come in ppoll() only, or one could come between the look at stop and the sleep. */
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, &before);
	if (!stop)
		n = ppoll(fds, 2, p->deadline == RING_NEVER ? NULL : &timeout, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0 && fds[1].revents & (POLLERR | POLLNVAL))
		stop = true;
	/* Shut down, but a producer has not ended its last record: poll() does not wait for that. */
	if (n > 0 && (fds[0].revents & (POLLIN | POLLHUP)) == POLLHUP)
		ring_wait(p->r, ring_deadline_in(LAST_RECORD_POLL));
	return 0;
}

static int print_all(struct printer *p)
{
	int err = 0;

	while (!stop && p->printed < p->limit) {
		err = print_batch(p);
		if (err == -EAGAIN)
			err = now_ns() < p->deadline ? wait_for_more(p) : -ETIMEDOUT;
		else if (!err)
			return EXIT_OK;
		else if (err > 0)
			err = now_ns() < p->deadline ? 0 : -ETIMEDOUT;
		if (err)
			break;
	}
	if (stop || !err || p->printed >= p->limit)
		return EXIT_OK;
	if (err == -ETIMEDOUT && p->limit == UINT64_MAX)
		return EXIT_OK;
	if (err == -ETIMEDOUT)
		return complain(p->name, "%llu of %llu records within %s", (unsigned long long)p->printed,
				(unsigned long long)p->limit, duration_text(p->timeout));
	return complain(p->name, "%s", ring_strerror(err));
}

static void set_format(struct printer *p, bool *given, enum format format)
{
	if (*given && p->format != format)
		misused("--lines, --raw, --hex, --json", "only one of them");
	*given = true;
	p->format = format;
}

static void set_start(struct ring_subscribe_options *o, const char *text)
{
	if (!strcmp(text, "oldest")) {
		o->start = RING_OLDEST;
	} else if (!strcmp(text, "next")) {
		o->start = RING_NEXT;
	} else if (!strcmp(text, "latest")) {
		o->start = RING_LATEST;
	} else if (*text >= '0' && *text <= '9') {
		o->start = RING_SEQUENCE;
		o->sequence = parse_number("--from", text);
	} else {
		misused("--from", "'%s' is not oldest, next, latest or a sequence", text);
	}
}

static void take_options(struct printer *p, struct ring_subscribe_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "lines", no_argument, NULL, 'l' },
		{ "raw", no_argument, NULL, 'r' },
		{ "hex", no_argument, NULL, 'x' },
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ "from", required_argument, NULL, 'f' },
		{ "lossy", no_argument, NULL, 'y' },
		{ 0 },
	};
	bool given = false;
	int option;

	while ((option = next_option(argc, argv, &verb_sub, options)) != -1) {
		switch (option) {
		case 'l':
			set_format(p, &given, FORMAT_LINES);
			break;
		case 'r':
			set_format(p, &given, FORMAT_RAW);
			break;
		case 'x':
			set_format(p, &given, FORMAT_HEX);
			break;
		case 'j':
			set_format(p, &given, FORMAT_JSON);
			break;
		case 'n':
			p->limit = parse_number("--count", optarg);
			break;
		case 't':
			p->timeout = parse_duration("--timeout", optarg);
			break;
		case 'f':
			set_start(o, optarg);
			break;
		case 'y':
			o->flags = RING_SUBSCRIBE_LOSSY;
			break;
		}
	}
	if (optind == argc)
		misused("sub", "which ring?");
	if (optind + 1 < argc)
		misused(argv[optind + 1], "one ring at a time");
}

static int subscribe_failed(struct printer *p, const struct ring_subscribe_options *o, int err)
{
	unsigned long long sequence = o->sequence;

	if (o->start != RING_SEQUENCE)
		return complain(p->name, "%s", ring_strerror(err));
	switch (err) {
	case -ENODATA:
		return complain("--from", "record %llu of %s is no longer there", sequence, p->name);
	case -EAGAIN:
		return complain("--from", "record %llu of %s is not there yet", sequence, p->name);
	case -EINVAL:
		return complain("--from", "no record of %s starts at %llu", p->name, sequence);
	}
	return complain(p->name, "%s", ring_strerror(err));
}

static int run(int argc, char **argv)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	struct printer p = { .limit = UINT64_MAX, .timeout = RING_NEVER };
	struct sigaction action = { .sa_handler = on_signal };
	int ret;

	take_options(&p, &o, argc, argv);
	ret = open_ring(argv[optind], RING_OPEN_READ, &p.r, p.name);
	if (ret)
		return ret;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);

	ret = ring_subscribe(p.r, &o);
	if (ret) {
		ret = subscribe_failed(&p, &o, ret);
	} else {
		p.deadline = p.timeout == 0 ? now_ns() : ring_deadline_in(p.timeout);
		ret = print_all(&p);
	}
	ring_close(p.r);
	free(p.out.data);
	return ret;
}

const struct verb verb_sub = {
	.name = "sub",
	.arguments = "RING",
	.summary = "subscribe and print the records",
	.options = "Until the ring is shut down. Records lost are told on stderr.\n\n"
		   "  --lines              each record and a newline (this is the default)\n"
		   "  --raw                the records' bytes and nothing else\n"
		   "  --hex                sequence, tag, length and a hex dump\n"
		   "  --json               an object a line: sequence, tag, length, and data if it is\n"
		   "                       UTF-8, else base64; {\"lost\":N} for lost records\n"
		   "  -n, --count N        end after N records\n"
		   "  --timeout DURATION   end after so long; a failure if there are not N records by then\n"
		   "  --from START         oldest (the default), next, latest, or a sequence\n"
		   "  --lossy              let writers overwrite what was not read in time\n",
	.run = run,
};
