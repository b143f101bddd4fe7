# SPDX-License-Identifier: Apache-2.0
"""pipc top: processes by container, on a terminal and elsewhere; it outlives its provider."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from cases import over

ENTER, LEAVE = '\x1b[?1049h', '\x1b[?1049l'


def item(pid, name, orchestrator=2, comm='x', **more):
    return {'pid': pid, 'comm': comm, 'orchestrator': orchestrator, 'cgroup_path': '/' + str(name), 'cgroup_name': name, 'starttime': 1,
            'ppid': 1, 'uid': 5, **more}


def made(case, *items, **more):
    """A data file, and a proc directory with the PIDs that are asked for."""
    for i in items:
        os.makedirs(f'{case.folder}/proc/{i["pid"]}', exist_ok=True)
    return case.file('data', json.dumps({'generation': 1, 'default': {'status': 1}, 'items': list(items), **more}))


def serve(case, path):
    return case.serve('apps-lookup', '--service', 'svc', '--data', path)


def words(case, *more):
    return [case.tool, 'top', '--service', 'svc', '--run-dir', case.run_dir, *case.over(), '--proc-root', case.folder + '/proc', *map(str, more)]


def lines_of(case, *more):
    return case.run(words(case, '--json', *more))


TWO = (item(11, 'docker_web'), item(12, 'docker_web/init.scope'), item(13, 'cron.service', 1))


class Terminal:
    """The command on a terminal of its own; `text` is what is on its screen now."""

    def __init__(self, case, *more, rows=20, columns=90, env=None):
        self.case, self.all = case, ''
        self.master, slave = pty.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(words(case, *more), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        env={**os.environ, 'TERM': 'xterm', **(env or {})},
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        case.running.append(self.process)

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                got = os.read(self.master, 65536)
            except OSError:         # the other end is closed
                return
            if not got:
                return
            self.all += got.decode('utf-8')
            seconds = 0

    def screen(self):
        """Lines of the last whole frame."""
        frames = self.all.split('\x1b[H')
        whole = [f for f in frames[1:] if '\x1b[J' in f]
        text = whole[-1].split('\x1b[J')[0] if whole else ''
        return [re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', line) for line in text.split('\r\n')][:-1]

    def until(self, condition, what):
        def look():
            self.read()
            return condition(self.screen())
        try:
            return self.case.until(look, what=what)
        except AssertionError as e:
            raise AssertionError(f'{e}\n{self.screen()}') from e

    def keys(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Its exit code."""
        end = time.monotonic() + 20 * self.case.slow
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        self.read()
        return self.process.poll()

    def close(self):
        os.close(self.slave)
        os.close(self.master)


# ---- not a terminal ----

@over('uds', 'shm')
def test_each_refresh_is_a_line_of_groups(case):
    serve(case, made(case, *TWO, item(14, '', 0, cgroup_status=3, cgroup_path='')))
    os.makedirs(case.folder + '/proc/99')       # one that the provider does not know
    done = lines_of(case, '--count', 2, '--interval', 1)
    lines = done.lines()
    assert done.code == 0 and [l['refresh'] for l in lines] == [1, 2], str(done)
    first = lines[0]
    assert (first['state'], first['stale'], first['error'], first['message'], first['generation']) == ('ready', False, None, None, 1), first
    assert [(g['name'], g['orchestrator'], [p['pid'] for p in g['processes']]) for g in first['groups']] == \
        [('docker_web', 2, [11, 12]), ('(host)', 0, [14]), ('cron.service', 1, [13])], first
    assert first['process_count'] == 4 and first['groups'][0]['process_count'] == 2, first
    assert first['groups'][2]['processes'] == [{'pid': 13, 'ppid': 1, 'uid': 5, 'starttime': 1, 'comm': 'x', 'cgroup_status': 0,
                                                'cgroup_path': '/cron.service'}], first


def test_units_of_systemd_and_plain_cgroups_keep_their_whole_names(case):
    serve(case, made(case, item(1, 'user@1.service/a', 1), item(2, 'user@1.service/b', 1), item(3, 'x/y', 0), item(4, '', 0, cgroup_status=1, cgroup_path='/late'),
                     item(5, '', 0, cgroup_status=1, cgroup_path='')))
    (line,) = lines_of(case, '--once').lines()
    assert sorted(g['name'] for g in line['groups']) == ['(unknown)', '/late', 'user@1.service/a', 'user@1.service/b', 'x/y'], line


def test_once_prints_a_table_without_escapes(case):
    serve(case, made(case, *TWO, item(4000000000, 'docker_web', uid=4294967295, comm='\x1b[2J\x7f é')))
    done = case.run(words(case, '--once'))
    lines = done.out.splitlines()
    assert done.code == 0 and '\x1b' not in done.out and done.err == '', str(done)
    assert lines[0] == f'4 processes in 2 groups, refresh 1, over {case.transports}', lines
    assert lines[1].split() == ['PID', 'PARENT', 'USER', 'AGE', 'COMMAND'], lines
    assert lines[2] == 'docker_web  docker  3 processes' and lines[6] == 'cron.service  systemd  1 process', lines
    assert lines[3].split()[:3] == ['11', '1', '5'] and lines[3].index('x') == lines[1].index('COMMAND'), lines
    assert lines[5].split()[2] == '-' and lines[5].endswith('  \\x1b[2J\\x7f é'), lines


def test_real_processes_are_grouped_by_the_live_provider(case):
    case.serve('apps-lookup', '--service', 'svc', '--live')
    done = case.run([case.tool, 'top', '--service', 'svc', '--run-dir', case.run_dir, *case.over(), '--once', '--json'])
    (line,) = done.lines()
    pids = [p['pid'] for g in line['groups'] for p in g['processes']]
    assert os.getpid() in pids and len(pids) == len(set(pids)) == line['process_count'], str(done)
    for group in line['groups']:
        assert group['process_count'] == len(group['processes']) > 0, group


@over('uds', 'shm')
def test_thousands_of_processes_take_several_exchanges(case):
    count = case.scaled(70000)                  # above the default ceiling of a logical call at full scale
    proc = case.folder + '/proc'
    os.makedirs(proc)
    for pid in range(1, count + 1):
        os.mkdir(f'{proc}/{pid}')
    serve(case, case.file('data', json.dumps({'default': item(0, 'c')})))
    (line,) = lines_of(case, '--once').lines()
    assert [p['pid'] for p in line['groups'][0]['processes']] == list(range(1, count + 1))


@over('uds', 'shm')
def test_last_answer_stays_while_the_provider_is_away(case):
    path = made(case, *TWO)
    server = serve(case, path)
    top = case.start(words(case, '--json', '--interval', 10), ready='')

    def line_where(condition):
        for _ in range(2000):
            line = json.loads(top.stdout.readline())
            if condition(line):
                return line
        raise AssertionError('no such line')
    line_where(lambda l: not l['stale'])
    case.stop(server, signal.SIGKILL)
    stale = line_where(lambda l: l['stale'] and l['state'] == 'not_found')
    assert stale['error'] and stale['message'] and stale['process_count'] == 3, stale
    server = serve(case, made(case, *TWO, item(15, 'docker_db')))
    fresh = line_where(lambda l: not l['stale'] and l['process_count'] == 4)
    assert [g['name'] for g in fresh['groups']] == ['docker_web', 'cron.service', 'docker_db'], fresh
    assert case.stop(server) == 0
    line_where(lambda l: l['stale'])
    assert case.stop(top) == 0


def test_exit_code_of_once_is_that_of_its_cause(case):
    os.makedirs(case.folder + '/proc')
    done = lines_of(case, '--once')
    assert done.code == 3 and done.lines()[0]['stale'] and done.lines()[0]['groups'] == [], str(done)
    done = case.run(words(case, '--count', 2, '--interval', 1))
    assert done.code == 3 and done.out.count('no answer yet: ') == 2, str(done)
    case.serve('apps-lookup', '--service', 'svc', '--token', 1, '--data', case.file('data', '{}'))
    done = case.run(words(case, '--once'))
    assert done.code == 4 and 'tried again in' in done.out, str(done)
    done = case.run([case.tool, 'top', '--once', '--proc-root', case.folder + '/none', '--run-dir', case.run_dir])
    assert done.code == 1 and case.folder + '/none' in done.out, str(done)


def test_provider_that_hangs_is_told_within_the_timeout(case):
    server = serve(case, made(case, *TWO))
    top = case.start(words(case, '--json', '--interval', 1, '--timeout', 300), ready='')
    case.until(lambda: not json.loads(top.stdout.readline())['stale'], what='an answer in time')
    server.send_signal(signal.SIGSTOP)
    try:
        line = case.until(lambda: (lambda l: l if l['stale'] else None)(json.loads(top.stdout.readline())), what='a stale line')
        assert line['error'] == 'timeout' and line['process_count'] == 3, line
        assert case.stop(top) == 0              # a signal ends it in the middle of such a call
    finally:
        server.send_signal(signal.SIGCONT)


def test_usage_errors(case):
    for more, needle in (['apps-lookup'], 'apps-lookup'), (['--once', '--count', '2'], '--once'), (['--count', '0'], '--count'), (['--stdin'], '--stdin'):
        done = case.run([case.tool, 'top', *more])
        assert done.code == 2 and needle in done.err, f'{more}: {done}'


def test_reader_that_goes_ends_it(case):
    serve(case, made(case, *TWO))
    read, write = os.pipe()
    process = subprocess.Popen(words(case, '--interval', 1), stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.read(read, 100)
    os.close(read)
    assert process.wait(20 * case.slow) == 0 and process.stderr.read() == b''
    process.stderr.close()


# ---- a terminal ----

def test_screen_is_redrawn_in_place_and_given_back(case):
    serve(case, made(case, *TWO))
    t = Terminal(case, '--interval', 20)
    t.until(lambda s: s and ' refresh 3, ' in s[0], 'the third refresh')
    assert t.all.startswith(ENTER) and t.screen()[2].startswith('docker_web'), t.screen()
    assert termios.tcgetattr(t.slave)[3] & (termios.ICANON | termios.ECHO) == 0
    t.keys('xq')
    assert t.end() == 0 and t.all.count(ENTER) == 1 and t.all.endswith(LEAVE), t.all[-200:]
    assert termios.tcgetattr(t.slave) == t.before
    t.close()


def test_signal_gives_the_terminal_back(case):
    serve(case, made(case, *TWO))
    for how in (signal.SIGINT, signal.SIGTERM):
        t = Terminal(case, '--interval', 60000)
        t.until(lambda s: s and 'refresh 1' in s[0], 'the first refresh')
        if how == signal.SIGINT:
            t.keys('\x03')                      # the terminal makes the signal
        else:
            t.process.send_signal(how)
        assert t.end() == 0 and t.all.endswith(LEAVE) and termios.tcgetattr(t.slave) == t.before
        t.close()


def test_new_size_is_drawn_at_once(case):
    serve(case, made(case, *(item(100 + n, f'docker_{n // 10:02}', comm='a-long-command') for n in range(50))))
    t = Terminal(case, '--interval', 600000, rows=80)
    screen = t.until(lambda s: len(s) == 57 and s, 'everything')
    assert ' shown' not in '\n'.join(screen)
    t.size(18, 40)
    screen = t.until(lambda s: len(s) == 17 and s, 'a head and two processes of each group')
    assert screen[2] == 'docker_00  docker  10 processes, 2 shown' and max(map(len, screen)) <= 40, screen
    t.size(6, 40)
    screen = t.until(lambda s: len(s) == 5 and s, 'two groups and the rest')
    assert screen[3].startswith('docker_01  docker  10 processes, 0 shown'[:40]) and screen[4] == 'and 3 more groups with 30 processes', screen
    t.size(2, 3)
    t.until(lambda s: s == ['50 '], 'hardly anything')
    t.keys('q')
    assert t.end() == 0
    t.close()


@over('uds', 'shm')
def test_screen_follows_the_provider_through_a_restart(case):
    path = made(case, *TWO)
    server = serve(case, path)
    t = Terminal(case, '--interval', 20, columns=200)
    t.until(lambda s: s and '3 processes' in s[0], 'an answer')
    case.stop(server, signal.SIGKILL)
    screen = t.until(lambda s: s and ' s old: ' in s[0] and s, 'the reason')
    assert screen[2].startswith('docker_web'), screen
    serve(case, made(case, *TWO, item(15, 'docker_db')))
    t.until(lambda s: s and s[0].startswith('4 processes in 3 groups') and 'old' not in s[0], 'the new provider')
    t.keys('q')
    assert t.end() == 0
    t.close()


def test_stopped_command_leaves_the_terminal_and_takes_it_again(case):
    serve(case, made(case, *TWO))
    t = Terminal(case, '--interval', 600000)
    t.until(lambda s: s and 'refresh 1' in s[0], 'the first refresh')
    os.kill(t.process.pid, signal.SIGTSTP)
    case.until(lambda: open(f'/proc/{t.process.pid}/stat').read().rsplit(')', 1)[1].split()[0] == 'T', what='the stop')
    t.read()
    assert t.all.endswith(LEAVE) and termios.tcgetattr(t.slave) == t.before
    os.kill(t.process.pid, signal.SIGCONT)
    t.until(lambda _: t.all.count(ENTER) == 2 and t.all.endswith('\x1b[J'), 'the screen again')
    t.keys('q')
    assert t.end() == 0 and termios.tcgetattr(t.slave) == t.before
    t.close()


def test_dumb_terminal_gets_plain_text(case):
    serve(case, made(case, *TWO))
    t = Terminal(case, '--once', env={'TERM': 'dumb'})
    assert t.end() == 0 and '\x1b' not in t.all and 'docker_web  docker  2 processes' in t.all, t.all
    t.close()
