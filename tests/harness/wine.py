# SPDX-License-Identifier: Apache-2.0
"""The Windows suites: programs of a mingw build under Wine.

One prefix of our own for all, made once and kept in the build tree. A server process stays for the whole suite, because one that
leaves with the last program may take the next one with it. What ran while that process died says nothing and is run again; the
output tells. What Wine cannot show: docs/windows.md."""
import functools
import glob
import json
import os
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

GATE = 85.0
# what the gate looks at: the twins and the transports of Windows
FOLDERS = ('core/base/windows', 'core/module/windows', 'transports/np', 'transports/winshm')
# what of a module its defaults leave out
OPTIONS = {'winshm': [('--option', 'planes=busywait')]}
# the data planes of the command, each with what configures it
PLANES = {'np': '', 'winshm': '', 'winshm-busywait': 'planes = busywait'}
PREFIX_SECONDS = 300
STARTS = 3
CONFORMANCE_SECONDS = 300


class Server:
    """The server process of Wine, a child of ours, so that its death is seen."""

    def __init__(self, env):
        self.env, self.process, self.watcher, self.wanted, self.lock = env, None, None, False, threading.Lock()

    def wineserver(self, word):
        subprocess.run(['wineserver', word], env=self.env, stdin=subprocess.DEVNULL, check=False)

    def start(self):
        for _ in range(STARTS):
            # One that another program of Wine has started, the maker of the prefix for example, leaves with the last program, and
            # beside it no other starts.
            self.stop()
            self.wanted = True
            self.process = subprocess.Popen(['wineserver', '-f', '-p'], env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            self.watcher = threading.Thread(target=self.watch, args=(self.process,), daemon=True)
            self.watcher.start()
            # The first program starts services of Wine, which hold its output open as long as they live: one without output.
            first = subprocess.run(['wine', 'cmd', '/c', 'exit'], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, check=False)
            if first.returncode == 0 and self.lives():
                return
        raise RuntimeError(f'the server of Wine did not start {STARTS} times')

    def watch(self, process):
        """Programs whose server is gone wait for it for ever: they are ended."""
        process.wait()
        if not self.wanted:
            return
        mine = b'WINEPREFIX=' + os.fsencode(self.env['WINEPREFIX'])
        for path in glob.glob('/proc/[0-9]*/environ'):
            try:
                with open(path, 'rb') as f:
                    if mine in f.read().split(b'\0'):
                        os.kill(int(path.split('/')[2]), signal.SIGKILL)
            except OSError:
                pass    # of somebody else, or gone

    def lives(self):
        return self.process.poll() is None

    def stop(self):
        self.wanted = False
        self.wineserver('-k')
        self.wineserver('-w')
        if self.watcher:
            self.watcher.join()

    def during(self, work):
        """What `work` gives, done again when the server died meanwhile; and a word about that."""
        said = ''
        for left in reversed(range(STARTS)):
            process = self.process
            result = work()
            with self.lock:
                if process is self.process and self.lives():
                    return result, said
                if not left:
                    return result, said
                if not self.lives():
                    self.start()
            said = 'the server of Wine died meanwhile: run again\n'
            print(said, end='', flush=True)


@contextmanager
def wine(run):
    """The environment of programs and the server, which lives as long as the suite."""
    env = dict(run.env)
    env['WINEPREFIX'] = os.path.join(run.root, 'build', 'wine')
    env['WINEDEBUG'] = '-all'
    env.pop('PIPC_TEST_TMP', None)  # run directories are Windows' own temporary ones
    env.pop('DISPLAY', None)
    if env.get('PIPC_VECTORS'):
        env['PIPC_VECTORS'] = 'Z:' + env['PIPC_VECTORS']
    if not os.path.exists(os.path.join(env['WINEPREFIX'], 'system.reg')):
        subprocess.run(['wineboot', '-i'], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=PREFIX_SECONDS, check=False)
    server = Server(env)
    try:
        server.start()
        yield env, server
    finally:
        server.stop()


def unit(run):
    """Every test program."""
    from suites import counts_of, execute

    def one(program):
        name = os.path.basename(program)[5:-4]
        begin = time.monotonic()
        (status, output), said = server.during(lambda: execute(['wine', program], env, cwd=run.build.dir))
        output = said + output.replace('\r', '')
        passed, failed, skipped, reasons = counts_of(output, status)
        run.report.add(f'{run.build.name}/wine/{name}', passed, failed, skipped, time.monotonic() - begin, output, reasons)
    programs = sorted(glob.glob(os.path.join(run.build.dir, 'tests', 'unit', 'test_*.exe')))
    with wine(run) as (env, server):
        run.each(one, [p for p in programs if run.wanted(os.path.basename(p)[5:-4])])


def tool(run):
    return run.build.tool() + '.exe'


def conformance(run):
    """The kit judges every module, as a file or built in, with its defaults and with the options of OPTIONS; each case is one line."""
    from suites import execute

    def one(name, options=()):
        module = os.path.join(run.build.dir, 'modules', name + '.dll')
        which = ['--module', 'Z:' + module] if os.path.exists(module) else ['--builtin', name]
        begin = time.monotonic()
        (status, output), said = server.during(lambda: execute(['wine', tool(run), 'conformance', *which, *options], env,
                                                               CONFORMANCE_SECONDS, cwd=run.build.dir))
        output = said + output.replace('\r', '')
        skips = re.findall(r'^ok .*# SKIP (.*)$', output, re.M)
        good, bad = len(re.findall(r'^ok ', output, re.M)) - len(skips), len(re.findall(r'^not ok ', output, re.M))
        if not good or (status != 0 and not bad):
            bad += 1
        title = '-'.join([name] + [o.split('=')[1] for o in options[1::2]])
        run.report.add(f'{run.build.name}/wine-conformance/{title}', good, bad, len(skips), time.monotonic() - begin, output, skips)
    names = [os.path.basename(f) for folder in ('transports', 'codecs') for f in sorted(glob.glob(os.path.join(run.root, folder, '*')))
             if os.path.exists(os.path.join(f, 'module.c'))]
    with wine(run) as (env, server):
        listed = execute(['wine', tool(run), 'info', '--json'], env, cwd=run.build.dir)[1]
        # One after the other: the server of Wine was seen to crash under two of them.
        for name in (n for n in names if f'"{n}"' in listed and run.wanted(n)):
            one(name)
            for options in OPTIONS.get(name, ()):
                one(name, options)


class Command:
    """pipc.exe serving and calling, over one data plane: a transport, and a line of configuration for it."""

    def __init__(self, run, env, plane, line):
        self.run, self.env, self.servers = run, env, []
        self.transports = plane.partition('-')[0]
        self.run_dir = f'C:\\pipc-test\\{plane}'
        path = os.path.join(run.tmp, plane + '.ini')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'[transport.{self.transports}]\n{line}\n' if line else '')
        self.config = 'Z:' + path

    def call(self, *words, expect=0, feed=None):
        done = subprocess.run(['wine', tool(self.run), *words], env=self.env, input=feed, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, cwd=self.run.build.dir, check=False)
        assert done.returncode == expect, f'{words}: exit {done.returncode}: {done.stderr.decode(errors="replace")}'
        return done.stdout.decode().replace('\r', '')

    def over(self, *more):
        return ['--config', self.config, '--run-dir', self.run_dir, '--transports', self.transports, *more]

    def serve(self, kind, *more):
        server = subprocess.Popen(['wine', tool(self.run), 'serve', kind, *self.over(*more)], env=self.env, stdout=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, cwd=self.run.build.dir)
        self.servers.append(server)
        line = server.stdout.readline().decode()
        assert line.startswith('READY '), line
        return server

    def close(self):
        for server in self.servers:
            server.kill()
            server.wait()


def command_steps(c):
    c.serve('increment')
    assert json.loads(c.call('call', 'increment', '41', *c.over('--json'))) == {'value': 42}
    # one listener per name: a second server is refused
    c.call('serve', 'increment', *c.over(), expect=8)
    path = os.path.join(c.run.tmp, 'items.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump({'systemd_enabled': 1, 'generation': 3,
                   'items': [{'hash': 1, 'options': 0, 'enabled': 1, 'name': 'one', 'path': '/one'}]}, f)
    first = c.serve('cgroups-snapshot', '--data', 'Z:' + path)
    seen = json.loads(c.call('watch', 'cgroups-snapshot', *c.over('--json', '--count', '1')).splitlines()[0])
    assert [i['name'] for i in seen['items']] == ['one'] and seen['generation'] == 3, seen
    # a server that is killed is gone at once, and its name is free
    first.kill()
    first.wait()
    c.call('call', 'cgroups-snapshot', *c.over('--timeout', '2000'), expect=3)
    c.serve('cgroups-snapshot', '--data', 'Z:' + path)
    c.serve('apps-lookup')
    answer = json.loads(c.call('call', 'apps-lookup', '--all', *c.over('--json')))
    names = {i['comm'] for i in answer['items']}
    assert 'pipc' in names and all(i['starttime'] == 0 for i in answer['items']), answer
    message = c.call('encode', 'increment_req', '--hex', feed=b'{"value":7}')
    assert json.loads(c.call('decode', 'increment_req', '--hex', '--json', feed=message.encode())) == {'value': 7}, message
    rows = c.call('bench', 'ping-pong', '--json', '--duration', '0.2', '--rounds', '3', '--config', c.config, '--transports', c.transports)
    assert '"throughput"' in rows, rows


def installed(run, env):
    """What was installed finds its modules wherever it was put, and nothing has to say where."""
    prefix = os.path.join(run.tmp, 'moved')
    place = subprocess.run(['cmake', '--install', run.build.dir, '--prefix', prefix], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False)
    assert place.returncode == 0, place.stdout.decode(errors='replace')
    done = subprocess.run(['wine', os.path.join(prefix, 'bin', 'pipc.exe'), 'info', '--json'], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, cwd=run.tmp, check=False)
    assert done.returncode == 0, f'exit {done.returncode}: {done.stderr.decode(errors="replace")}'
    said = json.loads(done.stdout)
    found = {m['name']: m for m in said['modules']}
    assert {'np', 'winshm', 'increment', 'cgroups_snapshot'} <= set(found), said
    if not found['np']['builtin']:
        assert said['module_dir'] == ('Z:' + prefix + '/bin/pipc').replace('/', '\\'), said['module_dir']
        assert all(m['loaded'] for m in found.values()), said


def over_plane(run, env, plane):
    c = Command(run, env, plane, PLANES[plane])
    try:
        command_steps(c)
    finally:
        c.close()


def command(run):
    """The command end to end over each data plane: serve, call, watch, decode, encode, bench; and as it is installed."""
    def complaint(steps):
        try:
            steps()
        except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            return f'{type(e).__name__}: {e}'
        return ''
    with wine(run) as (env, server):
        steps = {'installed': lambda: installed(run, env),
                 **{plane: functools.partial(over_plane, run, env, plane) for plane in PLANES}}
        for name in (n for n in steps if run.wanted(n)):
            begin = time.monotonic()
            output, said = server.during(functools.partial(complaint, steps[name]))
            run.report.add(f'{run.build.name}/wine-command/{name}', int(not output), int(bool(output)), 0, time.monotonic() - begin,
                           said + output)


def excluded(path):
    """Numbers of the lines that a comment takes out, as for lcov."""
    found, inside = set(), False
    for n, line in enumerate(open(path, encoding='utf-8'), 1):
        inside = inside or 'LCOV_EXCL_START' in line
        if inside or 'LCOV_EXCL_LINE' in line:
            found.add(n)
        inside = inside and 'LCOV_EXCL_STOP' not in line
    return found


def lines_run(run, folder):
    """{file: {line: times}} of the objects of a folder; lcov cannot read what the gcov of this compiler writes."""
    files = {}
    for path, _, names in os.walk(run.build.dir):
        for data in (os.path.join(path, n) for n in names if n.endswith('.gcno')):
            done = subprocess.run(['x86_64-w64-mingw32-gcov', '--json-format', '--stdout', data], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, cwd=path, check=False)
            for text in done.stdout.splitlines():
                report = json.loads(text)
                for file in report['files']:
                    full = os.path.normpath(os.path.join(report['current_working_directory'], file['file']))
                    name = os.path.relpath(full, run.root)
                    if not name.startswith(folder + '/'):
                        continue
                    counts = files.setdefault(name, {})
                    for line in file['lines']:
                        n = line['line_number']
                        counts[n] = counts.get(n, 0) + line['count']
    return {name: {n: c for n, c in counts.items() if n not in excluded(os.path.join(run.root, name))}
            for name, counts in files.items()}


def gate(run):
    """Line coverage of the twins and the transports of Windows by what ran before in this build."""
    begin, text, good = time.monotonic(), [], True
    for folder in FOLDERS:
        files = lines_run(run, folder)
        rows = [(sum(1 for c in counts.values() if c), len(counts), name) for name, counts in files.items() if counts]
        hit, found = sum(r[0] for r in rows), sum(r[1] for r in rows)
        percent = 100 * hit / found if found else 0
        good = good and percent >= GATE
        text.append(f'{percent:6.1f} %  {hit}/{found}  {folder}, gate {GATE:.0f} %')
        text += [f'          {100 * h / f:6.1f} %  {h}/{f}  {name}' for h, f, name in sorted(rows) if h / f < GATE / 100]
    print('\n'.join(text), flush=True)
    run.report.add(f'{run.build.name}/wine-gate', int(good), int(not good), 0, time.monotonic() - begin, '\n'.join(text))


SUITES = {'wine': unit, 'wine-conformance': conformance, 'wine-command': command, 'wine-gate': gate}
