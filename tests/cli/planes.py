# SPDX-License-Identifier: Apache-2.0
"""Data planes as the command shows them: the default list, what is selected, and what was passed over and why."""
import json
import os

TRANSPORTS = ('shm,uds',)


def serve_snapshot(case, *words):
    return case.serve('cgroups-snapshot', '--service', 'svc', '--data', case.file('data', '{"items":[{"name":"a"}]}'), *words)


def watch(case, *words):
    return case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--count', 1, *words)


def test_info_shows_the_upgrade_with_bits_traits_and_options(case):
    done = case.pipc('info', 'shm', '--json')
    shm = done.json()['modules'][0]
    assert shm['name'] == 'shm' and shm['kind'] == 'transport' and shm['profile_bits'] == 6 and shm['stage'] == 'ready', str(done)
    assert {'upgrade', 'no-chunks', 'one-outstanding'} <= set(shm['traits']), shm
    assert {o['key'] for o in shm['options']} == {'spin', 'any_fs', 'foreign_owners'}, shm
    text = case.pipc('info', 'shm').out
    for needle in ('shm: transport', 'profile bits 0x06', 'option any_fs', 'option foreign_owners', 'option spin'):
        assert needle in text, text


def test_default_list_is_shared_memory_where_possible_else_sockets(case):
    got = case.pipc('info', '--explain', '--json', '--service', 'svc', '--run-dir', case.run_dir).json()
    assert [p['transport'] for p in got['transports']] == ['shm', 'uds'] and got['carrier'] == 'uds', got
    assert (got['supported'], got['preferred']) == (3, 2), got
    data = case.file('data', '{"items":[{"name":"a"}]}')
    case.start([case.tool, 'serve', 'cgroups-snapshot', '--service', 'svc', '--data', data, '--run-dir', case.run_dir])
    done = case.run([case.tool, 'watch', 'cgroups-snapshot', '--service', 'svc', '--count', '1', '--run-dir', case.run_dir])
    assert done.code == 0 and 'over shm (' in done.out and 'in place of' not in done.out, str(done)


def test_first_name_that_was_passed_over_is_named_with_its_reason(case):
    server = serve_snapshot(case, '--transports', 'uds')
    done = watch(case)
    assert done.code == 0 and 'over uds (' in done.out and ', in place of shm: ' in done.out, str(done)
    assert len(done.out.split('in place of shm: ')[1].splitlines()[0]) > 10, str(done)
    done = watch(case, '--transports', 'shm')
    assert done.code == 5 and 'incompatible' in done.out, str(done)
    done = watch(case, '--transports', 'uds')
    assert 'over uds (' in done.out and 'in place of' not in done.out, str(done)
    assert case.stop(server) == 0


def chosen(text, role):
    """The lines about a data plane, of the log on standard error."""
    return [line for line in text.splitlines() if f': {role} of svc: messages go over ' in line]


def test_log_of_a_client_names_the_plane_its_file_and_each_name_before_it_once(case):
    server = case.serve('increment', '--service', 'svc', '--transports', 'uds')
    done = case.pipc('-v', 'call', 'increment', 5, '--service', 'svc', '--run-dir', case.run_dir, '--transports', '-nosuch,shm,uds')
    lines = chosen(done.err, 'client')
    assert done.code == 0 and len(lines) == 1, str(done)
    assert 'pipc: info: ' in lines[0] and ('built in' if case.is_builtin() else '/uds.so') in lines[0], lines
    assert ', nosuch passed over: ' in lines[0] and ', shm passed over: the other side does not offer it' in lines[0], lines
    done = case.pipc('-v', 'call', 'increment', 5, '--service', 'svc', '--run-dir', case.run_dir, '--transports', 'uds')
    assert done.code == 0 and chosen(done.err, 'client') == [], str(done)
    assert case.stop(server) == 0


def test_log_of_a_client_that_connects_again_says_only_what_is_new(case):
    data = case.file('data', '{"items":[{"name":"a"}]}')
    watching = case.start([case.tool, '-v', 'watch', 'cgroups-snapshot', '--service', 'svc', '--run-dir', case.run_dir, '--transports', 'shm,uds',
                           '--json', '--interval', '10'], ready='')

    def until_fresh(stale):
        while json.loads(watching.stdout.readline())['stale'] != stale:
            pass
    for planes in ('uds', 'uds', 'shm,uds', 'uds'):
        server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', data, '--transports', planes)
        until_fresh(False)
        assert case.stop(server) == 0
        until_fresh(True)
    assert case.stop(watching) == 0
    with open(watching.err_path) as f:
        lines = chosen(f.read(), 'client')
    assert [line.split('messages go over ')[1].split(' ')[0] for line in lines] == ['uds', 'shm', 'uds'], lines
    assert [', shm passed over: ' in line for line in lines] == [True, False, True], lines


def test_log_of_a_server_says_once_for_what_reason_a_plane_is_passed_over(case):
    server = case.serve('increment', '--service', 'svc', '-v')
    for planes in ('uds', 'shm,uds', 'uds', 'uds'):
        done = case.pipc('call', 'increment', 5, '--service', 'svc', '--run-dir', case.run_dir, '--transports', planes)
        assert done.code == 0, str(done)
    assert case.stop(server) == 0
    with open(server.err_path) as f:
        lines = chosen(f.read(), 'server')
    assert len(lines) == 1 and ', shm passed over: the other side does not offer it' in lines[0], lines


def test_optional_name_that_is_missing_is_named_with_its_reason(case):
    server = serve_snapshot(case)
    done = watch(case, '--transports', '-nosuch,shm,uds')
    assert done.code == 0 and 'over shm (' in done.out and ', in place of nosuch: ' in done.out, str(done)
    assert case.stop(server) == 0


def test_counters_tell_sessions_with_a_region_and_degraded_ones(case):
    server = case.serve('increment', '--service', 'svc', '--stats', 20, '--json')
    counters = {}

    def counted(**want):
        counters.update(json.loads(server.stdout.readline()))
        return all(counters[k] == v for k, v in want.items())
    holder = case.calling('increment', '1', '--repeat', '100000000', '--service', 'svc', '--json')
    case.until(lambda: counted(sessions=1, regions=1, degraded=0), what='a session with a region')
    assert case.pipc('call', 'increment', 1, '--service', 'svc', '--transports', 'uds').code == 0
    case.until(lambda: counted(sessions=1, regions=1, degraded=1), what='a degraded session')
    holder.kill()
    case.until(lambda: counted(sessions=0, regions=0), what='no region')
    assert case.stop(server) == 0
    assert os.listdir(case.run_dir) == []


def test_options_of_the_upgrade_are_read_and_checked(case):
    for text, code in (('spin = off\nany_fs = yes\nforeign_owners = no', 0), ('spin = 20', 0), ('spin = often', 2), ('any_fs = 7', 2),
                       ('nosuch = 1', 2)):
        config = case.file('conf', f'[transport.shm]\n{text}\n')
        server = None if code else case.serve('increment', '--service', 'svc', '--config', config)
        done = case.pipc('call', 'increment', 1, '--service', 'svc', '--config', config, '--json')
        assert done.code == code, f'{text}: {done}'
        if code:
            assert config in done.err and text.split(' ')[0] in done.err, f'{text}: {done}'
        else:
            assert done.json() == {'value': 2} and case.stop(server) == 0
