/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a message from a peer that writes what it likes, whenever it likes: take.c. The peer changes
 * length, count and bytes between any two steps; what is taken has to lie inside the area, be the next
 * one, and be what was judged. Checked by tests/run (suite models) as it stands and with each flaw.
 *
 * FLAW LENGTH_TWICE     the length is read again for the copy
 * FLAW SEQUENCE_TWICE   the count is read again when it is noted
 * FLAW JUDGED_IN_PLACE  the bytes are judged in the area and copied afterwards
 * FLAW ANY_SEQUENCE     any higher count is taken
 * FLAW NO_UPPER_BOUND   the length is not compared with the area
 */
#define OUTER    2 /* bytes of the header */
#define CAPACITY 4
#define MESSAGES 2

byte word, seq;
byte area[CAPACITY];

active proctype peer()
{
    byte moves = 0;

    do
    :: moves < 6 ->
        moves++;
        if
        :: word = 0
        :: word = 1
        :: word = OUTER
        :: word = CAPACITY
        :: word = CAPACITY + 1
        :: word = 255
        :: seq++
        :: seq = 200
        :: area[0] = 1 - area[0]
        :: area[CAPACITY - 1] = 1 - area[CAPACITY - 1]
        fi
    :: break
    od
}

active proctype taker()
{
    byte taken = 0, now, size, i, judged, before;
    byte copy[CAPACITY];

    do
    :: taken < MESSAGES ->
        now = seq;
        if
        :: now > taken
        :: else -> break /* nothing came */
        fi;
        size = word;
        if
        :: size == 0 -> break /* the end */
        :: else
        fi;
#ifndef ANY_SEQUENCE
        if
        :: now != taken + 1 -> break
        :: else
        fi;
#endif
        if
        :: size < OUTER -> break
#ifndef NO_UPPER_BOUND
        :: size > CAPACITY -> break
#endif
        :: else
        fi;
#ifdef JUDGED_IN_PLACE
        judged = area[0];
#endif
        i = 0;
        do
#ifdef LENGTH_TWICE
        :: i < word ->
#else
        :: i < size ->
#endif
            assert(i < CAPACITY);
            copy[i] = area[i];
            i++
        :: else -> break
        od;
        assert(i <= CAPACITY && i >= OUTER);
#ifndef JUDGED_IN_PLACE
        judged = copy[0];
#endif
        assert(judged == copy[0]);
        before = taken;
#ifdef SEQUENCE_TWICE
        taken = seq;
#else
        taken = now;
#endif
        assert(taken == before + 1)
    :: else -> break
    od
}
