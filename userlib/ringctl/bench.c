/* SPDX-License-Identifier: MIT */
/*
 * ringctl bench - how fast a ring is between processes: one publishes, others subscribe, and each record must
 * arrive at each of them; then two of them exchange single records, asleep in between.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ringctl.h"

#define GRACE		10000000000u	/* ns that a record may take before it counts as stuck */
#define LOOK_EVERY	500000000u	/* ns between looks at whether the other processes are there */
#define RELEASE_EVERY	64
#define SUBSCRIBERS_MAX	256
#define BATCH_MAX	4096
#define ROUND_TRIPS_MAX	1000000
#define PAUSE		100000		/* ns before a round trip, for the other side to fall asleep */

/* Tags: what a record is. Each starts with a number, of 64 bits. */
enum {
	TAG_DATA = 1,
	TAG_END,		/* the number says how many there were */
	TAG_PING,
	TAG_PONG,
};

/**
 * struct bench - what is measured, and what came out
 * @path: /dev/ringN
 * @name: ringN
 * @own: made for this
 * @direct: it is a direct ring
 * @size: bytes of a record
 * @subscribers: processes that subscribe
 * @batch: records published in one call
 * @time: ns for each of the two measurements
 * @records: published, and arrived at each subscriber
 * @took: ns from before the first was published until the last one had arrived everywhere
 * @round_trips: how many
 * @median: of them, in ns
 * @most: what 99 % of them did not exceed, in ns
 */
struct bench {
	char path[RING_LABEL_MAX + 5];
	char name[RING_LABEL_MAX];
	bool own;
	bool direct;
	size_t size;
	uint64_t subscribers;
	size_t batch;
	uint64_t time;
	uint64_t records;
	uint64_t took;
	size_t round_trips;
	uint64_t median;
	uint64_t most;
};

/**
 * struct crew - the other processes
 * @pids: them
 * @count: how many
 * @results: a pipe: each of them says when it is ready, and when the last record has come
 */
struct crew {
	pid_t pids[SUBSCRIBERS_MAX];
	unsigned int count;
	int results[2];
};

/* One of the other processes has. While there are records to come, that is too soon. */
static volatile sig_atomic_t ended;

static void note_end(int sig)
{
	(void)sig;
	ended = 1;
}

static int failed(const struct bench *b, int err)
{
	if (err == -ETIMEDOUT)
		return complain(b->name, "nothing moves for %s: somebody else's subscriber?", duration_text(GRACE));
	return complain(b->name, "%s", ring_strerror(err));
}

static void tell(const struct crew *crew, uint64_t value)
{
	if (write(crew->results[1], &value, sizeof(value)) != sizeof(value))
		_exit(complain("bench", "pipe: %s", strerror(errno)));
}

/* The next that anybody tells; false: all have ended */
static bool hear(const struct crew *crew, uint64_t *value)
{
	return read(crew->results[0], value, sizeof(*value)) == sizeof(*value);
}

static void open_or_exit(const struct bench *b, unsigned int flags, struct ring **r)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	int err;

	o.flags = RING_SUBSCRIBE_RELIABLE;
	o.start = RING_NEXT;
	err = ring_open(b->path, flags, r);
	if (!err)
		err = ring_subscribe(*r, &o);
	if (err)
		_exit(failed(b, err));
}

/* The next record, waited for. Another's do not count: returns its tag, or 0 when who was to send it has ended. */
static uint32_t next_or_exit(const struct bench *b, struct ring *r, uint64_t *number, uint32_t *len)
{
	uint64_t begin = now_ns();
	struct ring_view v;
	int err;

	while ((err = ring_next(r, &v)) == -EAGAIN) {
		err = ring_release(r);
		if (!err)
			err = ring_wait(r, ring_deadline_in(LOOK_EVERY));
		if (err == -ETIMEDOUT && ended)
			return 0;
		if (err && (err != -ETIMEDOUT || now_ns() - begin > b->time + GRACE))
			_exit(failed(b, err));
	}
	if (err != 1)
		_exit(failed(b, err ? err : -EPIPE));
	if (v.len < sizeof(*number))
		return 0;
	memcpy(number, v.data, sizeof(*number));
	*len = v.len;
	return v.tag;
}

/* Each record must come, once and in order. */
static void subscriber(const struct bench *b, const struct crew *crew)
{
	uint64_t expected = 0, number;
	uint32_t tag, len;
	struct ring *r;

	open_or_exit(b, RING_OPEN_READ, &r);
	tell(crew, 0);
	while ((tag = next_or_exit(b, r, &number, &len)) != TAG_END) {
		if (tag != TAG_DATA || number != expected || len != b->size)
			_exit(complain(b->name, "record %llu did not arrive: another came instead",
				       (unsigned long long)expected));
		expected++;
		if (expected % RELEASE_EVERY == 0 && ring_release(r))
			_exit(complain(b->name, "record %llu was overwritten", (unsigned long long)expected - 1));
	}
	if (number != expected)
		_exit(complain(b->name, "%llu of %llu records arrived", (unsigned long long)expected,
			       (unsigned long long)number));
	tell(crew, now_ns());
	ring_close(r);
}

/* Sends each ping back. */
static void echo(const struct bench *b, const struct crew *crew)
{
	uint64_t number;
	uint32_t tag, len;
	struct ring *r;
	int err;

	open_or_exit(b, RING_OPEN_READ | RING_OPEN_WRITE, &r);
	tell(crew, 0);
	while ((tag = next_or_exit(b, r, &number, &len)) != TAG_END) {
		err = ring_release(r);
		if (!err && tag == TAG_PING)
			err = ring_publish(r, &number, sizeof(number), TAG_PONG, ring_deadline_in(GRACE));
		if (err)
			_exit(failed(b, err));
	}
	ring_close(r);
}

/* Start the processes, and wait until they have subscribed. */
static int start(const struct bench *b, struct crew *crew, unsigned int count,
		 void (*work)(const struct bench *b, const struct crew *crew))
{
	const struct sigaction action = { .sa_handler = note_end, .sa_flags = SA_RESTART };
	pid_t parent = getpid(), pid;
	unsigned int i;
	uint64_t ready;

	crew->count = 0;
	ended = 0;
	sigaction(SIGCHLD, &action, NULL);
	if (pipe(crew->results))
		return complain("bench", "pipe: %s", strerror(errno));
	fflush(NULL);
	for (i = 0; i < count; i++) {
		pid = fork();
		if (!pid) {
			ended = 0;
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(EXIT_FAILED);
			close(crew->results[0]);
			work(b, crew);
			_exit(EXIT_OK);
		}
		if (pid < 0) {
			complain("bench", "fork: %s", strerror(errno));
			break;
		}
		crew->pids[crew->count++] = pid;
	}
	close(crew->results[1]);
	for (i = 0; i < count && hear(crew, &ready); i++)
		;
	return i == count ? EXIT_OK : EXIT_FAILED;
}

/* All must have ended well. When @failed already, what they wait for may never come. */
static int finish(struct crew *crew, int failed)
{
	unsigned int i;
	pid_t pid;
	int status;

	close(crew->results[0]);
	for (i = 0; i < crew->count; i++) {
		pid = waitpid(crew->pids[i], &status, failed ? WNOHANG : 0);
		if (!pid) {
			kill(crew->pids[i], SIGKILL);
			waitpid(crew->pids[i], NULL, 0);
		} else if (WIFSIGNALED(status)) {
			failed = complain("bench", "process %d was killed by signal %d", crew->pids[i],
					  WTERMSIG(status));
		} else if (WEXITSTATUS(status)) {
			failed = EXIT_FAILED;	/* it has said why */
		}
	}
	return failed;
}

/* Publish @batch records at a time until the time is over, and say how many that were. */
static int publish(struct bench *b, struct ring *r, struct ring_publish_record *batch, unsigned char *payload)
{
	uint64_t begin = now_ns(), i;
	int ret;

	for (i = 0; i < b->batch; i++)
		batch[i] = (struct ring_publish_record) {
			.addr = (uintptr_t)(payload + i * b->size), .len = (uint32_t)b->size, .tag = TAG_DATA,
		};
	do {
		for (i = 0; i < b->batch; i++)
			memcpy(payload + i * b->size, &(uint64_t){ b->records + i }, sizeof(uint64_t));
		for (i = 0; i < b->batch; i += (unsigned int)ret) {
			if (b->batch == 1)
				ret = ring_publish(r, payload, b->size, TAG_DATA, ring_deadline_in(GRACE)) ?: 1;
			else
				ret = ring_publish_many(r, batch + i, (unsigned int)(b->batch - i),
							ring_deadline_in(GRACE), NULL);
			if (ret < 0)
				return ret;
		}
		b->records += b->batch;
	} while (!ended && now_ns() - begin < b->time);
	return ring_publish(r, &b->records, sizeof(b->records), TAG_END, ring_deadline_in(GRACE));
}

static int measure_rate(struct bench *b)
{
	struct ring_publish_record *batch = calloc(b->batch, sizeof(*batch));
	unsigned char *payload = calloc(b->batch, b->size);
	uint64_t begin, at, end = 0;
	struct crew crew = { .results = { -1, -1 } };
	unsigned int i;
	struct ring *r;
	int err, ret;

	if (!batch || !payload)
		out_of_memory();
	ret = start(b, &crew, (unsigned int)b->subscribers, subscriber);
	if (ret)
		goto out;
	err = ring_open(b->path, RING_OPEN_READ | RING_OPEN_WRITE, &r);
	if (!err) {
		/* No other producer: its records would be taken for lost ones. */
		err = ring_produce(r, RING_PRODUCE_EXCLUSIVE);
		begin = now_ns();
		if (!err)
			err = publish(b, r, batch, payload);
		for (i = 0; !err && i < b->subscribers && hear(&crew, &at); i++)
			end = at > end ? at : end;
		b->took = end - begin;
		ring_close(r);
	}
	if (err == -EBUSY)
		ret = complain(b->name, "another process publishes there");
	else if (err)
		ret = failed(b, err);
out:
	free(batch);
	free(payload);
	return finish(&crew, ret);
}

static int round_trips(struct bench *b, uint64_t *took)
{
	const struct timespec pause = { .tv_nsec = PAUSE };
	uint64_t begin = now_ns(), sent, trips = 0, number;
	uint32_t tag, len;
	struct ring *r;
	int err;

	open_or_exit(b, RING_OPEN_READ | RING_OPEN_WRITE, &r);
	do {
		nanosleep(&pause, NULL);
		sent = now_ns();
		err = ring_publish(r, &trips, sizeof(trips), TAG_PING, ring_deadline_in(GRACE));
		if (err)
			break;
		do {
			tag = next_or_exit(b, r, &number, &len);
		} while (!ended && (tag != TAG_PONG || number != trips));
		took[trips++] = now_ns() - sent;
		err = ring_release(r);
	} while (!err && !ended && now_ns() - begin < b->time && trips < ROUND_TRIPS_MAX);
	if (!err)
		err = ring_publish(r, &trips, sizeof(trips), TAG_END, ring_deadline_in(GRACE));
	b->round_trips = (size_t)trips;
	ring_close(r);
	return err ? failed(b, err) : EXIT_OK;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int measure_round_trip(struct bench *b)
{
	uint64_t *took = calloc(ROUND_TRIPS_MAX, sizeof(*took));
	struct crew crew = { .results = { -1, -1 } };
	int ret;

	if (!took)
		out_of_memory();
	ret = start(b, &crew, 1, echo);
	if (!ret)
		ret = round_trips(b, took);
	ret = finish(&crew, ret);
	if (!ret) {
		qsort(took, b->round_trips, sizeof(*took), compare);
		b->median = took[b->round_trips / 2];
		b->most = took[(b->round_trips - 1) * 99 / 100];
	}
	free(took);
	return ret;
}

static int print(const struct bench *b, bool json)
{
	double rate = (double)b->records * 1e9 / (double)b->took, megabytes = rate * (double)b->size / 1e6;
	cJSON *object;

	if (json) {
		object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "ring", b->name);
		cJSON_AddBoolToObject(object, "direct", b->direct);
		json_number(object, "size", b->size);
		json_number(object, "batch", b->batch);
		json_number(object, "subscribers", b->subscribers);
		json_number(object, "records", b->records);
		json_number(object, "took_ns", b->took);
		cJSON_AddNumberToObject(object, "records_per_second", rate);
		cJSON_AddNumberToObject(object, "megabytes_per_second", megabytes);
		json_number(object, "round_trips", b->round_trips);
		json_number(object, "round_trip_median_ns", b->median);
		json_number(object, "round_trip_99_ns", b->most);
		return json_print(object);
	}
	printf("%s%s, %s, records of %llu bytes, %llu a call, %llu subscriber%s\n", b->name,
	       b->own ? " (made for this)" : "", b->direct ? "direct" : "mediated", (unsigned long long)b->size,
	       (unsigned long long)b->batch, (unsigned long long)b->subscribers, b->subscribers == 1 ? "" : "s");
	printf("published   %llu records in %s: %.0f records/s, %.1f MB/s; each arrived at each subscriber\n",
	       (unsigned long long)b->records, duration_text(b->took), rate, megabytes);
	printf("round trip  median %s, 99 %% within %s; %llu of one record each way, between two sleepers\n",
	       duration_text(b->median), duration_text(b->most), (unsigned long long)b->round_trips);
	return end_of_output(EXIT_OK);
}

/* A ring that is gone when we are. *@out keeps it until then. */
static int make_ring(struct bench *b, struct ring **out)
{
	struct ring_create c;
	int ret;

	ring_create_defaults(&c);
	c.ring_flags = RING_EPHEMERAL | (b->direct ? RING_DIRECT : 0);
	while (c.bulk_size / 16 < b->size && c.bulk_size < RING_BULK_MAX)
		c.bulk_size *= 2;
	ret = create_ring(&c);
	if (ret)
		return ret;
	snprintf(b->path, sizeof(b->path), "/dev/ring%u", c.id);
	return open_ring(b->path, RING_OPEN_READ, out, b->name);
}

static int open_given(struct bench *b, const char *where, struct ring **out)
{
	struct ring_info info;
	int ret = open_ring(where, RING_OPEN_READ | RING_OPEN_WRITE, out, b->name);

	if (ret)
		return ret;
	snprintf(b->path, sizeof(b->path), "/dev/%s", b->name);
	ring_get_info(*out, &info);
	if (info.policy == RING_BLOCK)
		return EXIT_OK;
	return complain(b->name, "an overwrite ring may lose records; bench needs a block ring");
}

static uint64_t between(const char *option, const char *text, uint64_t value, uint64_t least, uint64_t most)
{
	if (value < least || value > most)
		misused(option, "%s: not from %llu to %llu", text, (unsigned long long)least,
			(unsigned long long)most);
	return value;
}

static void take_options(struct bench *b, bool *json, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "direct", no_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "subscribers", required_argument, NULL, 'r' },
		{ "time", required_argument, NULL, 't' },
		{ "batch", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int option;

	while ((option = next_option(argc, argv, &verb_bench, options)) != -1) {
		switch (option) {
		case 'd':
			b->direct = true;
			break;
		case 's':
			b->size = (size_t)between("--size", optarg, parse_size("--size", optarg), sizeof(uint64_t),
						  RING_BULK_MAX / 4);
			break;
		case 'r':
			b->subscribers = between("--subscribers", optarg, parse_number("--subscribers", optarg), 1,
						 SUBSCRIBERS_MAX);
			break;
		case 't':
			b->time = parse_duration("--time", optarg);
			if (!b->time || b->time > 3600000000000u)
				misused("--time", "%s: more than nothing and at most 1h", optarg);
			break;
		case 'b':
			b->batch = (size_t)between("--batch", optarg, parse_number("--batch", optarg), 1, BATCH_MAX);
			break;
		case 'j':
			*json = true;
			break;
		}
	}
	if (optind + 1 < argc)
		misused(argv[optind + 1], "one ring at a time");
	if (optind < argc && b->direct)
		misused("--direct", "is for the ring that bench makes; %s is as it is", argv[optind]);
}

static int run(int argc, char **argv)
{
	struct bench bench = { .size = 32, .subscribers = 1, .batch = 1, .time = 2000000000 };
	struct ring *holder = NULL;
	struct ring_info info;
	bool json = false;
	int ret;

	take_options(&bench, &json, argc, argv);
	bench.own = optind == argc;
	ret = bench.own ? make_ring(&bench, &holder) : open_given(&bench, argv[optind], &holder);
	if (ret)
		goto out;
	ring_get_info(holder, &info);
	bench.direct = info.ring_flags & RING_DIRECT;
	if (bench.size > info.longest) {
		ret = complain("--size", "%llu bytes are more than the longest record of %s, %llu bytes",
			       (unsigned long long)bench.size, bench.name, (unsigned long long)info.longest);
		goto out;
	}
	ret = measure_rate(&bench);
	if (!ret)
		ret = measure_round_trip(&bench);
	if (!ret)
		ret = print(&bench, json);
out:
	ring_close(holder);
	return ret;
}

const struct verb verb_bench = {
	.name = "bench",
	.arguments = "[RING]",
	.summary = "measure how fast records get from process to process",
	.options = "On a ring made for this, and removed after it, when none is given. One process publishes as\n"
		   "fast as it can, and each record must arrive at each subscriber; then two processes that sleep\n"
		   "in between send a record to each other and back.\n\n"
		   "  --direct             make it a direct ring\n"
		   "  --size SIZE          of a record (32)\n"
		   "  --subscribers N      processes that subscribe (1)\n"
		   "  --time DURATION      that each of the two measurements takes (2s)\n"
		   "  --batch N            records that are published in a call (1)\n"
		   "  --json               print an object\n",
	.run = run,
};
