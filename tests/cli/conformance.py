# SPDX-License-Identifier: Apache-2.0
"""The frame of pipc conformance: what it takes, what it prints, and that one bad case is one failure."""
import json
import os
import re


def first_transport(case):
    for m in case.pipc('info', '--json').json()['modules']:
        if m['kind'] == 'transport' and 'baseline' in m['traits']:
            return ('--builtin', m['name']) if m['builtin'] else ('--module', m['file'])
    raise AssertionError('the build has no baseline')


def broken(case, flaw):
    if not os.path.isdir(os.path.join(case.build, 'tests', 'broken')):
        case.skip('modules with flaws are made in the build dev')
    return os.path.join(case.build, 'tests', 'broken', f'broken_{flaw}.so')


def test_output_is_tap_whose_plan_is_kept(case):
    done = case.pipc('conformance', *first_transport(case), '--only', 'T-TRAITS,T-SEND-WHOLE')
    lines = done.out.splitlines()
    assert done.code == 0 and lines[:2] == ['TAP version 13', '1..2'], str(done)
    assert lines[2].startswith('ok 1 - T-TRAITS ') and lines[3].startswith('ok 2 - T-SEND-WHOLE '), str(done)
    assert len(lines) == 4 and done.err == '', str(done)


def test_json_has_one_object_a_case(case):
    found = case.pipc('conformance', *first_transport(case), '--only', 'T-TRAITS', '--json').lines()
    assert [(r['id'], r['result']) for r in found] == [('T-TRAITS', 'ok')], found


def test_list_names_the_cases_and_runs_none(case):
    how = first_transport(case)
    done = case.pipc('conformance', *how, '--list')
    assert done.code == 0 and re.match(r'T-TRAITS \S.*\n', done.out), str(done)
    names = [line.split()[0] for line in done.out.splitlines()]
    assert len(names) == len(set(names)) > 40, names
    objects = case.pipc('conformance', *how, '--list', '--json').lines()
    assert [o['id'] for o in objects] == names and all(o['title'] for o in objects), objects


def test_wrong_arguments_exit_2_and_name_the_word(case):
    how = first_transport(case)
    for words, needle in (((), '--module'), (('--module', '/a', '--builtin', 'b'), '--module'), ((*how, 'word'), "'word'"),
                          ((*how, '--only', 'T-NOSUCH'), 'T-NOSUCH'), ((*how, '--only', ',T-TRAITS'), "''"),
                          (('--builtin', 'nosuch'), 'nosuch'),
                          ((*how, '--limit', '0'), '--limit')):
        done = case.pipc('conformance', *words)
        assert done.code == 2 and needle in done.err, f'{words}: {done}'


def test_module_that_cannot_be_loaded_exits_2_with_the_sentence_of_the_loader(case):
    text = case.file('text.so', 'no module')
    done = case.pipc('conformance', '--module', text)
    assert done.code == 2 and done.out == '', str(done)
    assert ('text.so' in done.err) if case.has_loader() else ('loading' in done.err), str(done)
    if case.has_loader():
        judged = case.pipc('info', '--check', text)
        assert judged.err == done.err, f'{judged}\n{done}'


def test_module_of_a_file_is_not_taken_for_built_in(case):
    if case.is_builtin():
        case.skip('every module of this build is built in')
    done = case.pipc('conformance', '--builtin', 'increment')
    assert done.code == 2 and '--module' in done.err, str(done)


def test_crash_fails_one_case_and_not_the_run(case):
    done = case.pipc('conformance', '--module', broken(case, 'crash'), '--only', 'T-TRAITS,T-SEND-WHOLE,T-LISTEN-IN-USE')
    assert done.code == 1, str(done)
    assert re.search(r'^ok 1 - T-TRAITS', done.out, re.M) and re.search(r'^not ok 3 - T-SEND-WHOLE', done.out, re.M), str(done)
    assert 'ended by signal 11' in done.out, str(done)


def test_hang_fails_one_case_at_the_time_limit(case):
    words = ('conformance', '--module', broken(case, 'hang'), '--only', 'T-RECV-SCATTER,T-RECV-CUT', '--limit', 2 * case.slow)
    done = case.pipc(*words)
    assert done.code == 1 and re.search(r'^not ok 1 - T-RECV-SCATTER', done.out, re.M), str(done)
    assert re.search(r'^# hangs', done.out, re.M) and re.search(r'^ok 2 - T-RECV-CUT', done.out, re.M), str(done)


def test_nothing_is_left_in_the_directory_of_cases(case):
    done = case.pipc('conformance', *first_transport(case), '--run-dir', case.run_dir, '--only', 'T-STALE,T-LISTENER-CLOSE,T-CLOSE-FORKED')
    assert done.code == 0 and os.listdir(case.run_dir) == [], f'{done}: {os.listdir(case.run_dir)}'
    done = case.pipc('conformance', *first_transport(case), '--run-dir', '/nonexistent', '--only', 'T-TRAITS')
    assert done.code == 1 and 'No such file' in done.out, str(done)


def test_every_failure_is_json_too(case):
    done = case.pipc('conformance', '--module', broken(case, 'scatter'), '--only', 'T-RECV-SCATTER', '--json')
    found = json.loads(done.out)
    assert done.code == 1 and found['result'] == 'failed' and 'transport_packet.c' in found['reason'], str(done)
