/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ring - the memory protocol: what lies in the mapped areas, and how it is claimed, committed, read
 * and released. Written once: the module, libring, the stress tests and the benchmark compile this.
 *
 * Areas. Each is a mapping of its own with one permission:
 *
 *	control page	kernel writes; everybody reads		struct ring_control
 *	producer page	producers write; everybody reads	struct ring_producers
 *	slots		producers write; everybody reads	struct ring_slot, payload behind it
 *	bulk area	producers write; everybody reads	payloads too long for their slot
 *	cursor page	one subscriber and the kernel write	struct ring_cursor
 *
 * On a mediated ring the kernel is the only producer, on the caller's behalf. On a direct ring,
 * attached producers write those areas themselves; then nothing that is read from them is trusted,
 * by anyone: each value is read once, and checked.
 *
 * A record is claimed, filled, and committed or discarded. All that makes a claim (lap, length in
 * slots, owner, phase) changes in one compare-and-swap of the first slot's state, so a claim always
 * carries its owner and a producer that stops anywhere blocks no other one's claim.
 *
 * A batch is one claim for many records: its first slot's state is BUSY with the length of all of them, and becomes
 * COMMITTED with that of the first record alone, when the states of the others are there. Those name no owner: whoever
 * comes by the records before them may take them for what they say; who looks at one by itself asks what the first
 * slot of the batch says. What is not used of the claim is discarded, record by record. When a producer
 * dies, all of its batch is discarded.
 *
 * Barrier registry. Every pair, with what it guarantees. The lines carry these labels.
 *
 *  RB_PAYLOAD	commit/A: store-release of the state	read/A: load-acquire of the state
 *	Who sees COMMITTED sees the payload, len and tag. Release is enough: only what comes before
 *	the commit must be visible. A discard is one too: who reuses the slot stores after who gave it up.
 *  RB_RELEASE	release/A: store-release of the cursor	reclaim/A: load-acquire of the cursor
 *	The kernel moves the tail over a record only after its reader's last load of it.
 *  RB_TAIL	reclaim/B: store-release of the tail	claim/B: load-acquire of the tail
 *						walk/B: the same, before the states are looked at
 *	With RB_RELEASE: a producer's stores into a reused slot come after the loads of who released it. Who
 *	walks from a tail finds all claimed that was when the tail came there, and meets no record of a later lap
 *	than the tail it knows of allows.
 *  RB_HEAD	claim/H: release of the claim, and of the hint	look/H: load-acquire of the state
 *	Who sees a claim sees all claims before it: between the tail and a claimed record there is no hole. A
 *	claim comes after its claimer saw the record before it claimed, or claimed that itself. The
 *	compare-and-swap is a release too. Who sees a state inside a batch sees the claim of the batch.
 *  RB_LAPPED	claim/C: full barrier of the claim, after load-acquire of the tail
 *						read/C: load barrier between payload and tail
 *	A lossy reader that saw any byte of the next lap's record sees the tail beyond its cursor, so
 *	it knows that what it read is torn. An exclusive producer has it once for each move of the tail: the
 *	first claim that sees a tail is the first that may lie where that tail has made room.
 *  RB_DATA	commit/D: full barrier between the state and wake_data
 *						sleep/D: full barrier between wake_data and the state
 *						armed/D: the same, when somebody else has armed
 *	Store buffering: either the committer sees who waits and wakes it, or who is about to wait sees
 *	the commit. Release and acquire do not order a store before a later load; only a full barrier.
 *  RB_SPACE	release/E: full barrier between the cursor and wake_space
 *						sleep/E: full barrier between wake_space and the cursors
 *	The same for a writer that waits for a subscriber's release.
 *  RB_MARK	reclaim/F: store-release of mark_index,	tail/F: load-acquire of the tail, mark/F: load-
 *		then store-release of the tail		acquire of mark_index, load barrier, second look
 *	(tail, ordinal) are read as a pair: the kernel fills the copy that nobody is told to read. Who
 *	saw a tail finds a mark, and a cursor's base, at least as new.
 *  RB_SHUTDOWN	claim/G: full barrier between the claim and the status
 *						end/G: load-acquire of the status before the state
 *						shutdown/G: full barrier behind the status
 *	Who sees the ring shut down and nothing claimed at its cursor has reached the end of file for
 *	good: a later claim sees the status too, and is discarded. An exclusive producer has no barrier there, so
 *	on a direct ring shutdown/G has it for both: the kernel says CLOSING, has every processor pass a full
 *	barrier, then says SHUTDOWN. A claim whose load of the status came before that barrier is seen by whoever
 *	sees SHUTDOWN; one whose load came after it has seen CLOSING, and is discarded. Its store of the claim
 *	comes before its load of the status in the
 *	program's order, which is all that a barrier made by an interrupt needs. What it published with one store
 *	it cannot discard any more: it reports the failure, and the kernel has discarded a slot at the head before it
 *	said SHUTDOWN, so that only who had not passed that slot still sees the record. Where there was no room for
 *	a slot, a tail that gives room tells of CLOSING: so it looks at the status after the tail.
 *
 * The wake words: wake_data is the lowest sequence that anybody sleeps for, wake_space the lowest
 * cursor that a sleeping writer needs; RING_NONE when nobody sleeps. Only the kernel writes them.
 *
 * A limit: a slot that for 2^32 laps has only ever been the inside of longer records, then becomes the
 * start of one in the very lap that its old state names modulo 2^32, would look claimed.
 */
#ifndef _UAPI_LINUX_RING_PROTOCOL_H
#define _UAPI_LINUX_RING_PROTOCOL_H

#include <linux/types.h>
#include "ring.h"

/* Memory accesses: the kernel's own in the kernel, the compiler's builtins elsewhere */
#ifdef __KERNEL__
#include <asm/barrier.h>
#include <linux/atomic.h>
#define ring_load(p)			READ_ONCE(*(p))
#define ring_store(p, v)		WRITE_ONCE(*(p), (v))
#define ring_load_acquire(p)		smp_load_acquire(p)
#define ring_store_release(p, v)	smp_store_release((p), (v))
#define ring_cas(p, old, new)		try_cmpxchg((p), (old), (new))	/* full barrier when it succeeds */
#define ring_mb()			smp_mb()
#define ring_rmb()			smp_rmb()
#define ring_wmb()			smp_wmb()
#define ring_keep_order()		barrier()
#else
#define ring_load(p)			__atomic_load_n((p), __ATOMIC_RELAXED)
#define ring_store(p, v)		__atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define ring_load_acquire(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ring_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ring_cas_only(p, old, new)	\
	__atomic_compare_exchange_n((p), (old), (new), 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* A locked add to the stack orders as mfence does for ordinary memory, in a quarter of its time */
#define ring_mb()			__asm__ __volatile__("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")
#define ring_cas(p, old, new)		ring_cas_only(p, old, new)
#else
#define ring_mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
/* Not even a sequentially consistent exchange keeps later relaxed loads behind it */
#define ring_cas(p, old, new)		(ring_cas_only(p, old, new) ? (ring_mb(), 1) : 0)
#endif
#define ring_rmb()			__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define ring_wmb()			__atomic_thread_fence(__ATOMIC_RELEASE)
#define ring_keep_order()		__atomic_signal_fence(__ATOMIC_SEQ_CST)
#endif

/* Fields of different writers, or written at different rates, lie so far apart */
#define RING_APART	128

/**
 * struct ring_mark - the tail with the number of committed records before it
 * @tail: a sequence
 * @ordinal: committed records before it, since the ring was made
 */
struct ring_mark {
	__u64 tail;
	__u64 ordinal;
};

/**
 * struct ring_control - the control page; only the kernel writes it
 * @magic: RING_MAGIC
 * @abi: RING_ABI_VERSION
 * @slots: number of slots
 * @slot_size: bytes of a slot
 * @stride_shift: binary logarithm of the bulk bytes of a slot
 * @bulk_size: bytes of the bulk area, 0 for none
 * @longest: longest record in bytes
 * @policy: enum ring_policy
 * @flags: RING_DIRECT, RING_EPHEMERAL
 * @status: RING_STATUS_*
 * @tail: sequence of the oldest retained record
 * @mark: two copies of the tail and its ordinal, see ring_mem_mark_read()
 * @mark_index: which copy is whole is its lowest bit
 * @wake_data: lowest sequence that anybody sleeps for
 * @wake_space: lowest cursor that a sleeping writer needs
 * @discarded: discarded records before the tail
 * @reclaims: times the tail was moved
 */
struct ring_control {
	__u64 magic;
	__u32 abi;
	__u32 slots;
	__u32 slot_size;
	__u32 stride_shift;
	__u64 bulk_size;
	__u64 longest;
	__u32 policy;
	__u32 flags;
	__u32 status __attribute__((aligned(RING_APART)));
	__u64 tail __attribute__((aligned(RING_APART)));
	__u64 mark_index __attribute__((aligned(RING_APART)));
	struct ring_mark mark[2];
	__u64 discarded;
	__u64 reclaims;
	__u64 wake_data __attribute__((aligned(RING_APART)));
	__u64 wake_space __attribute__((aligned(RING_APART)));
};

/**
 * struct ring_producers - the producer page
 * @hint: sequence of a recently claimed record: where to start looking for the head, and how near to it a reader need
 *	not come. Only a hint.
 */
struct ring_producers {
	__u64 hint;
};

/**
 * struct ring_cursor - the cursor page of one subscriber
 * @cursor: sequence of the next record it has not released
 * @taken: records it has taken; discarded ones do not count
 * @lost: records it has lost
 * @base: what @taken must be added to for the ordinal of the record at @cursor, modulo 2^64; RING_NONE
 *	while the kernel does not know it, which is never later than when the tail passes the cursor
 */
struct ring_cursor {
	__u64 cursor;
	__u64 taken;
	__u64 lost;
	__u64 base __attribute__((aligned(RING_APART)));
};

/**
 * struct ring_slot - what a slot starts with; the payload of a short record follows
 * @state: lap, length in slots, owner and phase, see ring_state_make()
 * @len: bytes of payload; with RING_LEN_BULK it lies in the bulk area, at the place of this slot
 * @tag: the publisher's own
 */
struct ring_slot {
	__u64 state;
	__u32 len;
	__u32 tag;
};

#define RING_SLOT_HEADER	16u	/* sizeof(struct ring_slot) */
#define RING_LEN_BULK		(1u << 31)

/*
 * The state of a record, in its first slot: lap << 32 | k << 14 | owner << 2 | phase. The lap is
 * sequence / slots modulo 2^32, k the slots it takes. Zeroed memory is free: it was never claimed.
 */
enum ring_phase {
	RING_FREE,
	RING_BUSY,
	RING_COMMITTED,
	RING_DISCARDED,
};

#define RING_K_MAX	((1u << 18) - 1)
#define RING_OWNER_MAX	((1u << 12) - 1)	/* 0 owns nothing */

static inline __u64 ring_state_make(__u32 lap, __u32 k, __u32 owner, enum ring_phase phase)
{
	return (__u64)lap << 32 | (__u64)k << 14 | (__u64)owner << 2 | (__u64)phase;
}

/* A state but for who made it */
static inline __u64 ring_state_anonymous(__u64 state)
{
	return state & ~((__u64)RING_OWNER_MAX << 2);
}

static inline __u32 ring_state_lap(__u64 state)
{
	return (__u32)(state >> 32);
}

static inline __u32 ring_state_k(__u64 state)
{
	return (__u32)(state >> 14) & RING_K_MAX;
}

static inline __u32 ring_state_owner(__u64 state)
{
	return (__u32)(state >> 2) & RING_OWNER_MAX;
}

static inline enum ring_phase ring_state_phase(__u64 state)
{
	return (enum ring_phase)(state & 3);
}

/**
 * struct ring_mem - one party's view of a ring's memory
 * @control: the control page
 * @producers: the producer page
 * @slots: the slots
 * @bulk: the bulk area, mapped twice; NULL for none
 * @slot_count: number of slots
 * @slot_mask: @slot_count - 1
 * @lap_shift: binary logarithm of the number of slots
 * @slot_size: bytes of a slot
 * @inline_max: longest payload that fits a slot
 * @stride_shift: binary logarithm of the bulk bytes of a slot
 * @k_max: slots that can be claimed at a time, which is what the longest record takes, or a batch
 * @longest: longest record in bytes
 *
 * Filled in by ring_mem_init() and constant from then on. The geometry is the view's own copy: what a
 * hostile process writes into the areas does not reach it.
 */
struct ring_mem {
	struct ring_control *control;
	struct ring_producers *producers;
	unsigned char *slots;
	unsigned char *bulk;
	__u32 slot_count;
	__u32 slot_mask;
	__u32 lap_shift;
	__u32 slot_size;
	__u32 inline_max;
	__u32 stride_shift;
	__u32 k_max;
	__u64 longest;
};

/*
 * Why there can be no ring of this geometry, in a few words, and *@which of its figures is wrong, as the
 * module's parameter is called; NULL: there can. @page_size: the machine's.
 */
static inline const char *ring_mem_check(__u64 slots, __u64 slot_size, __u64 bulk_size, __u64 page_size,
					 const char **which)
{
	*which = "slots";
	if (!slots || slots & (slots - 1))
		return "not a power of two";
	if (slots < RING_SLOTS_MIN || slots > RING_SLOTS_MAX)
		return "not from 4 to 1M";
	*which = "slot_size";
	if (slot_size < RING_SLOT_SIZE_MIN || slot_size > RING_SLOT_SIZE_MAX)
		return "not from 32 to 4096";
	if (slot_size % RING_SLOT_SIZE_ALIGN)
		return "not a multiple of 16";
	*which = "size";
	if (!bulk_size)
		return NULL;
	if (bulk_size & (bulk_size - 1))
		return "neither 0 nor a power of two";
	if (bulk_size < slots * RING_STRIDE_MIN)
		return "less than 64 bytes a slot";
	if (bulk_size < page_size)
		return "less than a page";
	if (bulk_size > RING_BULK_MAX)
		return "more than 4G";
	return NULL;
}

/* The geometry of @m from its defining figures, which were checked before. The pointers are the caller's. */
static inline void ring_mem_init(struct ring_mem *m, __u32 slots, __u32 slot_size, __u64 bulk_size)
{
	m->slot_count = slots;
	m->slot_mask = slots - 1;
	m->lap_shift = (__u32)__builtin_ctz(slots);
	m->slot_size = slot_size;
	m->inline_max = slot_size - RING_SLOT_HEADER;
	m->stride_shift = bulk_size ? (__u32)__builtin_ctzll(bulk_size) - m->lap_shift : 0;
	m->k_max = slots / 4 < RING_K_MAX ? slots / 4 : RING_K_MAX;
	m->longest = m->inline_max;
	if (bulk_size && (__u64)m->k_max << m->stride_shift > m->inline_max)
		m->longest = (__u64)m->k_max << m->stride_shift;
}

static inline __u32 ring_mem_lap(const struct ring_mem *m, __u64 sequence)
{
	return (__u32)(sequence >> m->lap_shift);
}

static inline struct ring_slot *ring_mem_slot(const struct ring_mem *m, __u64 sequence)
{
	__u64 index = (__u32)sequence & m->slot_mask;

	return (struct ring_slot *)(void *)(m->slots + index * m->slot_size);
}

/* How many slots a record of @len bytes takes; @len is at most m->longest. */
static inline __u32 ring_mem_slots_for(const struct ring_mem *m, __u64 len)
{
	return len <= m->inline_max ? 1 : (__u32)((len + (1ull << m->stride_shift) - 1) >> m->stride_shift);
}

/* The len word of a record reserved for @len bytes: @len, and whether it lies in the bulk area */
static inline __u32 ring_mem_len_word(const struct ring_mem *m, __u64 len)
{
	return (__u32)len | (len <= m->inline_max ? 0 : RING_LEN_BULK);
}

/* Fill in the rest of a slot's header, with one store: of those to lines on their way a processor remembers so many. */
static inline void ring_slot_describe(struct ring_slot *slot, __u32 word, __u32 tag)
{
	typedef __u64 __attribute__((may_alias)) both;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	ring_store((both *)&slot->len, (__u64)tag << 32 | word);
#else
	ring_store((both *)&slot->len, (__u64)word << 32 | tag);
#endif
}

/* Where the payload of the record at @sequence, whose slot is @slot, lies, with the len word @word */
static inline unsigned char *ring_slot_payload(const struct ring_mem *m, const struct ring_slot *slot, __u64 sequence,
					       __u32 word)
{
	if (!(word & RING_LEN_BULK))
		return (unsigned char *)(unsigned long)(slot + 1);
	return m->bulk + ((__u64)((__u32)sequence & m->slot_mask) << m->stride_shift);
}

static inline unsigned char *ring_mem_payload(const struct ring_mem *m, __u64 sequence, __u32 word)
{
	return ring_slot_payload(m, ring_mem_slot(m, sequence), sequence, word);
}

/* Whether the k of a claim is one that a record or a batch of this ring can have */
static inline int ring_mem_k_valid(const struct ring_mem *m, __u32 k)
{
	return k - 1 < m->k_max;
}

/* Whether a record of @k slots can have the len word @word: the check before its payload is touched */
static inline int ring_mem_len_valid(const struct ring_mem *m, __u32 k, __u32 word)
{
	if (!(word & RING_LEN_BULK))
		return word <= m->inline_max;
	return m->bulk && (word & ~RING_LEN_BULK) <= (__u64)k << m->stride_shift &&
	       ring_mem_k_valid(m, k);
}

/**
 * enum ring_look - what stands at a sequence
 * @RING_LOOK_EMPTY: nothing yet
 * @RING_LOOK_BUSY: claimed, being written
 * @RING_LOOK_READY: committed
 * @RING_LOOK_SKIP: discarded: the reader goes on k slots further
 * @RING_LOOK_PASSED: a later lap's record: overwritten
 */
enum ring_look {
	RING_LOOK_EMPTY,
	RING_LOOK_BUSY,
	RING_LOOK_READY,
	RING_LOOK_SKIP,
	RING_LOOK_PASSED,
};

/* What a slot's @state says in this @lap */
static inline enum ring_look ring_state_look(__u64 state, __u32 lap)
{
	__s32 ahead = (__s32)(ring_state_lap(state) - lap);

	if (ring_state_phase(state) == RING_FREE || ahead < 0)
		return RING_LOOK_EMPTY;
	if (ahead > 0)
		return RING_LOOK_PASSED;
	return ring_state_phase(state) == RING_COMMITTED ? RING_LOOK_READY :
	       ring_state_phase(state) == RING_BUSY ? RING_LOOK_BUSY : RING_LOOK_SKIP;
}

/* Look at @sequence; *@state is what its slot says. RING_LOOK_READY: payload, len and tag may be read. */
static inline enum ring_look ring_mem_look(const struct ring_mem *m, __u64 sequence, __u64 *state)
{
	/* RB_PAYLOAD read/A, RB_HEAD look/H */
	__u64 st = ring_load_acquire(&ring_mem_slot(m, sequence)->state);

	*state = st;
	return ring_state_look(st, ring_mem_lap(m, sequence));
}

/*
 * What the slot of @sequence says, but for the owner, if a committed record of one slot stands there. That is what is
 * usual, and one comparison tells it: ring_slot_is(); ring_mem_look() tells everything else.
 */
static inline __u64 ring_mem_single(const struct ring_mem *m, __u64 sequence)
{
	return ring_state_make(ring_mem_lap(m, sequence), 1, 0, RING_COMMITTED);
}

/*
 * Whether a slot says what ring_mem_single() does: then payload, len and tag may be read.
 *
 * A processor looks ahead through a branch that it can guess, not through a sum: a reader that goes one further
 * behind this has the lines of many records on their way from another processor at a time.
 */
static inline int ring_slot_is(const struct ring_slot *slot, __u64 single)
{
	/* RB_PAYLOAD read/A, RB_HEAD look/H */
	return ring_state_anonymous(ring_load_acquire(&slot->state)) == single;
}

/* The slot behind @slot, which is not the last one */
static inline const struct ring_slot *ring_mem_slot_behind(const struct ring_mem *m, const struct ring_slot *slot)
{
	return (const struct ring_slot *)(const void *)((const unsigned char *)slot + m->slot_size);
}

/* How many slots there are from that of @sequence to the last one; their sequences are of one lap. */
static inline __u32 ring_mem_to_end(const struct ring_mem *m, __u64 sequence)
{
	return m->slot_count - ((__u32)sequence & m->slot_mask);
}

/* How many committed records of one slot stand at @sequence and behind it before the last slot, at most @most */
static inline __u64 ring_mem_singles(const struct ring_mem *m, __u64 sequence, __u64 most)
{
	const struct ring_slot *slot = ring_mem_slot(m, sequence);
	__u64 single = ring_mem_single(m, sequence), n;

	if (most > ring_mem_to_end(m, sequence))
		most = ring_mem_to_end(m, sequence);
	for (n = 0; n < most && ring_slot_is(slot, single); n++)
		slot = ring_mem_slot_behind(m, slot);
	return n;
}

/**
 * enum ring_claim - how an attempt to claim ended
 * @RING_CLAIMED: done; the record is the caller's to fill, then to commit or to discard
 * @RING_CLAIM_FULL: no room before the kernel moves the tail
 * @RING_CLAIM_AGAIN: lapped by others too often; try again
 * @RING_CLAIM_CORRUPT: the states make no sense
 */
enum ring_claim {
	RING_CLAIMED,
	RING_CLAIM_FULL,
	RING_CLAIM_AGAIN,
	RING_CLAIM_CORRUPT,
};

#define RING_CLAIM_TRIES	64
#define RING_HINT_EVERY		16u	/* slots between hints, a power of two */

/*
 * Find the head: the first sequence that nobody has claimed, and its slot's old state. Starts at @from, before
 * which the caller knows all to be claimed; RING_NONE, or where the hint is further: at the hint if that is at or
 * after the tail and claimed, as one that was written by this protocol is; else at the tail, which is always the
 * start of a record, or the head. Ends within slot_count steps, whatever the memory says.
 */
static inline enum ring_claim ring_mem_find_head(const struct ring_mem *m, __u64 from, __u64 *head, __u64 *old,
						 __u64 *tail)
{
	int tries;

	for (tries = 0; tries < RING_CLAIM_TRIES; tries++) {
		__u64 s = ring_load(&m->producers->hint);
		__u64 t = ring_load_acquire(&m->control->tail);		/* RB_TAIL claim/B */
		int known = from != RING_NONE && (__s64)(s - from) < 0;
		enum ring_look look = RING_LOOK_EMPTY;

		*tail = t;
		if (known)
			s = from;
		/* The ring is full up to there. */
		if (known && s - t == m->slot_count) {
			*head = s;
			return RING_CLAIM_FULL;
		}
		if (s - t > m->slot_mask)
			s = t;
		look = ring_mem_look(m, s, old);
		if (look == RING_LOOK_EMPTY && s != t && !known) {
			s = t;
			look = ring_mem_look(m, s, old);
		}
		while (look != RING_LOOK_EMPTY && look != RING_LOOK_PASSED) {
			if (!ring_mem_k_valid(m, ring_state_k(*old))) {
				*head = t;
				return RING_CLAIM_CORRUPT;
			}
			s += ring_state_k(*old);
			if (s - t > m->slot_mask)
				break;
			look = ring_mem_look(m, s, old);
		}
		*head = s;
		if (look != RING_LOOK_PASSED)
			return s - t > m->slot_mask ? RING_CLAIM_FULL : RING_CLAIMED;
		/* Lapped while looking: then the tail is beyond, and whoever saw that claim sees it. */
		*head = t;
		if ((__s64)(ring_load_acquire(&m->control->tail) - s) <= 0)	/* RB_LAPPED read/C */
			return RING_CLAIM_CORRUPT;
	}
	return RING_CLAIM_AGAIN;
}

/**
 * ring_mem_claim - claim @k slots for @owner
 * @m: the ring
 * @owner: the caller's owner id
 * @k: how many slots, 1 to m->k_max
 * @from: before this all is claimed, as after a record of the caller's own; RING_NONE: not known
 * @sequence: RING_CLAIMED: the record's sequence. RING_CLAIM_FULL: the head, where it would have been
 *
 * Lock-free: a producer stopped anywhere never blocks this. May be called by any number of threads.
 */
static inline enum ring_claim ring_mem_claim(const struct ring_mem *m, __u32 owner, __u32 k, __u64 from,
					     __u64 *sequence)
{
	int tries;

	for (tries = 0; tries < RING_CLAIM_TRIES; tries++) {
		__u64 old, tail, s;
		enum ring_claim found = ring_mem_find_head(m, from, &s, &old, &tail);

		*sequence = s;
		if (found != RING_CLAIMED)
			return found;
		if (s + k - tail > m->slot_count)
			return RING_CLAIM_FULL;
		/* RB_LAPPED claim/C, RB_HEAD claim/H, RB_SHUTDOWN claim/G */
		if (ring_cas(&ring_mem_slot(m, s)->state, &old,
			     ring_state_make(ring_mem_lap(m, s), k, owner, RING_BUSY))) {
			/* Now and then: it is a line that all claimers share. */
			if ((s ^ (s + k)) & ~(__u64)(RING_HINT_EVERY - 1))
				ring_store(&m->producers->hint, s);
			return RING_CLAIMED;
		}
	}
	return RING_CLAIM_AGAIN;
}

/*
 * ring_mem_claim() where @sequence is the head, as for who claimed last; before it all is claimed. Whether it was and
 * there is room; if not, ring_mem_claim() tells.
 */
static inline int ring_mem_claim_here(const struct ring_mem *m, __u32 owner, __u32 k, __u64 sequence)
{
	struct ring_slot *slot = ring_mem_slot(m, sequence);
	__u32 lap = ring_mem_lap(m, sequence), room = m->slot_count - k;
	__u64 tail = ring_load_acquire(&m->control->tail);		/* RB_TAIL claim/B */
	__u64 old = ring_load_acquire(&slot->state);			/* RB_HEAD look/H */

	/* The tail may have passed it, too. */
	if (sequence - tail > room || ring_state_look(old, lap) != RING_LOOK_EMPTY)
		return 0;
	/* RB_LAPPED claim/C, RB_HEAD claim/H, RB_SHUTDOWN claim/G */
	return ring_cas(&slot->state, &old, ring_state_make(lap, k, owner, RING_BUSY));
}

/**
 * struct ring_exclusive - what an exclusive direct producer knows, because nobody else claims
 * @next: the head
 * @last: the hint as it was left; another one there: somebody did claim, or the ring was reset
 * @tail: the tail that its last claim saw
 */
struct ring_exclusive {
	__u64 next;
	__u64 last;
	__u64 tail;
};

/* Look where the head is: before the first claim, and when the hint is another's. As ring_mem_find_head(). */
static inline enum ring_claim ring_mem_exclusive_find(const struct ring_mem *m, struct ring_exclusive *x)
{
	__u64 old, tail;

	x->last = ring_load(&m->producers->hint);
	x->tail = RING_NONE;
	return ring_mem_find_head(m, RING_NONE, &x->next, &old, &tail);
}

/**
 * ring_mem_exclusive_room - where the next record of the only producer goes; nothing is claimed yet
 * @m: the ring
 * @x: what it knows; zeroed before ring_mem_exclusive_find()
 * @k: how many slots
 * @sequence: as ring_mem_claim()
 *
 * For one thread. The kernel may claim on its behalf in between, by write(), which the hint tells. RING_CLAIMED:
 * there is room, and the caller may write to it: nobody else claims.
 */
static inline enum ring_claim ring_mem_exclusive_room(const struct ring_mem *m, struct ring_exclusive *x, __u32 k,
						      __u64 *sequence)
{
	__u64 tail = ring_load_acquire(&m->control->tail);		/* RB_TAIL claim/B */
	__u64 s = x->next;

	if (__builtin_expect(ring_load(&m->producers->hint) != x->last || (__s64)(s - tail) < 0, 0)) {
		enum ring_claim found = ring_mem_exclusive_find(m, x);

		*sequence = s = x->next;
		if (found != RING_CLAIMED)
			return found;
		tail = ring_load_acquire(&m->control->tail);		/* RB_TAIL claim/B */
	}
	*sequence = s;
	if (s + k - tail > m->slot_count)
		return RING_CLAIM_FULL;
	if (tail != x->tail) {
		x->tail = tail;
		ring_mb();						/* RB_LAPPED claim/C */
	}
	return RING_CLAIMED;
}

/*
 * Store the state of the record at the head, which ring_mem_exclusive_room() has found and whose slot is @slot: BUSY to
 * claim it, COMMITTED to claim and commit at once what is in it already. Plain stores: nobody else claims, so there is
 * nothing to compare with.
 *
 * The state is a release, and so is the hint: who sees either sees all claims before it, as with the
 * compare-and-swap, and finds no hole before the head.
 */
static inline void ring_slot_exclusive_store(const struct ring_mem *m, struct ring_exclusive *x, struct ring_slot *slot,
					     __u32 owner, __u32 k, __u64 sequence, enum ring_phase phase)
{
	ring_store_release(&slot->state,			/* RB_HEAD claim/H, RB_PAYLOAD commit/A */
			   ring_state_make(ring_mem_lap(m, sequence), k, owner, phase));
	/* Now and then: who starts there is soon at the head. */
	if (__builtin_expect(sequence - x->last >= RING_HINT_EVERY, 0)) {
		ring_store_release(&m->producers->hint, sequence);	/* RB_HEAD claim/H */
		x->last = sequence;
	}
	/* RB_SHUTDOWN claim/G: the caller loads the status after this, in the program's order */
	ring_keep_order();
	x->next = sequence + k;
}

/* ring_mem_claim() for a producer that is attached as the only one */
static inline enum ring_claim ring_mem_claim_exclusive(const struct ring_mem *m, struct ring_exclusive *x,
						       __u32 owner, __u32 k, __u64 *sequence)
{
	enum ring_claim room = ring_mem_exclusive_room(m, x, k, sequence);

	if (room == RING_CLAIMED)
		ring_slot_exclusive_store(m, x, ring_mem_slot(m, *sequence), owner, k, *sequence, RING_BUSY);
	return room;
}

/*
 * Store the state of a record inside a batch, one that is not the first, whose slot is @slot. Who sees it sees the
 * batch's claim; its payload is seen with the first one's state.
 */
static inline void ring_slot_batch_store(const struct ring_mem *m, struct ring_slot *slot, __u64 sequence, __u32 k,
					 enum ring_phase phase)
{
	/* RB_HEAD claim/H */
	ring_store_release(&slot->state, ring_state_make(ring_mem_lap(m, sequence), k, 0, phase));
}

static inline void ring_mem_batch_store(const struct ring_mem *m, __u64 sequence, __u32 k, enum ring_phase phase)
{
	ring_slot_batch_store(m, ring_mem_slot(m, sequence), sequence, k, phase);
}

/* Discard those that nobody has stored COMMITTED for, of the records behind the first of a batch's @used slots. */
static inline void ring_mem_batch_close(const struct ring_mem *m, __u64 sequence, __u32 k, __u32 used)
{
	const unsigned char *slot = (const unsigned char *)ring_mem_slot(m, sequence);
	const unsigned char *end = m->slots + (__u64)m->slot_count * m->slot_size;
	__u64 state = ring_state_make(ring_mem_lap(m, sequence), k, 0, RING_COMMITTED);
	__u32 at;

	for (at = k; at < used; at += k) {
		slot += (__u64)k * m->slot_size;
		if (slot >= end) {
			slot -= (__u64)m->slot_count * m->slot_size;
			state += 1ull << 32;
		}
		if (__builtin_expect(ring_load(&((const struct ring_slot *)(const void *)slot)->state) != state, 0))
			ring_mem_batch_store(m, sequence + at, k, RING_DISCARDED);
	}
}

/*
 * Commit a record that the caller claimed with @k and @owner and has filled, whose slot is @slot. Then
 * ring_mem_wakes_data().
 */
static inline void ring_slot_commit(const struct ring_mem *m, struct ring_slot *slot, __u64 sequence, __u32 k,
				    __u32 owner)
{
	/* RB_PAYLOAD commit/A */
	ring_store_release(&slot->state, ring_state_make(ring_mem_lap(m, sequence), k, owner, RING_COMMITTED));
}

static inline void ring_mem_commit(const struct ring_mem *m, __u64 sequence, __u32 k, __u32 owner)
{
	ring_slot_commit(m, ring_mem_slot(m, sequence), sequence, k, owner);
}

/* Give a claimed record up: readers pass over it. Then ring_mem_wakes_data(). */
static inline void ring_mem_discard(const struct ring_mem *m, __u64 sequence, __u32 k, __u32 owner)
{
	/* RB_PAYLOAD commit/A */
	ring_store_release(&ring_mem_slot(m, sequence)->state,
			   ring_state_make(ring_mem_lap(m, sequence), k, owner, RING_DISCARDED));
}

/*
 * After commits or discards, the last of which ended before sequence @end: whether somebody sleeps who
 * must be woken (RING_IOC_WAKE, RING_WAKE_DATA).
 */
static inline int ring_mem_wakes_data(const struct ring_mem *m, __u64 end)
{
	ring_mb();							/* RB_DATA commit/D */
	return end > ring_load(&m->control->wake_data);
}

/* Read the tail and its ordinal as a pair. */
static inline struct ring_mark ring_mem_mark_read(const struct ring_mem *m)
{
	const struct ring_control *c = m->control;
	struct ring_mark mark;
	__u64 index;

	do {
		index = ring_load_acquire(&c->mark_index);		/* RB_MARK mark/F */
		mark.tail = ring_load(&c->mark[index & 1].tail);
		mark.ordinal = ring_load(&c->mark[index & 1].ordinal);
		ring_rmb();						/* RB_MARK mark/F */
	} while (ring_load(&c->mark_index) != index);
	return mark;
}

/*
 * Whether records at and after @cursor were overwritten. Asked after having read them: if not, what
 * was read is whole.
 */
static inline int ring_mem_lapped(const struct ring_mem *m, __u64 cursor)
{
	ring_rmb();							/* RB_LAPPED read/C */
	return (__s64)(ring_load_acquire(&m->control->tail) - cursor) > 0;	/* RB_MARK tail/F */
}

/*
 * Put a lapped cursor on the tail and count what it lost. The caller is the page's only user at this
 * time. Returns the new cursor.
 */
static inline __u64 ring_cursor_catch_up(const struct ring_mem *m, struct ring_cursor *c)
{
	struct ring_mark mark;
	__u64 taken = ring_load(&c->taken);

	/* The mark is published before the tail that told us, and the base before the mark. */
	mark = ring_mem_mark_read(m);
	ring_store(&c->lost, ring_load(&c->lost) + mark.ordinal - (ring_load(&c->base) + taken));
	ring_store(&c->base, mark.ordinal - taken);
	ring_store_release(&c->cursor, mark.tail);			/* RB_RELEASE release/A */
	return mark.tail;
}

/*
 * Release everything before @next, having taken @records of it. Returns whether a writer sleeps who
 * must be woken (RING_IOC_WAKE, RING_WAKE_SPACE): only who crosses wake_space wakes, so a subscriber
 * that is far ahead of the slowest one makes no calls.
 */
static inline int ring_cursor_release(const struct ring_mem *m, struct ring_cursor *c, __u64 next,
				      __u64 records)
{
	__u64 before = ring_load(&c->cursor);
	__u64 wake;

	ring_store(&c->taken, ring_load(&c->taken) + records);
	ring_store_release(&c->cursor, next);				/* RB_RELEASE release/A */
	ring_mb();							/* RB_SPACE release/E */
	wake = ring_load(&m->control->wake_space);
	return before < wake && wake <= next;
}

#endif /* _UAPI_LINUX_RING_PROTOCOL_H */
