#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cases in Python: every function test_NAME(case) of tests/<folder>/<file>.py, named <folder>_<file>.NAME.

`case` gives a run directory, runs the command, starts providers and waits for their READY line, and cleans up. Run as
`cases.py FILE FUNCTION FOLDER [TRANSPORTS]` in a process of its own.

A case runs once over each list of data planes in its file's TRANSPORTS, or of its own `@over(...)` (one line above it); without
either once, over sockets. `case.transports` is that list, given to every command and partner that names none."""
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time

SKIPPED = 77
SOCKETS = 'uds'


def over(*_):
    """Marks a case with the lists of data planes that it runs over; `discover` reads it from the text."""
    return lambda function: function


def long(function):
    """Marks a case that waits for many seconds: such start first, so that the others run meanwhile."""
    return function


def discover(folder):
    """[(path, function, name, transports)] of a folder, long ones first; files without cases are helpers."""
    def lists(text):
        return re.findall(r"'([^']+)'", text)
    found = []
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not file.endswith('.py'):
            continue
        path = os.path.join(folder, file)
        text = open(path, encoding='utf-8').read()
        common = re.search(r'^TRANSPORTS = \((.*)\)$', text, re.M)
        common = lists(common.group(1)) if common else [SOCKETS]
        for marks, function in re.findall(r'^((?:@.*\n)*)def (test_\w+)\(case\):', text, re.M):
            name = f'{os.path.basename(folder)}_{file[:-3]}.{function[5:]}'
            own = re.search(r'^@over\((.*)\)$', marks, re.M)
            found += [('@long' not in marks, path, function, name, transports)
                      for transports in (lists(own.group(1)) if own else common)]
    return [case[1:] for case in sorted(found, key=lambda case: case[0])]


class Skip(Exception):
    """Ends a case as skipped, with its reason."""


class Done:
    """A finished command: exit code, standard output and error as text."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __str__(self):
        return f'exit {self.code}\nstdout: {self.out[-2000:]}\nstderr: {self.err[-2000:]}'


class Case:
    def __init__(self, folder, transports=SOCKETS):
        self.folder = folder
        self.transports = transports
        self.shm = transports.startswith('shm')     # the plane of every session of this run
        self.run_dir = os.path.join(folder, 'r')
        os.mkdir(self.run_dir, 0o700)
        self.tool = os.environ['PIPC_TEST_TOOL']
        self.build = os.environ['PIPC_TEST_BUILD']
        self.peer = os.path.join(os.environ['PIPC_PEER'], 'peer.py')
        self.running = []
        self.slow = 8 if self.build.endswith('asan') else 3  # limits of lateness are for idle machines

    # ---- what differs between builds ----

    @property
    def scale(self):
        return int(os.environ.get('PIPC_TEST_SCALE', '20'))

    def scaled(self, count):
        return count if count <= 3 else max(3, count // self.scale)

    def has_loader(self):
        return not self.build.endswith('noloader')

    def is_builtin(self):
        return self.build.endswith(('noloader', 'builtin'))

    # ---- running ----

    def over(self):
        """The options that say which data planes the command may use."""
        return ['--transports', self.transports]

    def pipc(self, *words, stdin=None, timeout=60, env=None, cwd=None, json_out=False):
        """Runs the command with --run-dir of this case, unless one is given."""
        words = [str(w) for w in words]
        if '--run-dir' not in words and words and words[0] in ('serve', 'call', 'watch', 'top', 'doctor', 'bench'):
            words += ['--run-dir', self.run_dir]
        if '--transports' not in words and words and words[0] in ('serve', 'call', 'watch'):
            words += self.over()
        return self.run([self.tool] + words, stdin, timeout, env, cwd)

    def partner_words(self, words):
        """The partner's command with the data planes that existing peers would offer."""
        words = [str(w) for w in words]
        if self.shm and words[0] in ('serve', 'call') and '--profiles' not in words:
            words += ['--profiles', 'shm']
        return [sys.executable, self.peer] + words

    def partner(self, *words, timeout=120, stdin=None):
        """Clients that give up after 100 ms are asked again, because a busy machine may stand still for so long."""
        done = self.run(self.partner_words(words), stdin, timeout)
        for _ in range(2 if 'rust' in words and '--no-retry' not in words else 0):
            if done.code == 6:
                done = self.run(self.partner_words(words), stdin, timeout)
        return done

    def run(self, command, stdin=None, timeout=60, env=None, cwd=None, pass_fds=()):
        data = stdin.encode() if isinstance(stdin, str) else stdin
        process = subprocess.Popen(command, stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd or self.folder,
                                   env={**os.environ, **(env or {})}, pass_fds=pass_fds)
        try:
            out, err = process.communicate(data, timeout * self.slow)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f'not done after {timeout * self.slow} s: {command}\n{out[-500:]}\n{err[-500:]}')
        return Done(process.returncode, out.decode('utf-8', 'surrogateescape'), err.decode('utf-8', 'surrogateescape'))

    def start(self, command, ready='READY', timeout=20, env=None, preexec=None, pass_fds=()):
        """Starts a program and waits for the line that says that clients can connect."""
        err = open(os.path.join(self.folder, f'err{len(self.running)}'), 'w+b')
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err,
                                   cwd=self.folder, env={**os.environ, **(env or {})}, preexec_fn=preexec, pass_fds=pass_fds)
        process.err_path = err.name
        self.running.append(process)
        if ready:
            line = process.stdout.readline().decode()
            assert line.startswith(ready), f'{command}: {line!r}, {open(err.name).read()}'
        return process

    def serve(self, *words, **more):
        words = [str(w) for w in words]
        if '--run-dir' not in words:
            words += ['--run-dir', self.run_dir]
        if '--transports' not in words:
            words += self.over()
        return self.start([self.tool, 'serve'] + words, **more)

    def partner_serve(self, *words, **more):
        return self.start(self.partner_words(('serve', *words)), **more)

    def calling(self, *words, ready='{', **more):
        """Starts `pipc call` and waits for its first line."""
        return self.start([self.tool, 'call', *words, '--run-dir', self.run_dir, *self.over()], ready=ready, **more)

    def stop(self, process, how=signal.SIGTERM, timeout=20):
        """Signals and waits; gives the exit code."""
        if process.poll() is None:
            process.send_signal(how)
        return process.wait(timeout * self.slow)

    def limit(self, seconds):
        """Upper bound of what lasts `seconds` at most on an idle machine; a busy one may stand still for seconds at any point."""
        return seconds * self.slow + 4

    def until(self, condition, limit=20, what='condition'):
        end = time.monotonic() + limit * self.slow
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f'not within {limit * self.slow} s: {what}'
            time.sleep(0.01)

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as f:
            f.write(text.encode() if isinstance(text, str) else text)
        os.chmod(path, mode)
        return path

    def skip(self, reason):
        raise Skip(reason)

    def close(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()


def main(path, function, folder, transports=SOCKETS):
    sys.path[:0] = [os.path.dirname(path), os.path.dirname(os.path.abspath(__file__))]
    spec = importlib.util.spec_from_file_location('cases_under_test', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    case = Case(folder, transports)
    try:
        getattr(module, function)(case)
    except Exception as e:
        if type(e).__name__ == 'Skip':
            print(f'[SKIP] {e}')
            return SKIPPED
        raise
    finally:
        case.close()
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:5]))
