# SPDX-License-Identifier: Apache-2.0
"""Suites of what goes wrong: the n-th call fails (tests/faults), chaos (tests/faults/run), and unit programs under Valgrind."""
import glob
import os
import re
import shutil
import tempfile
import time

import suites
from build import Build

ROUNDS = 200           # of the chaos suite for each transport, divided by the scale
# Operations that wait for pauses and deadlines of the library at many of their points: fewer of these in a short run.
WAITING = ('lost session', 'empty cache', 'server_run', 'stale', 'client_refresh')
VALGRIND_SECONDS = 2400
# Valgrind runs one thread at a time, many times slower. These take minutes: only in a full run.
SLOW_PROGRAMS = ('server_load', 'codec_hostile', 'client_lookup_scale', 'whole_load', 'snapshot_threads')
# Handlers of faults go back to the access (shm_guard), so registers must be right at each. 98: tests of the plain runner fail with 99.
VALGRIND = ('valgrind', '-q', '--error-exitcode=98', '--vex-iropt-register-updates=allregs-at-mem-access', '--leak-check=full',
            '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite')


def faults_nth(run):
    """Every operation, every call that it makes: each group of operations in a program run of its own."""
    program = os.path.join(run.build.dir, 'tests', 'faults', 'faults_nth')
    folder = tempfile.mkdtemp(dir=run.tmp)
    _, listed = suites.execute([program, '--list'], run.env)
    names = [name for name in listed.splitlines() if name and run.wanted('nth ' + name)]
    points = []

    def one(name):
        begin, place = time.monotonic(), tempfile.mkdtemp(dir=folder)
        every = ['--every', str(max(1, run.scale // 4))] if any(part in name for part in WAITING) else []
        status, output = suites.execute([program, '--exactly', name, *every], {**suites.sanitizer_env(run, place), 'PIPC_TEST_TMP': '/tmp'},
                                        cwd=place)
        seen = re.search(r'^visited (\d+) points, (\d+) wrong$', output, re.M)
        found = suites.reports_in(place)
        good = status == 0 and seen and seen.group(2) == '0' and not found
        points.append(int(seen.group(1)) if seen else 0)
        run.report.add(f'{run.build.name}/nth/{name}', int(bool(good)), int(not good), 0, time.monotonic() - begin, output + found)
    begin = time.monotonic()
    run.each(one, names)
    text = f'visited {sum(points)} points of {len(names)} operations'
    print(f'{run.build.name}: {text}', flush=True)
    if not run.args.only:
        good = sum(points) >= 1000
        run.report.add(f'{run.build.name}/nth ({text})', int(good), int(not good), 0, time.monotonic() - begin, text)
    shutil.rmtree(folder, ignore_errors=True)


def chaos_command(run, *words):
    return [os.path.join(run.root, 'tests', 'faults', 'run'), '--build', run.build.dir, *map(str, words)]


def chaos(run):
    """Rounds over each transport with a seed that is printed; and a planted fault, which must be found and found again."""
    def rounds(transport):
        begin, place = time.monotonic(), tempfile.mkdtemp(dir=run.tmp)
        count = max(3, ROUNDS // run.scale)
        status, output = suites.execute(chaos_command(run, '--rounds', count, '--transport', transport),
                                        {**suites.sanitizer_env(run, place), 'PIPC_TEST_TMP': place}, 3600)
        found = suites.reports_in(place)
        reasons = re.findall(r'^\[SKIP\] (.*)$', output, re.M)
        good = status == 0 and re.search(r'^\d+ rounds passed', output, re.M) and not found
        seed = re.search(r'^seed (\d+)', output)
        run.report.add(f'{run.build.name}/chaos/{transport} ({count} rounds, seed {seed.group(1) if seed else "?"})', int(bool(good)),
                       int(not good), len(reasons), time.monotonic() - begin, output + found, reasons)
        shutil.rmtree(place, ignore_errors=True)

    def planted(_):
        begin, words = time.monotonic(), ('--seed', 5, '--only', 'clock_steps', '--rounds', 1)
        env = dict(run.env)
        _, first = suites.execute(chaos_command(run, *words, '--plant', 60), env)
        again = re.search(r'^again: (.*)$', first, re.M)
        status, second = suites.execute(['sh', '-c', f'cd {run.root} && {again.group(1)}' if again else 'false'], env)
        healthy, third = suites.execute(chaos_command(run, *words), env)
        said = [re.search(r'WRONG answer \d+ to \d+', text) for text in (first, second)]
        good = all(said) and said[0].group() == said[1].group() and status == 1 and healthy == 0
        run.report.add(f'{run.build.name}/chaos/planted fault is found and found again', int(bool(good)), int(not good), 0,
                       time.monotonic() - begin, first + second + third)
    run.each(rounds, [t for t in ('uds', 'shm') if run.wanted('chaos/' + t)])
    run.each(planted, [None] if run.wanted('chaos/planted') else [])


def left_out_of_valgrind(root):
    """{program or suite.case: reason} of tests/unit/valgrind.txt."""
    with open(os.path.join(root, 'tests', 'unit', 'valgrind.txt'), encoding='utf-8') as f:
        return dict(line.strip().split(': ', 1) for line in f if line.strip() and not line.startswith('#'))


def run_by(command, run, name, program, cases, left_out, seconds):
    """One unit program, run by a slow command ("{place}" in it is the folder of reports): every case that is not left out passes,
    and nothing is reported."""
    begin, place = time.monotonic(), tempfile.mkdtemp(dir=run.tmp)
    env = {**run.env, 'PIPC_TEST_SCALE': '200', 'PIPC_TEST_SLOW': '40'}
    chosen = [case for case in cases if case not in left_out]
    status, output = suites.execute([*(word.replace('{place}', place) for word in command), program, *chosen], env, seconds, cwd=place)
    passed, failed, skipped, reasons = suites.counts_of(output, status)
    found = suites.reports_in(place)
    if found and not failed:
        failed = 1
    out = [left_out[case] for case in cases if case in left_out]
    run.report.add(name, passed, failed, skipped + len(out), time.monotonic() - begin, output + found, reasons + out)
    shutil.rmtree(place, ignore_errors=True)


def valgrind_controls(run, build):
    """Deliberate faults, which Valgrind must report in the way in which the suite would see it."""
    for fault, text in (('leak', 'definitely lost'), ('overflow', 'Invalid write'), ('invalid-read', 'Invalid read')):
        begin, place = time.monotonic(), tempfile.mkdtemp(dir=run.tmp)
        program = os.path.join(build.dir, 'tests', 'controls', 'control')
        status, output = suites.execute([*VALGRIND, f'--log-file={place}/report.%p', program, fault], run.env, VALGRIND_SECONDS)
        good = status == 98 and text in suites.reports_in(place)
        run.report.add(f'valgrind/controls/{fault}', int(good), int(not good), 0, time.monotonic() - begin,
                       f'the deliberate {fault} was not reported\n{output}')
        shutil.rmtree(place, ignore_errors=True)


def unit_sources(root):
    """{program: its text} of tests/unit."""
    sources = {}
    for path in sorted(glob.glob(os.path.join(root, 'tests', 'unit', '*.c'))):
        with open(path, encoding='utf-8') as f:
            sources[os.path.basename(path)[:-2]] = f.read()
    return sources


def cases_of(sources):
    """{suite.name} of unit_sources."""
    return {f'{suite}.{name}' for text in sources.values() for suite, name in re.findall(r'^TEST\((\w+),\s+(\w+)\)', text, re.M)}


def every_nth(run, names):
    """All in a full run, those of --only, or every n-th, without those that take minutes where they are slow."""
    if run.args.only or run.scale == 1:
        return [name for name in names if run.wanted(name)]
    return [name for name in names if name not in SLOW_PROGRAMS][::run.scale]


def valgrind(run):
    """Unit programs of the plain runner under memcheck, from a build of their own, of which only they are made; in a short run every
    n-th of them."""
    left_out, sources = left_out_of_valgrind(run.root), unit_sources(run.root)
    unknown = set(left_out) - set(sources) - cases_of(sources)
    run.report.add('valgrind/what is left out exists', int(not unknown), int(bool(unknown)), 0, 0, f'valgrind.txt: {sorted(unknown)}')
    names = every_nth(run, list(sources))
    plain = Build(run.root, 'valgrind', run.env)
    if not plain.make(['control', 'unit_files', *('test_' + name for name in names)]):
        run.report.add('build/valgrind', 0, 1, 0, 0, plain.log)
        return
    valgrind_controls(run, plain)

    def one(name):
        program = os.path.join(plain.dir, 'tests', 'unit', 'test_' + name)
        cases = suites.execute([program, '--list'], run.env)[1].split()
        if name in left_out:
            run.report.add(f'valgrind/{name}', 0, 0, len(cases), 0, '', [left_out[name]])
        else:
            run_by((*VALGRIND, '--log-file={place}/report.%p'), run, f'valgrind/{name}', program, cases, left_out, VALGRIND_SECONDS)
    run.each(one, names)


SUITES = {'faults-nth': faults_nth, 'chaos': chaos, 'valgrind': valgrind}
