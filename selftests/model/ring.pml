/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block ring: two direct producers, two reliable subscribers; claim, commit, read, release, reclaim, sleep,
 * wake, and the death of either. See memory.pml and check.
 *
 * Asserted: a record is read whole and once, in order; nobody stores a payload over one that is not
 * released, or that is being read; when nothing moves any more, everybody sleeps whose turn it is not, and
 * nobody else. STOPS: subscribers may stop reading for ever, anywhere.
 *
 * BATCH: a claim is for several records, if there is room for them. The states inside are stored before the payloads
 * and say nothing yet; then all of them are committed, or fewer. Nothing of a batch is read before its first slot says
 * so, nothing ever if its producer dies before that. EXCLUSIVE: there is only producer 0. It claims by plain stores, or
 * claims and commits with one store; with ONE_STORE it always does.
 */
#ifndef BATCH
#define BATCH 1		/* records that producer 0 claims at a time */
#endif
#ifndef BATCH1
#define BATCH1 1
#endif
/* A state that is stored is not always just COMMITTED in place of the BUSY of the same record. */
#if BATCH + BATCH1 > 2 || defined(EXCLUSIVE)
#define STATES
#endif

#include "memory.pml"

#ifndef RECORDS
#define RECORDS 4	/* to be published, by whichever producer */
#endif
#ifndef K0
#define K0 1		/* slots of a record of producer 0 */
#endif
#ifndef K1
#define K1 1
#endif
#ifndef KILLS_P
#define KILLS_P 0	/* how often producer 0 is killed */
#endif
#ifndef KILLS_S
#define KILLS_S 0	/* how often subscriber 0 (party 2) is */
#endif

bool die[4];
bool in_kernel[4];
bool holds;		/* producer 0 is between claim and the end of its look at the wake word */
#define kernel in_kernel[me]
byte kills_p = KILLS_P;
byte kills_s = KILLS_S;
byte left = RECORDS;
bool gone[2];	/* subscribers that were killed */
byte taken_alone;	/* how far the only subscriber had released when it went */

/* Owner ids matter to reap() only. */
bool owner_used[3];
#if KILLS_P
inline owner_alloc() {
	if
	:: owner -> skip
	:: !owner && !owner_used[1] -> owner = 1; owner_used[1] = 1
	:: !owner && owner_used[1] -> owner = 2; owner_used[2] = 1
	fi
}
#else
inline owner_alloc() { skip }
#endif

/* Full barriers: what was stored before is visible. Without one, it may not be. */
#ifdef NO_RB_DATA_COMMIT
#define RB_DATA_commit_D true
#else
#define RB_DATA_commit_D drained_producer(me)
#endif
#ifdef NO_RB_DATA_SLEEP
#define RB_DATA_sleep_D true
#else
#define RB_DATA_sleep_D drained_lock(me)
#endif
#ifdef NO_RB_SPACE_RELEASE
#define RB_SPACE_release_E true
#else
#define RB_SPACE_release_E drained_subscriber(me)
#endif
/* reclaim() takes the lock, which who armed may hold in its store buffer still */
#ifdef NO_RB_SPACE_SLEEP
#define RB_SPACE_sleep_E (lock == 0 || lock == me + 1)
#else
#define RB_SPACE_sleep_E (lock == 0)
#endif

#ifdef NO_SECOND_LOOK
#define ARMED(need, armed) (armed != NONE)
#else
#define ARMED(need, armed) (need == armed)
#endif

#ifdef NO_STALE
#define STALE 0
#define SPACE_ARMED (armed_cursor <= need)
#else
#define STALE (wake_space <= limit)
#define SPACE_ARMED ARMED(need, armed_cursor)
#endif

#ifdef NO_CAS
#define CAS_FAILS 0
#else
#define CAS_FAILS (SLOT(s).sequence != old)
#endif

/* Slots of a record, records of a claim */
#define K (me == 0 -> K0 : K1)
#ifdef STATES
#define CLAIMS n
#else
#define CLAIMS 1
#endif

/* An exclusive producer knows its own claims, also those on their way to memory: here it waits for them. */
#ifdef EXCLUSIVE
#define KNOWS_HEAD drained_producer(me)
#else
#define KNOWS_HEAD 1
#endif

/* For the assertions, with records of up to three slots: what was committed lies inside no other record. */
#ifdef STATES
#define NOTHING_INSIDE(s) \
	((SLOT(s).k < 2 || !SLOT((s) + 1).promised) && (SLOT(s).k < 3 || !SLOT((s) + 2).promised))
#else
#define NOTHING_INSIDE(s) 1
#endif

/* Claimed anew: what was promised there was a record of an earlier lap. */
inline clear_promises()
{
#ifdef STATES
	at = s;
	do
	:: at < s + k -> SLOT(at).promised = 0; at++
	:: else -> break
	od;
	at = 0
#else
	SLOT(s).promised = 0
#endif
}

#ifdef STATES
inline store_state(to, size, what, new)
{
	commit_to[me] = to;
	commit_k[me] = size;
	commit_phase[me] = what;
	commit_new[me] = new;
	commit_owner[me] = owner
}

/* ring_mem_batch_store(): it names no owner */
inline batch_store(to, size, what)
{
	store_state(to, size, what, 1);
	commit_owner[me] = 0
}
#endif

/*
 * ring_mem_find_head() from the tail: from any hint that it accepts, a record at or after the tail, the walk ends
 * at the same place. Records stay claimed while it walks, so only its last look counts: one step.
 */
inline find_head()
{
	s = t;
	do
	:: s - t < N && SLOT(s).sequence == s -> s = s + SLOT(s).k
	:: else -> break
	od
}

/* ring_lowest_cursor(), and what its acquire makes known: RB_RELEASE reclaim/A */
inline lowest_cursor()
{
	limit = NONE;
	known = NONE;
	if :: gate[0] && cursor[0] < limit -> limit = cursor[0] :: else fi;
	if :: gate[1] && cursor[1] < limit -> limit = cursor[1] :: else fi;
	if :: gate[0] && cursor_known[0] < known -> known = cursor_known[0] :: else fi;
	if :: gate[1] && cursor_known[1] < known -> known = cursor_known[1] :: else fi;
#ifdef NO_RB_RELEASE_RECLAIM
	known = tail_known;
#endif
	if :: limit == NONE || limit < tail -> limit = tail :: else fi
}

/*
 * reclaim(): ring_pass() and ring_pass_end(), under ring->lock. One step: cursors and the phases of claimed records
 * only move on, so what was seen of them still holds when the tail is stored. t becomes the tail.
 */
inline reclaim()
{
	lowest_cursor();
#ifdef NO_TAIL_LIMIT
	limit = tail + N;
#endif
	goal = tail + 1;	/* max(slot_count / 8, 1) */
	if :: need > goal -> goal = need :: else fi;
#ifdef NO_TAIL_RELEASE
	goal = need;
#endif
	busy = NONE;
	t = tail;
	do
	:: t >= goal || EMPTY(t) -> break
	:: else ->
		assert(!PASSED(t));
		if
		:: SLOT(t).phase == BUSY -> busy = t; break
		:: SLOT(t).phase != BUSY && t + SLOT(t).k > limit -> break
		:: else -> t = t + SLOT(t).k
		fi
	od;
#if !KILLS_P && !defined(FINE)
	/*
	 * What is free now is forgotten, for fewer states: nobody looks at it any more but to claim it, or is reap(),
	 * on its way from where the tail was, or between its look and its claim.
	 */
	s = tail;
	do
	:: s < t ->
		goal = s + SLOT(s).k;
		do
		:: s < goal ->
			SLOT(s).sequence = 0; SLOT(s).k = 0; SLOT(s).owner = 0; SLOT(s).phase = 0;
			SLOT(s).promised = 0; SLOT(s).first = 0; SLOT(s).last = 0;
			s++
		:: else -> break
		od
	:: else -> break
	od;
	s = 0;
#endif
	goal = 0;
	if
	:: t != tail ->
		tail = t;
#ifndef NO_RB_TAIL_RECLAIM
		tail_known = (known < t -> known : t)	/* RB_TAIL reclaim/B */
#endif
	:: else
	fi;
	known = 0;
	limit = 0
}

#ifdef REAP_TO_STATE
/* How much of the claim at s is before the first state inside */
inline to_state()
{
	at = s + 1;
	do
	:: at < s + SLOT(s).k && EMPTY(at) -> at++
	:: else -> break
	od;
	SLOT(s).k = at - s;
	at = 0
}
#endif

proctype producer(byte me)
{
	byte s, t, old, known, need, limit, goal, busy, armed_cursor, armed_busy, k, owner;
	bool too, room, stale;
#ifdef STATES
	byte n;			/* records claimed, or about to be, and not committed yet */
	byte at;
	bool one;		/* claimed and committed with one store */
#endif

	k = K;
alive:
	{
	if
	:: d_step { me == 0 -> owner_alloc() }
	:: me != 0
	fi;

	/* ring_mem_claim() */
claim:
#ifndef NO_CAS
	together {
#endif
	if
	:: left == 0 -> goto done
	:: d_step { left && KNOWS_HEAD ->
		owner_alloc();
		t = tail;
#ifdef NO_RB_TAIL_CLAIM
		known = N;
#else
		known = tail_known;			/* RB_TAIL claim/B */
#endif
		find_head();
#ifdef STATES
		/* ring_claim_wait(), publish_many_direct(): as many as there is room for */
		n = (me == 0 -> BATCH : BATCH1);
		if :: n > left -> n = left :: else fi;
		do
		:: n && s + n * K - t > N -> n--
		:: else -> break
		od;
		k = (n -> n * K : K);
#endif
		if
		:: s + k - t > N -> s = 0; known = 0; kernel = 1
		:: else -> old = SLOT(s).sequence
		fi;
		t = 0 }
	fi;
#ifdef EXCLUSIVE
	/* ring_mem_exclusive_room() and ring_mem_exclusive_store(): nobody else claims, so both ways are plain stores. */
	if
	:: kernel -> goto sleep
	:: d_step { !kernel && n == 1 -> one = 1 }
#ifndef ONE_STORE
	:: d_step { !kernel && drained_producer(me) ->
		store_state(s, k, BUSY, 1);
		left = left - n }
#endif
	fi;
	d_step {
		assert(s + k - N <= known);
		known = 0;
		old = 0;
		clear_promises();
#if KILLS_P
		holds = 1
#endif
	};
#else
	if
	:: kernel -> goto sleep
	:: d_step { !kernel && left >= CLAIMS && drained_producer(me) && !CAS_FAILS ->
		assert(SLOT(s).phase != BUSY);
		SLOT(s).sequence = s;
		SLOT(s).k = k;
		SLOT(s).owner = owner;
		SLOT(s).phase = BUSY;
		left = left - CLAIMS;
#if KILLS_P
		if :: me == 0 -> holds = 1 :: else fi;
#endif
		clear_promises();
		assert(s + k - N <= known);
		known = 0;
		old = 0 }
	:: d_step { !kernel && (CAS_FAILS || left < CLAIMS) -> s = 0; old = 0; known = 0 };
		goto claim
	fi;
#endif
#ifndef NO_CAS
	};
#endif
#ifdef STATES
	/* ring_batch_at(): the states of all but the first, which order only the claim before them */
	at = 1;
#ifndef NO_RB_PAYLOAD_STATE
	do
	:: d_step { at < n && drained_producer(me) -> batch_store(s + at * K, K, COMMITTED); at++ }
	:: at >= n -> break
	od;
#endif
	/* ring_commit_many(): fewer records than were claimed, perhaps; what is left of the claim */
	together {
	do
	:: n > 1 -> n--; left++
	:: break
	od;
	at = 0;
	if
#if defined(NO_REST) || defined(REST_LAST)
	:: true
#else
	:: n * K == k
	:: d_step { n * K < k && drained_producer(me) -> batch_store(s + n * K, k - n * K, DISCARDED) }
#endif
	fi
	};
	/* The payloads, and the commit, which is for all */
	if
	:: d_step { drained_producer(me) ->
		do
		:: at < n ->
			SLOT(s + at * K).first = s + at * K;
			SLOT(s + at * K + K - 1).last = s + at * K;
			SLOT(s + at * K).promised = 1;
			at++
		:: else -> break
		od;
#ifdef NO_RB_PAYLOAD_COMMIT
		SLOT(s + K - 1).last = 0;
#endif
#ifdef NO_RB_PAYLOAD_BATCH
		if :: n > 1 -> SLOT(s + n * K - 1).last = 0 :: else fi;
#endif
		store_state(s, K, COMMITTED, one);	/* RB_PAYLOAD commit/A */
		if :: one -> left-- :: else fi;
#if !defined(NO_RB_PAYLOAD_BATCH) && !defined(NO_RB_PAYLOAD_STATE) && !defined(REST_LAST)
		n = 0;
#endif
		one = 0;
		at = 0 }
	fi;
	/* Without the release, one of those before it may be visible after it. */
#ifdef NO_RB_PAYLOAD_COMMIT
	SLOT(s + K - 1).last = s;
#endif
#ifdef NO_RB_PAYLOAD_BATCH
	d_step {
		if :: n > 1 -> SLOT(s + n * K - 1).last = s + (n - 1) * K :: else fi;
		n = 0
	};
#endif
#ifdef NO_RB_PAYLOAD_STATE
	do
	:: d_step { n > 1 && drained_producer(me) -> n--; batch_store(s + n * K, K, COMMITTED) }
	:: n <= 1 -> n = 0; break
	od;
#endif
#ifdef REST_LAST
	if
	:: d_step { n * K < k && drained_producer(me) -> batch_store(s + n * K, k - n * K, DISCARDED); n = 0 }
	:: n * K == k -> n = 0
	fi;
#endif
#else
	/* The payload and ring_mem_commit() */
	d_step {
		SLOT(s).first = s;
#ifndef NO_RB_PAYLOAD_COMMIT
		SLOT(s + k - 1).last = s;
#endif
		commit_to[me] = s;			/* RB_PAYLOAD commit/A */
		commit_owner[me] = owner;
		SLOT(s).promised = 1
	};
#ifdef NO_RB_PAYLOAD_COMMIT
	SLOT(s + k - 1).last = s;
#endif
#endif
	/* ring_mem_wakes_data(), RING_IOC_WAKE */
	if
#ifdef WAKE_BEFORE_CLEAR
	:: d_step { RB_DATA_commit_D && s + k > wake_data -> kernel = 1; s = 0; k = K };
		wake_queue(2);
		clear_data(too);
#else
	:: together {
		d_step { RB_DATA_commit_D && s + k > wake_data -> kernel = 1; s = 0; k = K };
		clear_data(too)
		};
		wake_queue(2);
#endif
		wake_writers_too(too);
		kernel = 0
	:: d_step { RB_DATA_commit_D && s + k <= wake_data -> s = 0; k = K }
	fi;
#if KILLS_P
	if :: d_step { me == 0 -> holds = 0 } :: me != 0 fi;
#endif
	goto claim;

	/* ring_sleep() with ring_room_arm() */
sleep:
	together {
	if
	:: d_step { drained_producer(me) ->		/* prepare_to_wait_event() */
		queued[me] = 1;
		woken[me] = 0;
		armed_cursor = NONE;
		armed_busy = NONE }
	fi;
look:
	if
	:: d_step { RB_SPACE_sleep_E ->
		t = tail;
		find_head();
		need = s + k - N;
		s = 0;
		busy = NONE;
		if
		:: need <= t
		:: else -> reclaim()
		fi;
		room = (need <= t);
		t = 0 }
	fi;
	if
	:: d_step { room ->
		queued[me] = 0; woken[me] = 0; kernel = 0;
		room = 0; need = 0; busy = 0; armed_cursor = 0; armed_busy = 0 };
		goto claim
	:: d_step { !room && armed_busy <= busy && SPACE_ARMED ->
		need = 0; busy = 0; armed_cursor = 0; armed_busy = 0; kernel = 0 };
		goto end_asleep
	:: else
	fi;
	/* ring_arm_space() */
	d_step { lock == 0 ->
		lowest_cursor();
		stale = STALE;				/* forget_crossed() */
		if
		:: stale -> wake_space = NONE
		:: else
		fi;
		if
		:: need > limit && need < wake_space -> wake_space_to = need; lock = me + 1
		:: else
		fi;
		if
		:: busy != NONE ->
			writers_want_data = 1;
			if
			:: busy < wake_data -> wake_data_to = busy; lock = me + 1
			:: else
			fi
		:: else
		fi;
		known = 0; limit = 0;
		armed_cursor = need; armed_busy = busy;
		need = 0; busy = 0 };
#if !defined(NO_STALE) && !defined(NO_SECOND_FORGET)
	/* forget_crossed() behind the barrier. The lock is kept there: here somebody may come in between. */
	if
	:: d_step { RB_SPACE_sleep_E ->
		lowest_cursor();
		need = (lock && wake_space_to != NONE -> wake_space_to : wake_space);
		if
		:: need <= limit ->
			stale = 1;
			wake_space = NONE;
			wake_space_to = NONE;
			if :: wake_data_to == NONE -> lock = 0 :: else fi
		:: else
		fi;
		known = 0; limit = 0; need = 0 }
	fi;
#endif
	if
	:: d_step { stale && drained_lock(me) -> stale = 0 };
#ifndef NO_WAKE_AT_STALE
		wake_queue(0)
#endif
	:: !stale
	fi;
	goto look					/* RB_SPACE sleep/E */
	};
end_asleep:
	if
	:: d_step { woken[me] -> woken[me] = 0; kernel = 1 }
	fi;
	goto sleep;
	} unless { die[me] && !kernel };

	/* Killed: ring_release(), ring_unproduce(), reap() */
	d_step { drained_producer(me) ->
		kernel = 1;
		queued[me] = 0; woken[me] = 0; die[me] = 0;
		old = 0; known = 0; holds = 0;
#ifdef STATES
		at = 0; one = 0;
#endif
		t = tail;
		s = t };
#ifdef EARLY_OWNER
	owner_used[owner] = 0;
#endif
	do
	:: d_step { s - t >= N || EMPTY(s) -> s = 0; t = 0 };
		break
	:: d_step { s - t < N && PASSED(s) -> t = tail; s = t }
	:: d_step { s - t < N && !EMPTY(s) && !PASSED(s) ->
#ifndef NO_REAP
		if
		:: IS(s, BUSY) && SLOT(s).owner == owner ->
#ifdef STATES
#ifdef REAP_TO_STATE
			to_state();
#endif
			left = left + n;
#else
			left++;
#endif
			SLOT(s).phase = DISCARDED
		:: else
		fi;
#endif
		s = s + SLOT(s).k }
	od;
	kernel = 1;
#ifndef NO_WAKE_AFTER_DEATH
	clear_data(too);
	wake_queue(2);
	wake_writers_too(too);
#endif
	d_step {
#ifndef EARLY_OWNER
		owner_used[owner] = 0;
#endif
		owner = 0;
#ifdef STATES
		n = 0; k = K;
#endif
		kernel = 0 };
	goto alive;		/* another process */
done:	skip
}

proctype subscriber(byte me)
{
	byte s, t, k, target, armed, before, need, limit, known, goal, busy;

	s = N;
#ifdef LATE
	/* RING_IOC_SUBSCRIBE, some time, under ring->lock */
	if
	:: me == 3 ->
		kernel = 1;
		if
		:: d_step { lock == 0 ->		/* RING_NEXT */
			t = tail;
			find_head();
			t = 0;
			cursor[1] = s; cursor_known[1] = s; gate[1] = 1 };
#ifndef NO_WAKE_AT_SUBSCRIBE
			clear_space();
			wake_queue(0)
#endif
		:: d_step { lock == 0 ->		/* RING_OLDEST */
			s = tail;
			cursor[1] = s; cursor_known[1] = s; gate[1] = 1;
			/* not again what somebody had released for all */
			assert(gate[0] || s >= taken_alone) }
		fi;
		kernel = 0
	:: else
	fi;
#endif
alive:
	{
	skip;
next:
#if defined(NO_RB_RELEASE_RELEASE) || defined(NO_RB_PAYLOAD_READ)
	{
	skip;
#else
	together {
#endif
#ifdef NO_RB_PAYLOAD_READ
	/* The payload is loaded before the state that it belongs to. */
	target = SLOT(s).first;
#endif
	if
	:: d_step { IS(s, COMMITTED) ->			/* RB_PAYLOAD read/A */
		assert(SLOT(s).promised && NOTHING_INSIDE(s));
#ifdef NO_RB_PAYLOAD_READ
		assert(target == s);
		target = 0;
#endif
		k = SLOT(s).k }
	:: d_step { IS(s, DISCARDED) -> assert(!SLOT(s).promised && NOTHING_INSIDE(s)); s = s + SLOT(s).k };
		goto next
	:: s != cursor[me - 2] && (EMPTY(s) || IS(s, BUSY)) -> goto release
	:: s == cursor[me - 2] && (EMPTY(s) || IS(s, BUSY)) -> goto sleep
	:: PASSED(s) -> assert(false)
#ifdef STOPS
	:: s == cursor[me - 2] -> goto stopped
#endif
	fi;
#ifdef NO_RB_RELEASE_RELEASE
	/* The payload is loaded after the cursor was stored. */
	d_step { before = cursor[me - 2]; cursor_to[me - 2] = s + k; cursor_to_known[me - 2] = s };
	d_step { assert(SLOT(s).first == s); assert(SLOT(s + k - 1).last == s); s = s + k; k = 0 };
	goto check;
#else
	d_step { assert(SLOT(s).first == s); assert(SLOT(s + k - 1).last == s); s = s + k; k = 0 };
#endif
	/* ring_cursor_release() */
release:
	if
	:: d_step { before = cursor[me - 2];
		cursor_to[me - 2] = s;			/* RB_RELEASE release/A */
		cursor_to_known[me - 2] = s }
	fi
	};
check:
	if
	:: together {
		d_step { RB_SPACE_release_E && before < wake_space && wake_space <= s -> before = 0; kernel = 1 };
		clear_space()
		};
		wake_queue(0);
		kernel = 0
	:: d_step { RB_SPACE_release_E && !(before < wake_space && wake_space <= s) -> before = 0 }
	fi;
	goto next;

	/* ring_sleep() with ring_subscriber_arm() */
sleep:
#ifdef NO_QUEUE_FIRST
	if :: d_step { drained_subscriber(me) -> armed = NONE; kernel = 1 } fi;
look:
#else
	together {
	if
	:: d_step { drained_subscriber(me) ->		/* prepare_to_wait_event() */
		queued[me] = 1;
		woken[me] = 0;
		armed = NONE;
		kernel = 1 }
	fi;
look:
#endif
	if
	:: d_step { RB_DATA_sleep_D ->			/* ready() */
		target = s;
		do
		:: IS(target, DISCARDED) -> target = target + SLOT(target).k
		:: else -> break
		od;
		if
		:: EMPTY(target) || IS(target, BUSY)
		:: else -> target = 0
		fi }
	fi;
	if
	:: d_step { target == 0 -> queued[me] = 0; woken[me] = 0; armed = 0; kernel = 0 };
		goto next
	:: d_step { target && (armed <= target || ARMED(target, armed)) -> target = 0; armed = 0; kernel = 0;
#ifdef NO_QUEUE_FIRST
		queued[me] = 1; woken[me] = 0
#endif
		};
		goto end_asleep
	:: d_step { target && armed > target && !ARMED(target, armed) && lock == 0 ->
		if					/* ring_arm_data() */
		:: target < wake_data -> wake_data_to = target; lock = me + 1
		:: else
		fi;
		armed = target;
		target = 0 }
	fi;
	goto look;					/* RB_DATA sleep/D */
#ifndef NO_QUEUE_FIRST
	};
#endif
end_asleep:
	if
	:: d_step { woken[me] -> woken[me] = 0; kernel = 1 }
	fi;
	goto sleep;
	} unless { die[me] && !kernel };

	/* Killed: ring_release(), ring_unsubscribe() */
	d_step { drained_subscriber(me) ->
		kernel = 1;
		queued[me] = 0; woken[me] = 0;
		k = 0; target = 0; armed = 0; before = 0; s = 0;
		gone[me - 2] = 1 };
	do						/* ring_tail_release() */
	:: d_step { lock == 0 ->
		need = tail;
		reclaim();
		busy = 0 };
		if
		:: t == need -> break
		:: else
		fi
	od;
	kernel = 1;
	d_step { lock == 0 -> t = 0; need = 0;
#ifndef NO_UNGATE
		gate[me - 2] = 0;
#endif
		if
		:: !gate[0] && !gate[1] -> taken_alone = cursor[me - 2]
		:: else
		fi };
#ifndef NO_WAKE_AT_UNSUBSCRIBE
	clear_space();
	wake_queue(0);
#endif
stopped:
	skip
}

/*
 * SIGKILL at any instruction; who is inside the kernel, and not asleep there, ends there first. A producer that
 * neither holds anything nor sleeps would leave nothing behind.
 */
proctype killer()
{
end:
	do
	:: d_step { kills_p && !die[0] && !in_kernel[0] && (holds || queued[0] || woken[0]) -> kills_p--; die[0] = 1 }
	:: d_step { kills_s && !die[2] && !in_kernel[2] -> kills_s--; die[2] = 1 }
	od
}

/* When nothing moves: nobody sleeps beside what it waits for. Who is neither asleep nor done, spin tells. */
proctype monitor()
{
	byte s, t, lowest, first;

end:
	timeout;
	d_step {
		assert(lock == 0);
		t = tail;
		find_head();
		first = tail;		/* the first record that is not there, or still being written */
		do
		:: IS(first, COMMITTED) || IS(first, DISCARDED) -> first = first + SLOT(first).k
		:: else -> break
		od;
		assert(first == s);
		lowest = NONE;
		if :: gate[0] && !gone[0] -> lowest = cursor[0] :: else fi;
		if :: gate[1] && !gone[1] && cursor[1] < lowest -> lowest = cursor[1] :: else fi;
		if :: lowest == NONE || lowest < tail -> lowest = tail :: else fi;
		assert(!queued[0] || s + K0 - N > lowest);
		assert(!queued[1] || s + K1 - N > lowest);
		assert(!queued[2] || cursor[0] >= first);
		assert(!queued[3] || cursor[1] >= first)
	}
}

init {
	atomic {
		gate[0] = 1;
#if !defined(LATE) && !defined(ONE_SUBSCRIBER)
		gate[1] = 1;
#endif
		run memory();
		run producer(0);
#ifndef EXCLUSIVE
		run producer(1);
#endif
		run subscriber(2);
#ifndef ONE_SUBSCRIBER
		run subscriber(3);
#endif
		run monitor();
#if KILLS_P + KILLS_S
		run killer()
#endif
	}
}
