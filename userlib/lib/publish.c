/* SPDX-License-Identifier: MIT */
/* libring - publishing: by system call, or what the direct way leaves to do */

#include <sched.h>
#include <unistd.h>

#include "internal.h"

int ring_call_publish(struct handle *h, const struct ring_publish_record *records, unsigned int count,
		      uint64_t deadline, uint64_t *sequence)
{
	struct ring_publish call = {
		.size = sizeof(call),
		.records = (uintptr_t)records,
		.count = count,
		.deadline = deadline,
	};
	int err = ring_call(h, RING_IOC_PUBLISH, &call);

	if (err < 0)
		return err;
	if (sequence)
		*sequence = call.sequence;
	return (int)call.published;
}

EXPORT int ring_wake(struct ring *r, unsigned int which)
{
	int err = ring_call_value(handle_of(r), RING_IOC_WAKE, which);

	return err < 0 ? err : 0;
}

EXPORT int ring_notify_slow(struct ring *r)
{
	return usable_for_writing(handle_of(r));
}

/* Slots that can be claimed before the kernel moves the tail */
static __u32 room_now(const struct ring_mem *m)
{
	__u64 head, tail, old;

	if (ring_mem_find_head(m, RING_NONE, &head, &old, &tail) > RING_CLAIM_FULL)
		return 0;
	return m->slot_count - (__u32)(head - tail);
}

int ring_claim_wait(struct ring *r, size_t len, unsigned int count, uint64_t deadline, __u64 *sequence)
{
	const struct ring_mem *m = &r->out;
	__u32 k = ring_mem_slots_for(m, len);
	__u32 most = count < m->k_max / k ? count : m->k_max / k, n = most;
	__u64 head, tail, old;
	enum ring_claim found;
	bool asked = false;
	__u32 status;
	int turns, err;

	for (turns = 0;; turns++) {
		/* Whoever writes to a direct ring could keep this turning for ever. */
		if (turns > RING_CLAIM_TRIES && deadline != RING_NEVER && ring_clock() >= deadline)
			return deadline == RING_NOW ? -EAGAIN : -ETIMEDOUT;
		status = ring_load(&m->control->status);
		err = status_error(status);
		if (err)
			return err;
		if (status & (RING_STATUS_SHUTDOWN | RING_STATUS_CLOSING))
			return -EPIPE;
		if (ring_claim_direct(r, n * k, sequence))
			return (int)n;
		/* Why not? Claiming again would tell, but it would also claim. */
		found = ring_mem_find_head(m, RING_NONE, &head, &old, &tail);
		if (found == RING_CLAIM_CORRUPT)
			return -EUCLEAN;
		if (found == RING_CLAIM_AGAIN) {
			sched_yield();
			continue;
		}
		/* For as many as can be, now; else for one, when it can be. */
		if (most > 1 && !asked) {
			asked = true;
			err = ring_wait_slots(handle_of(r), most * k, RING_NOW);
			n = most;
			if (!err)
				continue;
			if (err != -EAGAIN)
				return err;
		}
		n = (m->slot_count - (__u32)(head - tail)) / k;
		n = n < most ? n : most;
		if (n && turns < RING_CLAIM_TRIES)
			continue;
		/* Who shall make room must hear of what is there. */
		ring_wake_data(r, RING_NONE - 1);
		/* Reclaims. With room in the meantime it returns at once; one deadline covers all turns. */
		err = ring_wait_slots(handle_of(r), k, deadline);
		if (err)
			return err;
		n = most;
		asked = false;
	}
}

int ring_reserve_wait(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res)
{
	const struct ring_mem *m = &r->out;
	__u64 sequence;
	int ret = ring_claim_wait(r, len, 1, deadline, &sequence);

	if (ret < 0)
		return ret;
	res->data = ring_mem_payload(m, sequence, ring_mem_len_word(m, len));
	res->sequence = sequence;
	res->len = (uint32_t)len;
	res->tag = 0;
	res->k = ring_mem_slots_for(m, len);
	res->reserved = 0;
	return 0;
}

EXPORT int ring_publish_slow(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline)
{
	struct ring_publish_record record = { .addr = (uintptr_t)buf, .len = (__u32)len, .tag = tag };
	struct handle *h = handle_of(r);
	struct ring_reservation res;
	int ret;

	ret = usable_for_writing(h);
	if (ret)
		return ret;
	if (len > r->out.longest)
		return -EMSGSIZE;
	ring_try_direct(h);
	if (!ring_is_direct(r)) {
		/* write() takes half the time. It knows no tag and no empty record, and a file may have it not wait. */
		if (len && !tag && deadline == RING_NEVER) {
			if (write(h->fd, buf, len) >= 0)
				return 0;
			if (errno != EAGAIN)
				return -errno;
		}
		ret = ring_call_publish(h, &record, 1, deadline, NULL);
		return ret < 0 ? ret : 0;
	}
	ret = ring_reserve_wait(r, len, deadline, &res);
	if (ret)
		return ret;
	if (len)
		memcpy(res.data, buf, len);
	res.tag = tag;
	return ring_commit(r, &res, len);
}

/* How many of @count records go into one claim of at most @most slots, and how many slots they take together */
static unsigned int one_claim(const struct ring_mem *m, const struct ring_publish_record *records, unsigned int count,
			      __u32 most, __u32 *slots)
{
	unsigned int n;
	__u32 k;

	*slots = 0;
	for (n = 0; n < count && records[n].len <= m->longest; n++) {
		k = ring_mem_slots_for(m, records[n].len);
		if (*slots + k > most)
			break;
		*slots += k;
	}
	return n;
}

/* Fill the claim at @sequence with @n records, and commit them. */
static void put_claim(struct ring *r, const struct ring_publish_record *records, unsigned int n, __u64 sequence)
{
	const struct ring_mem *m = &r->out;
	__u64 s = sequence;
	__u32 k, word;
	unsigned int i;

	for (i = 0; i < n; i++) {
		k = ring_mem_slots_for(m, records[i].len);
		word = ring_mem_len_word(m, records[i].len);
		if (i)
			ring_mem_batch_store(m, s, k, RING_COMMITTED);
		ring_slot_describe(ring_mem_slot(m, s), word, records[i].tag);
		if (records[i].len)
			memcpy(ring_mem_payload(m, s, word), (const void *)(uintptr_t)records[i].addr, records[i].len);
		s += k;
	}
	ring_mem_commit(m, sequence, ring_mem_slots_for(m, records[0].len), r->owner);
}

static int publish_many_direct(struct ring *r, const struct ring_publish_record *records, unsigned int count,
			       uint64_t deadline, uint64_t *sequence)
{
	const struct ring_mem *m = &r->out;
	__u32 most = m->k_max, slots;
	unsigned int done, n;
	__u64 first, end = 0;
	int ret = 0;

	for (done = 0; done < count; done += n) {
		n = one_claim(m, records + done, count - done, most, &slots);
		if (n && !ring_claim_direct(r, slots, &first)) {
			/* Then with fewer of them, at last with none */
			most = room_now(m);
			most = most < slots ? most : slots - 1;
			n = 0;
			continue;
		}
		most = m->k_max;
		if (!n) {
			n = 1;
			slots = ring_mem_slots_for(m, records[done].len);
			ret = records[done].len > m->longest ? -EMSGSIZE :
			      ring_claim_wait(r, records[done].len, 1, deadline, &first);
			if (ret < 0)
				break;
		}
		put_claim(r, records + done, n, first);
		end = first + slots;
		if (!done && sequence)
			*sequence = first;
	}
	if (done)
		ring_wake_data(r, end);
	return done ? (int)done : ret;
}

static int publish_many_mediated(struct handle *h, const struct ring_publish_record *records,
				 unsigned int count, uint64_t deadline, uint64_t *sequence)
{
	unsigned int done = 0;

	while (done < count) {
		unsigned int n = count - done < RING_BATCH_MAX ? count - done : RING_BATCH_MAX;
		int ret = ring_call_publish(h, records + done, n, deadline, done ? NULL : sequence);

		if (ret < 0)
			return done ? (int)done : ret;
		done += (unsigned int)ret;
		if ((unsigned int)ret < n)
			break;
	}
	return (int)done;
}

EXPORT int ring_publish_many(struct ring *r, const struct ring_publish_record *records, unsigned int count,
			     uint64_t deadline, uint64_t *sequence)
{
	struct handle *h = handle_of(r);
	int err = usable_for_writing(h);

	if (err)
		return err;
	if (count > INT32_MAX)
		count = INT32_MAX;
	ring_try_direct(h);
	if (ring_is_direct(r))
		return publish_many_direct(r, records, count, deadline, sequence);
	return publish_many_mediated(h, records, count, deadline, sequence);
}
