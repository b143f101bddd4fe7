# SPDX-License-Identifier: Apache-2.0
"""Lookups of the command: calls, data files, and this machine's processes and cgroups live."""
import json
import os
import signal
import subprocess
import threading

from cases import over

CONTAINER = '0123456789abcdef' * 4


def call(case, kind, *words, **more):
    return case.pipc('call', kind, *words, '--service', 'svc', '--json', **more)


def items(case, kind, *words, **more):
    done = call(case, kind, *words, **more)
    assert done.code == 0, str(done)
    return done.json()['items']


def put(path, text=''):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def stat_text(pid, comm='sleep', ppid=1, starttime=99):
    return f'{pid} ({comm}) S {ppid} ' + ' '.join(['0'] * 17) + f' {starttime} 0 0\n'


def make_process(proc, pid, cgroup='0::/a.slice\n', uid=1000, **more):
    put(f'{proc}/{pid}/stat', stat_text(pid, **more))
    put(f'{proc}/{pid}/status', f'Name:\tx\nTgid:\t{pid}\nUid:\t{uid}\t0\t0\t0\n')
    put(f'{proc}/{pid}/cgroup', cgroup)


def make_v2(root):
    put(f'{root}/cgroup.controllers')
    for path in ('a.slice', f'system.slice/docker-{CONTAINER}.scope', 'system.slice/cron.service'):
        os.makedirs(f'{root}/{path}')


def serve_made(case, kind, *words):
    return case.serve(kind, '--service', 'svc', '--cgroup-root', case.folder + '/cg', '--proc-root', case.folder + '/proc', *words)


# ---- calls ----

@over('uds', 'shm')
def test_empty_standard_input_asks_for_the_generation_alone(case):
    case.serve('apps-lookup', '--service', 'svc', '--data', case.file('data', '{"generation":7}'))
    done = call(case, 'apps-lookup', '--stdin', stdin='')
    assert done.json() == {'layout_version': 1, 'flags': 0, 'item_count': 0, 'generation': 7, 'items': []}, str(done)


@over('uds', 'shm')
def test_keys_of_words_and_standard_input_come_back_in_order_with_repeats(case):
    case.serve('apps-lookup', '--service', 'svc', '--data', case.file('data', '{"items":[{"pid":5,"comm":"five","cgroup_status":3}]}'))
    got = items(case, 'apps_lookup', 5, '0x6', '--stdin', stdin='4294967295\n5\n0')
    assert [(i['pid'], i['status'], i['comm']) for i in got] == [(5, 0, 'five'), (6, 1, ''), (4294967295, 1, ''), (5, 0, 'five'), (0, 1, '')], got
    done = call(case, 'apps-lookup', 5, '--repeat', 3)
    assert [line['item_count'] for line in done.lines()] == [1, 1, 1], str(done)


def test_wait_goes_on_until_the_lookup_service_is_there(case):
    client = case.start([case.tool, 'call', 'apps-lookup', '5', '--wait', '20000', '--service', 'svc', '--run-dir', case.run_dir,
                         *case.over(), '--json'], ready='')
    case.serve('apps-lookup', '--service', 'svc', '--data', case.file('data', '{"items":[]}'))
    assert client.wait(20) == 0 and json.loads(client.stdout.read())['items'][0]['pid'] == 5
    done = case.pipc('call', 'apps-lookup', 5, '--service', 'nosuch', '--json')
    assert done.code == 3 and done.json()['error'] == 'connect', str(done)


def test_table_for_people_has_words(case):
    data = {'items': [{'path': '/c', 'orchestrator': 2, 'name': 'web', 'labels': [{'key': 'k', 'value': 'v'}]}]}
    case.serve('cgroups-lookup', '--service', 'svc', '--data', case.file('data', json.dumps(data)))
    done = case.pipc('call', 'cgroups-lookup', '/c', '/d', '--service', 'svc')
    rows = [line.split() for line in done.out.splitlines()[2:]]
    assert rows[0] == ['status', 'orchestrator', 'path', 'name', 'labels'], str(done)
    assert rows[1][:4] == ['known', 'docker', '/c', 'web'] and rows[2][:3] == ['unknown', '-', '/d'], str(done)


def test_bad_keys_are_usage_errors(case):
    for words, stdin, needle in ((['apps-lookup', 'x'], None, "'x'"), (['apps-lookup', '--stdin'], '1\n\n', "''"), (['apps-lookup'], None, '--all'),
                                 (['cgroups-lookup', '--stdin'], b'/a\0b\n', 'NUL'), (['cgroups-lookup', ''], None, 'empty')):
        done = case.pipc('call', *words, stdin=stdin)
        assert done.code == 2 and needle in done.err, f'{words}: {done}'


# ---- data files ----

@over('uds', 'shm')
def test_data_of_absent_keys_is_unknown_or_the_default(case):
    path = case.file('data', json.dumps({'items': [{'path': '/a', 'name': 'first', 'orchestrator': 65535}, {'path': '/a', 'name': 'second'}]}))
    server = case.serve('cgroups-lookup', '--service', 'svc', '--data', path)
    got = items(case, 'cgroups-lookup', '/a', '/b')
    assert [(i['path'], i['status'], i['name'], i['orchestrator']) for i in got] == [('/a', 0, 'first', 65535), ('/b', 2, '', 0)], got
    case.file('data', json.dumps({'default': {'name': 'any', 'labels': [{'key': 'k', 'value': ''}]}}))
    server.send_signal(signal.SIGHUP)
    got = case.until(lambda: [i for i in items(case, 'cgroups-lookup', '/a', '/b') if i['name'] == 'any'], what='the new data')
    assert [i['path'] for i in got] == ['/a', '/b'] and got[1]['labels'] == [{'key': 'k', 'value': ''}], got
    assert call(case, 'cgroups-lookup', '/a').json()['generation'] == 2
    assert case.stop(server) == 0


def test_data_of_processes_fills_what_the_file_leaves_out(case):
    data = {'items': [{'pid': 1, 'comm': 'init', 'cgroup_status': 3}, {'pid': 2, 'status': 1}], 'default': {'status': 1}}
    case.serve('apps-lookup', '--service', 'svc', '--data', case.file('data', json.dumps(data)))
    got = items(case, 'apps-lookup', 1, 2, 3)
    assert [(i['pid'], i['status'], i['uid'], i['ppid'], i['starttime']) for i in got] == [
        (1, 0, 0, 0, 0), (2, 1, 4294967295, 0, 0), (3, 1, 4294967295, 0, 0)], got


def test_malformed_lookup_data_is_refused_with_place_and_reason(case):
    for kind, text, needles in (('apps-lookup', '{"items":[{"pid":4294967296}]}', ['items[0].pid', '4294967295']),
                                ('apps-lookup', '{"items":[{},{}]}', ['items[0]', 'together']),
                                ('apps-lookup', '{"items":[{"pid":1,"comm":"0123456789abcdef"}]}', ['items[0]', 'together']),
                                ('apps-lookup', '{"default":{"uid":4294967296}}', ['default.uid', '4294967295']),
                                ('apps-lookup', '{"default":[]}', ['default', 'object']),
                                ('apps-lookup', '{"items":[{"status":1,"uid":0}]}', ['items[0]']),
                                ('apps-lookup', '{"generation":18446744073709551616}', ['18446744073709551615']),
                                ('cgroups-lookup', '{"items":[{"path":"/a"},{"path":""}]}', ['items[1]', 'together']),
                                ('cgroups-lookup', '{"items":[{"path":"/a","labels":[{"key":""}]}]}', ['items[0]']),
                                ('cgroups-lookup', '{"items":[{"path":"/a","labels":[{"key":5}]}]}', ['items[0].labels[0].key', 'string']),
                                ('cgroups-lookup', '{"items":[{"path":{"hex":"2f00"}}]}', ['items[0].path', 'NUL']),
                                ('cgroups-lookup', '{"items":[7]}', ['items[0]', 'object']), ('cgroups-lookup', '{"items":', ['line 1'])):
        path = case.file('data', text)
        done = case.pipc('serve', kind, '--service', 'svc', '--data', path)
        assert done.code == 9 and path in done.err, f'{text}: {done}'
        for needle in needles:
            assert needle in done.err, f'{text}: {done}'
    assert os.listdir(case.run_dir) == []


def test_bad_lookup_file_at_sighup_keeps_the_old_data(case):
    path = case.file('data', '{"items":[{"path":"/a","name":"n"}]}')
    server = case.serve('cgroups-lookup', '--service', 'svc', '--data', path)
    case.file('data', '{"items":[{"path":""}]}')
    server.send_signal(signal.SIGHUP)
    case.until(lambda: 'kept' in open(server.err_path).read(), what='the complaint')
    assert 'items[0]' in open(server.err_path).read()
    assert items(case, 'cgroups-lookup', '/a')[0]['name'] == 'n'
    assert case.stop(server) == 0


# ---- live ----

@over('uds', 'shm')
def test_all_processes_agree_with_ps(case):
    """Every process that is the same before and after the call."""
    def ps():
        out = subprocess.run(['ps', '-eo', 'pid=,ppid=,ruid=,lstart=,comm='], stdout=subprocess.PIPE, check=True).stdout.decode()
        return {int(w[0]): (int(w[1]), int(w[2]), w[3:8], ' '.join(w[8:])) for w in map(str.split, out.splitlines())}
    case.serve('apps-lookup', '--service', 'svc', '--live')
    before = ps()
    got = {i['pid']: i for i in items(case, 'apps-lookup', '--all')}
    lived = {pid: row for pid, row in ps().items() if before.get(pid) == row}
    assert os.getpid() in lived
    for pid, (ppid, uid, _, comm) in lived.items():
        item = got[pid]
        assert item['status'] == 0 and (item['ppid'], item['uid']) == (ppid, uid), (item, lived[pid])
        comm = comm.removesuffix(' <defunct>')
        if comm.startswith('kworker/'):         # the kernel renames them by what they work on
            comm, item['comm'] = (text.split('-')[0] for text in (comm, item['comm']))
        told = ''.join(c if c.isprintable() else '?' for c in item['comm'])     # as ps writes it
        assert ' '.join(told.split()) == ' '.join(comm[:15].split()), (item, comm)


def test_odd_names_and_start_time_of_a_real_process(case):
    name = 'a) (b\\\n) R 7'
    code = ('import ctypes, sys; ctypes.CDLL(None).prctl(15, sys.argv[1].encode()); print("set", flush=True); sys.stdin.read()')
    process = subprocess.Popen(['python3', '-c', code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b'set\n'
        case.serve('apps-lookup', '--service', 'svc', '--live')
        item, me = items(case, 'apps-lookup', process.pid, os.getpid())
        starttime = int(open(f'/proc/{process.pid}/stat').read().rsplit(')', 1)[1].split()[19])
        assert (item['comm'], item['ppid'], item['starttime']) == (name, os.getpid(), starttime), item
        assert me['uid'] == os.getuid(), me
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def test_threads_and_pids_that_are_not_there_are_unknown(case):
    case.serve('apps-lookup', '--service', 'svc', '--live')
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    got = items(case, 'apps-lookup', os.getpid(), thread.native_id, 0, 4294967295)
    stop.set()
    thread.join()
    assert [i['status'] for i in got] == [0, 1, 1, 1], got
    assert {i['uid'] for i in got[1:]} == {4294967295}, got


@over('uds', 'shm')
def test_thousands_of_sleeping_processes_are_found(case):
    count = case.scaled(5000)
    group = subprocess.Popen(['bash', '-c', f'for _ in $(seq {count}); do sleep 1000 & echo $!; done; exec 1>&-; wait'], stdout=subprocess.PIPE,
                             start_new_session=True)
    try:
        pids = [int(group.stdout.readline()) for _ in range(count)]
        case.serve('apps-lookup', '--service', 'svc', '--live')
        case.until(lambda: all(open(f'/proc/{pid}/comm').read() == 'sleep\n' for pid in pids), what='all of them sleeping')
        got = items(case, 'apps-lookup', '--stdin', stdin='\n'.join(map(str, pids)))
        assert [i['pid'] for i in got] == pids
        assert {(i['status'], i['comm'], i['ppid']) for i in got} == {(0, 'sleep', group.pid)}
    finally:
        os.killpg(group.pid, signal.SIGKILL)
        group.wait()
        group.stdout.close()


@over('uds', 'shm')
def test_thirty_thousand_processes_of_a_made_tree_with_default_limits(case):
    count = case.scaled(30000)
    make_v2(case.folder + '/cg')
    for pid in range(1, count + 1):
        make_process(case.folder + '/proc', pid, starttime=pid)
    serve_made(case, 'apps-lookup')
    got = items(case, 'apps-lookup', '--all', '--proc-root', case.folder + '/proc', timeout=120)
    assert sorted(i['pid'] for i in got) == list(range(1, count + 1))
    assert all(i['starttime'] == i['pid'] and i['cgroup_name'] == 'a.slice' for i in got)


@over('uds', 'shm')
def test_more_keys_than_an_exchange_holds_while_processes_come_and_go(case):
    case.serve('apps-lookup', '--service', 'svc', '--live', '--interval', 10)
    churn = subprocess.Popen(['bash', '-c', 'while :; do /bin/true & /bin/true; done'], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        top = int(open('/proc/sys/kernel/pid_max').read())
        keys = [os.getpid()] + [1 + n % top for n in range(case.scaled(30000))] + [os.getpid()]
        text = '\n'.join(map(str, keys))
        generations = set()
        for _ in range(5):
            got = call(case, 'apps-lookup', '--stdin', '--max-request-bytes', 1024, '--growth-ceiling-bytes', 1024, stdin=text).json()
            assert [i['pid'] for i in got['items']] == keys
            assert got['items'][0] == got['items'][-1] and got['items'][0]['status'] == 0, got['items'][0]
            generations.add(got['generation'])
        assert len(generations) == 1, generations
    finally:
        os.killpg(churn.pid, signal.SIGKILL)
        churn.wait()


def trees(case):
    """Made trees with the cgroup file of one process, by name of the layout."""
    unit = '/system.slice/cron.service'
    v2, v1, hybrid = (case.folder + name for name in ('/v2', '/v1', '/hybrid'))
    make_v2(v2)
    put(f'{v1}/systemd/tasks')
    put(f'{v1}/systemd{unit}/tasks')
    put(f'{v1}/cpu,cpuacct/tasks')
    put(f'{hybrid}/unified/cgroup.procs')
    put(f'{hybrid}/systemd/cgroup.procs')
    for half in ('unified', 'systemd'):
        os.makedirs(f'{hybrid}/{half}{unit}')
    return ((v2, f'0::{unit}\n'), (v1, f'4:cpu,cpuacct:/other\n1:name=systemd:{unit}\n'), (hybrid, f'1:name=systemd:/other\n0::{unit}\n'))


@over('uds', 'shm')
def test_one_path_in_the_three_services_on_v1_v2_and_hybrid(case):
    """The answer of apps-lookup is a key of cgroups-lookup, and the path of the snapshot."""
    for n, (root, text) in enumerate(trees(case)):
        proc = f'{case.folder}/proc{n}'
        make_process(proc, 42, cgroup=text)
        running = [case.serve(kind, '--service', kind, '--cgroup-root', root, '--proc-root', proc)
                   for kind in ('apps-lookup', 'cgroups-lookup', 'cgroups-snapshot')]
        app = case.pipc('call', 'apps-lookup', 42, '--json').json()['items'][0]
        path = app['cgroup_path']
        assert (path, app['cgroup_status'], app['orchestrator']) == ('/system.slice/cron.service', 0, 1), app
        item = case.pipc('call', 'cgroups-lookup', path, '--json').json()['items'][0]
        assert (item['status'], item['path'], item['name'], item['orchestrator']) == (0, path, app['cgroup_name'], app['orchestrator']), item
        seen = case.pipc('call', 'cgroups-snapshot', '--json').json()['items']
        assert (path, item['name']) in [(i['path'], i['name']) for i in seen], seen
        everything = case.pipc('call', 'cgroups-lookup', '--all', '--cgroup-root', root, '--json').json()['items']
        assert {i['status'] for i in everything} == {0} and path in [i['path'] for i in everything], everything
        for server in running:
            assert case.stop(server) == 0


def test_each_status_of_a_cgroup_has_its_cause(case):
    make_v2(case.folder + '/cg')
    docker = f'/system.slice/docker-{CONTAINER}.scope'
    for pid, text in enumerate((f'0::{docker}\n', '0::/\n', '0::/late.slice\n', '0::/old.slice (deleted)\n', '0::/../outside\n', '1:cpu:/x\n'), 1):
        make_process(case.folder + '/proc', pid, cgroup=text)
    serve_made(case, 'apps-lookup', '--interval', 3600000)
    got = items(case, 'apps-lookup', *range(1, 7))
    assert [(i['cgroup_status'], i['cgroup_path'], i['orchestrator'], i['cgroup_name']) for i in got] == [
        (0, docker, 2, 'docker_0123456789ab'), (3, '', 0, ''), (1, '/late.slice', 0, ''), (2, '/old.slice', 0, ''), (2, '/../outside', 0, ''),
        (1, '', 0, '')], got


@over('uds', 'shm')
def test_labels_are_those_of_path_and_runtime_in_both_lookups(case):
    make_v2(case.folder + '/cg')
    path, proc = f'/system.slice/docker-{CONTAINER}.scope', case.folder + '/host/proc'
    make_process(proc, 7, cgroup=f'0::{path}\n')
    make_process(proc, 8, cgroup='0::/system.slice/cron.service\n')
    put(f'{case.folder}/host/var/lib/docker/containers/{CONTAINER}/config.v2.json',
        json.dumps({'Name': '/web', 'Config': {'Image': 'app:1', 'Labels': {'team': 'é"\n', 'huge': 'x' * 5000, 'container_id': 'mine', 'n': 5}}}))
    for kind in ('apps-lookup', 'cgroups-lookup'):
        case.serve(kind, '--service', kind, '--cgroup-root', case.folder + '/cg', '--proc-root', proc)
    wanted = {'container_id': CONTAINER, 'systemd_slice': 'system.slice', 'image': 'app:1', 'team': 'é"\n'}
    apps = case.pipc('call', 'apps-lookup', 7, 8, 7, '--json').json()['items']
    cgroups = case.pipc('call', 'cgroups-lookup', path, '/system.slice/cron.service', '--json').json()['items']
    for item in (apps[0], apps[2], cgroups[0]):
        assert {l['key']: l['value'] for l in item['labels']} == wanted and item['label_count'] == 4, item
    for item in (apps[1], cgroups[1]):
        assert {l['key']: l['value'] for l in item['labels']} == {'systemd_slice': 'system.slice', 'systemd_unit': 'cron.service'}, item
    assert apps[0]['cgroup_name'] == cgroups[0]['name'] == 'docker_web', apps


def test_sighup_makes_live_lookups_look_at_once(case):
    make_v2(case.folder + '/cg')
    make_process(case.folder + '/proc', 1, cgroup='0::/late.slice\n')
    server = serve_made(case, 'cgroups-lookup', '--interval', 3600000)
    first = call(case, 'cgroups-lookup', '/late.slice').json()
    os.mkdir(case.folder + '/cg/late.slice')
    server.send_signal(signal.SIGHUP)
    got = case.until(lambda: (lambda g: g if g['items'][0]['status'] == 0 else None)(call(case, 'cgroups-lookup', '/late.slice').json()),
                     what='the new cgroup')
    assert first['items'][0]['status'] == 1 and got['generation'] == first['generation'], (first, got)
    assert case.stop(server) == 0


def test_key_of_a_lookup_is_never_opened(case):
    """Keys that would lead to files, were they opened below the root, are what no cgroup can be."""
    make_v2(case.folder + '/cg')
    os.makedirs(case.folder + '/proc')
    put(case.folder + '/outside/cgroup.procs')
    fifo = case.folder + '/cg/fifo'
    os.mkfifo(fifo)
    serve_made(case, 'cgroups-lookup')
    keys = ['/../outside', 'a.slice', '/a.slice/', '//a.slice', '/./a.slice', '/a.slice/..', '/' + 'x' * 300, '/fifo', '/a.slice']
    assert [i['status'] for i in items(case, 'cgroups-lookup', *keys)] == [2] * 7 + [1, 0]


def test_roots_that_cannot_be_read_are_named(case):
    make_v2(case.folder + '/cg')
    done = case.pipc('serve', 'apps-lookup', '--cgroup-root', case.folder + '/cg', '--proc-root', case.folder + '/nosuch')
    assert done.code == 1 and 'nosuch' in done.err, str(done)
    done = case.pipc('call', 'apps-lookup', '--all', '--proc-root', case.folder + '/nosuch')
    assert done.code == 1 and 'nosuch' in done.err, str(done)
    done = case.pipc('call', 'cgroups-lookup', '--all', '--cgroup-root', case.folder + '/nosuch')
    assert done.code == 1 and 'nosuch' in done.err, str(done)


def test_lack_of_descriptors_fails_and_hides_no_process(case):
    """A process that cannot be opened for want of descriptors is not UNKNOWN: the call fails and says so."""
    server = case.serve('apps-lookup', '--service', 'svc', '--live', '--interval', 3600000)
    session = 1
    limit = len(os.listdir(f'/proc/{server.pid}/fd')) + session
    subprocess.run(['prlimit', f'--pid={server.pid}', f'--nofile={limit}:'], check=True)
    done = call(case, 'apps-lookup', 1)
    assert done.code == 1 and 'items' not in done.json(), str(done)
