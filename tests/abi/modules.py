# SPDX-License-Identifier: Apache-2.0
"""Modules of other ages: built against the first header set or against one to come, in today's core; and today's modules judged by
the rules of the first core."""
import glob
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import abi  # noqa: E402

MODULES = {'uds': 'transports/uds', 'shm': 'transports/shm', 'increment': 'codecs/increment'}


def done(result):
    assert result.code == 0, str(result)
    return result


def need_loader(case):
    if not case.has_loader() or case.is_builtin():
        case.skip('this build has no module files')


def build(case, include, folder, more=(), sources=None):
    """uds and increment as files, against the header set `include`; their folder."""
    out = os.path.join(case.folder, folder)
    os.makedirs(out, exist_ok=True)
    for name, place in (sources or MODULES).items():
        files = sorted(glob.glob(os.path.join(abi.ROOT, place, '*.c')))
        done(case.run(['cc', '-std=c11', '-D_GNU_SOURCE', '-O1', '-w', '-fPIC', '-shared', '-fvisibility=hidden', '-fno-strict-aliasing',
                       f'-I{include}', *more, *files, '-o', f'{out}/{name}.so', '-Wl,--no-undefined']))
    return out


def future(case):
    """Today's headers with a member more at the end of every struct that may grow, the tables among them, and minors one up."""
    out = os.path.join(case.folder, 'future')
    found = abi.layouts(abi.today(), 'x86_64')
    wanted = {name for name, members in found.items() if abi.grows(members)} - abi.embedded(found)
    for folder in abi.today():
        shutil.copytree(folder, out, dirs_exist_ok=True)
    grown = 0
    for header in abi.headers([out]):
        path = os.path.join(out, header)
        text = open(path, encoding='utf-8').read()
        text, count = re.subn(r'(^struct (pipc_\w+) \{\n(?:(?!^\};).*\n)*?    uint32_t size;(?:(?!^\};).*\n)*)(^\};)',
                              lambda m: f'{m[1]}    void (*future_{m[2]})(void);\n{m[3]}' if m[2] in wanted else m[0], text, flags=re.M)
        text = re.sub(r'(#define PIPC_(?:TRANSPORT_ABI|CODEC_ABI|HOST)_MINOR +)0u', r'\g<1>1u', text)
        grown += count
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
    now = abi.layouts([out], 'x86_64')
    longer = {name for name, members in now.items() if any(m.startswith('future_') for _, _, m in members)}
    assert wanted == longer, wanted ^ longer
    assert grown > 20, grown
    return out


def serves_and_passes(case, modules):
    """A session with these modules on one side and today's on the other, both ways, and the whole conformance kit."""
    for server, client in ((modules, case.build + '/modules'), (case.build + '/modules', modules)):
        run = case.serve('increment', '--module-dir', server)
        said = done(case.pipc('call', 'increment', '41', '--module-dir', client, '--json')).out
        assert '42' in said, said
        assert case.stop(run) == 0
    for name in MODULES:
        said = case.run([case.tool, 'conformance', '--module', f'{modules}/{name}.so', '--module-dir', case.build + '/modules',
                         '--json'], timeout=120)
        results = said.lines()
        failed = [r for r in results if r['result'] == 'failed']
        assert said.code == 0 and len(results) > 10 and not failed, (name, failed, said.err)


def test_modules_of_the_first_header_set_work_in_todays_core(case):
    need_loader(case)
    serves_and_passes(case, build(case, abi.FIRST[0], 'old'))


def test_modules_of_a_longer_header_set_work_in_todays_core_when_they_need_none_of_it(case):
    need_loader(case)
    serves_and_passes(case, build(case, future(case), 'new'))


def test_module_that_needs_a_later_host_is_refused_by_todays_core(case):
    need_loader(case)
    said = case.pipc('info', '--check', case.build + '/tests/modules/host_above.so')
    assert said.code == 2 and re.search(r'needs host minor \d+, this library has 0', said.out + said.err), str(said)


# What options.c has for reading options, which no judge does.
LEFT_OUT = [f'-Wl,--defsym={name}=0' for name in ('pipci_path_is_absolute', 'pipci_setting_fail', 'pipci_arena_alloc',
                                                  'pipci_arena_text', 'pipci_settings_pick')]


def all_modules(case):
    files = sorted(glob.glob(case.build + '/modules/*.so'))
    assert len(files) >= 6, files
    return files


def judged(case, include, core, *files):
    """What a core says of the files by its rules in `core`, built against the header set `include`: {name: sentence}."""
    program = os.path.join(case.folder, 'judge')
    sources = [os.path.join(core, place) for place in ('module/descriptor.c', 'module/descriptor_ops.c', 'module/options.c',
                                                       'module/name.c', 'base/error.c')]
    done(case.run(['cc', '-std=c11', '-D_GNU_SOURCE', '-O1', f'-I{include}', f'-I{core}', os.path.join(abi.HERE, 'judge.c'), *sources,
                   '-o', program, '-ldl', *LEFT_OUT]))
    lines = done(case.run([program, *files])).out.splitlines()
    assert len(lines) == len(files), lines
    return {os.path.basename(f)[:-3]: line for f, line in zip(files, lines)}


def by_the_first_core(case, *files):
    return judged(case, abi.FIRST[0], os.path.join(abi.HERE, 'v1', 'core'), *files)


def test_todays_modules_are_accepted_by_the_rules_of_the_first_core(case):
    need_loader(case)
    said = by_the_first_core(case, *all_modules(case))
    assert all(line == f'{name} accepted' for name, line in said.items()), said


def test_todays_modules_are_accepted_by_todays_rules_with_longer_tables(case):
    need_loader(case)
    said = judged(case, future(case), os.path.join(abi.ROOT, 'core'), *all_modules(case))
    assert all(line == f'{name} accepted' for name, line in said.items()), said


def test_modules_of_a_longer_header_set_are_accepted_by_the_rules_of_the_first_core(case):
    need_loader(case)
    out = build(case, future(case), 'new')
    said = by_the_first_core(case, *(f'{out}/{n}.so' for n in MODULES))
    assert all(line == f'{name} accepted' for name, line in said.items()), said


def test_modules_that_do_not_fit_are_refused_by_the_rules_of_the_first_core(case):
    need_loader(case)
    wanted = {'good_codec': 'accepted', 'file_transport': 'accepted', 'minor_above': 'accepted', 'major_above': 'ABI 2.0, this library has 1.0',
              'major_below': 'ABI 0.', 'host_above': 'needs host minor', 'bad_magic': 'magic is', 'small_size': 'size of the descriptor'}
    said = by_the_first_core(case, *(f'{case.build}/tests/modules/{n}.so' for n in wanted))
    wrong = {n: line for n, line in said.items() if wanted[n] not in line}
    assert not wrong, wrong


def longer_library(case):
    """The library and its modules as they would be if every struct with a size were longer; their folder."""
    tree, build = os.path.join(case.folder, 'tree'), os.path.join(case.folder, 'longer')
    for part in ('core', 'transports', 'codecs', 'snapshot', 'cmake'):
        shutil.copytree(os.path.join(abi.ROOT, part), os.path.join(tree, part))
    shutil.copy(os.path.join(abi.ROOT, 'CMakeLists.txt'), tree)
    longer = future(case)
    for folder in abi.today():
        for header in abi.headers([folder]):
            shutil.copy(os.path.join(longer, header), os.path.join(tree, os.path.relpath(folder, abi.ROOT), header))
    done(case.run(['cmake', '-G', 'Ninja', '-S', tree, '-B', build, '-DCMAKE_BUILD_TYPE=Debug', '-DCMAKE_C_FLAGS=-w -Wno-error', '-DPIPC_TESTS=OFF', '-DPIPC_TOOLS=OFF',
                   '-DPIPC_INSTALL=OFF'], timeout=120))
    done(case.run(['ninja', '-j2', '-C', build], timeout=900))
    return build


def test_todays_programs_and_modules_run_with_a_library_whose_structs_are_longer(case):
    need_loader(case)
    if case.scale > 1:
        case.skip('a library with longer structs is built by tests/run --full')
    build = longer_library(case)
    env = {'LD_LIBRARY_PATH': build + '/core'}
    # The command is a program of today: clients, servers, caches, statuses, sessions, configuration.
    for modules in (case.build + '/modules', build + '/modules'):
        for kind, keys in (('increment', ['41']), ('string_reverse', ['abc']), ('cgroups_snapshot', []), ('cgroups_lookup', ['/'])):
            for plane in ('uds', 'shm'):
                words = ['--module-dir', modules, '--transports', plane]
                server = case.serve(kind, *words, env=env)
                assert build + '/core/libpipc.so' in open(f'/proc/{server.pid}/maps', encoding='utf-8').read()
                said = case.pipc('call', kind, *keys, *words, '--json', env=env)
                assert said.code == 0, f'{kind} over {plane} with {modules}: {said} {open(server.err_path).read()}'
                if kind == 'cgroups_snapshot':
                    watched = case.pipc('watch', kind, '--count', '2', '--interval', '50', *words, '--json', env=env)
                    assert watched.code == 0 and not watched.lines()[-1]['stale'], str(watched)
                assert case.stop(server) == 0
        for name in MODULES:
            said = case.run([case.tool, 'conformance', '--module', f'{modules}/{name}.so', '--module-dir', modules, '--json'], timeout=120,
                            env=env)
            failed = [r for r in said.lines() if r['result'] == 'failed']
            assert said.code == 0 and not failed, (name, failed, said.err)
