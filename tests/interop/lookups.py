# SPDX-License-Identifier: Apache-2.0
"""Both lookups with the independent partner, in both roles, with every preset: every status, single and split calls, budgets that cut."""
import json

from cases import over
from partner import PRESETS, client_command, run_scripts

TRANSPORTS = ('uds', 'shm')

KINDS = ('apps-lookup', 'cgroups-lookup')
LABELS = [{'key': 'k', 'value': ''}, {'key': 'image', 'value': 'app:1'}]


def key_of(kind, n):
    return n if kind == 'apps-lookup' else f'/slice/{n:05}' + '/x' * (n % 40)


def item_of(kind, n):
    """Item n: of each status, with and without labels, of different lengths; those of n % 7 == 6 are not there."""
    labels = LABELS[:n % 3]
    if kind == 'cgroups-lookup':
        if n % 7 == 5:
            return {'path': key_of(kind, n), 'status': 1}
        return {'path': key_of(kind, n), 'orchestrator': n % 9, 'name': 'n' * (n % 50), 'labels': labels}
    if n % 7 == 5:
        return {'pid': n, 'status': 1}
    item = {'pid': n, 'ppid': n // 2, 'uid': n % 3, 'starttime': n * 1000, 'comm': 'c' * (n % 15 + 1), 'cgroup_status': n % 7 % 4}
    if item['cgroup_status'] == 0:
        item |= {'orchestrator': n % 9, 'cgroup_path': f'/p{n}', 'cgroup_name': 'n' * (n % 50), 'labels': labels}
    elif item['cgroup_status'] < 3:
        item['cgroup_path'] = f'/p{n}'
    return item


def data_of(kind, count):
    return {'generation': 77, 'items': [item_of(kind, n) for n in range(count) if n % 7 != 6]}


def expected(kind, n):
    """Fields of the answer for key n."""
    item = item_of(kind, n) if n % 7 != 6 else {}
    if kind == 'cgroups-lookup':
        return {'status': 2 if n % 7 == 6 else 0, 'orchestrator': 0, 'name': '', 'label_count': len(item.get('labels', [])), 'labels': [],
                **item, 'path': key_of(kind, n)}
    known = n % 7 < 5
    return {'status': 0 if known else 1, 'orchestrator': 0, 'cgroup_status': 0, 'ppid': 0, 'uid': 0 if known else 4294967295, 'starttime': 0,
            'comm': '', 'cgroup_path': '', 'cgroup_name': '', 'label_count': len(item.get('labels', [])), 'labels': [], **item, 'pid': n}


def check(kind, keys, done, what):
    assert done.code == 0, f'{what} {str(done)[:600]}'
    got = done.json()
    assert got['generation'] == 77 and got['item_count'] == len(keys), f'{what} {str(got)[:300]}'
    for n, item in zip(keys, got['items']):
        want = expected(kind, n)
        assert {k: item[k] for k in want} == want, f'{what} key {n}: {item}, expected {want}'


def orders(count, preset):
    """Keys as they come: several with repeats and without order, as many as take several exchanges; in our own way also none and one."""
    return ([] if preset else [[], [0]]) + [[5, 6, 3, 5, 12, 0], [n * 7919 % count for n in range(count)]]


def stop(case, process):
    assert case.stop(process) == 0, open(process.err_path).read()


def test_our_client_looks_up_at_the_partner(case):
    count = 200
    for kind in KINDS:
        path = case.file('data', json.dumps(data_of(kind, count)))
        for preset in PRESETS:
            server = case.partner_serve(kind, case.run_dir, 'svc', '--data', path, *preset)
            for keys in orders(count, preset):
                done = case.pipc('call', kind, '--stdin', '--service', 'svc', '--json', stdin=''.join(f'{key_of(kind, n)}\n' for n in keys))
                check(kind, keys, done, f'{kind} {preset} {len(keys)} keys')
            stop(case, server)


def test_partner_looks_up_at_our_server(case):
    count = 200
    for kind in KINDS:
        server = case.serve(kind, '--service', 'svc', '--data', case.file('data', json.dumps(data_of(kind, count))))
        for preset in PRESETS:
            for keys in orders(count, preset):
                done = case.partner('call', kind, case.run_dir, 'svc', '--stdin', *preset, stdin=''.join(f'{key_of(kind, n)}\n' for n in keys))
                check(kind, keys, done, f'{kind} {preset} {len(keys)} keys')
        stop(case, server)


def test_answers_are_cut_and_asked_again_in_both_roles(case):
    """Requests of 8192 bytes, and answers that have room for the placeholders of all keys but not for all items."""
    count = case.scaled(8192)
    keys = list(range(count))
    for kind in KINDS:
        text = ''.join(f'{key_of(kind, n)}\n' for n in keys)
        path = case.file('data', json.dumps(data_of(kind, count)))
        limits = ('--max-request-bytes', 8192, '--max-response-bytes', 40960, '--growth-ceiling-bytes', 40960)
        ours = case.serve(kind, '--service', 'ours', '--data', path, *limits)
        for preset in PRESETS:
            theirs = case.partner_serve(kind, case.run_dir, 'theirs', '--data', path, '--req-bytes', 8192, '--resp-bytes', 40960, *preset)
            check(kind, keys, case.pipc('call', kind, '--stdin', '--service', 'theirs', '--json', *limits, stdin=text, timeout=120), f'{kind} at {preset}')
            stop(case, theirs)
            done = case.partner('call', kind, case.run_dir, 'ours', '--stdin', '--req-bytes', 8192, '--resp-bytes', 40960, *preset, stdin=text)
            check(kind, keys, done, f'{kind} of {preset}')
        stop(case, ours)


def test_item_that_fits_no_answer_is_oversized_and_its_neighbours_are_answered(case):
    data = {'generation': 77, 'items': [{'path': '/a', 'name': 'a'}, {'path': '/big', 'name': 'x' * 5000}, {'path': '/c', 'name': 'c'}]}
    path = case.file('data', json.dumps(data))
    keys = ['/a', '/big', '/c', '/big']
    ours = case.serve('cgroups-lookup', '--service', 'ours', '--data', path, '--max-response-bytes', 4096, '--growth-ceiling-bytes', 4096)
    for preset in PRESETS:
        theirs = case.partner_serve('cgroups-lookup', case.run_dir, 'theirs', '--data', path, '--resp-bytes', 4096, *preset)
        for done in (case.pipc('call', 'cgroups-lookup', *keys, '--service', 'theirs', '--json'),
                     case.partner('call', 'cgroups-lookup', case.run_dir, 'ours', *keys, *preset)):
            assert done.code == 0, f'{preset} {done}'
            assert [(i['path'], i['status'], i['name']) for i in done.json()['items']] == \
                [('/a', 0, 'a'), ('/big', 4, ''), ('/c', 0, 'c'), ('/big', 4, '')], f'{preset} {done}'
        stop(case, theirs)
    stop(case, ours)


def test_path_that_fits_no_request_is_answered_by_the_client(case):
    keys = ['/a', '/' + 'x' * 3000, '/c']
    path = case.file('data', '{"generation":77,"default":{"name":"n"}}')
    for preset in PRESETS:
        theirs = case.partner_serve('cgroups-lookup', case.run_dir, 'theirs', '--data', path, *preset)
        done = case.pipc('call', 'cgroups-lookup', *keys, '--service', 'theirs', '--json')
        assert done.code == 0 and [(i['path'], i['status']) for i in done.json()['items']] == [(keys[0], 0), (keys[1], 4), (keys[2], 0)], f'{preset} {done}'
        stop(case, theirs)


# ---- hostile scripts ----

HOSTILE_KEYS = {'apps-lookup': ['1', '2', '3'], 'cgroups-lookup': ['/a', '/b', '/c']}


def against_server(case, kind):
    server = case.serve(kind, '--service', 'svc', '--token', 77, '--data', case.file('data', json.dumps(data_of(kind, 10))))
    run_scripts(case, 'server', kind, ['--token', 77, *(['--only', 'shm-'] if case.shm else [])])
    assert server.poll() is None
    assert case.stop(server) == 0


@over('uds', 'shm,uds')
def test_hostile_clients_of_apps_lookup(case):
    against_server(case, 'apps-lookup')


@over('uds', 'shm,uds')
def test_hostile_clients_of_cgroups_lookup(case):
    against_server(case, 'cgroups-lookup')


def against_client(case, kind, whole):
    """Scripts that know no kind run for one of the two; those of a region run for increment."""
    run_scripts(case, 'client', kind, client_command(case, kind, HOSTILE_KEYS[kind]) + ([] if whole else ['--only', 'lookup-']))


@over('uds', 'shm,uds')
def test_hostile_servers_of_apps_lookup(case):
    against_client(case, 'apps-lookup', False)


@over('uds', 'shm,uds')
def test_hostile_servers_of_cgroups_lookup(case):
    against_client(case, 'cgroups-lookup', not case.shm)
