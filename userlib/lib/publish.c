/* SPDX-License-Identifier: MIT */
/* libring - publishing: by system call, or what the direct way leaves to do */

#include <sched.h>

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

int ring_reserve_wait(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res)
{
	const struct ring_mem *m = &r->out;
	enum ring_claim claim;
	__u64 sequence;
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
		if (ring_reserve_direct(r, len, res))
			return 0;
		/* Why not? Claiming again would tell, but it would also claim. */
		claim = ring_mem_find_head(m, RING_NONE, &sequence, &(__u64){ 0 }, &(__u64){ 0 });
		if (claim == RING_CLAIM_CORRUPT)
			return -EUCLEAN;
		if (claim == RING_CLAIM_AGAIN)
			sched_yield();
		/* Reclaims. With room in the meantime it returns at once; one deadline covers all turns. */
		err = ring_wait_space(r, len, deadline);
		if (err)
			return err;
	}
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

static int publish_many_direct(struct ring *r, const struct ring_publish_record *records, unsigned int count,
			       uint64_t deadline, uint64_t *sequence)
{
	struct ring_reservation res;
	__u64 end = 0;
	unsigned int i;
	int err = 0;

	for (i = 0; i < count; i++) {
		if (records[i].len > r->out.longest) {
			err = -EMSGSIZE;
			break;
		}
		if (!ring_reserve_direct(r, records[i].len, &res)) {
			/* Who shall make room must hear of what is there, before the wait for them. */
			if (i && ring_mem_wakes_data(&r->out, end))
				ring_wake(r, RING_WAKE_DATA);
			err = ring_reserve_wait(r, records[i].len, deadline, &res);
			if (err)
				break;
		}
		if (records[i].len)
			memcpy(res.data, (const void *)(uintptr_t)records[i].addr, records[i].len);
		res.tag = records[i].tag;
		ring_commit_direct(r, &res, res.len);
		end = res.sequence + res.k;
		if (!i && sequence)
			*sequence = res.sequence;
	}
	if (i && ring_mem_wakes_data(&r->out, end))
		ring_wake(r, RING_WAKE_DATA);
	return i ? (int)i : err;
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
