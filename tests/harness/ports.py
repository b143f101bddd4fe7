# SPDX-License-Identifier: Apache-2.0
"""The suite `ports`: unit programs on the systems that are promised and that this machine is not: musl, and aarch64 under qemu."""
import os

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


def programs_on(port, run, names, left_out, folder):
    """Programs that are left out are told with their reason; of the others every case that is not left out passes."""
    def one(name):
        if name in left_out:
            run.report.add(f'{port}/unit/{name}', 0, 0, 1, 0, '', [left_out[name]])
            return
        program = os.path.join(folder, 'test_' + name)
        cases = suites.execute([*PORTS[port][0], program, '--list'], run.env)[1].split()
        faults.run_by(PORTS[port][0], run, f'{port}/unit/{name}', program, cases, left_out, PROGRAM_SECONDS)
    run.each(one, names)


def ports(run):
    """From builds of their own, of which only the programs are made; in a short run every n-th of them."""
    for port, (_, files) in PORTS.items():
        sources, left_out = faults.unit_sources(run.root), left_out_of(run.root, port)
        unknown = set(left_out) - set(sources) - faults.cases_of(sources)
        run.report.add(f'{port}/what is left out exists', int(not unknown), int(bool(unknown)), 0, 0, f'ports.txt: {sorted(unknown)}')
        names = faults.every_nth(run, list(sources))
        build = Build(run.root, port, run.env)
        if build.make([*files, *('test_' + name for name in names)]):
            programs_on(port, run, names, left_out, os.path.join(build.dir, 'tests', 'unit'))
        else:
            run.report.add(f'build/{port}', 0, 1, 0, 0, build.log)


SUITES = {'ports': ports}
