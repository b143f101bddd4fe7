# SPDX-License-Identifier: Apache-2.0
"""What an installation consists of, and that it works from where it lies."""
import glob
import os
import re
import shutil
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def prefix():
    return os.environ['PIPC_TEST_PREFIX']


def done(result):
    assert result.code == 0, str(result)
    return result


def files(folder):
    return {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}


def test_every_public_header_is_installed_and_nothing_private(case):
    there = {f for f in files(prefix()) if f.startswith('include/')}
    public = set()
    for dir in glob.glob(SOURCE + '/*/*/include') + glob.glob(SOURCE + '/core/include'):
        public |= {'include/' + f for f in files(dir)}
    assert there <= public, there - public
    windows = {'include/pipc/transports/np.h', 'include/pipc/transports/winshm.h'}  # of modules that this system has not
    missing = {f for f in public - there - windows if not case.build.endswith('noloader')}
    assert not missing, missing


def test_library_has_a_versioned_name_and_links(case):
    if not case.has_loader():
        case.skip('this build has no shared library')
    lib = prefix() + '/lib'
    said = done(case.run(['readelf', '-d', lib + '/libpipc.so'])).out
    assert 'Library soname: [libpipc.so.0]' in said, said
    assert not re.search(r'R(UN)?PATH', said), said
    assert os.readlink(lib + '/libpipc.so') == 'libpipc.so.0'
    assert os.readlink(lib + '/libpipc.so.0') == 'libpipc.so.0.1.0'


def test_pkg_config_tells_flags_version_and_module_directory(case):
    env = {'PKG_CONFIG_PATH': prefix() + '/lib/pkgconfig'}

    def ask(*words):
        return done(case.run(['pkg-config', *words, 'pipc'], env=env)).out.strip()
    assert ask('--modversion') == '0.1.0'
    assert ask('--variable=moduledir') == prefix() + '/lib/pipc'
    assert ask('--cflags') == f'-I{prefix()}/include'
    assert ask('--libs').startswith(f'-L{prefix()}/lib -lpipc'), ask('--libs')


def test_installed_command_finds_library_and_modules_wherever_they_were_put(case):
    moved = case.folder + '/moved'
    shutil.copytree(prefix(), moved, symlinks=True)
    said = done(case.run([moved + '/bin/pipc', 'info', '--json'])).json()
    if case.has_loader():
        assert said['module_dir'] == moved + '/lib/pipc', said['module_dir']
    names = {m['name'] for m in said['modules']}
    assert {'uds', 'increment', 'cgroups_snapshot'} <= names, names
    server = case.start([moved + '/bin/pipc', 'serve', 'increment', '--run-dir', case.run_dir])
    assert done(case.run([prefix() + '/bin/pipc', 'call', 'increment', '41', '--run-dir', case.run_dir, '--json'])).json()
    assert case.stop(server) == 0


def test_library_that_was_opened_by_a_link_finds_the_modules_beside_the_file(case):
    if not case.has_loader():
        case.skip('this build has no shared library')
    os.mkdir(case.folder + '/links')
    os.symlink(prefix() + '/lib/libpipc.so.0', case.folder + '/links/libpipc.so.0')
    said = done(case.run([prefix() + '/bin/pipc', 'info', '--json'], env={'LD_LIBRARY_PATH': case.folder + '/links'})).json()
    if not case.is_builtin():
        assert said['module_dir'] == prefix() + '/lib/pipc', said['module_dir']


def test_library_with_a_relative_name_takes_the_compiled_in_directory(case):
    if not case.has_loader():
        case.skip('this build has no shared library')
    shutil.copytree(prefix(), case.folder + '/t', symlinks=True)
    # Without its own search path the command takes the library from where the variable says: from here.
    said = done(case.run(['t/bin/pipc', 'info', '--json'], env={'LD_LIBRARY_PATH': 't/lib'})).json()
    assert not said['module_dir'].startswith(case.folder), said['module_dir']


def test_uninstall_removes_what_was_installed_and_nothing_else(case):
    build, place = case.folder + '/b', case.folder + '/p'
    os.mkdir(build)
    os.makedirs(place + '/lib/pipc')
    open(place + '/lib/pipc/third_party.so', 'w', encoding='utf-8').close()
    # A copy of the two files that the target works with, so that the manifest of the build tree stays as it is.
    text = open(case.build + '/uninstall.cmake', encoding='utf-8').read()
    open(build + '/uninstall.cmake', 'w', encoding='utf-8').write(text.replace(case.build, build))
    shutil.copytree(prefix(), place, symlinks=True, dirs_exist_ok=True)
    manifest = sorted(place + '/' + f for f in files(prefix()))
    open(build + '/install_manifest.txt', 'w', encoding='utf-8').write('\n'.join(manifest))
    done(case.run(['cmake', '-P', build + '/uninstall.cmake']))
    assert files(place) == {'lib/pipc/third_party.so'}, files(place)
    assert not os.path.exists(place + '/include/pipc')
    assert case.run(['cmake', '-P', build + '/uninstall.cmake']).code != 0


def test_packages_hold_the_installation_each_file_once(case):
    if 'PIPC_TEST_DEBS' not in os.environ:
        case.skip('packages are made of the release build')
    owners = {}
    for deb in glob.glob(os.environ['PIPC_TEST_DEBS'] + '/*.deb'):
        name = os.path.basename(deb).split('_')[0]
        listing = subprocess.run(['dpkg-deb', '-c', deb], stdout=subprocess.PIPE, text=True, check=True).stdout
        for line in listing.splitlines():
            path = line.split(None, 5)[5].split(' -> ')[0]
            assert line.split()[1] == 'root/root', line
            assert line[0] == 'l' or (line[5] != 'w' and line[8] != 'w'), line
            if not path.endswith('/'):
                owners.setdefault(path[len('./usr/'):], []).append(name)
    assert all(len(names) == 1 for names in owners.values()), owners
    assert set(owners) == files(prefix()), set(owners) ^ files(prefix())

    def who(pattern):
        return {n for path, names in owners.items() if re.search(pattern, path) for n in names}
    assert who(r'^include/|\.a$|\.pc$|\.cmake$|libpipc\.so$') == {'libpipc-dev'}
    assert who(r'^lib/pipc/') == {'pipc-modules'}
    assert who(r'libpipc\.so\.') == {'libpipc0'}
    assert who(r'^bin/') == {'pipc'}


def test_package_metadata_names_what_is_needed(case):
    if 'PIPC_TEST_DEBS' not in os.environ:
        case.skip('packages are made of the release build')
    fields = {}
    for deb in glob.glob(os.environ['PIPC_TEST_DEBS'] + '/*.deb'):
        said = subprocess.run(['dpkg-deb', '-f', deb, 'Package', 'Depends', 'Version'], stdout=subprocess.PIPE, text=True, check=True)
        fields.update({re.search('Package: (.*)', said.stdout).group(1): said.stdout})
    assert set(fields) == {'libpipc0', 'libpipc-dev', 'pipc-modules', 'pipc'}
    assert 'libc6' in fields['libpipc0'] and 'json' not in fields['libpipc0'], fields['libpipc0']
    assert 'libpipc0 (= 0.1.0)' in fields['libpipc-dev']
    assert re.search(r'libpipc0\b', fields['pipc-modules'])
    assert 'libjson-c5' in fields['pipc'] and 'pipc-modules' in fields['pipc']
