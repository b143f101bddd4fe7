# SPDX-License-Identifier: Apache-2.0
"""Every exit code of docs/cli.md by a real cause, with a message that names the object."""
import json
import os
import signal

from cases import over


def serve_increment(case, *words):
    return case.serve('increment', '--service', 'svc', *words)


def expect(done, code, *needles):
    assert done.code == code, str(done)
    for needle in needles:
        assert needle in done.err, str(done)
    if code:
        assert done.err.startswith('pipc: ') and done.err.endswith('\n'), str(done)


@over('uds', 'shm')
def test_0_for_a_call_that_is_answered(case):
    serve_increment(case)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    expect(done, 0)
    assert done.json() == {'value': 2} and done.err == '', str(done)


@over('uds', 'shm')
def test_1_for_an_error_status_of_the_server(case):
    """A snapshot service asked by an increment client answers UNSUPPORTED."""
    case.serve('cgroups-snapshot', '--service', 'svc', '--data', case.file('data', '{"items":[]}'))
    done = case.pipc('call', 'increment', 1, '--service', 'svc')
    expect(done, 1, 'svc')


def test_1_for_a_failing_callback(case):
    """What a client sees of it: INTERNAL_ERROR."""
    case.start(['python3', case.peer, 'hostile', 'ans-status-6', 'increment', case.run_dir, 'svc'])
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    expect(done, 1)
    assert done.json()['error'] == 'bad_layout', str(done)


def test_2_for_usage_errors_that_name_the_word(case):
    for words, needle in ((['nosuch'], 'nosuch'), (['call'], 'kind'), (['call', 'increment'], 'increment'), ([], 'command'),
                          (['call', 'increment', 'x'], "'x'"), (['call', 'increment', '18446744073709551616'], '18446744073709551616'),
                          (['call', 'increment', '-1', '--service', 'svc'], '-1'), (['serve', 'increment', '--timeout', '1x'], '1x'),
                          (['serve', 'increment', '--packet-size', '32'], '32'), (['call', 'nosuch', '1'], 'nosuch'),
                          (['info', '--data', 'x'], 'data'), (['decode', 'nosuch'], 'nosuch'), (['--nosuch', 'info'], 'nosuch'),
                          (['serve', 'cgroups-snapshot', '--data', 'x', '--live'], '--live'), (['watch', 'increment'], 'increment'),
                          (['call', 'cgroups-snapshot', 'key'], 'no keys'), (['call', 'apps-lookup'], '--all'),
                          (['call', 'cgroups-lookup'], '--all'), (['call', 'apps-lookup', '4294967296'], '4294967296'),
                          (['call', 'cgroups-lookup', ''], 'empty'), (['call', 'apps-lookup', '1', '--batch'], 'batch'), (['call', 'cgroups-snapshot', '--batch'], 'batch')):
        expect(case.pipc(*words), 2, needle)


def test_2_for_configuration_and_module_errors(case):
    config = case.file('conf', '[pipc]\ntransports = uds\nnosuch = 1\n')
    expect(case.pipc('call', 'increment', 1, '--config', config), 2, config, '3', 'nosuch')
    expect(case.pipc('call', 'increment', 1, '--transports', 'nosuch'), 2, 'nosuch')
    expect(case.pipc('call', 'increment', 1, '--service', 'a/b'), 2, 'a/b')
    expect(case.pipc('call', 'increment', 1, '--service', 'x' * 200), 2, 'x' * 20)


def test_3_for_a_service_that_is_not_there(case):
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    expect(done, 3, 'svc.sock')
    assert done.json()['error'] == 'connect', str(done)


@over('uds', 'shm')
def test_3_for_a_full_server(case):
    serve_increment(case, '--max-sessions', 1)
    holder = case.start([case.tool, 'call', 'increment', '1', '--repeat', '100000000', '--service', 'svc', '--run-dir', case.run_dir,
                         *case.over()], ready='value')
    holder.send_signal(signal.SIGSTOP)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    expect(done, 3, 'svc')
    assert done.json()['error'] == 'handshake', str(done)


@over('uds', 'shm')
def test_4_for_a_wrong_token_also_with_wait(case):
    serve_increment(case, '--token', '0xfeed')
    expect(case.pipc('call', 'increment', 1, '--service', 'svc'), 4)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--wait', 60000, '--json', timeout=10)
    expect(done, 4)
    assert done.json()['error'] == 'auth_failed', str(done)
    expect(case.pipc('call', 'increment', 1, '--service', 'svc', '--token', '65261'), 0)


@over('uds', 'shm')
def test_5_for_incompatible_limits_and_overflow(case):
    serve_increment(case)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--max-request-bytes', 70000, '--json')
    expect(done, 5)
    assert done.json()['error'] == 'limit_exceeded', str(done)
    items = [{'name': 'n' * 200, 'path': '/p'} for _ in range(1000)]
    case.serve('cgroups-snapshot', '--service', 'big', '--data', case.file('data', json.dumps({'items': items})), '--max-response-bytes',
               1024)
    done = case.pipc('call', 'cgroups-snapshot', '--service', 'big', '--json')
    expect(done, 5)
    assert done.json()['error'] == 'overflow', str(done)


@over('uds', 'shm')
def test_6_for_a_server_that_does_not_answer(case):
    server = serve_increment(case)
    server.send_signal(signal.SIGSTOP)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--timeout', 200, '--json')
    expect(done, 6, 'svc')
    assert done.json()['error'] == 'timeout', str(done)
    server.send_signal(signal.SIGCONT)


@over('uds', 'shm')
def test_7_for_a_call_that_a_signal_ends(case):
    server = serve_increment(case)
    server.send_signal(signal.SIGSTOP)
    call = case.start([case.tool, 'call', 'increment', '1', '--service', 'svc', '--run-dir', case.run_dir, *case.over()], ready='')

    def connected():
        try:
            return any('socket' in os.readlink(f'/proc/{call.pid}/fd/{fd}') for fd in os.listdir(f'/proc/{call.pid}/fd'))
        except FileNotFoundError:        # one that was closed meanwhile
            return False
    case.until(connected, what='connected')
    assert case.stop(call, signal.SIGINT) == 7, open(call.err_path).read()
    server.send_signal(signal.SIGCONT)


@over('uds', 'shm')
def test_8_for_a_second_server_that_disturbs_nothing(case):
    server = serve_increment(case)
    expect(case.pipc('serve', 'increment', '--service', 'svc'), 8, 'svc.sock')
    expect(case.pipc('call', 'increment', 1, '--service', 'svc'), 0)
    assert case.stop(server) == 0


def test_9_for_bytes_and_files_that_do_not_decode(case):
    expect(case.pipc('decode', 'header', '--hex', stdin='00'), 9, 'header')
    expect(case.pipc('decode', 'header', os.path.join(case.folder, 'nosuch')), 9, 'nosuch')
    expect(case.pipc('encode', 'header', stdin='{'), 9)
    expect(case.pipc('serve', 'cgroups-snapshot', '--data', case.file('data', '{"items":[1]}')), 9, 'data', 'items[0]')


def test_9_for_an_answer_that_does_not_decode(case):
    case.start(['python3', case.peer, 'hostile', 'ans-no-payload', 'increment', case.run_dir, 'svc'])
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    expect(done, 9)
    assert done.json()['error'] == 'truncated', str(done)


def test_names_that_do_not_fit_are_refused_with_the_limit(case):
    expect(case.pipc('call', 'increment', 1, '--service', 'svc', '--run-dir', '/' + 'd' * 120), 2, '107')


@over('uds', 'shm')
def test_output_into_a_closed_pipe_ends_quietly(case):
    serve_increment(case)
    done = case.run(['bash', '-c', f'"{case.tool}" call increment 1 --repeat 100000 --json --service svc --run-dir "{case.run_dir}" '
                     f'--transports {case.transports} | head -n 1; ' 'echo "${PIPESTATUS[0]}"'])
    assert done.out.splitlines() == ['{"value":2}', '0'] and done.err == '', str(done)


def test_full_disk_and_closed_output_are_failures_with_the_reason(case):
    serve_increment(case)
    call = f'"{case.tool}" call increment 1 --service svc --run-dir "{case.run_dir}" --transports {case.transports}'
    for command, needle in ((f'{call} >/dev/full', 'No space left'), (f'{call} --repeat 100000000 >/dev/full', 'No space left'),
                            (f'"{case.tool}" info >/dev/full', 'No space left'), (f'"{case.tool}" --version >/dev/full', 'No space left'),
                            (f'"{case.tool}" serve increment --service other --run-dir "{case.run_dir}" >/dev/full', 'No space left'),
                            (f'{call} >&-', 'Bad file descriptor')):
        expect(case.run(['bash', '-c', command]), 1, 'standard output', needle)
    assert os.listdir(case.run_dir) == ['svc.sock']


def test_closed_standard_error_changes_no_exit_code(case):
    serve_increment(case)
    for words, code in (('call nosuch 1', 2), (f'call increment 1 --service svc --run-dir "{case.run_dir}"', 0), ('decode header --hex </dev/null', 9)):
        done = case.run(['bash', '-c', f'"{case.tool}" {words} 2>&-'])
        assert done.code == code, str(done)
    read, write = os.pipe()
    os.close(read)
    done = case.run(['bash', '-c', f'"{case.tool}" call nosuch 1 2>&{write}'], pass_fds=(write,))
    os.close(write)
    assert done.code == 2, str(done)


def test_messages_are_one_line_whatever_the_names_hold(case):
    for words in (['call', 'increment', '1\n2'], ['call', 'no\nsuch', '1'], ['decode', 'a\nb'], ['no\nsuch'], ['serve', 'increment', '--data', '/a\nb'],
                  ['info', '--config', '/a\n\x1b[1mb']):
        done = case.pipc(*words)
        assert done.code and done.err.startswith('pipc: ') and done.err.count('\n') == 1 and '\x1b' not in done.err, str(done)


def test_options_are_not_abbreviated_and_may_follow_in_every_environment(case):
    serve_increment(case)
    expect(case.pipc('call', 'increment', 1, '--service', 'svc', '--js'), 2, '--js')
    expect(case.run([case.tool, '--json', '-xv', 'info']), 2, '-x')
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json', env={'POSIXLY_CORRECT': '1'})
    assert done.code == 0 and done.json() == {'value': 2}, str(done)


def test_commands_of_later_steps_are_unknown(case):
    for words in (['later'], ['']):
        done = case.run([case.tool, *words])
        assert done.code == 2 and done.err.startswith('pipc: '), str(done)


def test_paths_that_are_too_long_are_refused_and_not_cut(case):
    long = 'x' * 5000
    expect(case.pipc('info', '--check', long), 2, 'xxx')
    expect(case.pipc('info', 'increment' + long), 2, 'increment')
    expect(case.pipc('call', 'increment', 1, '--run-dir', '/' + long), 2, 'xxx')
