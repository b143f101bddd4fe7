# SPDX-License-Identifier: Apache-2.0
"""One search of AFL++: starts it at low priority, measures the CPU time that it takes, reads what it found."""
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, 'build', 'fuzz-asan')
CORPUS = os.path.join(ROOT, 'fuzz', 'corpus')
TICKS = os.sysconf('SC_CLK_TCK')
MEGABYTES = '2000'
TIMEOUT_MS = '2000'
ENV = {'AFL_SKIP_CPUFREQ': '1', 'AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES': '1', 'AFL_NO_UI': '1', 'AFL_NO_AFFINITY': '1',
       'AFL_AUTORESUME': '1', 'AFL_FORKSRV_INIT_TMOUT': '60000', 'AFL_IGNORE_SEED_PROBLEMS': '1'}


# SIGTERM or SIGINT came: the search that runs ends as if its time were over, and is accounted for.
stopped = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stopped.append(1))


class Result:
    """What a search did: counts are those of this search, files those of the whole output folder."""

    def __init__(self, target, out, begin, cpu_seconds):
        self.stats = read_stats(out)
        self.cpu_seconds = cpu_seconds
        self.executions = int(self.stats.get('execs_done', 0)) - begin
        self.edges = int(self.stats.get('edges_found', 0))
        self.edges_total = int(self.stats.get('total_edges', 0))
        self.corpus = int(self.stats.get('corpus_count', 0))
        self.crashes = sorted(glob.glob(f'{out}/default/crashes/id*'))
        self.hangs = [path for path in sorted(glob.glob(f'{out}/default/hangs/id*')) if hangs(target, path)]


def hangs(target, path):
    """AFL++ counts the time of the day, in which a machine with other work may let a target starve: asks again in CPU time."""
    most = int(TIMEOUT_MS) // 1000
    try:
        done = subprocess.run([program(target), path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (most, most)), timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def targets():
    return sorted(os.path.basename(p)[5:-2] for p in glob.glob(os.path.join(ROOT, 'fuzz', 'fuzz_*.c')))


def program(target):
    return os.path.join(BUILD, 'fuzz', 'fuzz_' + target)


def build(names):
    """Brings the programs of these targets up to date; what CMake says is shown only if it fails."""
    steps = [] if os.path.isfile(os.path.join(BUILD, 'build.ninja')) else [['cmake', '--preset', 'fuzz-asan']]
    steps.append(['cmake', '--build', BUILD, '--target', *('fuzz_' + name for name in names)])
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise SystemExit(f'{done.stdout}{" ".join(step)}: failed; tests/run --builds fuzz installs what it needs')


def out_of(target):
    return os.path.join(BUILD, 'out', target)


def seconds(text):
    """"90", "90s", "30m", "1h" in seconds."""
    m = re.fullmatch(r'(\d+)([smh]?)', text)
    if not m:
        raise ValueError(f'{text}: a number of seconds, or one with s, m or h')
    return int(m.group(1)) * {'': 1, 's': 1, 'm': 60, 'h': 3600}[m.group(2)]


def read_stats(out):
    path = f'{out}/default/fuzzer_stats'
    if not os.path.isfile(path):
        return {}
    with open(path, encoding='utf-8') as f:
        return dict(re.match(r'(\w+)\s*: (.*)', line).groups() for line in f if ' : ' in line)


def cpu_of_tree(top):
    """CPU seconds of a process, of all below it and of the children that they waited for. AFL++ puts its fork server into a
    session of its own, so parents are followed."""
    parents, ticks = {}, {}
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, encoding='utf-8', errors='replace') as f:
                fields = f.read().rsplit(')', 1)[1].split()
        except (OSError, IndexError):
            continue
        pid = int(path.split('/')[2])
        parents[pid], ticks[pid] = int(fields[1]), sum(int(n) for n in fields[11:15])

    def below(pid):
        return pid == top or (pid in parents and below(parents[pid]))
    return sum(n for pid, n in ticks.items() if below(pid)) / TICKS


def search(target, cpu_seconds, wall_seconds=None):
    """Searches until so much CPU time is used (or the wall time is over, or a signal ends it); goes on where an earlier search of the folder ended."""
    out = out_of(target)
    os.makedirs(out, exist_ok=True)
    binary = os.path.join(out, 'program')
    shutil.copy2(program(target), binary)
    begin = int(read_stats(out).get('execs_done', 0)) if os.path.isdir(f'{out}/default/queue') else 0
    command = ['nice', '-n', '10', 'afl-fuzz', '-i', os.path.join(CORPUS, target), '-o', out, '-t', TIMEOUT_MS, '-m', 'none',
               '--', binary]
    stop = time.monotonic() + (wall_seconds or cpu_seconds * 10 + 60)
    used = 0.0
    with open(os.path.join(out, 'log'), 'w', encoding='utf-8') as log:
        process = subprocess.Popen(command, env=dict(os.environ, **ENV), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
        try:
            while process.poll() is None and used < cpu_seconds and time.monotonic() < stop and not stopped:
                time.sleep(0.5)
                used = max(used, cpu_of_tree(process.pid))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
    return Result(target, out, begin, used)
