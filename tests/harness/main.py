#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the suites of the table in tests/README.md and ends with `N passed, N failed, N skipped`."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback

import suites
from build import Build, Builder
from report import Report
from slots import Slots

ROOM_FOR_RUNS = 2 << 30     # what is installed, packed and fuzzed lies there, too
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read_table(path):
    """{build: {suite: ['whole' | 'quick', parts of names...]}} in the order of the table's columns."""
    lines = [line.strip() for line in open(path, encoding='utf-8')]
    start = next(i for i, line in enumerate(lines) if line.startswith('| suite |'))
    end = next(i for i in range(start, len(lines) + 1) if i == len(lines) or not lines[i].startswith('|'))
    cells = [[c.strip() for c in line.strip('|').split('|')] for line in lines[start:end]]
    header, table = cells[0], {}
    for build in header[1:-1]:
        table[build] = {}
    for row in cells[2:]:
        if row[0] not in suites.SUITES:
            raise SystemExit(f'tests/README.md: unknown suite {row[0]}')
        for build, how in zip(header[1:-1], row[1:-1]):
            if how != '-':
                table[build][row[0]] = how.split()
    return table


def environment(args, tmp):
    env = dict(os.environ)
    env['PIPC_TEST_TMP'] = tmp
    vectors = os.path.join(os.path.dirname(ROOT), 'shared', 'vectors')
    if 'PIPC_VECTORS' not in env and os.path.isdir(vectors):
        env['PIPC_VECTORS'] = vectors
    env.setdefault('PIPC_PEER', os.path.join(ROOT, 'tests', 'interop', 'peer'))
    for name in ('LD_LIBRARY_PATH', 'NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'XDG_RUNTIME_DIR', 'PYTHONDONTWRITEBYTECODE'):
        env.pop(name, None)
    env['PYTHONPYCACHEPREFIX'] = os.path.join(tmp, 'pycache')   # compiled once in a run, and not into the tree
    return env


def has_room(place):
    """Programs can be run there, and all of a run fits."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= ROOM_FOR_RUNS and not found.f_flag & os.ST_NOEXEC


def place_for_runs():
    """Run directories are in memory where there is room: thousands of files cost a fifth there of what they cost on a disk. Regions are
    made only on file systems that can promise their blocks (docs/level1-posix-shm.md 5.1), which that of /tmp may not be."""
    if not os.path.isdir('/dev/shm'):
        return '/tmp'
    kind = subprocess.run(['stat', '-f', '-c', '%T', '/tmp'], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    fit = kind in ('tmpfs', 'ramfs', 'ext2/ext3', 'xfs')
    return '/tmp' if fit and not has_room('/dev/shm') else '/dev/shm'


def arguments():
    parser = argparse.ArgumentParser(prog='tests/run')
    parser.add_argument('--quick', action='store_true', help='checks and unit tests of the dev build, small counts')
    parser.add_argument('--full', action='store_true', help='undivided counts')
    parser.add_argument('--only', default='', help='cases and programs whose name contains this')
    parser.add_argument('--builds', default='', help='these builds alone, with commas')
    parser.add_argument('--suites', default='', help='these suites alone, with commas')
    parser.add_argument('--jobs', type=int, default=max(2, os.cpu_count() or 2), help='programs at a time')
    return parser.parse_args()


class Runner:
    """Runs suites in threads. The next one begins when the last programs of the one before have started."""

    def __init__(self):
        self.running, self.beside = [], []

    def guarded(self, suite, run):
        """What goes wrong with the suite itself is a failure, too."""
        try:
            suites.SUITES[suite](run)
        except Exception:
            run.report.add(f'{run.build.name}/{suite}', 0, 1, 0, 0, traceback.format_exc())
        finally:
            run.tail.set()

    def start(self, suite, run):
        if suite in suites.ALONE:
            self.join(self.running)
        run.report.heading(f'{run.build.name}/{suite}')
        thread = threading.Thread(target=self.guarded, args=(suite, run), daemon=True)
        thread.start()
        if suite in suites.BESIDE:
            self.beside.append(thread)
            return
        self.running.append(thread)
        run.tail.wait()

    @staticmethod
    def join(threads):
        while threads:
            threads.pop().join()

    def end(self):
        self.join(self.running)
        self.join(self.beside)


def main():
    os.umask(0o022)
    args = arguments()
    table = read_table(os.path.join(ROOT, 'tests', 'README.md'))
    scale = int(os.environ.get('PIPC_TEST_SCALE', '1' if args.full else '20'))
    if args.quick:
        table = {'dev': {'checks': ['whole'], 'unit': ['quick'], 'fuzz-replay': ['quick']}}
    if args.builds:
        table = {b: s for b, s in table.items() if b in args.builds.split(',')}
    if args.suites:
        table = {b: {s: h for s, h in row.items() if s in args.suites.split(',')} for b, row in table.items()}
    tmp = tempfile.mkdtemp(prefix='pt', dir=place_for_runs())
    os.chmod(tmp, 0o755)
    env, report = environment(args, tmp), Report()
    runner, slots = Runner(), Slots(args.jobs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f'repetition counts are divided by {scale} (PIPC_TEST_SCALE), in "quick" suites by {max(scale, 200)}')
    if not env.get('PIPC_VECTORS'):
        print('no golden vectors of the specification here: set PIPC_VECTORS')
    builder = Builder([Build(ROOT, name, env) for name, row in table.items() if row])
    try:
        for build in builder.builds:
            if not report.wait_build(build):
                continue
            for suite, (how, *parts) in table[build.name].items():
                parts = [] if args.full else parts
                runner.start(suite, suites.Run(ROOT, build, dict(env), scale if how == 'whole' else max(scale, 200), parts, args,
                                               report, slots if suite not in suites.BESIDE else Slots(args.jobs)))
        runner.end()
    finally:
        builder.end()
        shutil.rmtree(tmp, ignore_errors=True)
    return report.close()


if __name__ == '__main__':
    sys.exit(main())
