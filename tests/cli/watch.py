# SPDX-License-Identifier: Apache-2.0
"""pipc watch: the cache follows the provider and outlives it."""
import json
import os
import signal

from cases import over


def data(case, names, generation):
    return case.file('data', json.dumps({'generation': generation, 'items': [{'name': n, 'path': '/' + n} for n in names]}))


def watch(case, *words):
    return case.start([case.tool, 'watch', 'cgroups-snapshot', '--service', 'svc', '--run-dir', case.run_dir, *case.over(),
                       '--json', '--interval', '10', *words], ready='')


def line_where(process, condition, limit=2000):
    for _ in range(limit):
        line = json.loads(process.stdout.readline())
        if condition(line):
            return line
    raise AssertionError('no such line')


def names(line):
    return [i['name'] for i in line['items']]


@over('uds', 'shm')
def test_each_refresh_is_a_line(case):
    case.serve('cgroups-snapshot', '--service', 'svc', '--data', data(case, 'ab', 3))
    done = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--json', '--count', 3, '--interval', 1)
    lines = done.lines()
    assert done.code == 0 and [l['refresh'] for l in lines] == [1, 2, 3], str(done)
    assert lines[0] == {'refresh': 1, 'state': 'ready', 'stale': False, 'error': None, 'message': None, 'generation': 3,
                        'items': lines[0]['items']} and names(lines[0]) == ['a', 'b'], lines[0]


@over('uds', 'shm')
def test_last_good_data_stays_while_the_provider_is_away(case):
    path = data(case, 'ab', 3)
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', path)
    w = watch(case)
    line_where(w, lambda l: not l['stale'])
    case.stop(server, signal.SIGKILL)
    stale = line_where(w, lambda l: l['stale'] and l['state'] == 'not_found')
    assert names(stale) == ['a', 'b'] and stale['generation'] == 3 and stale['error'] and stale['message'], stale
    data(case, 'abc', 1)
    case.serve('cgroups-snapshot', '--service', 'svc', '--data', path)
    fresh = line_where(w, lambda l: not l['stale'])
    assert names(fresh) == ['a', 'b', 'c'] and fresh['generation'] == 1, fresh
    assert case.stop(w) == 0


def test_no_data_yet_is_told_from_an_empty_snapshot(case):
    w = watch(case)
    line = line_where(w, lambda l: l['stale'])
    assert line['items'] == [] and line['generation'] == 0 and line['state'] == 'not_found' and line['error'] == 'not_ready', line
    case.serve('cgroups-snapshot', '--service', 'svc', '--data', data(case, '', 77))
    line = line_where(w, lambda l: not l['stale'])
    assert line['items'] == [] and line['generation'] == 77, line
    assert case.stop(w, signal.SIGINT) == 0


def test_message_that_names_a_path_of_any_bytes_is_a_string(case):
    folder = os.path.join(case.folder, os.fsdecode(b'a\xffb'))
    os.mkdir(folder, 0o700)
    for words in (('watch', 'cgroups-snapshot', '--count', 1), ('top', '--once'), ('call', 'increment', 1)):
        done = case.pipc(*words, '--json', '--run-dir', folder)
        assert isinstance(done.json()['message'], str) and '/a\\xffb/' in done.json()['message'], str(done)
    report = case.pipc('doctor', 'increment', '--json', '--run-dir', folder)
    assert isinstance(report.json()['message'], str) and report.out.isascii(), str(report)


def test_find_shows_items_of_that_name_alone(case):
    items = [{'name': 'x', 'path': '/1'}, {'name': 'y', 'path': '/2'}, {'name': 'x', 'path': '/3', 'hash': 9}]
    case.serve('cgroups-snapshot', '--service', 'svc', '--data', case.file('data', json.dumps({'items': items})))
    lines = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--json', '--count', 1, '--find', 'x').lines()
    assert [i['path'] for i in lines[0]['items']] == ['/1', '/3'], lines
    lines = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--json', '--count', 1, '--find', 'z').lines()
    assert lines[0]['items'] == [] and not lines[0]['stale'], lines


def test_refused_client_says_when_it_tries_again(case):
    case.serve('cgroups-snapshot', '--service', 'svc', '--token', 1, '--data', data(case, 'a', 1))
    done = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--count', 2, '--interval', 1)
    assert done.code == 4 and 'auth_failed' in done.out and 'tried again in' in done.out, str(done)


def test_count_with_nothing_there_has_the_exit_code_of_the_cause(case):
    done = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--count', 1, '--json')
    assert done.code == 3 and done.lines()[0]['stale'], str(done)


@over('uds', 'shm')
def test_changes_are_shown_to_people(case):
    root = os.path.join(case.folder, 'cg')
    os.makedirs(os.path.join(root, 'a.service'))
    open(os.path.join(root, 'cgroup.controllers'), 'w').close()
    case.serve('cgroups-snapshot', '--service', 'svc', '--cgroup-root', root, '--interval', 10)
    w = case.start([case.tool, 'watch', 'cgroups-snapshot', '--service', 'svc', '--run-dir', case.run_dir, *case.over(),
                    '--interval', '10'], ready='')
    head = w.stdout.readline().decode()
    assert '2 items' in head and f'over {case.transports} ' in head, head
    os.makedirs(os.path.join(root, 'b.service'))
    line = case.until(lambda: (lambda l: l if l.startswith('+') else None)(w.stdout.readline().decode()), what='the new item')
    assert 'b.service' in line, line
    os.rmdir(os.path.join(root, 'b.service'))
    line = case.until(lambda: (lambda l: l if l.startswith('-') else None)(w.stdout.readline().decode()), what='the lost item')
    assert 'b.service' in line, line
    assert case.stop(w) == 0


def test_count_of_zero_is_refused(case):
    done = case.pipc('watch', 'cgroups-snapshot', '--service', 'svc', '--count', 0)
    assert done.code == 2 and '--count' in done.err, str(done)
