/* SPDX-License-Identifier: Apache-2.0
 *
 * The adaptive waiter (pipc/wait.h): when a wait spins, and for how long. The other side is anybody:
 * waits come close or far apart and end at once, while spinning, or asleep, in any order. Time is
 * counted in quarters of a sleep. Constants are those of the header, handed in by tests/run (suite
 * models), which checks this exhaustively, as it stands and with each flaw.
 *
 * What holds: no wait costs more than twice a sleep, but for one of RETRY when spinning was given up;
 * sparse waits stop spinning after two; a single CPU never spins; and where messages are dense and
 * come while spinning, it spins again after RETRY waits at most, and goes on doing so.
 *
 * FLAW NEVER_AGAIN    a spin that was given up is not tried again
 * FLAW ALWAYS_AGAIN   it is tried at every wait
 * FLAW ROW_KEPT       a spin that succeeded does not count
 * FLAW SPARSE_SPINS   the distance of waits is not looked at
 * FLAW ONE_CPU_SPINS  the number of CPUs is not looked at
 */
#ifndef DENSE
#define DENSE 4
#define GIVE_UP 8
#define RETRY 64
#endif

#define SLEEP 4 /* cost of one */
#define MOST  (4 * DENSE * SLEEP)
#define GIVEN_UP (row >= GIVE_UP)

byte period, row, skipped; /* the waiter's */
byte since;                /* waits without a spin while given up, since the last such spin */
byte good;                 /* dense waits in a row that a spin would have ended, and none was made */
byte sparse;               /* far waits in a row */
bit one_cpu, nice;         /* nice: from now on waits are dense and end while spinning */
bit spun;                  /* the last wait ended so */

#ifdef SPARSE_SPINS
#define IS_DENSE true
#else
#define IS_DENSE (period <= DENSE * SLEEP)
#endif

/* pipc_waiter_learn_ */
inline learn(seen)
{
    if
    :: seen > period -> period = period + (seen - period + 3) / 4
    :: else -> period = period - (period - seen + 3) / 4
    fi
}

/* pipc_waiter_begin */
inline begin()
{
    budget = 0;
    if
#ifndef ONE_CPU_SPINS
    :: one_cpu
#endif
    :: !one_cpu || budget != 0 ->
        if
        :: !IS_DENSE
        :: IS_DENSE && !GIVEN_UP -> budget = SLEEP
        :: IS_DENSE && GIVEN_UP ->
#ifdef ALWAYS_AGAIN
            budget = 2 * SLEEP
#else
#ifndef NEVER_AGAIN
            skipped++;
#endif
            if
            :: skipped < RETRY
            :: else -> skipped = 0; budget = 2 * SLEEP
            fi
#endif
        fi
#ifdef ONE_CPU_SPINS
    :: one_cpu -> if :: IS_DENSE -> budget = SLEEP :: else fi
#endif
    fi
}

/* pipc_waiter_note_spin, note_slept */
inline note(while_spinning)
{
    if
    :: while_spinning ->
#ifndef ROW_KEPT
        row = 0;
#endif
        skipped = 0
    :: else ->
        if
        :: !IS_DENSE -> row = 0
        :: IS_DENSE && row < GIVE_UP -> row++
        :: else
        fi
    fi
}

inline check()
{
    assert(!(one_cpu && budget > 0));
    assert(sparse < 3 || budget == 0);
    assert(budget <= SLEEP || GIVEN_UP);
    /* Given up: one try in RETRY waits. */
    if
    :: GIVEN_UP && budget > 0 -> assert(since + 1 >= RETRY); since = 0
    :: GIVEN_UP && budget == 0 && since < RETRY -> since++
    :: else
    fi;
    /* In nice times a spin comes soon, and each one that succeeded is followed by another. */
    if
    :: nice && !one_cpu && IS_DENSE && budget == 0 -> good++; assert(good <= RETRY && !spun)
    :: else -> good = 0
    fi
}

active proctype waits()
{
    byte budget = 0, seen = 0;
    bit ends = 0;

    if
    :: one_cpu = 1
    :: one_cpu = 0
    fi;
    do
    :: true ->
        atomic {
            if
            :: !nice -> nice = 1
            :: true
            fi;
            if
            :: seen = 1; sparse = 0
            :: seen = DENSE * SLEEP; sparse = 0
            :: !nice -> seen = DENSE * SLEEP + 1; sparse = 0
            :: !nice -> seen = MOST; if :: sparse < 3 -> sparse++ :: else fi
            fi;
            learn(seen);
            begin();
            check();
            ends = 0;
            if
            :: budget > 0 -> ends = 1
            :: budget > 0 && !nice -> ends = 0
            :: budget == 0
            fi;
            note(ends);
            spun = ends;
            assert(row <= GIVE_UP && skipped < RETRY && period <= MOST)
        }
    od
}
