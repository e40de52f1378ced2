/* The dispatch protocol, small enough to search every run of it. README.md beside this file says what stands for what, what is
 * left out and why, and how to run it.
 *
 * The network is a set: what was sent may be received at any time, any number of times, or never. That is loss, duplicates,
 * delay and reordering in one. Timers fire whenever they like. So it is in the storm, and without PEACE the storm never ends.
 * With PEACE it may. From then on nothing that is sent is lost, each message is received once, timers wait until none is under
 * way, and take turns.
 */

#ifndef TASKS
#define TASKS 1
#endif
#ifndef CALCULATORS
#define CALCULATORS 2           /* each with one place */
#endif
#ifndef ATTEMPTS_MAX
#define ATTEMPTS_MAX 2          /* of a task in one life of the dispatcher */
#endif
#ifndef CRASHES
#define CRASHES 1               /* of calculators, all together */
#endif
#ifndef DISPATCHER_CRASHES
#define DISPATCHER_CRASHES 0
#endif

#ifndef DEADLINES
#define DEADLINES 0             /* whether they pass in peace too; then it needs no calculator */
#endif

#define LIVES 2                 /* of a calculator; who crashes in the last one never returns */
#define NUMBERS (ATTEMPTS_MAX * (DISPATCHER_CRASHES + 1))
#define X(c, t) ((c) * TASKS + (t))
#define PAIRS (CALCULATORS * TASKS)

/* The network: per kind and pair a mask. Bit (n, l) is attempt number n of the task on life l of the calculator. */
#define BIT(n, l) (1 << (((n) - 1) * LIVES + (l)))
#define NUMBER(i) ((i) / LIVES + 1)
#define LIFE(i) ((i) % LIVES)
#define MESSAGES 12 * PAIRS
byte net[MESSAGES];
#define SUBMIT(t) net[0 * PAIRS + t]
#define OUTCOME(t) net[1 * PAIRS + t]               /* a mask of outcomes */
#define OUTCOME_ACK(t) net[2 * PAIRS + t]
#define ASSIGN(c, t) net[3 * PAIRS + X(c, t)]
#define ASSIGN_ACK(c, t) net[4 * PAIRS + X(c, t)]
#define ASSIGN_REFUSED(c, t) net[5 * PAIRS + X(c, t)]
#define RESULT(c, t) net[6 * PAIRS + X(c, t)]
#define RESULT_ACK(c, t) net[7 * PAIRS + X(c, t)]   /* carries no life: bit (n, 0) */
#define REVOKE(c, t) net[8 * PAIRS + X(c, t)]       /* the same */
#define BEAT_RUNNING(c, t) net[9 * PAIRS + X(c, t)]
#define BEAT_UNREPORTED(c, t) net[10 * PAIRS + X(c, t)]
#define BEAT_ABSENT(c, t) net[11 * PAIRS + X(c, t)] /* does not name the task: bit (1, l) */

/* The client's requests. */
mtype = { ASKING, ENDED };
mtype request[TASKS] = ASKING;
#ifdef STOPS_WHEN_ACCEPTED
bit heard_accepted[TASKS];
#endif

/* The dispatcher's books: tasks. */
mtype = { UNKNOWN, WAITING, ASSIGNED, TELLING, TOMBSTONE };
mtype place[TASKS] = UNKNOWN;
bit pending[TASKS];             /* it is in the queue */
byte holder[TASKS];             /* calculator of the live attempt, */
byte number[TASKS];             /* its number, */
bit acknowledged[TASKS];        /* and whether its assignment is acknowledged */
byte highest[TASKS];            /* number of any attempt */
byte tries[TASKS];              /* attempts in this life of the dispatcher */
#define DONE 1
#define EXPIRED 2
#define FAILED 4
byte ending[TASKS];

/* The dispatcher's books: calculators. */
mtype = { UNREGISTERED, ALIVE, DEAD };
mtype verdict[CALCULATORS] = UNREGISTERED;
byte present[CALCULATORS];      /* the life that was met last, */
byte former[CALCULATORS];       /* and a mask of those before it */
byte book[CALCULATORS];         /* a mask of the tasks whose live attempt it has */
byte others[PAIRS];             /* number of an attempt that takes a place there beyond the book; 0: none */
#if TASKS == 1
#define IS_FREE(c) (verdict[c] == ALIVE && !book[c] && !others[X(c, 0)])
#else
#define IS_FREE(c) (verdict[c] == ALIVE && !book[c] && !others[X(c, 0)] && !others[X(c, 1)])
#endif

/* The calculators. */
mtype = { NOTHING, RUNNING, UNREPORTED };
bit up[CALCULATORS] = 1;
byte life[CALCULATORS];
mtype held[PAIRS] = NOTHING;
byte held_number[PAIRS];
byte finished[PAIRS];           /* bits (n, 0) */
byte crashes, dispatcher_crashes;

#if TASKS == 1
#define ALL_ENDED (request[0] == ENDED)
#else
#define ALL_ENDED (request[0] == ENDED && request[1] == ENDED)
#endif

/* What the auditor remembers. */
bit promised[TASKS];            /* accepted was sent, by a life of the dispatcher that has to keep its word */
byte told[TASKS];               /* the outcomes that such a life told */
bit answered[TASKS];            /* the client's caller knows how it ended */

#ifdef PEACE
bit peace;
byte in_flight, fired;          /* messages under way in peace; whose timers have fired in this round of it */
byte late, late_bit;            /* one message of the storm that arrives in peace, or never */
#define CLIENTS 1
#define DISPATCHERS 2
#define OF_CALCULATOR(c) (4 << (c))
#define MY_TURN(who) (!peace || (in_flight == 0 && !(fired & (who))))
#else
#define peace 0
#define MY_TURN(who) 1
#endif

byte a, b;                      /* for loops inside of steps; 0 between them */

inline send(message, bits) {
#ifdef PEACE
    if
    :: peace && !(message & (bits)) -> in_flight++
    :: else
    fi;
#endif
    message = message | (bits)
}

/* Received: in the storm a copy may still come. */
inline take(message, bits) {
#ifdef PEACE
    if
    :: peace -> message = message & ~(bits); in_flight--
    :: else
    fi
#else
    skip
#endif
}

/* Some bit of a mask that is not empty. */
inline pick(mask) {
    i = 0;
    do
    :: (mask >> i) & 1 -> break
    :: mask >> (i + 1) -> i++
    od
}

inline note_fired(who) {
#ifdef PEACE
    if
    :: peace ->
        fired = fired | (who);
        for (a : 0 .. CALCULATORS - 1) { fired = fired | (up[a] -> 0 : OF_CALCULATOR(a)) }
        fired = (fired == OF_CALCULATOR(CALCULATORS) - 1 -> 0 : fired);
        a = 0
    :: else
    fi
#else
    skip
#endif
}

/* After each step of the dispatcher. */
inline audit() {
    for (a : 0 .. TASKS - 1) {
        assert(!promised[a] || place[a] != UNKNOWN);                                                    /* S1 */
        assert(pending[a] == (place[a] == WAITING));                                                    /* S5 */
        assert(place[a] != ASSIGNED || ((book[holder[a]] >> a) & 1));                                   /* S5 */
        for (b : 0 .. CALCULATORS - 1) {
            if
            :: (book[b] >> a) & 1 ->
                assert(place[a] == ASSIGNED && holder[a] == b);                                         /* S5 */
                assert(!(book[b] & (book[b] - 1)));                                                     /* S6 */
                assert(verdict[b] == ALIVE);                                                            /* S7 */
                assert((ASSIGN(b, a) | BEAT_RUNNING(b, a)) & BIT(number[a], present[b]) || peace);      /* S7 */
                assert(!acknowledged[a] || peace || ((ASSIGN_ACK(b, a) | BEAT_RUNNING(b, a) | BEAT_UNREPORTED(b, a))
                                                     & BIT(number[a], present[b])))                     /* S1 */
            :: else
            fi
        }
    }
    a = 0; b = 0
}

/* ---- The dispatcher: the life of a task. -------------------------------------------------------------------------------- */

inline tell(t) {
    assert(!(told[t] & ~ending[t]));                                                                    /* S2 */
    told[t] = ending[t];
    send(OUTCOME(t), ending[t])
}

inline accept(t) {
    place[t] = WAITING;
    pending[t] = 1;
    tries[t] = 0;
    say_accepted(t)
}

inline say_accepted(t) {
#ifdef STOPS_WHEN_ACCEPTED
    heard_accepted[t] = 1;
#endif
    promised[t] = 1
}

inline enter(c, t, n) {
    place[t] = ASSIGNED;
    pending[t] = 0;
    tries[t]++;
    holder[t] = c;
    number[t] = n;
    highest[t] = (highest[t] > n -> highest[t] : n);
    others[X(c, t)] = 0;
    book[c] = book[c] | (1 << t)
}

inline hand_out(c, t) {
    enter(c, t, highest[t] + 1);
    send(ASSIGN(c, t), BIT(number[t], present[c]))
}

inline adopt(c, t, n) {
    enter(c, t, n);
    acknowledged[t] = 1
}

/* The live attempt ends; it may still run there, and then takes a place. */
inline end_attempt(t, may_still_run) {
#ifndef STAYS_IN_BOOK
    book[holder[t]] = book[holder[t]] & ~(1 << t);
#endif
    others[X(holder[t], t)] = (may_still_run -> number[t] : others[X(holder[t], t)]);
    holder[t] = 0; number[t] = 0; acknowledged[t] = 0
}

inline end_task(t, outcome) {
    pending[t] = 0;
    place[t] = TELLING;
    ending[t] = outcome;
    highest[t] = 0; tries[t] = 0;
    tell(t);
    for (b : 0 .. CALCULATORS - 1) {
        if
        :: others[X(b, t)] -> send(REVOKE(b, t), BIT(others[X(b, t)], 0))
        :: else
        fi
    }
    b = 0
}

inline finish(t, outcome, may_still_run) {
    if
    :: place[t] == ASSIGNED -> end_attempt(t, may_still_run)
    :: else
    fi;
    end_task(t, outcome)
}

inline lose(t, may_still_run) {
    end_attempt(t, may_still_run);
    place[t] = WAITING;
    if
    :: tries[t] >= ATTEMPTS_MAX -> end_task(t, FAILED)
    :: else ->
#ifndef LOST_NOT_QUEUED
        pending[t] = 1
#endif
    fi
}

/* ---- The dispatcher: what it is told. ----------------------------------------------------------------------------------- */

inline on_submit(t) {
    if
    :: place[t] == UNKNOWN -> accept(t)
    :: place[t] == WAITING || place[t] == ASSIGNED -> say_accepted(t)
    :: place[t] == TELLING -> tell(t)
    :: place[t] == TOMBSTONE            /* an old copy; the client knows */
    fi
}

inline on_outcome_ack(t) {
    if
    :: place[t] == TELLING -> place[t] = TOMBSTONE
    :: else
    fi
}

#define IS_LIVE(c, t, n) (((book[c] >> t) & 1) && number[t] == n)
#ifdef OLD_ACK_BELIEVED
#define IS_PRESENT(c, l) (verdict[c] != UNREGISTERED)
#else
#define IS_PRESENT(c, l) (verdict[c] != UNREGISTERED && present[c] == l)
#endif

inline on_assign_ack(c, t, n, l) {
    if
    :: IS_PRESENT(c, l) && IS_LIVE(c, t, n) -> acknowledged[t] = 1
    :: else
    fi
}

inline on_assign_refused(c, t, n, l) {
    if
    :: IS_PRESENT(c, l) && IS_LIVE(c, t, n) -> lose(t, 0)
    :: else
    fi
}

/* The first result wins, whatever its attempt, and whichever life of its calculator sent it. */
inline on_result(c, t, n, l) {
    send(RESULT_ACK(c, t), BIT(n, 0));
    if
    :: IS_PRESENT(c, l) -> others[X(c, t)] = 0
    :: else
    fi;
    if
    :: place[t] == WAITING || place[t] == ASSIGNED -> finish(t, DONE, !(IS_PRESENT(c, l) && IS_LIVE(c, t, n)))
#ifdef LATE_RESULT_COUNTS
    :: place[t] == TELLING -> end_task(t, DONE)
#endif
    :: else                             /* late, a copy, or unknown: acknowledged, and that is all */
    fi
}

/* All it held is lost. */
inline lose_all(c) {
    for (a : 0 .. TASKS - 1) {
        others[X(c, a)] = 0;
        if
        :: (book[c] >> a) & 1 -> lose(a, 0)
        :: else
        fi
    }
    a = 0
}

inline begin_life(c, l) {
#ifndef NEW_LIFE_KEEPS_BOOK
    lose_all(c);
#endif
    former[c] = (verdict[c] == UNREGISTERED -> 0 : (former[c] | (1 << present[c])) & ~(1 << l));
    present[c] = l;
    verdict[c] = ALIVE
}

/* Afterwards the sender is ALIVE in life l, or it is of a former life and not believed. */
inline meet(c, l) {
    if
    :: verdict[c] == UNREGISTERED -> begin_life(c, l)
    :: verdict[c] != UNREGISTERED && present[c] == l -> verdict[c] = ALIVE
    :: verdict[c] != UNREGISTERED && present[c] != l ->
        if
#ifdef FORMER_FOR_EVER
        :: (former[c] >> l) & 1
#else
        :: ((former[c] >> l) & 1) && verdict[c] != DEAD
#endif
        :: else -> begin_life(c, l)
        fi
    fi
}

#define IS_MET(c, l) (verdict[c] == ALIVE && present[c] == l)

/* The failure detector has heard nothing for long enough, or errs. */
inline die(c) {
#ifndef DEATH_KEEPS_BOOK
    lose_all(c);
#endif
    verdict[c] = DEAD
}

/* The network holds nothing for as long as a tombstone is kept. */
inline forget(t) {
#ifndef TOMBSTONE_FORGOTTEN_EARLY
    SUBMIT(t) = 0;
#endif
    place[t] = UNKNOWN;
    ending[t] = 0;
    promised[t] = 0
}

/* A heartbeat that names the task among those that run. */
inline on_beat_running(c, t, n, l, may_adopt) {
    meet(c, l);
    if
    :: !IS_MET(c, l)
    :: IS_MET(c, l) && ((book[c] >> t) & 1) -> acknowledged[t] = acknowledged[t] || number[t] == n
    :: IS_MET(c, l) && !((book[c] >> t) & 1) ->
        others[X(c, t)] = n;
        if
        :: place[t] == TELLING || place[t] == TOMBSTONE -> send(REVOKE(c, t), BIT(n, 0))
        :: place[t] == UNKNOWN && request[t] == ENDED -> send(REVOKE(c, t), BIT(n, 0))   /* nobody asked in time */
#ifdef ADOPTED_TWICE
        :: may_adopt && !book[c] && (place[t] == WAITING || place[t] == ASSIGNED) -> adopt(c, t, n)
#endif
        :: may_adopt && !book[c] && place[t] == WAITING -> adopt(c, t, n)
        :: else                         /* an orphan, or it runs elsewhere too */
        fi
    fi
}

inline on_beat_unreported(c, t, n, l) {
    meet(c, l);
    if
    :: !IS_MET(c, l)
    :: IS_MET(c, l) && ((book[c] >> t) & 1) -> acknowledged[t] = acknowledged[t] || number[t] == n
    :: IS_MET(c, l) && !((book[c] >> t) & 1) -> others[X(c, t)] = 0
    fi
}

/* A heartbeat that does not name the task. */
inline on_beat_absent(c, t, l) {
    meet(c, l);
    if
    :: !IS_MET(c, l)
    :: IS_MET(c, l) ->
#ifndef PLACE_NEVER_FREE
        others[X(c, t)] = 0;
#endif
        if
#ifndef NOT_HELD_IGNORED
        :: ((book[c] >> t) & 1) && acknowledged[t] -> lose(t, 0)
#endif
        :: else
        fi
    fi
}

/* ---- The calculator. ---------------------------------------------------------------------------------------------------- */

/* What a heartbeat says now. In the storm it is sent whenever that changes, which covers all it may send later. */
inline beat(c) {
    for (a : 0 .. TASKS - 1) {
        if
        :: held[X(c, a)] == NOTHING -> send(BEAT_ABSENT(c, a), BIT(1, life[c]))
        :: held[X(c, a)] == RUNNING -> send(BEAT_RUNNING(c, a), BIT(held_number[X(c, a)], life[c]))
        :: held[X(c, a)] == UNREPORTED -> send(BEAT_UNREPORTED(c, a), BIT(held_number[X(c, a)], life[c]))
        fi
    }
    a = 0
}

inline beat_in_storm(c) {
    if
    :: !peace -> beat(c)
    :: else
    fi
}

#if TASKS == 1
#define IS_BUSY(c) 0
#else
#define IS_BUSY(c) (held[X(c, 0)] == RUNNING || held[X(c, 1)] == RUNNING)
#endif

inline on_assign(c, t, n, l) {
    if
    :: !up[c] || life[c] != l           /* nobody there, or not for this life */
    :: up[c] && life[c] == l && held[X(c, t)] != NOTHING ->
        held_number[X(c, t)] = (n > held_number[X(c, t)] -> n : held_number[X(c, t)]);
        send(ASSIGN_ACK(c, t), BIT(n, l))
    :: up[c] && life[c] == l && held[X(c, t)] == NOTHING ->
        if
        :: finished[X(c, t)] & BIT(n, 0) -> send(ASSIGN_ACK(c, t), BIT(n, l))
        :: !(finished[X(c, t)] & BIT(n, 0)) && IS_BUSY(c) -> send(ASSIGN_REFUSED(c, t), BIT(n, l))
        :: else ->
            held[X(c, t)] = RUNNING;
            held_number[X(c, t)] = n;
            send(ASSIGN_ACK(c, t), BIT(n, l))
        fi
    fi;
    report(c, t);
    beat_in_storm(c)
}

inline report(c, t) {
    if
    :: held[X(c, t)] == UNREPORTED -> send(RESULT(c, t), BIT(held_number[X(c, t)], life[c]))
    :: else
    fi
}

inline let_go(c, t) {
    finished[X(c, t)] = finished[X(c, t)] | BIT(held_number[X(c, t)], 0);
    held[X(c, t)] = NOTHING;
    held_number[X(c, t)] = 0;
    beat_in_storm(c)
}

inline on_result_ack(c, t, n) {
    if
    :: held[X(c, t)] == UNREPORTED && held_number[X(c, t)] == n -> let_go(c, t)
    :: else
    fi
}

inline on_revoke(c, t, n) {
    if
    :: held[X(c, t)] != NOTHING && held_number[X(c, t)] <= n -> let_go(c, t)
    :: else
    fi
}

/* Its result is sent again until it is acknowledged. */
inline finish_work(c, t) {
    held[X(c, t)] = UNREPORTED;
    report(c, t);
    beat_in_storm(c)
}

/* What it held and remembered is gone. */
inline crash(c) {
    for (a : 0 .. TASKS - 1) { held[X(c, a)] = NOTHING; held_number[X(c, a)] = 0; finished[X(c, a)] = 0 }
    a = 0;
    up[c] = 0
}

inline come_back(c) {
    life[c]++;
    up[c] = 1;
    beat(c)
}

/* ---- The client. -------------------------------------------------------------------------------------------------------- */

inline on_outcome(t) {
    send(OUTCOME_ACK(t), 1);
    if
    :: request[t] != ENDED -> tell_caller(t)
#ifdef EVERY_OUTCOME_COUNTS
    :: request[t] == ENDED -> tell_caller(t)
#endif
    :: else
    fi
}

inline tell_caller(t) {
    assert(!answered[t]);                                                                               /* S2 */
    answered[t] = 1;
    request[t] = ENDED
}

/* ---- Who does it when. -------------------------------------------------------------------------------------------------- */

proctype Link(byte c, t) {
    byte i;
    do
    :: atomic { ASSIGN(c, t) -> pick(ASSIGN(c, t)); d_step {
        take(ASSIGN(c, t), 1 << i); on_assign(c, t, NUMBER(i), LIFE(i)); i = 0 } }
    :: atomic { RESULT_ACK(c, t) -> pick(RESULT_ACK(c, t)); d_step {
        take(RESULT_ACK(c, t), 1 << i); on_result_ack(c, t, NUMBER(i)); i = 0 } }
    :: atomic { REVOKE(c, t) -> pick(REVOKE(c, t)); d_step {
        take(REVOKE(c, t), 1 << i); on_revoke(c, t, NUMBER(i)); i = 0 } }
    :: atomic { ASSIGN_ACK(c, t) -> pick(ASSIGN_ACK(c, t)); d_step {
        take(ASSIGN_ACK(c, t), 1 << i); on_assign_ack(c, t, NUMBER(i), LIFE(i)); i = 0; audit() } }
#if TASKS > 1
    :: atomic { ASSIGN_REFUSED(c, t) -> pick(ASSIGN_REFUSED(c, t)); d_step {
        take(ASSIGN_REFUSED(c, t), 1 << i); on_assign_refused(c, t, NUMBER(i), LIFE(i)); i = 0; audit() } }
#endif
    :: atomic { RESULT(c, t) -> pick(RESULT(c, t)); d_step {
        take(RESULT(c, t), 1 << i); on_result(c, t, NUMBER(i), LIFE(i)); i = 0; audit() } }
    :: atomic { BEAT_ABSENT(c, t) -> pick(BEAT_ABSENT(c, t)); d_step {
        take(BEAT_ABSENT(c, t), 1 << i); on_beat_absent(c, t, LIFE(i)); i = 0; audit() } }
    :: atomic { BEAT_RUNNING(c, t) -> pick(BEAT_RUNNING(c, t)); d_step {
        take(BEAT_RUNNING(c, t), 1 << i); on_beat_running(c, t, NUMBER(i), LIFE(i), 1); i = 0; audit() } }
    :: atomic { BEAT_RUNNING(c, t) -> pick(BEAT_RUNNING(c, t)); d_step {
        take(BEAT_RUNNING(c, t), 1 << i); on_beat_running(c, t, NUMBER(i), LIFE(i), 0); i = 0; audit() } }
    :: atomic { BEAT_UNREPORTED(c, t) -> pick(BEAT_UNREPORTED(c, t)); d_step {
        take(BEAT_UNREPORTED(c, t), 1 << i); on_beat_unreported(c, t, NUMBER(i), LIFE(i)); i = 0; audit() } }
    /* A task and a free calculator meet. */
    :: d_step { place[t] == WAITING && IS_FREE(c) -> hand_out(c, t); audit() }
    /* The client asks for what the calculator is known to run. */
    :: d_step { SUBMIT(t) && place[t] == UNKNOWN && verdict[c] == ALIVE && others[X(c, t)] && !book[c] ->
        take(SUBMIT(t), 1); accept(t); adopt(c, t, others[X(c, t)]); audit() }
    /* Timers of an attempt: unacknowledged, or not answered in time. In peace the latter never comes. */
    :: d_step { !peace && place[t] == ASSIGNED && holder[t] == c && !acknowledged[t] -> lose(t, 0); audit() }
    :: d_step { !peace && place[t] == ASSIGNED && holder[t] == c -> lose(t, 1); audit() }
    :: d_step { !peace && held[X(c, t)] == RUNNING -> finish_work(c, t) }
    od
}

proctype Task(byte t) {
    byte i;
    do
    :: d_step { SUBMIT(t) -> take(SUBMIT(t), 1); on_submit(t); audit() }
    :: atomic { OUTCOME(t) -> pick(OUTCOME(t)); d_step { take(OUTCOME(t), 1 << i); on_outcome(t); i = 0 } }
    :: d_step { OUTCOME_ACK(t) -> take(OUTCOME_ACK(t), 1); on_outcome_ack(t); audit() }
    /* The deadline. */
    :: d_step { !peace && (place[t] == WAITING || place[t] == ASSIGNED) -> finish(t, EXPIRED, 1); audit() }
    /* The client knows, and no copy of its submit can be under way any more. */
    :: d_step { !peace && place[t] == TOMBSTONE -> forget(t); audit() }
    od
}

proctype Calculator(byte c) {
    do
    :: d_step { !peace && up[c] && crashes < CRASHES -> crash(c); crashes++ }
    :: d_step { !peace && !up[c] && life[c] < LIVES - 1 -> come_back(c) }
    :: d_step { !peace && verdict[c] == ALIVE -> die(c); audit() }
#ifdef PEACE
    :: d_step { peace && up[c] && MY_TURN(OF_CALCULATOR(c)) ->
        for (b : 0 .. TASKS - 1) {
            if
            :: held[X(c, b)] == RUNNING -> finish_work(c, b)
#ifndef RESULT_NOT_RESENT
            :: held[X(c, b)] == UNREPORTED -> report(c, b)
#endif
            :: else
            fi
        }
        b = 0;
        beat(c);
        note_fired(OF_CALCULATOR(c)) }
#endif
    od
}

#if DISPATCHER_CRASHES > 0
/* Its books are gone, and with a journal those of the calculators only. is_told: the last acknowledgements are written. */
inline dispatcher_crash(is_told) {
    dispatcher_crashes++;
    for (a : 0 .. TASKS - 1) {
#ifdef JOURNAL
#ifdef ACCEPTED_BEFORE_WRITTEN
        place[a] = (place[a] == WAITING && !tries[a] -> UNKNOWN : place[a]);
#endif
#ifdef OUTCOME_BEFORE_WRITTEN
        place[a] = (place[a] == TELLING -> WAITING : place[a]);
#endif
        place[a] = (place[a] == ASSIGNED -> WAITING : (place[a] == TOMBSTONE && !is_told -> TELLING : place[a]));
        pending[a] = place[a] == WAITING;
#else
        place[a] = UNKNOWN;
        pending[a] = 0; highest[a] = 0; ending[a] = 0; promised[a] = 0; told[a] = 0;
#endif
        holder[a] = 0; number[a] = 0; acknowledged[a] = 0; tries[a] = 0
    }
    a = 0;
    for (b : 0 .. CALCULATORS - 1) {
        verdict[b] = UNREGISTERED; present[b] = 0; former[b] = 0; book[b] = 0;
        /* They forget what they finished when they meet the next life, which counts attempts anew. */
        for (a : 0 .. TASKS - 1) { others[X(b, a)] = 0; finished[X(b, a)] = 0 }
        a = 0
    }
    b = 0
}

proctype Dispatcher_crashes() {
    do
    :: d_step { !peace && dispatcher_crashes < DISPATCHER_CRASHES -> dispatcher_crash(1); audit() }
#ifdef JOURNAL
    :: d_step { !peace && dispatcher_crashes < DISPATCHER_CRASHES -> dispatcher_crash(0); audit() }
#endif
    od
}
#endif

#ifdef PEACE
#if CALCULATORS == 1
#define ANY_UP up[0]
#define ANY_FREE IS_FREE(0)
#else
#define ANY_UP (up[0] || up[1])
#define ANY_FREE (IS_FREE(0) || IS_FREE(1))
#endif
#if TASKS == 1
#define ANY_WAITING (place[0] == WAITING)
#else
#define ANY_WAITING (place[0] == WAITING || place[1] == WAITING)
#endif

proctype Peace() {
    byte m, i;
    do
    /* What still goes, or comes, is lost with the storm, but for one message. */
    :: atomic { !peace && (ANY_UP || DEADLINES) ->
        if
        :: skip
#ifdef LATE
        :: select(m : 0 .. MESSAGES - 1);
            if
            :: net[m] -> pick(net[m]); late = m + 1; late_bit = i
            :: else
            fi
#endif
        fi;
        d_step {
            for (m : 0 .. MESSAGES - 1) { net[m] = 0 }
            m = 0; i = 0;
            peace = 1;
            note_fired(0) } }
    :: d_step { peace && late -> send(net[late - 1], 1 << late_bit); late = 0; late_bit = 0 }
    :: d_step { peace && MY_TURN(CLIENTS) ->
        for (b : 0 .. TASKS - 1) {
            if
#ifdef STOPS_WHEN_ACCEPTED
            :: request[b] == ASKING && !heard_accepted[b] -> send(SUBMIT(b), 1)
#elif !defined(SUBMIT_NOT_RESENT)
            :: request[b] == ASKING -> send(SUBMIT(b), 1)
#endif
            :: else
            fi
        }
        b = 0;
        note_fired(CLIENTS) }
    :: d_step { peace && MY_TURN(DISPATCHERS) && !(ANY_WAITING && ANY_FREE) ->
        for (m : 0 .. CALCULATORS - 1) {
            if
#ifndef NOBODY_DIES
            :: verdict[m] == ALIVE && !(up[m] && life[m] == present[m]) -> die(m)
#endif
            :: else
            fi
        }
        for (m : 0 .. TASKS - 1) {
            if
#ifndef ASSIGN_NOT_RESENT
            :: !DEADLINES && place[m] == ASSIGNED && !acknowledged[m] -> send(ASSIGN(holder[m], m), BIT(number[m], present[holder[m]]))
#endif
#ifndef DEADLINE_IGNORED
            :: DEADLINES && (place[m] == WAITING || place[m] == ASSIGNED) -> finish(m, EXPIRED, 1)
#endif
            :: place[m] == TELLING -> tell(m)
            :: else
            fi
        }
        m = 0;
        note_fired(DISPATCHERS);
        audit() }
    od
}

/* Every task ends: no run in which peace comes and some request never ends, [] (peace -> <> ALL_ENDED). */
never {
    do
    :: !peace
    :: peace && !ALL_ENDED -> break
    od;
accept_never_ends:
    do
    :: !ALL_ENDED
    od
}
#endif

init {
    atomic {
        byte c, t;
        for (t : 0 .. TASKS - 1) {
            SUBMIT(t) = 1;
            run Task(t);
            for (c : 0 .. CALCULATORS - 1) { run Link(c, t) }
        }
        for (c : 0 .. CALCULATORS - 1) { beat(c); run Calculator(c) }
#if DISPATCHER_CRASHES > 0
        run Dispatcher_crashes();
#endif
#ifdef PEACE
        run Peace();
#endif
        c = 0; t = 0
    }
}
