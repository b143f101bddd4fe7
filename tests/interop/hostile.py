# SPDX-License-Identifier: Apache-2.0
"""The partner's hostile scripts: each must get the reaction that it expects, in both roles."""
import json
from concurrent.futures import ThreadPoolExecutor

from cases import long, over
from partner import KEYS, client_command, run_scripts, snapshot

TRANSPORTS = ('uds', 'shm,uds')


# Over shared memory those of the socket would be the same scripts once more.
PARTS = {'server': ('shm-',), 'client': ('shm-', 'attach-')}


def scripts(case, role, kind, command):
    """All that this data plane can be met with."""
    for part in PARTS[role] if case.shm else ('',):
        run_scripts(case, role, kind, command, ['--only', part] if part else [])


def against_server(case, kind):
    more = []
    if kind == 'cgroups-snapshot':
        more = ['--data', case.file('data', json.dumps(snapshot(3)))]
    server = case.serve(kind, '--service', 'svc', '--token', 77, *more)
    scripts(case, 'server', kind, ['--token', 77])
    assert server.poll() is None
    assert case.stop(server) == 0


def test_hostile_clients_of_increment(case):
    against_server(case, 'increment')


@over('uds')
def test_hostile_clients_of_string_reverse(case):
    against_server(case, 'string-reverse')


def test_hostile_clients_of_snapshot(case):
    against_server(case, 'cgroups-snapshot')


@long
def test_hostile_servers_of_increment(case):
    scripts(case, 'client', 'increment', client_command(case, 'increment', KEYS['increment']))


@over('uds')
@long
def test_hostile_servers_of_string_reverse(case):
    scripts(case, 'client', 'string-reverse', client_command(case, 'string-reverse', KEYS['string-reverse']))


@long
def test_hostile_servers_of_snapshot(case):
    scripts(case, 'client', 'cgroups-snapshot', client_command(case, 'cgroups-snapshot'))


@over('uds')
def test_silent_client_is_closed_at_the_handshake_deadline(case):
    server = case.serve('increment', '--service', 'svc')
    run_scripts(case, 'server', 'increment', ['--slow', '--only', 'hello-silent'])
    assert case.stop(server) == 0


@over('uds')
@long
def test_client_that_stops_inside_a_message_is_closed_after_30_seconds(case):
    if case.scale > 20:
        case.skip('takes 30 s: runs where the suite is whole')
    server = case.serve('increment', '--service', 'svc')
    run_scripts(case, 'server', 'increment', ['--slow', '--only', 'chunk-stall'])
    assert case.stop(server) == 0


@over('uds')
def test_silent_server_is_given_up_at_the_deadline(case):
    run_scripts(case, 'client', 'increment', client_command(case, 'increment', ['41']) + ['--slow', '--only', 'silent-server'])


@over('shm,uds')
def test_attach_is_tried_for_five_seconds_and_then_given_up(case):
    command, names = client_command(case, 'increment', ['41'], 20000), ('none', 'magic', 'capacity', 'short')
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: run_scripts(case, 'client', 'increment', command, ['--slow', '--only', 'attach-' + name], name),
                      names))
