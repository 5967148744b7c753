/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RB_SHUTDOWN: two producers claim and commit one record each, each slot is used once; a third party shuts the ring
 * down at any time; two subscribers read until they have seen the end, sleeping in between.
 *
 * EXCLUSIVE: one producer instead, whose claims are plain stores, with no barrier before its look at the status.
 * ONE_STORE: it publishes with one store, COMMITTED, before that look. What it cannot take back then, it answers with
 * EPIPE: such a record may lie behind an end, where who looks again finds it.
 *
 * Asserted: who has seen the end at a sequence has missed nothing: what is claimed there later is never
 * committed, or was not published as its producer knows. Everybody ends: nobody sleeps on a ring that is shut down.
 */
#define NONE 255
#define SLOTS 3
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
byte status;		/* SHUTDOWN */
byte closing;		/* CLOSING */
byte claim_to = NONE;	/* the store buffer of an exclusive producer's claim */
byte answered;		/* ONE_STORE: up to here all was published, as its producer knows */
byte wake_data = NONE;
bool queued[2], woken[2];
byte ended[2] = NONE;	/* where a subscriber saw the end */

/* The store buffer of a wake word */
byte wake_data_to = NONE;
byte lock;

proctype memory()
{
end:
	do
	:: d_step { wake_data_to != NONE -> wake_data = wake_data_to; wake_data_to = NONE; lock = 0 }
	:: d_step { claim_to != NONE -> phase[claim_to] = CLAIM; claim_to = NONE }
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
			s = 0;
			do
			:: phase[s] != FREE -> s++
			:: else -> break
			od;
			phase[s] = BUSY
		};
#ifndef NO_RB_SHUTDOWN_CLAIM
		seen = status;				/* RB_SHUTDOWN claim/G */
#endif
		if
		:: seen -> phase[s] = DISCARDED
		:: d_step { !seen ->
			phase[s] = COMMITTED;
			assert(ended[0] > s && ended[1] > s) }
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

	do
	:: s == SLOTS - 1 || status || closing -> break
	:: else ->
#ifdef ONE_STORE
#ifdef NO_RB_SHUTDOWN_CLAIM
		seen = status || closing;
#endif
		claim_to = s;				/* ring_mem_exclusive_store() */
#ifndef NO_RB_SHUTDOWN_CLAIM
		seen = status || closing;		/* RB_SHUTDOWN claim/G */
#endif
		if
		:: d_step { seen ->			/* EPIPE */
#ifdef NOTHING_BEHIND_END
			assert(ended[0] > s && ended[1] > s);
#endif
			skip }
		:: d_step { !seen ->
			answered = s + 1;
			assert(ended[0] > s && ended[1] > s) }
		fi;
		claim_to == NONE;			/* RB_DATA commit/D */
#else
		claim_to = s;				/* ring_mem_claim_exclusive() */
		seen = status || closing;		/* RB_SHUTDOWN claim/G */
		if
		:: d_step { claim_to == NONE && seen -> phase[s] = DISCARDED }
		:: d_step { claim_to == NONE && !seen ->
			phase[s] = COMMITTED;
			assert(ended[0] > s && ended[1] > s) }
		fi;
#endif
		if
		:: s + 1 > wake_data -> wake_readers()
		:: else
		fi;
		s++;
		seen = 0
	od
}

proctype subscriber(byte me)
{
	byte s, seen, armed;

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
	:: d_step { phase[s] >= COMMITTED -> s++; seen = 0 };
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
	:: d_step { true -> ended[me] = s; assert(s >= answered) }
	fi
}

/* ring_set_status() */
proctype shutdown()
{
#ifdef EXCLUSIVE
#ifndef NO_CLOSING
	closing = 1;
#endif
#ifndef NO_RB_SHUTDOWN_SHUTDOWN
	claim_to == NONE;				/* RB_SHUTDOWN shutdown/G: on_each_cpu() */
#endif
#endif
	status = 1;
#ifndef NO_WAKE_AT_SHUTDOWN
	wake_readers()
#endif
}

init {
	atomic {
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
