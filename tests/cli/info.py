# SPDX-License-Identifier: Apache-2.0
"""pipc info: every module with file, ABI, traits, bits or code and options; broken ones with stage and reason."""
import os
import shutil


def by_name(done):
    return {m['name']: m for m in done.json()['modules']}


def test_every_module_is_shown_with_what_it_is(case):
    done = case.pipc('info', '--json')
    assert done.code == 0, str(done)
    modules = by_name(done)
    assert set(modules) >= {'uds', 'increment', 'string_reverse', 'cgroups_snapshot'}, modules.keys()
    uds = modules['uds']
    assert uds['kind'] == 'transport' and uds['abi'] == '1.0' and uds['profile_bits'] == 1 and uds['loaded'], uds
    assert {'baseline', 'wait-handle', 'peer-credentials', 'adopt'} <= set(uds['traits']), uds
    assert {o['key'] for o in uds['options']} == {'mode', 'group', 'allow_uid', 'allow_gid', 'backlog', 'packet_size', 'spin'}, uds
    assert [modules[k]['method'] for k in ('increment', 'cgroups_snapshot', 'string_reverse')] == [1, 2, 3]
    assert 'snapshot' in modules['cgroups_snapshot']['traits'] and 'batch' in modules['increment']['traits']
    for m in modules.values():
        assert m['builtin'] == case.is_builtin() and (m['file'] is None) == case.is_builtin(), m
        assert m['stage'] == 'ready' and m['reason'] == '', m


def test_text_names_file_abi_and_options(case):
    out = case.pipc('info', 'uds').out
    for needle in ('uds: transport', 'ABI 1.0', 'profile bits 0x01', 'option mode', 'option spin', 'built in' if case.is_builtin() else 'uds.so'):
        assert needle in out, out
    out = case.pipc('info', 'cgroups-snapshot').out
    assert 'method code 2' in out and 'usual service cgroups-snapshot' in out, out


def test_name_that_is_not_there_gives_an_exit_code(case):
    done = case.pipc('info', 'nosuch')
    assert done.code == 2 and 'nosuch' in done.err, str(done)


def directory(case):
    if not case.has_loader():
        case.skip('no loader in this build')
    folder = os.path.join(case.folder, 'modules')
    os.mkdir(folder, 0o755)
    good = os.path.join(case.build, 'modules')
    for name in os.listdir(good) if os.path.isdir(good) else []:
        shutil.copy(os.path.join(good, name), folder)
    return folder


def test_broken_module_is_shown_with_stage_and_reason(case):
    folder = directory(case)
    with open(os.path.join(folder, 'broken.so'), 'w') as f:
        f.write('text')
    modules = by_name(case.pipc('info', '--json', '--module-dir', folder))
    broken = modules['broken']
    assert not broken['loaded'] and broken['stage'] == 'open' and broken['result'] == 'module_open' and 'broken.so' in broken['reason'], broken
    text = case.pipc('info', '--module-dir', folder).out
    assert 'FAILED at stage open' in text and 'broken.so' in text, text


def test_info_works_where_the_default_transport_is_broken(case):
    folder = directory(case)
    if case.is_builtin():
        case.skip('modules are built in here: none can be broken')
    with open(os.path.join(folder, 'uds.so'), 'r+b') as f:
        f.truncate(2000)
    done = case.pipc('info', '--json', '--module-dir', folder)
    uds = by_name(done)['uds']
    assert done.code == 0 and not uds['loaded'] and uds['stage'] == 'open' and uds['reason'], uds
    assert by_name(done)['increment']['loaded']
    assert case.pipc('decode', 'increment_req', '--hex', '--module-dir', folder, stdin='0100000000000000').code == 0


def test_writable_directory_and_symlink_are_refused_with_their_name(case):
    folder = directory(case)
    if case.is_builtin():
        case.skip('modules are built in here: nothing is loaded from a directory')
    os.chmod(folder, 0o777)
    done = case.pipc('call', 'increment', 1, '--module-dir', folder)
    assert done.code == 2 and folder in done.err, str(done)
    os.chmod(folder, 0o755)
    os.rename(os.path.join(folder, 'uds.so'), os.path.join(folder, 'real'))
    os.symlink('real', os.path.join(folder, 'uds.so'))
    done = case.pipc('call', 'increment', 1, '--module-dir', folder)
    assert done.code == 2 and 'uds.so' in done.err, str(done)


def test_check_judges_a_file_without_using_it(case):
    folder = directory(case)
    if case.is_builtin():
        case.skip('modules are built in here: there is no file to judge')
    done = case.pipc('info', '--check', os.path.join(folder, 'uds.so'), '--json')
    assert done.code == 0 and done.json()['name'] == 'uds' and done.json()['abi'] == '1.0', str(done)
    assert case.pipc('info', '--check', 'modules/uds.so', cwd=case.folder).code == 0
    with open(os.path.join(folder, 'cut.so'), 'wb') as f:
        f.write(open(os.path.join(folder, 'uds.so'), 'rb').read()[:3000])
    done = case.pipc('info', '--check', os.path.join(folder, 'cut.so'))
    assert done.code == 2 and 'cut.so' in done.err, str(done)


def test_paths_with_dots_and_slashes_that_say_nothing_are_taken_as_what_they_are(case):
    folder = directory(case)
    if case.is_builtin():
        case.skip('modules are built in here: there is no file to judge')
    os.mkdir(os.path.join(folder, 'below'))
    below = os.path.join(folder, 'below')
    for path, where in (('./uds.so', folder), ('.//./uds.so', folder), ('../uds.so', below), ('.././/../modules/uds.so', below),
                        (folder + '//uds.so', below), (folder + '/./uds.so', below)):
        done = case.pipc('info', '--check', path, '--json', cwd=where)
        assert done.code == 0 and done.json()['file'] == os.path.join(folder, 'uds.so'), f'{path}: {done}'
        done = case.pipc('conformance', '--module', path, '--list', cwd=where)
        assert done.code == 0 and 'T-TRAITS' in done.out, f'{path}: {done}'
    for path, where in (('.', folder), ('./', folder), ('..', below), (folder + '/', below), (folder + '//', below), ('modules/', case.folder)):
        done = case.pipc('info', 'uds', '--json', '--module-dir', path, cwd=where)
        assert done.code == 0 and done.json()['module_dir'] == folder and by_name(done)['uds']['loaded'], f'{path}: {done}'
    config = case.file('c.ini', f'[pipc]\nmodule_dir = {folder}/\n')
    done = case.pipc('info', 'uds', '--json', '--config', config)
    assert done.code == 0 and done.json()['module_dir'] == folder, str(done)


def test_parent_behind_a_name_may_lead_elsewhere_and_is_refused(case):
    folder = directory(case)
    if case.is_builtin():
        case.skip('modules are built in here: there is no file to judge')
    for path in ('x/../uds.so', './x/../uds.so', folder + '/../modules/uds.so'):
        done = case.pipc('info', '--check', path, cwd=folder)
        assert done.code == 2 and '".."' in done.err, f'{path}: {done}'
    done = case.pipc('info', '--module-dir', '')
    assert done.code == 2 and '--module-dir' in done.err, str(done)


def test_explain_says_what_would_be_used_and_why(case):
    done = case.pipc('info', '--explain', '--json', '--service', 'svc', '--transports', '-nosuch,uds', '--run-dir', case.run_dir)
    got = done.json()
    assert done.code == 0 and got['carrier'] == 'uds' and got['run_dir'] == case.run_dir, str(done)
    assert [p['transport'] for p in got['transports']] == ['nosuch', 'uds'], got
    assert got['transports'][0]['bits'] == 0 and 'nosuch' in got['transports'][0]['why'], got
    assert got['supported'] == 1 and got['transports'][1]['bits'] == 1, got


def test_mandatory_module_that_is_missing_is_an_error_that_lists_what_is_there(case):
    done = case.pipc('call', 'increment', 1, '--transports', 'nosuch,uds')
    assert done.code == 2 and 'nosuch' in done.err and 'uds' in done.err, str(done)


def test_kind_that_no_module_has_lists_what_is_there(case):
    for words in (('call', 'nosuch', 1), ('serve', 'nosuch'), ('watch', 'nosuch')):
        done = case.pipc(*words)
        assert done.code == 2 and 'nosuch' in done.err and '; available: ' in done.err and 'increment' in done.err, str(done)
        assert 'uds' not in done.err.split('; available: ')[1], str(done)


def test_list_of_what_is_there_outlives_a_long_module_directory(case):
    folder = directory(case)
    if case.is_builtin():
        case.skip('modules are built in here: none is missing')
    long = os.path.join(folder, 'a' * 200)
    os.mkdir(long, 0o755)
    for name in os.listdir(folder):
        if name.endswith('.so') and name != 'shm.so':
            os.rename(os.path.join(folder, name), os.path.join(long, name))
    config = case.file('c.ini', '[pipc]\ntransports = shm, uds\n')
    done = case.run([case.tool, 'call', 'increment', '1', '--config', config, '--module-dir', long, '--run-dir', case.run_dir])
    assert done.code == 2 and '/shm.so: there is no such file; available: uds, ' in done.err, str(done)


def test_build_without_a_loader_says_so(case):
    if case.has_loader():
        case.skip('this build has a loader')
    done = case.pipc('call', 'increment', 1, '--transports', 'nosuch')
    assert done.code == 2 and 'dynamic loading is not built in' in done.err, str(done)


def test_no_loader_symbol_is_referenced_without_a_loader(case):
    if case.has_loader():
        case.skip('this build has a loader')
    done = case.run(['nm', os.path.join(case.build, 'core', 'libpipc.a')])
    assert ' dlopen' not in done.out and ' dlsym' not in done.out and ' pipc_open' in done.out


def test_environment_does_not_choose_modules(case):
    folder = directory(case)
    env = {name: folder for name in ('LD_LIBRARY_PATH', 'PIPC_MODULE_DIR', 'PIPC_MODULES', 'PIPC_PATH', 'PIPC_PLUGIN_PATH', 'PATH')}
    env['PATH'] = folder + ':' + os.environ['PATH']
    done = case.pipc('info', '--json', env=env)
    assert done.code == 0 and done.json()['module_dir'] != folder, str(done)


def test_version_is_three_numbers(case):
    got = case.run([case.tool, '--version', '--json']).json()
    assert got['wire'] == 1 and got['transport_abi'] == '1.0' and got['version'].count('.') == 2, got
    assert case.run([case.tool, '--version']).out.startswith('pipc ')
