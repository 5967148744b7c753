/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An overwrite ring: two direct producers, the second with records of two slots, one of whose records is
 * discarded; a lossy subscriber that comes at any time, from the head on; writers that find a BUSY record
 * in the tail's way sleep for its end. (Lossy subscribers change nothing for anybody: one stands for all.)
 *
 * BATCH: the claim of two slots may also be for two records, the second of which may be not used; or its producer
 * dies, and all of it is discarded. EXCLUSIVE: one producer instead, with records of both
 * sizes, which claims by a plain store or publishes with one store; with ONE_STORE it always does.
 *
 * Asserted: what the subscriber takes is whole; what it took and lost adds up, exactly; the tail passes no BUSY
 * record; no writer sleeps beside a record that has ended.
 *
 * The tail that the subscriber sees is behind the one that producers see (tail_seen): on some machines a store
 * is not visible to all others at one time. The full barrier of a claim makes visible to all what its
 * producer has seen. The pair of tail and ordinal is in mark.pml, here it is whole.
 */
#include "memory.pml"

#ifndef RECORDS
#define RECORDS 4
#endif

byte tail_seen = N;
byte mark_tail = N;
byte mark_ordinal;
byte left = RECORDS;
byte discards = 1;
byte start = NONE;	/* ring_subscriber.start */
byte base = NONE;	/* ring_cursor.base */
int committed;		/* for the assertions: bit s, there is a committed record at s */

#ifdef NO_RB_LAPPED_CLAIM
#define RB_LAPPED_claim_C true
#else
#define RB_LAPPED_claim_C (tail_seen >= t)
#endif

/* How far the tail goes at least: with EXCLUSIVE more than one claim is to see the same one. */
#ifdef EXCLUSIVE
#define FURTHER 2
#else
#define FURTHER 1
#endif

/* An exclusive producer has that barrier only when the tail is not that of its last claim. */
#ifdef ONE_BARRIER
#define TAIL_IS_NEW (passed == NONE)
#else
#define TAIL_IS_NEW (passed != t)
#endif

inline find_head()
{
	s = t;
	do
	:: s - t < N && SLOT(s).sequence == s -> s = s + SLOT(s).k
	:: else -> break
	od
}

/* How many records were committed before at */
inline count(at, n)
{
	n = 0;
	s = N;
	do
	:: s < at ->
		if
		:: committed & (1 << s) -> n++
		:: else
		fi;
		s++
	:: else -> break
	od;
	s = 0
}

proctype visible()
{
end:
	do
	:: tail_seen != tail -> tail_seen = tail
	od
}

/* reclaim(), pass(), tell_ordinal(), ring_pass_end() under ring->lock; t becomes the tail */
inline reclaim()
{
	busy = NONE;
	t = mark_tail;
	n = mark_ordinal;
	do
	:: (t >= need && t >= tail + FURTHER) || EMPTY(t) -> break
	:: else ->
		assert(!PASSED(t));
		if
#ifndef NO_BUSY_LIMIT
		:: SLOT(t).phase == BUSY -> busy = t; break
#endif
		:: else ->
			if
			:: start <= t -> base = n; start = NONE
			:: else
			fi;
			if
			:: SLOT(t).phase == COMMITTED -> n++
			:: else
			fi;
			t = t + SLOT(t).k
		fi
	od;
	mark_tail = t;
	mark_ordinal = n;
	tail = t;
	n = 0
}

inline set_state(to, size, what)
{
	SLOT(to).sequence = to;
	SLOT(to).k = size;
	SLOT(to).phase = what
}

inline commit(to, size)
{
	set_state(to, size, COMMITTED);
	committed = committed | (1 << (to))
}

proctype producer(byte me)
{
	byte s, t, old, need, busy, armed, k, n;
	bool room;
#ifdef EXCLUSIVE
	byte passed = NONE;	/* ring_exclusive.tail */
#endif

	k = me + 1;
claim:
#ifdef EXCLUSIVE
	if
	:: k = 1
	:: k = 2
	fi;
#endif
	if
	:: left == 0 -> goto done
	:: d_step { left ->
		t = tail;
		find_head();
		if
		:: s + k - t > N -> room = 0
		:: else -> old = SLOT(s).sequence; room = 1
		fi }
	fi;
#ifdef EXCLUSIVE
	/* ring_mem_exclusive_room() */
	if
	:: !room -> goto sleep
	:: d_step { room && (!TAIL_IS_NEW || RB_LAPPED_claim_C) ->
		passed = t;
		left--;
		t = 0; old = 0; room = 0 }
	fi;
	/* All with one store, after the payload; or a claim first, ring_mem_exclusive_store() either way. */
	if
	:: true
#ifndef ONE_STORE
	:: d_step { true -> set_state(s, k, BUSY) }
#endif
	fi;
#else
	if
	:: !room -> goto sleep
	:: d_step { room && left && RB_LAPPED_claim_C && SLOT(s).sequence == old ->
		assert(SLOT(s).phase != BUSY);
		set_state(s, k, BUSY);
		left--;
		t = 0; old = 0; room = 0 }
	:: d_step { room && (SLOT(s).sequence != old || left == 0) -> t = 0; old = 0; s = 0; room = 0 };
		goto claim
	fi;
#endif
	SLOT(s).first = s;
	SLOT(s + k - 1).last = s;
	if
	:: d_step { true -> commit(s, k) }
	:: d_step { discards && IS(s, BUSY) -> discards--; set_state(s, k, DISCARDED) }
#ifdef BATCH
	/* ring_batch_at(), then ring_commit_many() or reap() */
	:: d_step { k == 2 && IS(s, BUSY) -> set_state(s + 1, 1, COMMITTED) };
		SLOT(s).last = s;
		SLOT(s + 1).first = s + 1;
		SLOT(s + 1).last = s + 1;
		if
		:: d_step { true -> commit(s, 1); committed = committed | (1 << (s + 1)) }
		:: d_step { discards -> discards--; set_state(s + 1, 1, DISCARDED) };
			d_step { commit(s, 1) }
		:: d_step { discards -> discards--; set_state(s, k, DISCARDED) }
		fi
#endif
	fi;
	if
	:: d_step { s + k > wake_data && lock == 0 ->
		wake_data = NONE;
		room = writers_want_data;
		writers_want_data = 0;
		s = 0 };
#ifndef NO_WRITERS_WANT_DATA
		wake_writers_too(room)
#else
		room = 0
#endif
	:: d_step { s + k <= wake_data -> s = 0 }
	fi;
	goto claim;

sleep:
	if
	:: d_step { queued[me] = 1; woken[me] = 0; armed = NONE }
	fi;
look:
	if
	:: d_step { lock == 0 ->
		t = tail;
		find_head();
		need = s + k - N;
		s = 0;
		busy = NONE;
		if
		:: need <= t
		:: else -> reclaim()
		fi;
		room = (need <= t || busy == NONE);
		need = 0;
		t = 0 }
	fi;
	if
	:: d_step { room -> queued[me] = 0; woken[me] = 0; busy = 0; armed = 0; room = 0 };
		goto claim
	:: d_step { !room && armed <= busy -> busy = 0; armed = 0 };
		goto end_asleep
	:: d_step { !room && armed > busy && lock == 0 ->
		writers_want_data = 1;
		if
		:: busy < wake_data -> wake_data_to = busy; lock = me + 1
		:: else
		fi;
		armed = busy;
		busy = 0 }
	fi;
	drained_lock(me);
	goto look;
end_asleep:
	if
	:: d_step { woken[me] -> woken[me] = 0 }
	fi;
	goto sleep;
done:
	skip
}

proctype subscriber()
{
	byte s, c, t, k, n, taken, first, last;

	/* RING_IOC_SUBSCRIBE, RING_NEXT, under ring->lock: ring_cursor_place() */
	d_step { lock == 0 ->
		t = mark_tail;
		find_head();
		c = s;
		if
		:: c == mark_tail -> base = mark_ordinal
		:: else -> start = c
		fi;
		s = 0;
		t = 0
	};
end:
	do
	:: d_step { IS(c, COMMITTED) -> k = SLOT(c).k };
		first = SLOT(c).first;
#ifdef NO_RB_LAPPED_READ
		/* The tail is loaded before the payload is all there. */
		t = tail_seen;
		last = SLOT(c + k - 1).last;
#else
		last = SLOT(c + k - 1).last;
		t = tail_seen;				/* RB_LAPPED read/C */
#endif
		if
		:: d_step { t > c -> first = 0; last = 0; k = 0; t = 0 };
			goto lapped
		:: d_step { t <= c ->
			assert(first == c && last == c);
			/* ring_cursor_release() */
			c = c + k;
			taken++;
			first = 0; last = 0; k = 0; t = 0 }
		fi
	:: d_step { IS(c, DISCARDED) -> t = SLOT(c).k };
		if
		:: tail_seen > c -> t = 0; goto lapped
		:: tail_seen <= c -> c = c + t; t = 0
		fi
	:: PASSED(c) || tail_seen > c ->
		/* ring_cursor_catch_up() */
lapped:
		if
		:: d_step { mark_tail > c ->
			assert(base != NONE);
			/* what is lost: from the ordinal of the cursor to that of the tail */
			count(c, n);
			assert(n == base + taken);
			count(mark_tail, n);
			assert(n == mark_ordinal);
			base = mark_ordinal;
			taken = 0;
			n = 0;
			c = mark_tail }
		fi
	od
}

proctype monitor()
{
end:
	timeout;
	d_step {
		assert(lock == 0);
		assert(!queued[0] && !queued[1]);
		assert(left == 0)
	}
}

init {
	atomic {
		run memory();
		run visible();
		run producer(0);
#ifndef EXCLUSIVE
		run producer(1);
#endif
		run subscriber();
		run monitor()
	}
}
