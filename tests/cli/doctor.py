# SPDX-License-Identifier: Apache-2.0
"""pipc doctor: what it finds, what it advises, and that cleaning takes what is dead and nothing else."""
import os
import re
import signal
import socket
import struct

TOKEN = 0x5a5a1234abcd


def look(case, *words):
    words = words or ('increment',)
    if '--transports' not in words:
        words = (*words, '--transports', 'uds')
    return case.pipc('doctor', *words, '--json')


def finding(report, check, verdict):
    return ' '.join(c['finding'] for c in report['checks'] if c['check'] == check and c['verdict'] == verdict)


def has_shm(case):
    if not any(m['name'] == 'shm' for m in case.pipc('info', '--json').json()['modules']):
        case.skip('this build has no shared memory')


def region(case, name, pid, generation=7, magic=0x4e53484d):
    """A file that looks like a region with that owner."""
    path = os.path.join(case.run_dir, name)
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiI', magic, 3, 64, pid, generation) + bytes(4096))
    return path


def dead_pid():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_service_that_answers_is_shown_with_what_was_agreed(case):
    server = case.serve('increment')
    done = look(case)
    report = done.json()
    assert done.code == 0 and report['state'] == 'ready' and report['result'] == 'ok', str(done)
    assert report['owner_pid'] == server.pid and report['transport'] == 'uds' and report['selected_profile'] == '0x01', report
    assert report['max_request_bytes'] == 1024 and report['packet_size'] > 33 and report['passed_over'] is None, report
    assert report['files'] == [{'file': 'increment.sock', 'state': 'alive', 'owner_pid': server.pid, 'why': ''}], report
    assert not [c for c in report['checks'] if c['verdict'] != 'ok'], report
    text = case.pipc('doctor', 'increment', '--transports', 'uds').out
    assert 'state: ready' in text and re.search(r'^session +ok +over uds$', text, re.M) and 'null' not in text, text


def test_service_that_is_not_there_is_told_with_an_advice(case):
    done = look(case)
    assert done.code == 3 and done.json()['state'] == 'not_found', str(done)
    assert 'no server has made this endpoint' in finding(done.json(), 'session', 'bad'), str(done)
    assert 'increment.sock: not there' in finding(done.json(), 'endpoint', 'note'), str(done)


def test_dead_endpoint_is_told_and_cleaned(case):
    server = case.serve('increment')
    case.stop(server, signal.SIGKILL)
    done = look(case)
    assert done.code == 3 and 'nobody listens' in finding(done.json(), 'endpoint', 'bad'), str(done)
    assert 'left over from a server that is gone' in finding(done.json(), 'session', 'bad'), str(done)
    done = look(case, 'increment', '--clean')
    assert done.code == 0 and done.json()['removed'] == [{'removed': 'increment.sock'}], str(done)
    assert os.listdir(case.run_dir) == []
    done = look(case, 'increment', '--clean')
    assert done.code == 0 and done.json()['removed'] == [], str(done)


def test_wrong_token_is_told_by_fingerprint_alone(case):
    case.serve('increment', '--token', '1')
    token = case.file('token', f'{TOKEN}\n')
    done = look(case, 'increment', '--token-file', token)
    assert done.code == 4 and 'another token' in finding(done.json(), 'session', 'bad'), str(done)
    assert re.fullmatch('[0-9a-f]{16}', done.json()['token_fingerprint']), str(done)
    for said in (done.out, done.err, case.pipc('doctor', 'increment', '--token', TOKEN, '--verbose').out):
        assert str(TOKEN) not in said and f'{TOKEN:x}' not in said, said


def test_no_plane_in_common_is_told(case):
    has_shm(case)
    case.serve('increment', '--transports', 'uds')
    done = look(case, 'increment', '--transports', 'shm')
    assert done.code == 5 and 'compare both lists' in finding(done.json(), 'session', 'bad'), str(done)
    assert done.json()['supported'] == '0x02', str(done)


def test_plane_that_was_passed_over_is_told_with_its_reason(case):
    has_shm(case)
    case.serve('increment', '--transports', 'uds')
    done = look(case, 'increment', '--transports', 'shm,uds')
    report = done.json()
    assert done.code == 0 and report['passed_over'] == 'shm' and report['passed_over_why'], str(done)
    assert 'over uds in place of shm: ' in finding(report, 'session', 'note'), str(done)


def test_broken_module_is_told_with_its_stage(case):
    if not case.has_loader():
        case.skip('no loader in this build')
    text = case.file('broken.so', 'text')
    config = case.file('c.conf', f'[pipc]\ntransports = -broken, uds\n[transport.broken]\nfile = {text}\n')
    case.serve('increment')
    done = case.pipc('doctor', 'increment', '--config', config, '--json')
    report = done.json()
    assert done.code == 0 and 'broken failed at stage open' in finding(report, 'modules', 'note'), str(done)
    assert 'broken is not offered' in finding(report, 'transports', 'note'), str(done)
    config = case.file('c.conf', f'[pipc]\ntransports = broken, uds\n[transport.broken]\nfile = {text}\n')
    done = case.pipc('doctor', 'increment', '--config', config, '--json')
    assert done.code == 2 and 'broken.so' in finding(done.json(), 'modules', 'bad'), str(done)


def test_silent_server_is_told_after_the_timeout(case):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.bind(os.path.join(case.run_dir, 'increment.sock'))
        s.listen(4)
        done = look(case, 'increment', '--timeout', 300 * case.slow)
    assert done.code == 6 and 'does not answer' in finding(done.json(), 'session', 'bad'), str(done)
    assert done.json()['owner_pid'] == os.getpid(), str(done)


def test_run_directories_that_cannot_serve_are_told(case):
    for path, needle in ((case.folder + '/none', 'No such file'), (case.file('file', ''), 'is no directory')):
        done = look(case, 'increment', '--run-dir', path)
        assert done.code != 0 and needle in finding(done.json(), 'run_dir', 'bad'), str(done)
    os.chmod(case.run_dir, 0o777)
    done = look(case)
    assert 'others can replace' in finding(done.json(), 'run_dir', 'note'), str(done)


def test_clean_removes_dead_regions_and_nothing_else(case):
    has_shm(case)
    dead = dead_pid()
    ours = [region(case, 'increment-0000000000000001.ipcshm', dead), region(case, 'increment-0000000000000002.ipcshm', os.getpid(), 0),
            region(case, 'increment-0000000000000003.ipcshm', os.getpid(), magic=1), os.path.join(case.run_dir, 'increment-x.ipcshm'),
            os.path.join(case.run_dir, 'increment-link.ipcshm')]
    os.mkdir(ours[3])
    target = case.file('target', 'kept')
    os.symlink(target, ours[4])
    kept = [region(case, 'increment-0000000000000004.ipcshm', os.getpid()), region(case, 'other-0000000000000001.ipcshm', dead),
            region(case, 'increment-x-0000000000000001.ipcshm', dead), region(case, 'increment-0000000000000001.tmp', dead), target]
    report = look(case, 'increment', '--transports', 'shm,uds').json()
    states = {f['file']: (f['state'], f['why']) for f in report['files']}
    assert {os.path.basename(p) for p in ours + kept[:1]} == set(states), states
    assert all(states[os.path.basename(p)][0] == 'dead' for p in ours) and states[os.path.basename(kept[0])][0] == 'alive', states
    assert states['increment-0000000000000001.ipcshm'][1] == 'its owner is gone', states
    assert finding(report, 'regions', 'note') == '5 left by servers that are gone', report
    assert all(os.path.lexists(p) for p in ours + kept), 'a look has removed something'
    done = look(case, 'increment', '--transports', 'shm,uds', '--clean')
    assert done.code == 0 and {r['removed'] for r in done.json()['removed']} == {os.path.basename(p) for p in ours}, str(done)
    assert not any(os.path.lexists(p) for p in ours) and all(os.path.lexists(p) for p in kept), os.listdir(case.run_dir)


def test_clean_leaves_everything_of_a_live_server(case):
    server = case.serve('increment')
    left = region(case, 'increment-0000000000000001.ipcshm', dead_pid())
    done = look(case, 'increment', '--clean')
    assert done.code == 1 and 'a live server owns the endpoint' in finding(done.json(), 'clean', 'note'), str(done)
    assert os.path.exists(left) and done.json()['removed'] == [], str(done)
    assert case.pipc('call', 'increment', '41').code == 0
    assert case.stop(server) == 0


def test_clean_says_what_it_could_not_remove(case):
    path = os.path.join(case.run_dir, 'increment-x.ipcshm')
    os.mkdir(path)
    open(path + '/content', 'w').close()
    done = look(case, 'increment', '--clean')
    assert done.code == 1 and 'increment-x.ipcshm: is left' in finding(done.json(), 'clean', 'bad'), str(done)


def test_every_service_of_the_directory_is_looked_at(case):
    done = case.pipc('doctor', '--transports', 'uds')
    assert done.code == 3 and 'no service has a file there' in done.err, str(done)
    case.serve('increment')
    case.serve('string-reverse')
    region(case, 'gone-0000000000000001.ipcshm', dead_pid())
    done = case.pipc('doctor', '--transports', 'uds', '--json')
    reports = {r['service']: r for r in done.lines()}
    assert done.code == 3 and set(reports) == {'increment', 'string-reverse', 'gone'}, str(done)
    assert reports['increment']['state'] == reports['string-reverse']['state'] == 'ready', str(done)
    done = case.pipc('doctor', 'increment', 'word')
    assert done.code == 2 and 'at most one kind' in done.err, str(done)
