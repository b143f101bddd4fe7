# SPDX-License-Identifier: Apache-2.0
"""The suites: what each runs and how its output becomes counts."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

import cases
import coverage
import models
import packaging
import wine

PROGRAM_SECONDS = 900
FUZZ_SECONDS = 3    # the search itself is fuzz/campaign; here the targets and the corpus must still work together
# States that clang's analyzer follows in a function; its own bound, 225000, makes nine tenths of the time of clang-tidy. Even with
# 10000 no block of the functions that need most is left out: more states are more ways to the same blocks. A full run follows them.
TIDY_STATES = 30000


class Run:
    """A suite in a build: where, with what environment, and who collects."""

    def __init__(self, root, build, env, scale, parts, args, report, slots):
        self.root, self.build, self.env, self.args, self.report = root, build, env, args, report
        self.scale, self.parts, self.slots = scale, parts, slots
        self.tail = threading.Event()   # everything of it has started at least
        self.env['PIPC_TEST_SCALE'] = str(scale)
        # Upper bounds of time are for idle machines; a run has several programs at a time and may share its CPUs.
        self.env.setdefault('PIPC_TEST_SLOW', '10' if build.name in ('asan', 'tsan') else '5')
        self.env['PIPC_TEST_TOOL'] = build.tool()
        self.env['PIPC_TEST_BUILD'] = build.dir
        self.tmp = self.env['PIPC_TEST_TMP']

    def wanted(self, name):
        return self.args.only in name and (not self.parts or any(part in name for part in self.parts))

    def each(self, work, items, at_once=1):
        """`at_once`: programs to a CPU. What computes takes one; what mostly waits for other processes and for deadlines, more."""
        self.slots.each(work, items, at_once, self.tail)


def execute(command, env, seconds=PROGRAM_SECONDS, cwd=None):
    """(exit status, output); a program that takes too long is killed with its children."""
    process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return -9, output + f'\nnot done after {seconds} s'


def sanitizer_env(run, folder):
    """Reports go to files: Criterion ignores the exit status of a test's process."""
    log = os.path.join(folder, 'report')
    env = dict(run.env)
    env['ASAN_OPTIONS'] = f'log_path={log}:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1'
    env['UBSAN_OPTIONS'] = f'log_path={log}:print_stacktrace=1'
    env['LSAN_OPTIONS'] = f'suppressions={run.root}/tests/harness/lsan.supp:print_suppressions=0'
    env['TSAN_OPTIONS'] = f'log_path={log}:halt_on_error=0:second_deadlock_stack=1'
    return env


def reports_in(folder):
    return ''.join(open(f, encoding='utf-8', errors='replace').read() for f in glob.glob(folder + '/report*'))


def counts_of(output, status):
    """(passed, failed, skipped, reasons) of a test program of either runner."""
    reasons = [m.group(2) for m in re.finditer(r'^\[SKIP\] ([\w.]+): (.*)$', output, re.M)]
    criterion = re.search(r'Synthesis: Tested: .*?(\d+).*? \| Passing: .*?(\d+).*? \| Failing: .*?(\d+).*? \| Crashing: .*?(\d+)',
                          re.sub(r'\x1b\[[0-9;]*m', '', output))
    plain = re.findall(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', output, re.M)
    if criterion:
        passed, failed = int(criterion.group(2)), int(criterion.group(3))
        skipped = len(reasons)
    elif plain:
        passed, failed, skipped = map(int, plain[-1])
    else:
        return 0, 1, 0, []
    if status != 0 and not failed:
        failed = 1
    return passed, failed, skipped, reasons


def over_transports(root):
    """Names of the unit programs whose sessions run over the list of PIPC_TEST_TRANSPORTS: those that use test_transports() and its
    kin (tests/unit/support/transports.h) themselves or through a fixture, and bring no upgrade of their own."""
    folder = os.path.join(root, 'tests', 'unit')

    def text(path):
        with open(path, encoding='utf-8') as f:
            return f.read()

    def included(source):
        return set(re.findall(r'^#include "(\w+\.h)"', source, re.M))
    fixtures, grown = {'transports.h'}, True
    while grown:
        grown = False
        for path in glob.glob(os.path.join(folder, 'support', '*.[ch]')):
            header = os.path.basename(path)[:-2] + '.h'
            if header not in fixtures and included(text(path)) & fixtures:
                fixtures.add(header)
                grown = True
    programs = {os.path.basename(p)[:-2]: text(p) for p in glob.glob(os.path.join(folder, '*.c'))}
    return {name for name, source in programs.items() if included(source) & fixtures and 'session_fast_module' not in source}


def unit(run, transports=None):
    """Every program of tests/unit; with `transports` those that test sessions, over that list."""
    label = 'unit-' + transports if transports else 'unit'
    chosen = over_transports(run.root) if transports else None
    if transports:
        run.env['PIPC_TEST_TRANSPORTS'] = transports

    def one(program):
        name = os.path.basename(program)[5:]
        folder = tempfile.mkdtemp(dir=run.tmp)
        command = [program] + ([] if plain else ['-j1'])
        begin = time.monotonic()
        status, output = execute(command, sanitizer_env(run, folder), cwd=folder)
        passed, failed, skipped, reasons = counts_of(output, status)
        found = reports_in(folder)
        if found:
            failed, output = max(failed, 1), output + '\n' + found
        run.report.add(f'{run.build.name}/{label}/{name}', passed, failed, skipped, time.monotonic() - begin, output, reasons)
        shutil.rmtree(folder, ignore_errors=True)
    plain = run.build.name != 'dev'
    names = {p: os.path.basename(p)[5:] for p in run.build.programs('tests/unit', 'test_')}
    run.each(one, [p for p, name in names.items() if run.wanted(name) and (chosen is None or name in chosen)], 2)


def scripts(run, folder, shm=None):
    """Every case of tests/<folder>/*.py over each of its data planes, each in a process of its own; `shm`: only those with shared
    memory, or without it."""
    found = cases.discover(os.path.join(run.root, 'tests', folder))
    times = Counter(name for _, _, name, _ in found)
    found = [c for c in found if shm is None or ('shm' in c[3]) == shm]

    def one(case):
        path, function, name, transports = case
        if times[name] > 1 or transports != cases.SOCKETS:
            name += f' over {transports}'
        begin = time.monotonic()
        work = tempfile.mkdtemp(dir=run.tmp)
        status, output = execute([sys.executable, os.path.join(run.root, 'tests', 'harness', 'cases.py'), path, function, work,
                                  transports], sanitizer_env(run, work), cwd=work)
        found = reports_in(work)
        reason = re.search(r'^\[SKIP\] (.*)$', output, re.M)
        good = status == 0 and not found
        skipped = int(status == cases.SKIPPED)
        run.report.add(f'{run.build.name}/{name}', int(good), int(not good and not skipped), skipped,
                       time.monotonic() - begin, output + found, [reason.group(1)] if skipped and reason else [])
        shutil.rmtree(work, ignore_errors=True)
    run.each(one, [c for c in found if run.wanted(c[2])], 4)


def checks(run):
    """Every program of tests/checks: exit 0 is good, the output says what is not."""
    def one(path):
        begin = time.monotonic()
        status, output = execute([path], run.env, cwd=run.root)
        run.report.add('checks/' + os.path.basename(path), int(status == 0), int(status != 0), 0,
                       time.monotonic() - begin, output)
    paths = sorted(p for p in glob.glob(os.path.join(run.root, 'tests', 'checks', '*')) if os.access(p, os.X_OK))
    run.each(one, [p for p in paths if run.wanted(os.path.basename(p))])


def tidy(run):
    """clang-tidy over every source of the product, with the flags of this build."""
    commands = json.load(open(os.path.join(run.build.dir, 'compile_commands.json'), encoding='utf-8'))
    product = tuple(os.path.join(run.root, f) + '/' for f in ('core', 'transports', 'codecs', 'snapshot', 'tools'))
    # Tests and fuzz targets compile some of them once more, in ways of their own.
    commands = [c for c in commands if c['file'].startswith(product) and not re.search(r' -o (tests|fuzz)/', c['command'])]
    files = sorted({c['file'] for c in commands})
    database = tempfile.mkdtemp(dir=run.tmp)
    with open(os.path.join(database, 'compile_commands.json'), 'w', encoding='utf-8') as f:
        json.dump(commands, f)
    states = [] if run.args.full else ['-Xclang', '-analyzer-config', '-Xclang', f'max-nodes={TIDY_STATES}']
    extra = [f'--extra-arg={word}' for word in ['-Wno-unknown-warning-option', *states]]

    def one(path):
        begin = time.monotonic()
        status, output = execute(['nice', '-n', '5', 'clang-tidy', '--quiet', '-p', database, *extra, path], run.env, cwd=run.root)
        bad = status != 0 or ' warning: ' in output or ' error: ' in output
        run.report.add('tidy/' + os.path.relpath(path, run.root), int(not bad), int(bad), 0, time.monotonic() - begin, output)
    run.each(one, [f for f in files if run.wanted(f)])


def portability(run):
    """The other systems that the library promises to compile for."""
    begin = time.monotonic()
    status, output = execute([os.path.join(run.root, 'tests', 'harness', 'portability')], run.env, cwd=run.root)
    passed = len(re.findall(r'^\w+: \d+ files$', output, re.M))
    run.report.add('portability', passed, status, 0, time.monotonic() - begin, output)


def controls(run):
    """Deliberate faults: each must be reported by the sanitizer of this build."""
    wanted = {'asan': [('leak', 'detected memory leaks'), ('overflow', 'heap-buffer-overflow'),
                       ('invalid-read', 'heap-use-after-free'), ('undefined', 'runtime error: signed integer overflow')],
              'tsan': [('race', 'ThreadSanitizer: data race')]}[run.build.name]
    for fault, text in wanted:
        folder = tempfile.mkdtemp(dir=run.tmp)
        begin = time.monotonic()
        env = sanitizer_env(run, folder)
        _, output = execute([os.path.join(run.build.dir, 'tests', 'controls', 'control'), fault], env)
        good = text in output + reports_in(folder)
        run.report.add(f'{run.build.name}/controls/{fault}', int(good), int(not good), 0, time.monotonic() - begin,
                       f'the deliberate {fault} was not reported\n{output}')
        shutil.rmtree(folder, ignore_errors=True)


def corpus_of(run, program):
    return os.path.join(run.root, 'fuzz', 'corpus', os.path.basename(program)[5:])


def fuzz_replay(run):
    """Every corpus through its target."""
    def one(program):
        begin, folder, corpus = time.monotonic(), tempfile.mkdtemp(dir=run.tmp), corpus_of(run, program)
        name = os.path.basename(program)
        status, output = execute([program, corpus], sanitizer_env(run, folder))
        replayed = re.search(r'^replayed (\d+)$', output, re.M)
        good = status == 0 and replayed and int(replayed.group(1)) > 0 and not reports_in(folder)
        run.report.add(f'{run.build.name}/fuzz-replay/{name}', int(bool(good)), int(not good), 0, time.monotonic() - begin,
                       output + reports_in(folder))
    run.each(one, [p for p in run.build.programs('fuzz', 'fuzz_') if run.wanted(os.path.basename(p))])


def fuzz_short(run):
    """A few seconds of AFL++ on each target; a crash or a hang is kept and named."""
    def one(program):
        begin, name = time.monotonic(), os.path.basename(program)
        out = os.path.join(tempfile.mkdtemp(dir=run.tmp), 'out')
        env = dict(run.env, AFL_SKIP_CPUFREQ='1', AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES='1', AFL_NO_UI='1',
                   AFL_NO_AFFINITY='1', AFL_BENCH_UNTIL_CRASH='1')
        status, output = execute(['afl-fuzz', '-i', corpus_of(run, program), '-o', out, '-V', str(FUZZ_SECONDS), '-t', '2000',
                                  '--', program], env, FUZZ_SECONDS + 120)
        stats = os.path.join(out, 'default', 'fuzzer_stats')
        text = open(stats).read() if os.path.isfile(stats) else ''
        execs = re.search(r'execs_done\s*: (\d+)', text)
        bad = glob.glob(out + '/default/crashes/id*') + glob.glob(out + '/default/hangs/id*')
        for path in bad:
            output += f'\n{path}: {open(path, "rb").read().hex()[:2000]}'
        good = execs and int(execs.group(1)) > 0 and not bad
        run.report.add(f'fuzz/fuzz-short/{name} ({execs.group(1) if execs else 0} executions)', int(bool(good)), int(not good), 0,
                       time.monotonic() - begin, output)
    run.each(one, [p for p in run.build.programs('fuzz', 'fuzz_') if run.wanted(os.path.basename(p))])


def coverage_gate(run):
    begin = time.monotonic()
    good, text = coverage.gate(run.root, run.build.dir, run.env)
    print(text, flush=True)
    run.report.add('coverage/coverage-gate', int(good), int(not good), 0, time.monotonic() - begin, text)


def install(run):
    """What is installed and packed, and projects that use it."""
    if packaging.prepare(run, execute):
        scripts(run, 'install')


def soak_smoke(run):
    """Some seconds of tests/soak: is it flat, and does the soak itself still run?"""
    begin = time.monotonic()
    status, output = execute([os.path.join(run.root, 'tests', 'soak'), '--minutes', '0.15', '--build', run.build.dir], run.env)
    run.report.add(f'{run.build.name}/soak-smoke', int(status == 0), int(status != 0), 0, time.monotonic() - begin, output)


# These only read sources and compute: they run beside the others, which mostly wait.
BESIDE = ('tidy', 'portability')
# These judge what others left or share something with them: they begin when those before have ended.
ALONE = ('coverage-gate', 'install', *wine.SUITES)
SUITES = {
    'checks': checks,
    'tidy': tidy,
    'portability': portability,
    'controls': controls,
    'unit': unit,
    'unit-shm': lambda run: unit(run, 'shm'),
    'cli': lambda run: scripts(run, 'cli'),
    'interop': lambda run: scripts(run, 'interop', shm=False),
    'interop-shm': lambda run: scripts(run, 'interop', shm=True),
    'fuzz-replay': fuzz_replay,
    'fuzz-short': fuzz_short,
    'coverage-gate': coverage_gate,
    'install': install,
    'abi': lambda run: scripts(run, 'abi'),
    'models': lambda run: models.suite(run, execute),
    'soak-smoke': soak_smoke,
    **wine.SUITES,
}

import faults  # noqa: E402  (it uses what stands above)
import ports  # noqa: E402
SUITES.update({**faults.SUITES, **ports.SUITES})
