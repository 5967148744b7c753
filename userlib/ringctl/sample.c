/* SPDX-License-Identifier: MIT */
/* ringctl - how rings are doing, sampled again and again: what stat and top show */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringctl.h"

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

const struct ring_stat_subscriber *sample_find(const struct sample *s, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < s->stat.subscriber_count; i++)
		if (s->subscribers[i].id == id)
			return &s->subscribers[i];
	return NULL;
}

/* Of something that was counted in both samples, how much a second */
double report_rate(const struct report *report, uint64_t first, uint64_t last)
{
	double seconds = (double)(report->last.at - report->first.at) / 1e9;

	return report->first.at && last > first && seconds > 0 ? (double)(last - first) / seconds : 0;
}

double report_taken_rate(const struct report *report, const struct ring_stat_subscriber *s)
{
	const struct ring_stat_subscriber *before = report->first.at ? sample_find(&report->first, s->id) : NULL;

	return before ? report_rate(report, before->taken, s->taken) : 0;
}

uint64_t sample_busy_for(const struct sample *s)
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
		cJSON_AddNumberToObject(object, "taken_per_second", report_taken_rate(report, s));
	return object;
}

static void json_rates(cJSON *object, const struct report *report)
{
	const struct ring_stat *a = &report->first.stat, *b = &report->last.stat;
	cJSON *rates = cJSON_AddObjectToObject(object, "per_second");

	cJSON_AddNumberToObject(rates, "published", report_rate(report, a->published, b->published));
	cJSON_AddNumberToObject(rates, "discarded", report_rate(report, a->discarded, b->discarded));
	cJSON_AddNumberToObject(rates, "lost", report_rate(report, a->lost, b->lost));
	cJSON_AddNumberToObject(rates, "reclaims", report_rate(report, a->reclaims, b->reclaims));
	cJSON_AddNumberToObject(rates, "reader_sleeps", report_rate(report, a->reader_sleeps, b->reader_sleeps));
	cJSON_AddNumberToObject(rates, "writer_sleeps", report_rate(report, a->writer_sleeps, b->writer_sleeps));
}

cJSON *report_json(const struct report *report)
{
	const struct ring_stat *stat = &report->last.stat;
	cJSON *object = cJSON_CreateObject(), *array, *busy;
	uint32_t i;

	cJSON_AddStringToObject(object, "ring", report->title);
	cJSON_AddStringToObject(object, "name", printable(report->info.name, sizeof(report->info.name)));
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
		json_number(busy, "for_ns", sample_busy_for(&report->last));
	} else {
		cJSON_AddNullToObject(object, "busy");
	}
	array = cJSON_AddArrayToObject(object, "subscribers");
	for (i = 0; i < stat->subscriber_count; i++)
		cJSON_AddItemToArray(array, json_subscriber(report, &report->last.subscribers[i]));
	return object;
}

static void sample_ring(struct report *report, const char *where)
{
	struct ring *r;
	int err;

	err = try_open_any(where, &r, report->title);
	if (!err) {
		ring_get_info(r, &report->info);
		err = take_sample(r, &report->last);
		if (!err && report->last.stat.status & RING_STATUS_DESTROYED)
			err = -ENODEV;
		ring_close(r);
	}
	if (!err)
		return;
	report->gone = err == -ENOENT || err == -ENODEV || err == -ENXIO;
	report->problem = error_text(err);
}

/* Sampled before; not another ring that got the number since. */
static void take_first(struct report *report, const struct reports *before)
{
	int i;

	for (i = 0; i < before->count; i++) {
		struct report *old = &before->all[i];

		if (old->problem || strcmp(old->title, report->title) || strcmp(old->info.name, report->info.name) ||
		    old->last.stat.head > report->last.stat.head)
			continue;
		report->first = old->last;
		old->last.subscribers = NULL;
		return;
	}
}

int reports_sample(struct reports *reports, int count, char **names)
{
	struct ring_list_entry *entries;
	struct reports next = { 0 };
	int listed = list_rings(&entries), i;

	if (listed < 0 && !count)
		return listed;
	next.all = calloc((size_t)(count ? count : listed) + 1, sizeof(*next.all));
	if (!next.all)
		out_of_memory();
	for (i = 0; i < (count ? count : listed); i++) {
		struct report *report = &next.all[next.count];
		const struct ring_list_entry *entry = NULL;
		uint32_t id;

		memset(report, 0, sizeof(*report));
		if (count)
			snprintf(report->title, sizeof(report->title), "%s", names[i]);
		else
			snprintf(report->title, sizeof(report->title), "ring%u", entries[i].id);
		if (!count)
			entry = &entries[i];
		else if (!find_ring(names[i], &id))
			entry = find_entry(entries, listed, id);
		if (entry && entry->ring_flags & RING_EPHEMERAL && !entry->opens) {
			report->problem = "ephemeral, and nobody has it open: to open it now would be its end";
			if (!count)
				continue;
		} else {
			sample_ring(report, count ? names[i] : report->title);
			if (!count && report->gone) {
				free(report->last.subscribers);
				continue;
			}
		}
		if (!report->problem)
			take_first(report, reports);
		next.count++;
	}
	free(entries);
	load_no_more();
	reports_free(reports);
	*reports = next;
	return 0;
}

void reports_free(struct reports *reports)
{
	int i;

	for (i = 0; i < reports->count; i++) {
		free(reports->all[i].first.subscribers);
		free(reports->all[i].last.subscribers);
	}
	free(reports->all);
	memset(reports, 0, sizeof(*reports));
}
