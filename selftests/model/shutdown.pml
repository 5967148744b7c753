/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RB_SHUTDOWN: two producers claim and commit one record each, each slot is used once; a third party shuts the ring
 * down at any time; two subscribers read until they have seen the end, sleeping in between.
 *
 * EXCLUSIVE: one producer instead, whose claims are plain stores, with no barrier before its look at the status.
 * ONE_STORE: it publishes with one store, COMMITTED, before that look, and after another one behind its look at the tail. What it cannot take back
 * then, it answers with EPIPE. The kernel discards a slot at the head before it says SHUTDOWN, so that such a record
 * comes where no end can be. K: slots of a record.
 *
 * TAIL_MOVES: at first there is room for one slot only, and whoever moves the tail makes room for more. When there is
 * none for that slot, none is discarded: STATUS_FIRST shows that its producer must look at the status after the tail.
 *
 * Asserted: who has seen the end at a sequence never finds a record there or behind it, also none whose publisher heard
 * of the end; all that was published, as its producer knows, lies before, and nobody has passed it by as discarded. A
 * subscriber's end is behind all that it has passed, what is discarded too; with CURSOR_STAYS it has only released what
 * it took, and looks again from there.
 * Everybody ends: nobody sleeps on a ring that is shut down.
 */
#define NONE 255
#ifndef K
#define K 1
#endif
#define SLOTS (2 * K + 2)	/* two records, the mark, and one that nobody claims */
#define FREE 0
#define BUSY 1
#define COMMITTED 2
#define DISCARDED 3

#ifdef ONE_STORE
#define CLAIM COMMITTED
#else
#define CLAIM BUSY
#endif

byte phase[SLOTS];
#if K > 1
byte size[SLOTS];
#define SIZE(s) size[s]
#else
#define SIZE(s) 1
#endif
byte room_to = SLOTS - 1;	/* the tail and a lap: up to here can be claimed */
byte status;		/* SHUTDOWN */
byte closing;		/* CLOSING */
byte claim_to = NONE;	/* the store buffer of an exclusive producer's claim */
byte answered;		/* up to here all was published, as its exclusive producer knows */
bool missed[SLOTS];	/* a subscriber has found that discarded */
byte wake_data = NONE;
bool queued[2], woken[2];
byte ended[2] = NONE;	/* where a subscriber saw the end */

/* The store buffer of a wake word */
byte wake_data_to = NONE;
byte lock;

#define BEFORE_ENDS(s) (ended[0] > (s) && ended[1] > (s))

inline set_state(s, k, what)
{
	phase[s] = what;
#if K > 1
	size[s] = k;
#endif
	assert(what != COMMITTED || BEFORE_ENDS(s))
}

inline answer(s)
{
	answered = s + K;
	assert(BEFORE_ENDS(s) && !missed[s])
}

inline find_head()
{
	s = 0;
	do
	:: s < room_to && phase[s] != FREE -> s = s + SIZE(s)
	:: else -> break
	od
}

proctype memory()
{
end:
	do
	:: d_step { wake_data_to != NONE -> wake_data = wake_data_to; wake_data_to = NONE; lock = 0 }
	:: d_step { claim_to != NONE -> set_state(claim_to, K, CLAIM); claim_to = NONE }
	od
}

inline wake_queue()
{
	d_step {
		if :: queued[0] -> woken[0] = 1; queued[0] = 0 :: else fi;
		if :: queued[1] -> woken[1] = 1; queued[1] = 0 :: else fi
	}
}

inline wake_readers()
{
	d_step { lock == 0 -> wake_data = NONE };
	wake_queue()
}

proctype producer(byte me)
{
	byte s;
	bool seen;

	if
	:: status
	:: else ->
#ifdef NO_RB_SHUTDOWN_CLAIM
		/* A later load may be done before the store of a compare-and-swap is, if no barrier is between. */
		seen = status;
#endif
		d_step {					/* ring_mem_claim() */
			find_head();
			set_state(s, 1, BUSY)
		};
#ifndef NO_RB_SHUTDOWN_CLAIM
		seen = status;				/* RB_SHUTDOWN claim/G */
#endif
		if
		:: seen -> phase[s] = DISCARDED
		:: d_step { !seen -> set_state(s, 1, COMMITTED) }
		fi;
		if
		:: s + 1 > wake_data -> wake_readers()
		:: else
		fi
	fi
}

proctype exclusive()
{
	byte s;
	bool seen;

again:
	do
	:: s + K > SLOTS - 1 -> break
#if defined(ONE_STORE) && defined(STATUS_FIRST)
	:: status || closing -> break
#endif
	:: else ->
		if					/* ring_mem_exclusive_room() */
		:: s + K <= room_to
		:: else -> s + K <= room_to || status || closing;
			if :: status || closing -> break :: else -> goto again fi
		fi;
#if defined(ONE_STORE) && !defined(STATUS_FIRST)
		if :: status || closing -> break :: else fi;
#endif
#ifdef ONE_STORE
#ifdef NO_RB_SHUTDOWN_CLAIM
		seen = status || closing;
#endif
		claim_to = s;				/* ring_mem_exclusive_store() */
#ifndef NO_RB_SHUTDOWN_CLAIM
		seen = status || closing;		/* RB_SHUTDOWN claim/G */
#endif
		if
		:: seen					/* EPIPE */
		:: d_step { !seen -> answer(s) }
		fi;
		claim_to == NONE;			/* RB_DATA commit/D */
#else
		claim_to = s;				/* ring_mem_claim_exclusive() */
		seen = status || closing;		/* RB_SHUTDOWN claim/G */
		if
		:: d_step { claim_to == NONE && seen -> phase[s] = DISCARDED }
		:: d_step { claim_to == NONE && !seen -> phase[s] = COMMITTED; answer(s) }
		fi;
#endif
		if
		:: s + K > wake_data -> wake_readers()
		:: else
		fi;
		s = s + K;
		seen = 0
	od
}

proctype subscriber(byte me)
{
	byte s, seen, armed;
#ifdef CURSOR_STAYS
	byte cursor;
#endif

next:
#ifdef NO_RB_SHUTDOWN_END
	/* The state is loaded before the status. */
	if
	:: phase[s] == FREE ->
		if
		:: status -> goto eof
		:: else -> goto sleep
		fi
#else
	seen = status;					/* RB_SHUTDOWN end/G */
	if
	:: phase[s] == FREE && seen -> seen = 0; goto eof
	:: phase[s] == FREE && !seen -> goto sleep
#endif
	:: phase[s] == BUSY -> goto sleep
	:: d_step { phase[s] >= COMMITTED ->
#ifdef EXCLUSIVE
		if :: phase[s] == DISCARDED -> assert(s >= answered); missed[s] = 1 :: else fi;
#endif
#ifdef CURSOR_STAYS
		if :: phase[s] == COMMITTED -> cursor = s + SIZE(s) :: else fi;
#endif
		s = s + SIZE(s);
		seen = 0 };
		goto next
	fi;
sleep:
	atomic { queued[me] = 1; woken[me] = 0; armed = NONE };
look:
	if
	:: d_step { lock != me + 1 -> seen = status }
	fi;
	if
	:: phase[s] >= COMMITTED || (phase[s] == FREE && seen) ->
		d_step { queued[me] = 0; woken[me] = 0; armed = 0; seen = 0 };
		goto next
	:: d_step { armed == NONE && lock == 0 && (phase[s] == BUSY || (phase[s] == FREE && !seen)) ->
		armed = s;
		if
		:: s < wake_data -> wake_data_to = s; lock = me + 1
		:: else
		fi };
		goto look
	:: d_step { armed != NONE && (phase[s] == BUSY || (phase[s] == FREE && !seen)) -> armed = 0; seen = 0 }
	fi;
	woken[me];
	goto sleep;
eof:
	if
	:: d_step { true ->
		assert(s >= answered);
#ifdef CURSOR_STAYS
		s = cursor;
#endif
		ended[me] = s }
	fi
}

/* Others that move the tail, over what was released: a subscriber that goes, a flush */
proctype tail()
{
end:
	do
	:: d_step { room_to < SLOTS - 1 -> room_to++ }
	od
}

/* ring_set_status(), close_to_exclusive(), mark_end() */
proctype shutdown()
{
	byte s;

#ifdef EXCLUSIVE
#ifndef NO_CLOSING
	closing = 1;
#endif
#ifndef NO_RB_SHUTDOWN_SHUTDOWN
	claim_to == NONE;				/* RB_SHUTDOWN shutdown/G: on_each_cpu() */
#endif
#ifndef NO_MARK
	/* Of all its tries the last one counts: what it found is so when it compares. */
	d_step {
		find_head();
		if
		:: s < room_to -> set_state(s, 1, DISCARDED)
		:: else
		fi;
		s = 0
	};
#endif
#endif
	status = 1;
#ifndef NO_WAKE_AT_SHUTDOWN
	wake_readers()
#endif
}

init {
	atomic {
#ifdef TAIL_MOVES
		room_to = 1;
		run tail();
#endif
		run memory();
#ifdef EXCLUSIVE
		run exclusive();
#else
		run producer(0);
		run producer(1);
#endif
		run subscriber(0);
		run subscriber(1);
		run shutdown()
	}
}
