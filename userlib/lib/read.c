/* SPDX-License-Identifier: MIT */
/* libring - copying records out */

#include "internal.h"

EXPORT int ring_read(struct ring *r, void *buf, size_t len, uint64_t deadline, struct ring_meta *meta)
{
	struct handle *h = handle_of(r);
	struct ring_view v;
	int ret;

	ret = ring_reading(h);
	if (ret)
		return ret;
	if (r->pending)
		return -EBUSY;
	while ((ret = ring_next(r, &v)) == -EAGAIN) {
		if (deadline == RING_NOW)
			return -EAGAIN;
		ret = ring_wait(r, deadline);
		if (ret)
			return ret;
	}
	if (ret <= 0)
		return ret;
	if (meta) {
		meta->sequence = v.sequence;
		meta->len = v.len;
		meta->tag = v.tag;
	}
	if (v.len > len) {
		r->position = v.sequence;
		r->pending = 0;
		return -EMSGSIZE;
	}
	if (v.len)
		memcpy(buf, v.data, v.len);
	ret = ring_release(r);
	return ret ? ret : 1;
}

EXPORT int ring_read_many(struct ring *r, struct ring_read_record *records, unsigned int count, void *buf,
			  size_t len, uint64_t deadline, uint32_t *needed)
{
	struct handle *h = handle_of(r);
	struct ring_read call = {
		.size = sizeof(call),
		.records = (uintptr_t)records,
		.count = count,
		.buf = (uintptr_t)buf,
		.buf_len = len > UINT32_MAX ? UINT32_MAX : (__u32)len,
		.deadline = deadline,
	};
	int err;

	err = ring_reading(h);
	if (err)
		return err;
	if (r->pending)
		return -EBUSY;
	err = ring_call(h, RING_IOC_READ, &call);
	ring_resync(h);
	if (needed)
		*needed = call.needed;
	return err < 0 ? err : (int)call.taken;
}
