/* SPDX-License-Identifier: Apache-2.0
 *
 * Another thread ends a wait: shm_interrupt and shm_wake against sleep_once (sleep.c). Without slices
 * the sleeper has to end all the same; an end that is not reached is an invalid end state. Each side
 * has a store buffer that drains when it likes, and at a fence. Checked by tests/run (suite models) as
 * it stands and with each flaw.
 *
 * FLAW NO_FENCE_ASLEEP  the sleeper looks for the interrupt before its mark is seen
 * FLAW NO_FENCE_WAKER   who interrupts looks at the mark before the interrupt is seen
 * FLAW ONE_TRY          it tells once, also to a thread that is only on its way to sleep
 * FLAW NO_MARK          the sleeper does not say that it is about to sleep
 */
bit interrupted, asleep;          /* in memory */
bit late_interrupted, late_asleep; /* on their way */
bit in_futex;

active proctype sleeper()
{
#ifndef NO_MARK
#ifdef NO_FENCE_ASLEEP
    late_asleep = 1;
#else
    asleep = 1; /* and the fence */
#endif
#endif
    if
    :: interrupted == 0 ->
        in_futex = 1; /* the word is as expected: nobody publishes here */
        in_futex == 0
    :: else
    fi;
    d_step { late_asleep = 0; asleep = 0 }
}

active proctype waker()
{
#ifdef NO_FENCE_WAKER
    late_interrupted = 1;
#else
    interrupted = 1; /* and the fence */
#endif
    do
    :: asleep == 0 -> break
    :: else ->
        if
        :: atomic { in_futex == 1 -> in_futex = 0 }; break
        :: in_futex == 0
        fi;
#ifdef ONE_TRY
        break
#endif
    od
}

active proctype memory()
{
end:
    do
    :: atomic { late_asleep == 1 -> late_asleep = 0; asleep = 1 }
    :: atomic { late_interrupted == 1 -> late_interrupted = 0; interrupted = 1 }
    od
}
