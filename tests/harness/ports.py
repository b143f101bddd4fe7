# SPDX-License-Identifier: Apache-2.0
"""The suite `ports`: unit programs on the systems that are promised and that this machine is not: musl, and aarch64 under qemu."""
import os
import shutil
import tempfile
import time

import faults
import suites
from build import Build

# port: what runs its programs, and what they need beside them
PORTS = {'musl': ((), ()), 'aarch64': (('qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'), ('unit_files',))}
PROGRAM_SECONDS = 1800


def left_out_of(root, port):
    """{program or suite.case: reason} of tests/unit/ports.txt."""
    with open(os.path.join(root, 'tests', 'unit', 'ports.txt'), encoding='utf-8') as f:
        lines = [line.strip().split(' ', 1) for line in f if line.strip() and not line.startswith('#')]
    return dict(rest.split(': ', 1) for name, rest in lines if name == port)


def program_on(run, port, program, left_out):
    """Every case that is not left out passes."""
    name = f'{port}/unit/{os.path.basename(program)[5:]}'
    begin, place = time.monotonic(), tempfile.mkdtemp(dir=run.tmp)
    cases = suites.execute([*PORTS[port][0], program, '--list'], run.env)[1].split()
    out = [left_out[case] for case in cases if case in left_out]
    # An emulator and a small stack make everything slower, not wrong.
    env = {**run.env, 'PIPC_TEST_SCALE': '200', 'PIPC_TEST_SLOW': '40'}
    chosen = [case for case in cases if case not in left_out]
    status, output = suites.execute([*PORTS[port][0], program, *chosen], env, PROGRAM_SECONDS, cwd=place)
    passed, failed, skipped, reasons = suites.counts_of(output, status)
    run.report.add(name, passed, failed, skipped + len(out), time.monotonic() - begin, output, reasons + out)
    shutil.rmtree(place, ignore_errors=True)


def ports(run):
    """From builds of their own, of which only the programs are made; in a short run every n-th of them."""
    for port, (_, files) in PORTS.items():
        sources, left_out = faults.unit_sources(run.root), left_out_of(run.root, port)
        unknown = set(left_out) - set(sources) - faults.cases_of(sources)
        run.report.add(f'{port}/what is left out exists', int(not unknown), int(bool(unknown)), 0, 0, f'ports.txt: {sorted(unknown)}')
        names = [name for name in faults.every_nth(run, list(sources)) if name not in left_out]
        build = Build(run.root, port, run.env)
        if not build.make([*files, *('test_' + name for name in names)]):
            run.report.add(f'build/{port}', 0, 1, 0, 0, build.log)
            continue
        run.each(lambda name, port=port, build=build, left_out=left_out: program_on(
            run, port, os.path.join(build.dir, 'tests', 'unit', 'test_' + name), left_out), names)


SUITES = {'ports': ports}
