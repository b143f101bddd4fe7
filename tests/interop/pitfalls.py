# SPDX-License-Identifier: Apache-2.0
"""What went wrong between whole processes elsewhere: owners that are stopped or killed, and many that start at once."""
import os
import signal
import stat
import subprocess
import time

from cases import over


@over('uds', 'shm')
def test_one_deadline_covers_everything_while_the_owner_is_stopped(case):
    """connect() succeeds at a stopped owner; the answer to HELLO never comes."""
    server = case.serve('increment', '--service', 'svc')
    server.send_signal(signal.SIGSTOP)
    longest = case.limit(0.7)
    for words in (['call', 'increment', 1], ['call', 'increment', 1, 2, '--batch'],
                  ['watch', 'cgroups-snapshot', '--count', 1, '--interval', 1]):
        begin = time.monotonic()
        done = case.pipc(*words, '--service', 'svc', '--timeout', 500, '--json')
        took = time.monotonic() - begin
        assert done.code == 6, f'{words} {done}'
        assert 0.45 <= took <= longest, f'{words} took {took:.3f} s'
    server.send_signal(signal.SIGCONT)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    assert done.code == 0 and done.json() == {'value': 2}, str(done)
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_a_killed_owner_is_replaced_whatever_umask_and_directory(case):
    path = os.path.join(case.run_dir, 'svc.sock')
    for mode in (0o700, 0o775):
        os.chmod(case.run_dir, mode)
        for mask in (0o002, 0o022, 0o077, 0o000, 0o777):
            first = case.serve('increment', '--service', 'svc', preexec=lambda m=mask: os.umask(m))
            assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600, f'directory {mode:o}, umask {mask:o}'
            case.stop(first, signal.SIGKILL)
            assert stat.S_ISSOCK(os.lstat(path).st_mode), 'a killed owner leaves its socket'
            second = case.serve('increment', '--service', 'svc', preexec=lambda m=mask: os.umask(m))
            done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
            assert done.code == 0, f'directory {mode:o}, umask {mask:o}: {done}'
            assert case.stop(second) == 0
            assert os.listdir(case.run_dir) == []


def test_of_twenty_starters_one_wins_and_is_reachable(case):
    """Over the socket of an owner that was killed, which all of them find dead."""
    rounds = case.scaled(100)
    command = [case.tool, 'serve', 'increment', '--service', 'svc', '--run-dir', case.run_dir, '--transports', 'uds']
    case.stop(case.serve('increment', '--service', 'svc'), signal.SIGKILL)
    for n in range(rounds):
        starters = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                    for _ in range(20)]
        case.running += starters
        case.until(lambda: sum(s.poll() is None for s in starters) == 1, what='all but one have given up')
        winner = next(s for s in starters if s.poll() is None)
        codes = sorted(s.returncode for s in starters if s is not winner)
        assert codes == [8] * 19, f'round {n}: {codes}'
        assert winner.stdout.readline().startswith(b'READY'), f'round {n}'
        done = case.pipc('call', 'increment', n, '--service', 'svc', '--json')
        assert done.code == 0 and done.json() == {'value': n + 1}, f'round {n}: {done}'
        assert os.listdir(case.run_dir) == ['svc.sock'], f'round {n}'
        case.stop(winner, signal.SIGKILL if n % 2 else signal.SIGTERM)
        for s in starters:
            s.stdout.close()
    print(f'counted: {rounds} rounds of 20 starters')
