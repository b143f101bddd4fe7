# SPDX-License-Identifier: Apache-2.0
"""pipc serve: READY, signals, socket activation, data files, live cgroups."""
import json
import os
import signal
import socket
import stat
import threading
import time

from cases import over


def call(case, kind, *words):
    return case.pipc('call', kind, *words, '--service', 'svc', '--json')


def make_tree(root, count):
    os.makedirs(root, exist_ok=True)
    open(os.path.join(root, 'cgroup.controllers'), 'w').close()
    for n in range(count):
        os.makedirs(os.path.join(root, 'system.slice', f'unit-{n:05}.service'))


@over('uds', 'shm')
def test_ready_means_that_a_client_can_connect(case):
    for _ in range(10):
        server = case.serve('increment', '--service', 'svc')
        assert call(case, 'increment', 1).code == 0
        assert case.stop(server) == 0
        assert os.listdir(case.run_dir) == []


def test_ready_line_names_directory_and_service(case):
    server = case.start([case.tool, 'serve', 'increment', '--service', 'x.y', '--run-dir', case.run_dir, *case.over()],
                        ready=f'READY {case.run_dir} x.y\n')
    assert case.stop(server, signal.SIGINT) == 0


def test_socket_has_mode_0600_whatever_the_umask(case):
    server = case.serve('increment', '--service', 'svc', preexec=lambda: os.umask(0))
    st = os.stat(os.path.join(case.run_dir, 'svc.sock'))
    assert stat.S_IMODE(st.st_mode) == 0o600 and stat.S_ISSOCK(st.st_mode), oct(st.st_mode)
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_sigterm_under_load_answers_running_calls(case):
    server = case.serve('increment', '--service', 'svc')
    clients = [case.start([case.tool, 'call', 'increment', '41', '--repeat', '100000000', '--service', 'svc', '--run-dir', case.run_dir,
                           *case.over(), '--json'], ready='{"value":42}') for _ in range(3)]
    sinks = [threading.Thread(target=c.stdout.read) for c in clients]
    for sink in sinks:
        sink.start()
    begin = time.monotonic()
    assert case.stop(server) == 0
    assert time.monotonic() - begin < case.limit(1)
    assert os.listdir(case.run_dir) == []
    for client, sink in zip(clients, sinks):
        assert client.wait(30 * case.slow) in (1, 3), open(client.err_path).read()
        sink.join()


@over('uds', 'shm')
def test_sigterm_ends_within_a_second_with_a_stopped_client(case):
    server = case.serve('increment', '--service', 'svc')
    client = case.start([case.tool, 'call', 'increment', '1', '--repeat', '100000000', '--service', 'svc', '--run-dir', case.run_dir,
                         *case.over()], ready='value')
    client.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    assert case.stop(server) == 0
    assert time.monotonic() - begin < case.limit(1)


def test_default_directory_is_made_and_others_must_exist(case):
    base = os.path.join(case.folder, 'xdg')
    os.mkdir(base)
    server = case.start([case.tool, 'serve', 'increment', *case.over()], ready=f'READY {base}/pipc increment',
                        env={'XDG_RUNTIME_DIR': base})
    assert stat.S_IMODE(os.stat(base + '/pipc').st_mode) == 0o700
    done = case.run([case.tool, 'call', 'increment', '1', '--json', *case.over()], env={'XDG_RUNTIME_DIR': base})
    assert done.code == 0 and done.json() == {'value': 2}, str(done)
    assert case.stop(server) == 0
    done = case.pipc('serve', 'increment', '--run-dir', os.path.join(case.folder, 'nosuch'))
    assert done.code == 1 and 'nosuch' in done.err, str(done)


@over('uds', 'shm')
def test_stats_print_counters(case):
    server = case.serve('increment', '--service', 'svc', '--stats', 20, '--json')
    assert call(case, 'increment', 1).code == 0
    case.until(lambda: json.loads(server.stdout.readline())['requests'] == 1, what='one request counted')
    assert case.stop(server) == 0


# ---- socket activation ----

def activation(case, count=1, path=None, kind=socket.SOCK_SEQPACKET, listen=True):
    path = path or os.path.join(case.run_dir, 'svc.sock')
    sockets = []
    for n in range(count):
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(path + ('' if n == 0 else str(n)))
        if listen:
            s.listen(4)
        sockets.append(s)

    def preexec():
        os.environ['LISTEN_PID'] = str(os.getpid())
        for n, s in enumerate(sockets):
            os.dup2(s.fileno(), 3 + n)
    # LISTEN_PID is that of the process itself: a shell sets it and becomes the command.
    command = ['bash', '-c', f'LISTEN_FDS={count} LISTEN_PID=$$ exec "$@"', 'bash', case.tool, 'serve', 'increment', '--service', 'svc',
               '--run-dir', case.run_dir, *case.over()]
    return sockets, command, preexec


@over('uds', 'shm')
def test_handed_in_listener_is_served_and_kept(case):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(os.path.join(case.folder, 'notify'))
    sockets, command, preexec = activation(case)
    server = case.start(command, preexec=preexec, pass_fds=(3,), env={'NOTIFY_SOCKET': notify.getsockname()})
    notify.settimeout(60)
    assert notify.recv(100) == b'READY=1'
    assert call(case, 'increment', 1).json() == {'value': 2}
    assert case.stop(server) == 0
    assert os.path.exists(os.path.join(case.run_dir, 'svc.sock'))
    sockets[0].close()


def refused(case, **how):
    sockets, command, preexec = activation(case, **how)
    process = case.start(command, ready='', preexec=preexec, pass_fds=tuple(range(3, 3 + len(sockets))))
    assert process.wait(20) == 2, open(process.err_path).read()
    assert open(process.err_path).read().startswith('pipc: ')


def test_two_handed_in_descriptors_are_refused(case):
    refused(case, count=2)


def test_handed_in_stream_socket_is_refused(case):
    refused(case, kind=socket.SOCK_STREAM)


def test_handed_in_listener_of_another_path_is_refused(case):
    refused(case, path=os.path.join(case.run_dir, 'other.sock'))


def test_handed_in_socket_that_does_not_listen_is_refused(case):
    refused(case, listen=False)


# ---- data files ----

def test_data_file_is_served_and_reread(case):
    path = case.file('data', '{"value":7}')
    server = case.serve('increment', '--service', 'svc', '--data', path)
    assert call(case, 'increment', 1).json() == {'value': 7}
    case.file('data', '{"value":8}')
    server.send_signal(signal.SIGHUP)
    case.until(lambda: call(case, 'increment', 1).json() == {'value': 8}, what='the new data')
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_bad_file_at_sighup_keeps_the_old_data(case):
    path = case.file('data', json.dumps({'generation': 5, 'items': [{'name': 'a', 'path': '/a'}]}))
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', path)
    before = call(case, 'cgroups-snapshot').json()
    case.file('data', '{"items":[{"hash":4294967296}]}')
    server.send_signal(signal.SIGHUP)
    case.until(lambda: 'kept' in open(server.err_path).read(), what='the complaint')
    complaint = open(server.err_path).read()
    assert path in complaint and 'items[0].hash' in complaint and '4294967295' in complaint, complaint
    assert call(case, 'cgroups-snapshot').json() == before
    case.file('data', json.dumps({'items': [{'name': 'a', 'path': '/a'}] * 3000}))
    server.send_signal(signal.SIGHUP)
    case.until(lambda: call(case, 'cgroups-snapshot').json().get('item_count') == 3000, what='the larger data')
    assert call(case, 'cgroups-snapshot').json()['generation'] == 2
    assert case.stop(server) == 0


def test_hash_and_zero_values_fill_what_the_file_leaves_out(case):
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', case.file('data', '{"items":[{"name":"a"},{"path":"/b"}]}'))
    got = call(case, 'cgroups-snapshot').json()
    fnv = ((2166136261 * 16777619) & 0xffffffff) ^ ord('a')
    assert got['items'] == [{'hash': fnv, 'options': 0, 'enabled': 0, 'name': 'a', 'path': ''},
                            {'hash': 2166136261, 'options': 0, 'enabled': 0, 'name': '', 'path': '/b'}], got
    assert got['generation'] == 1 and got['systemd_enabled'] == 0
    assert case.stop(server) == 0


def test_nul_inside_is_part_of_a_string_but_not_of_a_name(case):
    for text in ('"a\\u0000b"', '"\\u0000"', '{"hex":"ff0061"}', '""'):
        server = case.serve('string-reverse', '--service', 'svc', '--data', case.file('data', '{"str":%s}' % text))
        got = call(case, 'string-reverse', 'x')
        assert got.json() == {'str': json.loads(text)}, f'{text}: {got}'
        assert case.stop(server) == 0
    path = case.file('data', '{"items":[{"name":"a\\u0000b"}]}')
    done = case.pipc('serve', 'cgroups-snapshot', '--service', 'svc', '--data', path)
    assert done.code == 9 and 'items[0].name: a NUL inside the string' in done.err, str(done)


def test_malformed_data_files_are_refused_with_place_and_reason(case):
    for text, needles in (('', ['line 1']), ('[]', ['object']), ('{"items":', ['line 1']), ('{"items":7}', ['items', 'list']),
                          ('{"items":[7]}', ['items[0]', 'object']), ('{"generation":-1}', ['column 15', 'below 0']),
                          ('{"generation":18446744073709551616}', ['column 15', '18446744073709551615']),
                          ('{"generation":99999999999999999999999}', ['18446744073709551615']),
                          ('{"systemd_enabled":4294967296}', ['systemd_enabled', '4294967295']), ('{"generation":1.5}', ['integer']),
                          ('{"generation":"x"}', ['generation', 'number']), ('{"items":[{"name":5}]}', ['items[0].name', 'string']),
                          ('{"items":[{},{"options":4294967296}]}', ['items[1].options', '4294967295']),
                          ('{"items":[{"name":"a\\u0000b"}]}', ['NUL']), ('{"items":[{"name":{"hex":"f"}}]}', ['hexadecimal']),
                          ('{"items":[]} x', ['behind']), ("{'items':[]}", ['column 2', 'quote']),
                          ('{"items":[{"name":"a\tb"}]}', ['column 21', 'control']), ('{"items":[{"name":"\\ud800"}]}', ['surrogate']),
                          ('{"items":[{"name":"\\ud800\\u0041"}]}', ['surrogate']), ('{"items":[{"name":"\\udc00"}]}', ['surrogate']),
                          ('{"items":[{},{"name":{"hex":"6100"}}]}', ['items[1].name', 'NUL']), ('{"flags":65536}', ['flags', '65535']),
                          ('{"item_count":4294967296}', ['item_count', '4294967295'])):
        path = case.file('data', text)
        done = case.pipc('serve', 'cgroups-snapshot', '--service', 'svc', '--data', path)
        assert done.code == 9 and path in done.err, f'{text}: {done}'
        for needle in needles:
            assert needle in done.err, f'{text}: {done}'
    for path in (os.path.join(case.folder, 'nosuch'), case.run_dir):
        done = case.pipc('serve', 'cgroups-snapshot', '--service', 'svc', '--data', path)
        assert done.code == 9 and path in done.err, str(done)
    assert os.listdir(case.run_dir) == []


def test_names_of_any_bytes_come_back_as_json(case):
    names = ['quote"back\\slash', 'tab\tnew\nline\x01\x7f', 'ünïcode ☃ 😀', '']
    items = [{'name': n, 'path': '/p'} for n in names] + [{'name': {'hex': 'ff00fe'[:2] + 'fe'}, 'path': {'hex': 'c328'}}]
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', case.file('data', json.dumps({'items': items})))
    got = call(case, 'cgroups-snapshot').json()
    assert [i['name'] for i in got['items']] == names + [{'hex': 'fffe'}], got
    assert got['items'][-1]['path'] == {'hex': 'c328'}
    lines = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--json', '--count', 1).lines()
    assert [i['name'] for i in lines[0]['items']] == names + [{'hex': 'fffe'}], lines
    assert '\n'.join(case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--count', 1).out.split('\n')).isprintable() is False
    assert case.stop(server) == 0


# ---- live ----

def test_live_cgroups_of_this_machine_are_served(case):
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--live')
    got = call(case, 'cgroups-snapshot').json()
    assert got['items'][0]['path'] == '/' and got['generation'] > 0, got
    for item in got['items']:
        assert item['enabled'] == 1 and item['options'] == 0 and item['path'].startswith('/'), item
    assert case.stop(server) == 0


def test_live_generation_follows_the_set(case):
    root = os.path.join(case.folder, 'cg')
    make_tree(root, 5)
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--cgroup-root', root, '--interval', 10)
    first = call(case, 'cgroups-snapshot').json()
    paths = [i['path'] for i in first['items']]
    assert '/system.slice/unit-00003.service' in paths, paths
    time_same = [call(case, 'cgroups-snapshot').json()['generation'] for _ in range(3)]
    assert set(time_same) == {first['generation']}, time_same
    os.makedirs(os.path.join(root, 'system.slice', 'late.service'))
    later = case.until(lambda: (lambda g: g if g['generation'] != first['generation'] else None)(call(case, 'cgroups-snapshot').json()),
                       what='another generation')
    assert later['generation'] > first['generation']
    assert 'late.service' in [i['name'] for i in later['items']]
    os.rmdir(os.path.join(root, 'system.slice', 'late.service'))
    case.until(lambda: call(case, 'cgroups-snapshot').json()['generation'] > later['generation'], what='a third generation')
    assert case.stop(server) == 0


def test_sighup_makes_a_live_service_look_at_once(case):
    root = os.path.join(case.folder, 'cg')
    make_tree(root, 1)
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--cgroup-root', root, '--interval', 3600000)
    os.makedirs(os.path.join(root, 'late.scope'))
    server.send_signal(signal.SIGHUP)
    case.until(lambda: 'late.scope' in [i['name'] for i in call(case, 'cgroups-snapshot').json()['items']], what='the new cgroup')
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_live_snapshot_of_twenty_thousand_cgroups_is_whole_with_default_limits(case):
    root = os.path.join(case.folder, 'cg')
    make_tree(root, 20000)
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--cgroup-root', root, timeout=120)
    got = call(case, 'cgroups-snapshot').json()
    assert got['item_count'] == 20002, got.get('item_count')
    assert len({i['path'] for i in got['items']}) == 20002
    assert case.stop(server) == 0


def test_tree_that_cannot_be_read_is_named(case):
    done = case.pipc('serve', 'cgroups-snapshot', '--service', 'svc', '--cgroup-root', os.path.join(case.folder, 'nosuch'))
    assert done.code == 1 and 'nosuch' in done.err, str(done)


def test_reader_of_counters_that_goes_away_ends_it_cleanly(case):
    command = (f'"{case.tool}" serve increment --service svc --run-dir "{case.run_dir}" --transports {case.transports} --stats 10 | head -n 2; '
               'echo "${PIPESTATUS[0]}"')
    done = case.run(['bash', '-c', command])
    assert done.out.splitlines()[-1] == '0' and done.err == '' and os.listdir(case.run_dir) == [], str(done)


def test_fifo_as_data_file_is_refused_at_once(case):
    path = os.path.join(case.folder, 'fifo')
    os.mkfifo(path)
    done = case.pipc('serve', 'increment', '--data', path, timeout=10)
    assert done.code == 9 and 'regular' in done.err, str(done)


def test_limits_of_the_configuration_count_for_a_live_snapshot(case):
    config = case.file('conf', '[service.svc]\nmax_response_bytes = 5000\n')
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--config', config, '--stats', 10, '--json')
    assert json.loads(server.stdout.readline())['response_limit'] == 5000
    assert case.stop(server) == 0


def test_notification_goes_to_an_abstract_name(case):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f'pipc-test-{os.getpid()}'
    notify.bind('\0' + name)
    server = case.serve('increment', '--service', 'svc', env={'NOTIFY_SOCKET': '@' + name})
    notify.settimeout(60)
    assert notify.recv(100) == b'READY=1'
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_storm_of_sighups_disturbs_nothing(case):
    path = case.file('data', '{"value":7}')
    server = case.serve('increment', '--service', 'svc', '--data', path)
    for _ in range(200):
        server.send_signal(signal.SIGHUP)
    assert call(case, 'increment', 1).json() == {'value': 7}
    assert case.stop(server) == 0 and open(server.err_path).read() == ''
