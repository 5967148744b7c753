// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol file by itself: threads over ordinary memory, no kernel. What the module does, kernel.h
 * does. Four producers, or an exclusive one, and four subscribers on each of five rings.
 *
 *	stress [RECORDS]	so many records in all, 300000
 *
 * Every record says who published it, its number and a checksum over all of it. Reliable subscribers must
 * get each one, whole, in the order of each producer; what lossy ones got and lost must add up to what was
 * published. Some are published in batches, an exclusive producer's also with one store. Producers die now and then:
 * between claim and commit, or before their look at the wake word.
 *
 * For the sanitizers: the payload is stored and loaded with plain accesses between producers and reliable
 * subscribers, so that ThreadSanitizer sees whether the protocol orders them. A lossy subscriber's loads race
 * with the next lap's stores by design; where one is, producers store and it loads by relaxed atomics.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "kselftest.h"

/* One death of each kind in so many turns of a producer */
#define DEATH		2000

/* Most records of a batch */
#define BATCH		5

/* ---- Records ---- */

/**
 * struct payload - what a record begins with
 * @number: its producer's own, from 1
 * @producer: who
 * @len: of the whole record
 * @sum: of the whole record, with this member 0
 */
struct payload {
	u64 number;
	u32 producer;
	u32 len;
	u64 sum;
};

static u64 mix(u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static u64 random_next(u64 *state)
{
	return mix(*state += 0x9e3779b97f4a7c15ull);
}

static u64 sum_of(const unsigned char *record, u32 len)
{
	u64 sum = len, word;
	u32 i;

	for (i = 0; i < len; i += 8) {
		if (i == offsetof(struct payload, sum))
			continue;
		word = 0;
		memcpy(&word, record + i, len - i < 8 ? len - i : 8);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	return sum;
}

static void fill(unsigned char *record, u32 len, u32 producer, u64 number)
{
	struct payload head = { .number = number, .producer = producer, .len = len };
	u64 x = mix(number * PRODUCERS + producer);
	u32 i;

	for (i = sizeof(head); i < len; i += 8) {
		memcpy(record + i, &x, len - i < 8 ? len - i : 8);
		x += 0x9e3779b97f4a7c15ull;
	}
	memcpy(record, &head, sizeof(head));
	head.sum = sum_of(record, len);
	memcpy(record, &head, sizeof(head));
}

/* Both ends are aligned to 8. */
static void copy_in(const struct ring *ring, unsigned char *to, const unsigned char *from, u32 len)
{
	u64 word;
	u32 i;

	if (!ring->atomic) {
		memcpy(to, from, len);
		return;
	}
	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, from + i, 8);
		__atomic_store_n((u64 *)(void *)(to + i), word, __ATOMIC_RELAXED);
	}
	for (; i < len; i++)
		__atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
}

static void copy_out_racy(unsigned char *to, const unsigned char *from, u32 len)
{
	u64 word;
	u32 i;

	for (i = 0; i + 8 <= len; i += 8) {
		word = __atomic_load_n((const u64 *)(const void *)(from + i), __ATOMIC_RELAXED);
		memcpy(to + i, &word, 8);
	}
	for (; i < len; i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

/* ---- Producers ---- */

struct producer {
	struct ring *ring;
	u32 id;
};

static u32 random_len(const struct ring *ring, u64 *state)
{
	u64 r = random_next(state);
	u32 least = sizeof(struct payload);
	u32 most = r & 15 ? ring->mem.inline_max : r & 0x1f0 ? 512 : (u32)ring->mem.longest;

	return least + (u32)((r >> 16) % (most - least + 1));
}

static u64 claim(struct ring *ring, struct ring_exclusive *only, u32 owner, u32 k, u64 from)
{
	__u64 sequence;

	for (;;) {
		switch (only ? ring_mem_claim_exclusive(&ring->mem, only, owner, k, &sequence) :
			       ring_mem_claim(&ring->mem, owner, k, from, &sequence)) {
		case RING_CLAIMED:
			return sequence;
		case RING_CLAIM_FULL:
			sleep_on(ring, &ring->writers, NULL, 0, k);
			break;
		case RING_CLAIM_AGAIN:
			sched_yield();
			break;
		case RING_CLAIM_CORRUPT:
			fail("a claim found nonsense");
			abort();
		}
	}
}

/* What an exclusive producer publishes with one store is claimed when it is committed. */
static u64 exclusive_room(struct ring *ring, struct ring_exclusive *only, u32 k)
{
	__u64 sequence;

	while (ring_mem_exclusive_room(&ring->mem, only, k, &sequence) != RING_CLAIMED)
		sleep_on(ring, &ring->writers, NULL, 0, k);
	return sequence;
}

/* Another process takes this one's place. */
static u32 die(struct ring *ring, u32 owner, struct ring_exclusive *known)
{
	unproduce(ring, owner);
	known->last = RING_NONE;
	return owner_alloc(ring);
}

static void put(const struct ring *ring, u64 sequence, const unsigned char *record, u32 len, u32 tag)
{
	u32 word = ring_mem_len_word(&ring->mem, len);
	struct ring_slot *slot = ring_mem_slot(&ring->mem, sequence);

	copy_in(ring, ring_mem_payload(&ring->mem, sequence, word), record, len);
	ring_slot_describe(slot, word, tag);
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	struct ring *ring = p->ring;
	const struct ring_mem *mem = &ring->mem;
	u64 random = mix(p->id + 1), number = 1, claimed = RING_NONE;
	struct ring_exclusive known = { .last = RING_NONE }, *only = ring->exclusive ? &known : NULL;
	u32 owner = owner_alloc(ring);
	unsigned char *record = malloc(mem->longest);

	while (number <= ring->records) {
		u64 r = random_next(&random), dies = r % DEATH, sequence, s, end;
		bool one_store = only && r >> 32 & 1;
		u32 most = one_store || r >> 33 & 3 ? 1 : 1 + (r >> 40) % BATCH, n, i, k = 0;
		u32 len[BATCH];

		for (n = 0; n < most && number + n <= ring->records; n++) {
			len[n] = random_len(ring, &random);
			if (n && k + ring_mem_slots_for(mem, len[n]) > mem->k_max)
				break;
			k += ring_mem_slots_for(mem, len[n]);
		}
		sequence = one_store ? exclusive_room(ring, only, k) :
				       claim(ring, only, owner, k, r >> 36 & 1 ? claimed : RING_NONE);
		claimed = sequence + k;
		for (s = sequence, i = 0; i < n; i++) {
			fill(record, len[i], p->id, number + i);
			if (i)
				ring_mem_batch_store(mem, s, ring_mem_slots_for(mem, len[i]), RING_COMMITTED);
			put(ring, s, record, len[i], p->id);
			s += ring_mem_slots_for(mem, len[i]);
		}
		end = s;
		if (dies == 0) {	/* between claim and commit */
			owner = die(ring, owner, &known);
			continue;
		}
		if (one_store) {
			ring_slot_exclusive_store(mem, only, ring_mem_slot(mem, sequence), owner, k, sequence,
						  RING_COMMITTED);
		} else {
			ring_mem_commit(mem, sequence, ring_mem_slots_for(mem, len[0]), owner);
		}
		number += n;
		if (dies == 1) {	/* before its look at the wake word */
			owner = die(ring, owner, &known);
			continue;
		}
		if (ring_mem_wakes_data(mem, end))
			wake_readers(ring);
		/* Nothing else slows these down: let readers see some. */
		if (ring->policy == RING_OVERWRITE && dies % 64 == 0)
			sched_yield();
	}
	free(record);
	return NULL;
}

/* ---- Subscribers ---- */

static void check_record(struct subscriber *sub, const unsigned char *record, u32 len, u32 tag, u64 sequence)
{
	struct payload head;

	if (len < sizeof(head)) {
		fail("subscriber %d: record %llu of %u bytes", sub->id, sequence, len);
		return;
	}
	memcpy(&head, record, sizeof(head));
	if (head.len != len || head.producer != tag || tag >= PRODUCERS || head.sum != sum_of(record, len)) {
		fail("subscriber %d: record %llu is not whole: %u bytes, tag %u; it says %u, %u",
		     sub->id, sequence, len, tag, head.len, head.producer);
		return;
	}
	if (sub->reliable ? head.number != sub->last[tag] + 1 : head.number <= sub->last[tag])
		fail("subscriber %d: record %llu is number %llu of producer %u, after %llu", sub->id,
		     sequence, head.number, tag,
		     sub->last[tag]);
	sub->last[tag] = head.number;
}

static void *subscribe(void *arg)
{
	struct subscriber *sub = arg;
	struct ring *ring = sub->ring;
	const struct ring_mem *mem = &ring->mem;
	struct ring_cursor *c = sub->cursor;
	unsigned char *copy = malloc(mem->longest);
	u64 random = mix(100 + (u64)sub->id);
	u64 cursor = 0, s = 0, pending = 0;
	__u64 state;

	for (;;) {
		u32 status = ring_load_acquire(&mem->control->status);	/* RB_SHUTDOWN end/G */
		enum ring_look look = ring_mem_look(mem, s, &state);
		const struct ring_slot *slot = ring_mem_slot(mem, s);
		bool lapped = false, nothing = look == RING_LOOK_EMPTY || look == RING_LOOK_BUSY;

		if (look == RING_LOOK_PASSED) {
			lapped = true;
		} else if (look == RING_LOOK_SKIP) {
			s += ring_state_k(state);
		} else if (look == RING_LOOK_READY) {
			u32 k = ring_state_k(state), word = ring_load(&slot->len), tag = ring_load(&slot->tag);
			u32 len = word & ~RING_LEN_BULK;

			if (sub->reliable) {
				if (!ring_mem_k_valid(mem, k) || !ring_mem_len_valid(mem, k, word))
					fail("subscriber %d: no record can be so", sub->id);
				else	/* in place, plain loads */
					check_record(sub, ring_mem_payload(mem, s, word), len, tag, s);
			} else if (!ring_mem_k_valid(mem, k) || !ring_mem_len_valid(mem, k, word)) {
				lapped = ring_mem_lapped(mem, cursor);
				if (!lapped)
					fail("subscriber %d: no record can be so", sub->id);
			} else {
				copy_out_racy(copy, ring_mem_payload(mem, s, word), len);
				lapped = ring_mem_lapped(mem, cursor);
				if (!lapped)
					check_record(sub, copy, len, tag, s);
			}
			if (!lapped) {
				s += k;
				pending++;
			}
		}
		/* A lossy one releases each record: its numbers above are of what it took. */
		if (!lapped && s != cursor && (nothing || !sub->reliable || random_next(&random) % 8 == 0)) {
			if (!sub->reliable && ring_mem_lapped(mem, cursor) && !pending) {
				lapped = true;
			} else {
				if (ring_cursor_release(mem, c, s, pending))
					wake_writers(ring);
				sub->received += pending;
				pending = 0;
				cursor = s;
			}
		}
		if (!lapped && nothing)
			lapped = ring_mem_lapped(mem, cursor);
		if (lapped) {
			if (sub->reliable) {
				fail("subscriber %d is reliable, and lapped at %llu", sub->id,
				     cursor);
				abort();
			}
			cursor = s = ring_cursor_catch_up(mem, c);
			pending = 0;
		} else if (nothing) {
			if (look == RING_LOOK_EMPTY && status)
				break;
			sleep_on(ring, &ring->readers, sub, cursor, 0);
		}
		/* Some are slow. */
		if (sub->id == SUBSCRIBERS - 1 && random_next(&random) % 4096 == 0)
			usleep(1000);
	}
	free(copy);
	return NULL;
}

/* ---- Rings ---- */

static void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		ksft_exit_fail_msg("mmap\n");
	return p;
}

/* The bulk area twice, back to back */
static unsigned char *bulk_area(size_t bytes)
{
	int fd = memfd_create("bulk", MFD_CLOEXEC);
	unsigned char *p = pages(2 * bytes);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) ||
	    mmap(p, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(p + bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		ksft_exit_fail_msg("the bulk area\n");
	close(fd);
	return p;
}

static void queue_init(struct queue *queue)
{
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->wakes, NULL);
}

static bool run(const char *name, enum ring_policy policy, int reliable, int count, u64 records)
{
	static const u32 slots = 256, slot_size = 64, bulk = 256 * 256;
	struct ring *ring = calloc(1, sizeof(*ring));
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS + SUBSCRIBERS];
	u64 published, lost = 0;
	struct timespec begun, ended;
	int i, before = failures;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	ring_mem_init(&ring->mem, slots, slot_size, bulk);
	ring->mem.control = pages(4096);
	ring->mem.producers = pages(4096);
	ring->mem.slots = pages((size_t)slots * slot_size);
	ring->mem.bulk = bulk_area(bulk);
	ring->mem.control->wake_data = RING_NONE;
	ring->mem.control->wake_space = RING_NONE;
	ring->policy = policy;
	ring->atomic = reliable < SUBSCRIBERS;
	ring->exclusive = count == 1;
	ring->records = records / (u64)count;
	pthread_mutex_init(&ring->lock, NULL);
	queue_init(&ring->readers);
	queue_init(&ring->writers);
	published = ring->records * (u64)count;

	for (i = 0; i < SUBSCRIBERS; i++) {
		struct subscriber *sub = &ring->subscribers[i];

		sub->ring = ring;
		sub->id = i;
		sub->reliable = i < reliable;
		sub->cursor = pages(4096);
	}
	for (i = 0; i < SUBSCRIBERS; i++)
		pthread_create(&threads[PRODUCERS + i], NULL, subscribe, &ring->subscribers[i]);
	for (i = 0; i < count; i++) {
		producers[i] = (struct producer) { ring, (u32)i };
		pthread_create(&threads[i], NULL, produce, &producers[i]);
	}
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);

	/* ring_set_status() */
	pthread_mutex_lock(&ring->lock);
	ring_store(&ring->mem.control->status, RING_STATUS_SHUTDOWN);
	pthread_mutex_unlock(&ring->lock);
	ring_mb();						/* RB_SHUTDOWN shutdown/G */
	wake_readers(ring);
	wake_writers(ring);
	for (i = 0; i < SUBSCRIBERS; i++)
		pthread_join(threads[PRODUCERS + i], NULL);

	for (i = 0; i < SUBSCRIBERS; i++) {
		struct subscriber *sub = &ring->subscribers[i];

		lost += sub->cursor->lost;
		if (sub->received != sub->cursor->taken || sub->received + sub->cursor->lost != published)
			fail("%s: subscriber %d received %llu, taken %llu, lost %llu, published %llu", name, i,
			     sub->received, sub->cursor->taken,
			     sub->cursor->lost, published);
		if (sub->reliable && sub->cursor->lost)
			fail("%s: subscriber %d is reliable, and lost", name, i);
	}
	clock_gettime(CLOCK_MONOTONIC, &ended);
	printf("# %s: %llu published, %llu received by four, %llu lost, %llu deaths, %llu sleeps, %.1f s\n", name,
	       published, (SUBSCRIBERS * published - lost),
	       lost, ring->deaths, ring->sleeps,
	       (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);

	for (i = 0; i < SUBSCRIBERS; i++)
		munmap(ring->subscribers[i].cursor, 4096);
	munmap(ring->mem.control, 4096);
	munmap(ring->mem.producers, 4096);
	munmap(ring->mem.slots, (size_t)slots * slot_size);
	munmap(ring->mem.bulk, 2 * (size_t)bulk);
	free(ring);
	return failures == before;
}

int main(int argc, char **argv)
{
	u64 records = argc > 1 ? strtoull(argv[1], NULL, 0) : 300000;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	ksft_set_plan(5);
	ksft_test_result(run("block", RING_BLOCK, 4, PRODUCERS, records / 5), "block, four reliable\n");
	ksft_test_result(run("block and lossy", RING_BLOCK, 2, PRODUCERS, records / 5), "block, two reliable, two lossy\n");
	ksft_test_result(run("overwrite", RING_OVERWRITE, 0, PRODUCERS, records / 5), "overwrite, four lossy\n");
	ksft_test_result(run("exclusive", RING_BLOCK, 2, 1, records / 5), "exclusive producer, two reliable, two lossy\n");
	ksft_test_result(run("exclusive overwrite", RING_OVERWRITE, 0, 1, records / 5),
			 "exclusive producer, overwrite, four lossy\n");
	ksft_finished();
}
