# SPDX-License-Identifier: Apache-2.0
"""Projects of strangers, against what was installed: from the packages in an empty folder, in a clean system when one can be made."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = 'gcc,libc6-dev,make,pkg-config,cmake,libjson-c5'


def project(case, *files):
    folder = os.path.join(case.folder, 'project')
    os.mkdir(folder)
    for file in files:
        shutil.copy(os.path.join(HERE, 'stranger', file), folder)
    return folder


def root(case):
    if 'PIPC_TEST_ROOT' not in os.environ:
        case.skip('packages are made of the release build')
    return os.environ['PIPC_TEST_ROOT']


def done(result):
    assert result.code == 0, str(result)
    return result


def ask(case, folder, env, modules):
    server = case.start([folder + '/server', case.run_dir], env=env)
    said = done(case.run([folder + '/client', case.run_dir], env=env)).out
    assert said == f'0.1.0 says 42, modules in {modules}\n', said
    assert case.stop(server) == 0


def test_project_with_pkg_config_builds_and_runs_from_the_packages(case):
    at = root(case) + '/usr'
    folder = project(case, 'client.c', 'server.c', 'Makefile')
    env = {'PKG_CONFIG': 'pkg-config --define-prefix', 'PKG_CONFIG_PATH': at + '/lib/pkgconfig'}
    done(case.run(['make', '-C', folder], env=env))
    ask(case, folder, {'LD_LIBRARY_PATH': at + '/lib'}, at + '/lib/pipc')


def test_project_with_find_package_builds_and_runs_from_the_packages(case):
    at = root(case) + '/usr'
    folder = project(case, 'client.c', 'server.c', 'CMakeLists.txt')
    done(case.run(['cmake', '-S', folder, '-B', folder, f'-DCMAKE_PREFIX_PATH={at}']))
    done(case.run(['cmake', '--build', folder]))
    ask(case, folder, {}, at + '/lib/pipc')


# ---- a clean system ----

def system(case):
    """A folder with a system of this release in it, made once and kept in build/; or the case is skipped with the reason."""
    place = os.path.join(os.path.dirname(case.build), 'clean-system')
    if os.geteuid() != 0:
        case.skip('a clean system needs root (chroot); the packages were tried in an empty folder')
    if os.path.exists(place + '/made'):
        return place
    if case.scale > 1:
        case.skip('a clean system is made by tests/run --full (debootstrap, some minutes, the network) and then kept in build/; '
                  'the packages were tried in an empty folder')
    if not shutil.which('debootstrap'):
        case.skip('no clean system can be made here: debootstrap is not installed')
    shutil.rmtree(place, ignore_errors=True)
    release = next(line.split('=')[1].strip() for line in open('/etc/os-release', encoding='utf-8')
                   if line.startswith('VERSION_CODENAME='))
    made = case.run(['debootstrap', '--variant=minbase', f'--include={PACKAGES}', release, place], timeout=900)
    if made.code != 0:
        case.skip(f'no clean system can be made here: debootstrap: {(made.out + made.err).strip().splitlines()[-1:]}')
    open(place + '/made', 'w', encoding='utf-8').close()
    return place


def inside(case, place, *words):
    return done(case.run(['chroot', place, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C', *words], timeout=300))


def leftovers(place):
    found = subprocess.run(['find', place + '/usr', '-ipath', '*pipc*', '-o', '-ipath', '*pluginipc*'], stdout=subprocess.PIPE,
                           text=True, check=True)
    return found.stdout.split()


def test_packages_serve_both_projects_in_a_clean_system_and_leave_nothing_when_they_are_removed(case):
    root(case)
    place = system(case)
    work = place + '/stranger'
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(os.path.join(HERE, 'stranger'), work + '/make')
    shutil.copytree(os.path.join(HERE, 'stranger'), work + '/cmake')
    os.mkdir(work + '/run', 0o700)
    for file in os.listdir(os.environ['PIPC_TEST_DEBS']):
        if file.endswith('.deb'):
            shutil.copy(os.path.join(os.environ['PIPC_TEST_DEBS'], file), work)
    try:
        inside(case, place, 'sh', '-c', 'dpkg -i /stranger/*.deb')
        assert inside(case, place, 'pipc', '--version').out.startswith('pipc 0.1.0, ')
        inside(case, place, 'make', '-C', '/stranger/make')
        inside(case, place, 'sh', '-c', 'cmake -S /stranger/cmake -B /stranger/cmake && cmake --build /stranger/cmake')
        for kind in ('make', 'cmake'):
            server = case.start(['chroot', place, f'/stranger/{kind}/server', '/stranger/run'])
            said = inside(case, place, f'/stranger/{kind}/client', '/stranger/run').out
            assert said == '0.1.0 says 42, modules in /usr/lib/pipc\n', said
            assert case.stop(server) == 0
    finally:
        case.run(['chroot', place, 'dpkg', '-P', 'pipc', 'libpipc-dev', 'pipc-modules', 'libpipc0'])
    assert not leftovers(place), leftovers(place)
