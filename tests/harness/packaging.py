# SPDX-License-Identifier: Apache-2.0
"""The suite `install`: what the build tree installs and packs is made once, then the cases of tests/install look at it.

PIPC_TEST_PREFIX  tree of cmake --install
PIPC_TEST_EXAMPLES  the examples of docs/examples, built against it
PIPC_TEST_DEBS    folder of .deb files, in builds that are packed
PIPC_TEST_ROOT    those, unpacked into an empty folder"""
import glob
import os
import time

PACKED = ('release',)   # builds whose packages are made


def make(run, execute):
    """[(what, status, output)] of the steps, up to the first that fails."""
    prefix, debs, root = (os.path.join(run.tmp, name) for name in ('prefix', 'debs', 'root'))
    run.env['PIPC_TEST_PREFIX'] = prefix
    yield 'install', *execute(['cmake', '--install', run.build.dir, '--prefix', prefix], run.env)
    # The examples are a project of somebody else, built once for all cases.
    examples = os.path.join(run.tmp, 'examples')
    run.env['PIPC_TEST_EXAMPLES'] = examples
    yield 'examples-configure', *execute(['cmake', '-S', prefix + '/share/doc/pipc/examples', '-B', examples, f'-DCMAKE_PREFIX_PATH={prefix}',
                                          '-DCMAKE_C_FLAGS=-Wall -Wextra -Werror'], run.env)
    yield 'examples', *execute(['cmake', '--build', examples], run.env)
    if run.build.name not in PACKED:
        return
    run.env['PIPC_TEST_DEBS'], run.env['PIPC_TEST_ROOT'] = debs, root
    yield 'pack', *execute(['cpack', '-G', 'DEB', '-B', debs], run.env, cwd=run.build.dir)
    os.mkdir(root)
    for deb in sorted(glob.glob(debs + '/*.deb')):
        yield os.path.basename(deb), *execute(['dpkg-deb', '-x', deb, root], run.env)


def prepare(run, execute):
    """True when everything was made; the report has a line for it."""
    begin = time.monotonic()
    for what, status, output in make(run, execute):
        if status != 0:
            run.report.add(f'{run.build.name}/install/{what}', 0, 1, 0, time.monotonic() - begin, output)
            return False
    run.report.add(f'{run.build.name}/install/made', 1, 0, 0, time.monotonic() - begin)
    return True
