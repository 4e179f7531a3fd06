/*
 * The wait protocol, small: a server, one flow's name, two processes that wait, and everything that may happen between them. Spin visits
 * every order of events. It finds that no waiter sleeps forever (an end state that is not the proper one), that none is given anything but what
 * was applied to the flow it waits for, that a flow ends once, and that nobody commits with a fence it lost (the assertions).
 *
 * `npm run model` runs each way to end with no fault, which must hold, and with each fault that concerns it, which must not:
 *
 *   ways to end  CALLBACK    somebody settles the flow, perhaps after somebody else superseded it
 *                OWNED       the owner of a lease does, or a waiter that takes over when the owner is gone, late, or gives up
 *                DEADLINE    nobody does: its deadline passes
 *   faults       NO_REREAD   nothing is read after a reconnect
 *                READ_FIRST  the first read goes before SUBSCRIBE
 *                NO_EARLY    what is heard before the first reply is forgotten
 *                NO_TIMER    no timer for the deadline and the end of the lease
 *                NO_ORIGIN   a message counts whatever flow it speaks of
 *                NO_FENCE    settle does not compare fences
 *
 * Left out: polling and the slow re-read. They find what was missed, and so would hide that it was.
 */

#define WAITERS 2
#ifdef OWNED
#define DROPS 1 /* with two, a search takes minutes */
#else
#define DROPS 2
#endif

mtype = { PENDING, COMPLETED, TIMED_OUT, SUPERSEDED, RELEASED };

/* The record. Fences only grow; the origin is the fence that the flow was created with. */
mtype status = PENDING;
byte origin = 1;
byte fence = 1;
byte value = 0;
byte fences = 1;
bool overdue = false;
bool lapsed = false;

/* What was applied to each origin. */
mtype applied[4];
byte outcome[4];

/* Each waiter's listening connection. What is on its way when it drops is lost. */
bool up[WAITERS];
bool subscribed[WAITERS];
bool restored[WAITERS];
chan said[WAITERS] = [6] of { mtype, byte, byte };

/*
 * Replies to reads. Those after the first go over another connection, and the first is sent again when its connection drops: each is
 * answered, at any time. That a message may overtake the first reply is so on RESP2 only; what holds here holds for RESP3 as well.
 */
chan replies[WAITERS] = [2] of { mtype, byte, byte };

inline tell(to, event, whose, what) {
  if
  :: up[to] && subscribed[to] -> said[to] ! event, whose, what
  :: else
  fi
}

inline publish(event, whose, what) {
  tell(0, event, whose, what);
  tell(1, event, whose, what)
}

inline apply(how, what) {
  assert(applied[origin] == 0);
  status = how;
  value = what;
  applied[origin] = how;
  outcome[origin] = what;
  publish(how, origin, what)
}

/* What every script does first. */
inline lazily() {
  if
  :: status == PENDING && overdue -> apply(TIMED_OUT, 0)
  :: else
  fi
}

inline settle(given, what) {
  atomic {
    lazily();
    if
#ifdef NO_FENCE
    :: status == PENDING ->
#else
    :: status == PENDING && (given == 0 || given == fence) ->
#endif
       assert(given == 0 || given == fence);
       apply(COMPLETED, what)
    :: else
    fi
  }
}

inline subscribe(me) {
  atomic {
    if
    :: up[me] -> subscribed[me] = true
    :: else /* it dropped meanwhile: the next connection begins with this */
    fi
  }
}

proctype Read(byte me) {
  atomic { lazily(); replies[me] ! status, origin, value }
}

proctype Begin(byte me) {
#ifdef READ_FIRST
  atomic { lazily(); replies[me] ! status, origin, value };
  subscribe(me)
#else
  subscribe(me);
  atomic { lazily(); replies[me] ! status, origin, value }
#endif
}

/* `runs` is whether it has a handler, and may take over a flow whose owner is gone. */
proctype Waiter(byte me; bool runs) {
  byte bound = 0;     /* the origin it waits for, once the first reply told it */
  bool reading = true;
  bool again = false; /* something happened since that read was sent */
  bool timed = false;
  mtype event;
  byte whose, what, held;

  run Begin(me);

asleep:
  do
  :: replies[me] ? event, whose, what ->
     reading = false;
     if
     :: bound == 0 -> bound = whose
     :: else
     fi;
     if
     :: whose == bound && event != PENDING -> goto finish
     :: whose > bound -> event = SUPERSEDED; goto finish
     :: whose == bound && event == PENDING && runs && lapsed -> goto take_over
     :: else
     fi;
     if
     :: again -> again = false; reading = true; run Read(me)
     :: else
     fi

  :: said[me] ? event, whose, what ->
     if
#ifdef NO_ORIGIN
     :: bound != 0 && event != RELEASED -> goto finish
#else
     :: bound == whose && event != RELEASED -> goto finish
#endif
#ifdef NO_EARLY
     :: bound == 0 -> skip
#endif
     :: else -> goto look
     fi

  :: restored[me] ->
     restored[me] = false;
     subscribe(me);
#ifndef NO_REREAD
     goto look
#endif

#ifndef NO_TIMER
  :: bound != 0 && bound == origin && !timed && (overdue || (runs && lapsed)) ->
     timed = true;
     goto look
#endif
  od;

look:
  if
  :: reading -> again = true
  :: else -> reading = true; run Read(me)
  fi;
  goto asleep;

take_over:
  atomic {
    lazily();
    held = 0;
    if
    :: status == PENDING && origin == bound && lapsed ->
       fences++;
       fence = fences;
       held = fence;
       lapsed = false
    :: else
    fi
  };
  if
  :: held != 0 -> settle(held, 3)
  :: else
  fi;
  goto look;

finish:
  if
  :: event == SUPERSEDED -> assert(origin > bound)
  :: else -> assert(applied[bound] == event && outcome[bound] == what)
  fi;
  subscribed[me] = false
}

/* Drops the connection now and then, and always comes back. */
proctype Network(byte me) {
  byte drops = 0;
  do
  :: drops < DROPS ->
     atomic {
       drops++;
       up[me] = false;
       subscribed[me] = false;
       do
       :: nempty(said[me]) -> said[me] ? _, _, _
       :: empty(said[me]) -> break
       od
     };
     atomic { up[me] = true; restored[me] = true }
  :: break
  od
}

#ifdef CALLBACK
proctype Callback() {
  settle(0, 1)
}

proctype Superseder() {
  bool does;
  if
  :: does = true
  :: does = false
  fi;
  if
  :: does ->
     atomic {
       lazily();
       if
       :: status == PENDING -> applied[origin] = SUPERSEDED; publish(SUPERSEDED, origin, 0)
       :: else
       fi;
       fences++;
       fence = fences;
       origin = fence;
       status = PENDING;
       value = 0;
       overdue = false
     };
     settle(0, 2)
  :: !does
  fi
}

proctype Clock() {
  if
  :: overdue = true
  :: true
  fi
}
#endif

#ifdef OWNED
/* Settles in time, or late, or never, or gives the flow up. */
proctype Owner() {
  byte does;
  if
  :: does = 0
  :: does = 1
  :: does = 2
  fi;
  if
  :: does == 0 -> settle(1, 2)
  :: does == 1 ->
     atomic {
       if
       :: status == PENDING && fence == 1 -> lapsed = true; publish(RELEASED, origin, 0)
       :: else
       fi
     }
  :: does == 2
  fi
}

proctype LeaseClock() {
  atomic {
    if
    :: fence == 1 -> lapsed = true
    :: else
    fi
  }
}
#endif

#ifdef DEADLINE
proctype Clock() {
  overdue = true
}
#endif

init {
  atomic {
    up[0] = true;
    run Waiter(0, false);
    run Network(0);
#ifdef CALLBACK
    run Callback();
    run Superseder();
    run Clock();
#endif
#ifdef OWNED
    up[1] = true;
    run Waiter(1, true);
    run Network(1);
    run Owner();
    run LeaseClock();
#endif
#ifdef DEADLINE
    up[1] = true;
    run Waiter(1, false);
    run Network(1);
    run Clock();
#endif
  }
}
