# SPDX-License-Identifier: Apache-2.0
"""The independent partner over shared memory: as client and as server, with every preset and its hostile scripts, and the end of
sessions as programs see it."""
import json
import os
import time

from partner import KEYS, PRESETS, run_scripts, same_snapshot, snapshot

SHM = ['--profiles', 'shm-only']


def stop(case, process):
    assert case.stop(process) == 0, open(process.err_path).read()


def regions(case):
    return [name for name in os.listdir(case.run_dir) if name.endswith('.ipcshm')]


def test_our_client_calls_partner_over_shared_memory(case):
    for preset in PRESETS:
        server = case.partner_serve('increment', case.run_dir, 'svc', *SHM, *preset)
        done = case.pipc('call', 'increment', 41, '--service', 'svc', '--json', '--transports', 'shm', '--repeat', 50)
        assert done.code == 0 and done.lines() == [{'value': 42}] * 50, f'{preset} {done}'
        stop(case, server)


def test_our_client_reads_partner_strings_and_snapshots_over_shared_memory(case):
    for preset in PRESETS:
        server = case.partner_serve('string-reverse', case.run_dir, 'str', '--req-bytes', '65536', *SHM, *preset)
        for text in ('', 'a', 'x' * 900):
            done = case.pipc('call', 'string-reverse', text, '--service', 'str', '--json', '--transports', 'shm')
            assert done.code == 0 and done.json() == {'str': text[::-1]}, f'{preset} {done}'
        stop(case, server)
        data = snapshot(2000)
        server = case.partner_serve('cgroups-snapshot', case.run_dir, 'snap', '--data', case.file('data', json.dumps(data)),
                                    '--resp-bytes', '1048576', *SHM, *preset)
        done = case.pipc('call', 'cgroups-snapshot', '--service', 'snap', '--json', '--transports', 'shm')
        assert done.code == 0, f'{preset} {done}'
        same_snapshot(done.json(), data)
        stop(case, server)


def test_partner_calls_us_over_shared_memory(case):
    server = case.serve('increment', '--service', 'svc', '--transports', 'shm')
    for preset in PRESETS:
        for profiles in ('shm', 'shm-only', 'futex'):
            done = case.partner('call', 'increment', case.run_dir, 'svc', '41', '--repeat', 20, '--profiles', profiles, '--stats', *preset)
            assert done.code == 0 and done.lines() == [{'value': 42}] * 20, f'{preset} {profiles} {done}'
            stats = json.loads(done.err.strip().splitlines()[-1])
            assert stats['profile'] == 'shm' and stats['selected_profile'] == 2, stats
    stop(case, server)
    assert os.listdir(case.run_dir) == []


def test_partner_reads_our_snapshots_over_shared_memory(case):
    data = snapshot(2000)
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--transports', 'shm', '--data', case.file('data', json.dumps(data)))
    for preset in PRESETS:
        done = case.partner('call', 'cgroups-snapshot', case.run_dir, 'svc', *SHM, *preset)
        assert done.code == 0, f'{preset} {done}'
        same_snapshot(done.json(), data)
    stop(case, server)


def test_hostile_clients_over_shared_memory(case):
    server = case.serve('increment', '--service', 'svc', '--token', 77, '--transports', 'shm,uds')
    run_scripts(case, 'server', 'increment', ['--token', 77, '--offers', 'shm'], ['--only', 'shm'])
    stop(case, server)


def test_hostile_servers_over_shared_memory(case):
    words = [case.tool, '--json', 'call', '{kind}', *KEYS['increment'], '--run-dir', '{run_dir}', '--service', '{service}', '--token',
             '{token}', '--transports', 'shm,uds', '--timeout', '2000']
    run_scripts(case, 'client', 'increment', ['--client', ' '.join(words)], ['--offers', 'shm', '--only', 'shm'])


def test_clients_that_come_and_go_leave_no_slot_of_a_partner_occupied(case):
    for preset in PRESETS:
        server = case.partner_serve('increment', case.run_dir, 'svc', '--max-sessions', '8', *SHM, *preset)
        for _ in range(max(12, case.scaled(100))):
            done = case.pipc('call', 'increment', 41, '--service', 'svc', '--json', '--transports', 'shm', '--timeout', 5000)
            assert done.code == 0, f'{preset} {done}'
        stop(case, server)


def test_existing_clients_recover_at_once_when_our_server_is_replaced(case):
    for preset in PRESETS:
        server = case.serve('increment', '--service', 'svc', '--transports', 'shm')
        client = case.start(['python3', case.peer, 'call', 'increment', case.run_dir, 'svc', '41',
                             '--repeat', '2', '--interval', '1500', *SHM, *preset], ready='{')
        begin = time.monotonic()
        stop(case, server)                      # its session is idle: only the end mark tells an existing client
        server = case.serve('increment', '--service', 'svc', '--transports', 'shm')
        out = client.stdout.read()
        assert client.wait() == 0, out
        assert time.monotonic() - begin < 15 * case.slow, f'{preset}: the second call waited for its deadline'
        stop(case, server)


def test_killed_server_is_noticed_while_our_call_waits(case):
    server = case.partner_serve('increment', case.run_dir, 'svc', '--delay', '20000', *SHM)
    client = case.start([case.tool, '--json', 'call', 'increment', '41', '--run-dir', case.run_dir, '--service', 'svc', '--transports', 'shm'], ready=None)
    deadline = time.monotonic() + 10 * case.slow
    while not regions(case) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)                             # the request is on its way
    begin = time.monotonic()
    server.kill()
    server.wait()
    assert client.wait(20 * case.slow) != 0
    assert time.monotonic() - begin < 5 * case.slow


def test_killed_client_frees_our_session_and_its_region(case):
    server = case.serve('increment', '--service', 'svc', '--transports', 'shm')
    client = case.start([case.tool, '--json', 'call', 'increment', '41', '--run-dir', case.run_dir, '--service', 'svc', '--transports', 'shm',
                         '--repeat', '100000000'], ready='{')
    assert len(regions(case)) == 1
    client.kill()
    client.wait()
    deadline = time.monotonic() + 5 * case.slow
    while regions(case) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert regions(case) == []
    stop(case, server)


def test_successor_sweeps_what_a_killed_server_left(case):
    server = case.serve('increment', '--service', 'svc', '--transports', 'shm')
    client = case.start([case.tool, '--json', 'call', 'increment', '41', '--run-dir', case.run_dir, '--service', 'svc', '--transports', 'shm',
                         '--repeat', '100000000'], ready='{')
    server.kill()
    server.wait()
    client.kill()
    client.wait()
    assert len(regions(case)) == 1
    server = case.serve('increment', '--service', 'svc', '--transports', 'shm')
    assert regions(case) == []
    stop(case, server)
