/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing and waiting over a region: publish.c, sleep.c and take.c of this folder's parent, both
 * sides, a few round trips, no slices and no deadline, so that a wake-up that is lost stands still
 * for ever and is found as an invalid end state. tests/run checks it exhaustively (suite models), as
 * it stands and with each flaw below, which has to be found.
 *
 * Memory: a store goes into the side's buffer first. One of the bytes (plain) reaches memory whenever
 * it likes, before or after its neighbours; a release store when everything before it is there.
 * Acquire loads are made in the order of the program. A futex call is a full barrier, and the
 * kernel's comparison and sleep are one step.
 *
 * FLAW DROP_WAKE            the publisher does not wake
 * FLAW WAKE_EARLY           it wakes before the signal word is stored
 * FLAW WAKE_NO_BARRIER      it wakes while its stores are still on their way
 * FLAW SIGNAL_KEPT          the signal word does not change
 * FLAW SEQ_BEFORE_LEN       the count is stored before the length
 * FLAW PLAIN_LEN_AND_SEQ    length and count are plain stores
 * FLAW BYTES_LAST           the bytes are stored behind the count
 * FLAW LOOK_BEFORE_SIGNAL   the waiter loads the signal word after it looked at the count
 * FLAW NO_TURN              the server does not wait for its turn
 */
#define ROUNDS 3

/* A lane: two bytes of the area, the length, the count, the signal word. Lane 0: requests. */
#define A0(lane)   ((lane) * 5)
#define A1(lane)   ((lane) * 5 + 1)
#define LEN(lane)  ((lane) * 5 + 2)
#define SEQ(lane)  ((lane) * 5 + 3)
#define SIG(lane)  ((lane) * 5 + 4)

#define BUFFER 6
typedef stores {
    byte count;
    byte at[BUFFER];
    byte value[BUFFER];
    bit release[BUFFER];
}

byte mem[10];
stores buffer[2];
bit asleep[2]; /* who waits on the lane */

inline store(me, where, what, rel)
{
    d_step {
        buffer[me].at[buffer[me].count] = where;
        buffer[me].value[buffer[me].count] = what;
        buffer[me].release[buffer[me].count] = rel;
        buffer[me].count = buffer[me].count + 1;
    }
}

/* Entry i of a side's buffer reaches memory. */
inline drain(me, i)
{
    d_step {
        mem[buffer[me].at[i]] = buffer[me].value[i];
        j = i;
        do
        :: j + 1 < buffer[me].count ->
            buffer[me].at[j] = buffer[me].at[j + 1];
            buffer[me].value[j] = buffer[me].value[j + 1];
            buffer[me].release[j] = buffer[me].release[j + 1];
            j++
        :: else -> break
        od;
        buffer[me].count = buffer[me].count - 1;
        buffer[me].at[buffer[me].count] = 0;
        buffer[me].value[buffer[me].count] = 0;
        buffer[me].release[buffer[me].count] = 0;
        j = 0;
    }
}

#define MAY_PASS(me, i) (buffer[me].count > (i) && !buffer[me].release[i])

proctype memory(bit me)
{
    byte j = 0;
end:
    do
    :: buffer[me].count > 0 -> drain(me, 0)
    :: MAY_PASS(me, 1) && buffer[me].at[1] != buffer[me].at[0] -> drain(me, 1)
    :: MAY_PASS(me, 2) && buffer[me].at[2] != buffer[me].at[0] && buffer[me].at[2] != buffer[me].at[1] -> drain(me, 2)
    od
}

#ifdef WAKE_NO_BARRIER
#define BARRIER(me) true
#else
#define BARRIER(me) (buffer[me].count == 0)
#endif

inline wake(me, lane)
{
#ifdef DROP_WAKE
    skip
#else
    atomic { BARRIER(me) -> asleep[lane] = 0 }
#endif
}

#ifdef PLAIN_LEN_AND_SEQ
#define ORDERED 0
#else
#define ORDERED 1
#endif

#ifdef SIGNAL_KEPT
#define NEXT_SIGNAL(n) 0
#else
#define NEXT_SIGNAL(n) (n)
#endif

/* publish.c: the bytes, then shm_publish. */
inline publish(me, lane, n)
{
#ifndef BYTES_LAST
    store(me, A0(lane), n, 0);
    store(me, A1(lane), n, 0);
#endif
#ifdef SEQ_BEFORE_LEN
    store(me, SEQ(lane), n, ORDERED);
    store(me, LEN(lane), n, ORDERED);
#else
    store(me, LEN(lane), n, ORDERED);
    store(me, SEQ(lane), n, ORDERED);
#endif
#ifdef BYTES_LAST
    store(me, A0(lane), n, 0);
    store(me, A1(lane), n, 0);
#endif
#ifdef WAKE_EARLY
    wake(me, lane);
#endif
    store(me, SIG(lane), NEXT_SIGNAL(n), 1);
#ifndef WAKE_EARLY
    wake(me, lane);
#endif
}

/* sleep.c: any number of looks (the spin), then the loop of sleep_until. */
inline await(lane, taken)
{
    do
    :: mem[SEQ(lane)] > taken -> break
    :: true ->
#ifdef LOOK_BEFORE_SIGNAL
        if
        :: mem[SEQ(lane)] > taken -> break
        :: else
        fi;
        signal = mem[SIG(lane)];
#else
        signal = mem[SIG(lane)];
        if
        :: mem[SEQ(lane)] > taken -> break
        :: else
        fi;
#endif
        atomic {
            if
            :: mem[SIG(lane)] != signal
            :: else -> asleep[lane] = 1
            fi
        };
        asleep[lane] == 0
    od;
    signal = 0
}

/* take.c. */
inline take(lane, taken)
{
    seq = mem[SEQ(lane)];
    size = mem[LEN(lane)];
    assert(seq == taken + 1);
    assert(size == seq);
    assert(mem[A0(lane)] == seq);
    assert(mem[A1(lane)] == seq);
    taken = seq;
    d_step { seq = 0; size = 0 }
}

proctype client()
{
    byte n = 0, taken = 0, signal = 0, seq = 0, size = 0;

    do
    :: n < ROUNDS ->
        n++;
        publish(0, 0, n);
        await(1, taken);
        take(1, taken)
    :: else -> break
    od
}

proctype server()
{
    byte n = 0, taken = 0, signal = 0, seq = 0, size = 0;

    do
    :: n < ROUNDS ->
#ifndef NO_TURN
        await(0, taken);
        take(0, taken);
#endif
        n++;
        publish(1, 1, n)
    :: else -> break
    od
}

init
{
    atomic {
        run memory(0);
        run memory(1);
        run client();
        run server()
    }
}
