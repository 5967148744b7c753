/* SPDX-License-Identifier: MIT */
/* ringctl stat - how rings are doing: rates, lags, losses, and who waits for whom */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ringctl.h"

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
 * struct settings - what the options say
 * @json: --json
 * @interval: ns between two samples, 0 for only one
 */
struct settings {
	bool json;
	uint64_t interval;
};

/**
 * struct report - a ring, twice
 * @name: ringN
 * @info: how it is made
 * @first: the first sample; none when its at is 0
 * @last: the last one
 */
struct report {
	const char *name;
	struct ring_info info;
	struct sample first;
	struct sample last;
};

static int take_sample(struct ring *r, struct sample *s)
{
	unsigned int room = 16;
	int err;

	for (;;) {
		s->subscribers = realloc(s->subscribers, room * sizeof(*s->subscribers));
		if (!s->subscribers)
			out_of_memory();
		err = ring_get_stat(r, &s->stat, s->subscribers, room);
		s->at = now_ns();
		if (err || s->stat.subscribers <= room)
			return err;
		room = s->stat.subscribers + 16;
	}
}

static const struct ring_stat_subscriber *find(const struct sample *s, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < s->stat.subscriber_count; i++)
		if (s->subscribers[i].id == id)
			return &s->subscribers[i];
	return NULL;
}

/* Of something that was counted in both samples, how much a second */
static double rate(const struct report *report, uint64_t first, uint64_t last)
{
	double seconds = (double)(report->last.at - report->first.at) / 1e9;

	return report->first.at && last > first && seconds > 0 ? (double)(last - first) / seconds : 0;
}

static double taken_rate(const struct report *report, const struct ring_stat_subscriber *s)
{
	const struct ring_stat_subscriber *before = report->first.at ? find(&report->first, s->id) : NULL;

	return before ? rate(report, before->taken, s->taken) : 0;
}

static uint64_t busy_for(const struct sample *s)
{
	return s->stat.busy_since && s->at > s->stat.busy_since ? s->at - s->stat.busy_since : 0;
}

static cJSON *json_subscriber(const struct report *report, const struct ring_stat_subscriber *s)
{
	cJSON *object = cJSON_CreateObject();

	json_number(object, "id", s->id);
	json_number(object, "pid", s->pid);
	cJSON_AddStringToObject(object, "comm", printable(s->comm, sizeof(s->comm)));
	cJSON_AddBoolToObject(object, "lossy", !!(s->flags & RING_STAT_LOSSY));
	json_number(object, "watermark", s->watermark);
	json_number(object, "cursor", s->cursor);
	json_number(object, "lag", s->lag);
	json_number(object, "taken", s->taken);
	json_number(object, "lost", s->lost);
	if (report->first.at)
		cJSON_AddNumberToObject(object, "taken_per_second", taken_rate(report, s));
	return object;
}

static void json_rates(cJSON *object, const struct report *report)
{
	const struct ring_stat *a = &report->first.stat, *b = &report->last.stat;
	cJSON *rates = cJSON_AddObjectToObject(object, "per_second");

	cJSON_AddNumberToObject(rates, "published", rate(report, a->published, b->published));
	cJSON_AddNumberToObject(rates, "discarded", rate(report, a->discarded, b->discarded));
	cJSON_AddNumberToObject(rates, "lost", rate(report, a->lost, b->lost));
	cJSON_AddNumberToObject(rates, "reclaims", rate(report, a->reclaims, b->reclaims));
	cJSON_AddNumberToObject(rates, "reader_sleeps", rate(report, a->reader_sleeps, b->reader_sleeps));
	cJSON_AddNumberToObject(rates, "writer_sleeps", rate(report, a->writer_sleeps, b->writer_sleeps));
}

static int print_json(const struct report *report)
{
	const struct ring_stat *stat = &report->last.stat;
	cJSON *object = cJSON_CreateObject(), *array, *busy;
	uint32_t i;

	cJSON_AddStringToObject(object, "ring", report->name);
	cJSON_AddBoolToObject(object, "shutdown", !!(stat->status & RING_STATUS_SHUTDOWN));
	cJSON_AddBoolToObject(object, "corrupt", !!(stat->status & RING_STATUS_CORRUPT));
	json_number(object, "head", stat->head);
	json_number(object, "tail", stat->tail);
	json_number(object, "retained", stat->retained);
	json_number(object, "published", stat->published);
	json_number(object, "discarded", stat->discarded);
	json_number(object, "lost", stat->lost);
	json_number(object, "bytes", stat->bytes);
	json_number(object, "producers", stat->producers);
	cJSON_AddBoolToObject(object, "exclusive", !!stat->exclusive);
	json_number(object, "reclaims", stat->reclaims);
	json_number(object, "reader_sleeps", stat->reader_sleeps);
	json_number(object, "writer_sleeps", stat->writer_sleeps);
	json_number(object, "reader_wakes", stat->reader_wakes);
	json_number(object, "writer_wakes", stat->writer_wakes);
	if (report->first.at)
		json_rates(object, report);
	if (stat->slowest)
		json_number(object, "slowest", stat->slowest);
	else
		cJSON_AddNullToObject(object, "slowest");
	if (stat->busy_sequence != RING_NONE) {
		busy = cJSON_AddObjectToObject(object, "busy");
		json_number(busy, "sequence", stat->busy_sequence);
		json_number(busy, "owner", stat->busy_owner);
		json_number(busy, "pid", stat->busy_pid);
		json_number(busy, "since", stat->busy_since);
		json_number(busy, "for_ns", busy_for(&report->last));
	} else {
		cJSON_AddNullToObject(object, "busy");
	}
	array = cJSON_AddArrayToObject(object, "subscribers");
	for (i = 0; i < stat->subscriber_count; i++)
		cJSON_AddItemToArray(array, json_subscriber(report, &report->last.subscribers[i]));
	return json_print(object);
}

/* "123", or "123 (45.6/s)" */
static const char *counted(const struct report *report, uint64_t first, uint64_t last)
{
	static char texts[8][64];
	static unsigned int next;
	char *text = texts[next++ % 8];

	if (report->first.at)
		snprintf(text, sizeof(texts[0]), "%llu (%.1f/s)", (unsigned long long)last,
			 rate(report, first, last));
	else
		snprintf(text, sizeof(texts[0]), "%llu", (unsigned long long)last);
	return text;
}

static void print_waits(const struct report *report)
{
	const struct ring_stat *stat = &report->last.stat;
	const struct ring_stat_subscriber *s = stat->slowest ? find(&report->last, stat->slowest) : NULL;

	if (s)
		printf("  %s: subscriber %u, pid %u (%s), %llu slots behind\n",
		       s->lag >= report->info.slots ? "writers wait for" : "slowest reliable", s->id, s->pid,
		       printable(s->comm, sizeof(s->comm)), (unsigned long long)s->lag);
	if (stat->busy_sequence != RING_NONE)
		printf("  readers wait for: record %llu of producer %u, pid %u, not committed since %s\n",
		       (unsigned long long)stat->busy_sequence, stat->busy_owner, stat->busy_pid,
		       duration_text(busy_for(&report->last)));
}

static void print_text(const struct report *report)
{
	const struct ring_stat *a = &report->first.stat, *b = &report->last.stat;
	uint32_t i;

	printf("%s: %s, %s%s%s\n", report->name, policy_name(report->info.policy),
	       report->info.ring_flags & RING_DIRECT ? "direct" : "mediated",
	       b->status & RING_STATUS_SHUTDOWN ? ", shut down" : "",
	       b->status & RING_STATUS_CORRUPT ? ", CORRUPT" : "");
	printf("  head %llu, tail %llu, %llu of %u slots, %llu records retained, %s\n",
	       (unsigned long long)b->head, (unsigned long long)b->tail,
	       (unsigned long long)(b->head - b->tail), report->info.slots,
	       (unsigned long long)b->retained, size_text(b->bytes));
	printf("  published %s, discarded %s, lost %s\n", counted(report, a->published, b->published),
	       counted(report, a->discarded, b->discarded), counted(report, a->lost, b->lost));
	printf("  sleeps: readers %s, writers %s; reclaims %s\n",
	       counted(report, a->reader_sleeps, b->reader_sleeps),
	       counted(report, a->writer_sleeps, b->writer_sleeps),
	       counted(report, a->reclaims, b->reclaims));
	printf("  producers %u%s, subscribers %u\n", b->producers, b->exclusive ? " (exclusive)" : "",
	       b->subscribers);
	print_waits(report);
	if (b->subscriber_count)
		printf("  %6s %8s %-15s %-8s %12s %8s %12s %10s%s\n", "ID", "PID", "COMM", "KIND", "CURSOR",
		       "LAG", "TAKEN", "LOST", report->first.at ? "    TAKEN/S" : "");
	for (i = 0; i < b->subscriber_count; i++) {
		const struct ring_stat_subscriber *s = &report->last.subscribers[i];

		printf("  %6u %8u %-15s %-8s %12llu %8llu %12llu %10llu", s->id, s->pid,
		       printable(s->comm, sizeof(s->comm)),
		       s->flags & RING_STAT_LOSSY ? "lossy" : "reliable", (unsigned long long)s->cursor,
		       (unsigned long long)s->lag, (unsigned long long)s->taken,
		       (unsigned long long)s->lost);
		if (report->first.at)
			printf(" %10.1f", taken_rate(report, s));
		putchar('\n');
	}
}

/* A ring whose first sample is taken, on its way to the second */
struct watched {
	struct ring *r;
	char name[RING_LABEL_MAX];
	struct report report;
};

struct watch {
	struct settings settings;
	struct watched *rings;
	size_t count;
};

static int begin(const char *where, void *arg)
{
	struct watch *watch = arg;
	struct watched *w;
	int ret;

	watch->rings = realloc(watch->rings, (watch->count + 1) * sizeof(*watch->rings));
	if (!watch->rings)
		out_of_memory();
	w = &watch->rings[watch->count];
	memset(w, 0, sizeof(*w));
	ret = open_any(where, &w->r, w->name);
	if (ret)
		return ret;
	watch->count++;
	ring_get_info(w->r, &w->report.info);
	if (!watch->settings.interval)
		return EXIT_OK;
	ret = take_sample(w->r, &w->report.first);
	return ret ? complain(w->name, "%s", ring_strerror(ret)) : EXIT_OK;
}

static int finish(struct watched *w, bool json)
{
	int ret = take_sample(w->r, &w->report.last);

	if (ret) {
		ret = complain(w->name, "%s", ring_strerror(ret));
	} else {
		w->report.name = w->name;
		if (json)
			ret = print_json(&w->report);
		else
			print_text(&w->report);
	}
	free(w->report.first.subscribers);
	free(w->report.last.subscribers);
	ring_close(w->r);
	return ret;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "interval", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "once", no_argument, NULL, 'o' },
		{ 0 },
	};
	struct watch watch = { .settings.interval = 1000000000 };
	struct timespec until;
	uint64_t end;
	int option, ret, worst;
	size_t i;

	while ((option = next_option(argc, argv, &verb_stat, options)) != -1) {
		switch (option) {
		case 'i':
			watch.settings.interval = parse_duration("--interval", optarg);
			if (!watch.settings.interval)
				misused("--interval", "must be longer than nothing; see --once");
			break;
		case 'j':
			watch.settings.json = true;
			break;
		case 'o':
			watch.settings.interval = 0;
			break;
		}
	}
	/* All rings share one interval. */
	worst = for_each_ring(argc - optind, argv + optind, begin, &watch);
	if (watch.count && watch.settings.interval) {
		end = ring_deadline_in(watch.settings.interval);
		until.tv_sec = (time_t)(end / 1000000000);
		until.tv_nsec = (long)(end % 1000000000);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
	}
	for (i = 0; i < watch.count; i++) {
		ret = finish(&watch.rings[i], watch.settings.json);
		worst = ret > worst ? ret : worst;
	}
	free(watch.rings);
	return fflush(stdout) ? complain("stdout", "%s", strerror(errno)) : worst;
}

const struct verb verb_stat = {
	.name = "stat",
	.arguments = "[RING]...",
	.summary = "show how rings are doing: rates, lags, losses, who waits for whom",
	.options = "Of all rings when none is given. Rates are taken from two samples.\n\n"
		   "  --interval DURATION  between the two samples (1s)\n"
		   "  --once               one sample, no rates\n"
		   "  --json               one object a line\n",
	.run = run,
};
