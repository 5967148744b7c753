/* SPDX-License-Identifier: MIT */
/* libring - getting single records, without a cursor */

#include "internal.h"

static int get(struct ring *r, __u32 flags, uint64_t sequence, void *buf, size_t len, struct ring_meta *meta)
{
	struct handle *h = handle_of(r);
	struct ring_get call = {
		.size = sizeof(call),
		.flags = flags,
		.sequence = sequence,
		.buf = (uintptr_t)buf,
		.buf_len = len > UINT32_MAX ? UINT32_MAX : (__u32)len,
	};
	int err = usable_for_reading(h);

	if (err)
		return err;
	err = ring_call(h, RING_IOC_GET, &call);
	if (meta && (err >= 0 || err == -EMSGSIZE)) {
		meta->sequence = call.sequence;
		meta->len = call.len;
		meta->tag = call.tag;
	}
	return err < 0 ? err : 0;
}

EXPORT int ring_get(struct ring *r, uint64_t sequence, void *buf, size_t len, struct ring_meta *meta)
{
	return get(r, 0, sequence, buf, len, meta);
}

EXPORT int ring_latest(struct ring *r, void *buf, size_t len, struct ring_meta *meta)
{
	return get(r, RING_GET_LATEST, 0, buf, len, meta);
}
