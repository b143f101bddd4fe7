# SPDX-License-Identifier: Apache-2.0
"""pipc call: keys, batches, repeats, waiting, tokens."""
import json
import os
import signal
import threading
import time

from cases import over


def test_kind_is_taken_with_dash_and_underscore(case):
    case.serve('string_reverse', '--service', 'svc')
    for kind in ('string-reverse', 'string_reverse'):
        assert case.pipc('call', kind, 'abc', '--service', 'svc', '--json').json() == {'str': 'cba'}


@over('uds', 'shm')
def test_several_keys_come_back_in_order_with_and_without_batch(case):
    case.serve('increment', '--service', 'svc')
    want = {'items': [{'value': n + 1} for n in (5, 0, 5, 2**64 - 2)]}
    keys = ['5', '0', '0x5', str(2**64 - 2)]
    assert case.pipc('call', 'increment', *keys, '--service', 'svc', '--json').json() == want
    assert case.pipc('call', 'increment', *keys, '--service', 'svc', '--json', '--batch').json() == want


@over('uds', 'shm')
def test_batches_of_2_and_1000_keys_need_no_other_option(case):
    case.serve('increment', '--service', 'svc')
    for count in (2, 1000):
        done = case.pipc('call', 'increment', '--batch', *range(count), '--service', 'svc', '--json')
        assert done.code == 0 and done.json()['items'][-1] == {'value': count}, str(done)[:400]


def test_batch_of_strings_keeps_lengths_apart(case):
    case.serve('string-reverse', '--service', 'svc')
    done = case.pipc('call', 'string-reverse', '--batch', 'abc', '', 'x' * 300, '--service', 'svc', '--json')
    assert done.code == 0 and done.json() == {'items': [{'str': 'cba'}, {'str': ''}, {'str': 'x' * 300}]}, str(done)


def test_keys_from_standard_input(case):
    case.serve('increment', '--service', 'svc')
    done = case.pipc('call', 'increment', '1', '--stdin', '--service', 'svc', '--json', stdin='2\n3')
    assert done.json() == {'items': [{'value': 2}, {'value': 3}, {'value': 4}]}, str(done)


def test_repeat_prints_a_line_per_call(case):
    case.serve('increment', '--service', 'svc')
    done = case.pipc('call', 'increment', 1, '--repeat', 5, '--service', 'svc', '--json')
    assert done.lines() == [{'value': 2}] * 5, str(done)


@over('uds', 'shm')
def test_repeat_goes_on_across_a_restart(case):
    server = case.serve('increment', '--service', 'svc')
    client = case.start([case.tool, 'call', 'increment', '1', '--repeat', '100000', '--service', 'svc', '--run-dir', case.run_dir,
                         *case.over(), '--json'], ready='{')
    stopped = threading.Event()

    def read():
        for _ in client.stdout:
            stopped.wait(0)
    reader = threading.Thread(target=read)
    reader.start()
    assert case.stop(server) == 0
    server = case.serve('increment', '--service', 'svc')
    code = client.wait(60)
    reader.join()
    # A server that needs longer to come back than a call goes on trying ends the command with what the call met first.
    assert code in (0, 1, 3), open(client.err_path).read()
    assert case.pipc('call', 'increment', 1, '--service', 'svc', '--wait', 10000).code == 0
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_wait_goes_on_until_the_service_is_there(case):
    client = case.start([case.tool, 'call', 'increment', '1', '--wait', '20000', '--service', 'svc', '--run-dir', case.run_dir,
                         *case.over(), '--json'], ready='')
    server = case.serve('increment', '--service', 'svc')
    assert client.wait(20) == 0 and client.stdout.read() == b'{"value":2}\n'
    assert case.stop(server) == 0
    done = case.pipc('call', 'increment', 1, '--wait', 50, '--service', 'svc')
    assert done.code == 3, str(done)


def test_double_dash_ends_options(case):
    case.serve('string-reverse', '--service', 'svc')
    done = case.pipc('call', 'string-reverse', '--service', 'svc', '--run-dir', case.run_dir, *case.over(), '--json', '--', '--json')
    assert done.code == 0 and done.json() == {'str': 'nosj--'}, str(done)


def test_options_may_stand_before_the_command(case):
    case.serve('increment', '--service', 'svc')
    done = case.run([case.tool, '--json', '--run-dir', case.run_dir, '--service', 'svc', *case.over(), 'call', 'increment', '1'])
    assert done.code == 0 and done.json() == {'value': 2}, str(done)


def test_token_file_serves_both_sides_and_must_be_private(case):
    path = case.file('token', ' 0x1234567890abcdef \n', 0o600)
    case.serve('increment', '--service', 'svc', '--token-file', path)
    assert case.pipc('call', 'increment', 1, '--service', 'svc', '--token-file', path).code == 0
    assert case.pipc('call', 'increment', 1, '--service', 'svc', '--token', '0x1234567890abcdef').code == 0
    open_path = case.file('open', '1', 0o644)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--token-file', open_path)
    assert done.code == 2 and open_path in done.err and '1234567890abcdef' not in done.err, str(done)


def test_configuration_file_decides_and_options_win(case):
    config = case.file('conf', f'[pipc]\nrun_dir = {case.run_dir}\ntransports = uds\n[service.svc]\nmax_request_bytes = 5000\n')
    case.start([case.tool, 'serve', 'increment', '--service', 'svc', '--config', config])
    done = case.run([case.tool, 'call', 'increment', '1', '--service', 'svc', '--config', config, '--json'])
    assert done.code == 0 and done.json() == {'value': 2}, str(done)
    done = case.run([case.tool, 'call', 'increment', '1', '--service', 'svc', '--config', config, '--max-request-bytes', '6000'])
    assert done.code == 5, str(done)


def test_zero_in_the_configuration_and_as_packet_size_is_the_default_of_the_command(case):
    config = case.file('conf', '[service.svc]\nmax_request_bytes = 0\npacket_size = 0\n')
    case.serve('increment', '--service', 'svc', '--config', config, '--packet-size', 0)
    done = case.pipc('call', 'increment', '--batch', *range(1000), '--service', 'svc', '--packet-size', '0x0', '--json')
    assert done.code == 0 and len(done.json()['items']) == 1000, str(done)
    config = case.file('small', '[service.two]\nmax_request_bytes = 1024\n')
    case.serve('increment', '--service', 'two', '--config', config)
    assert case.pipc('call', 'increment', '--batch', *range(1000), '--service', 'two').code == 5
    for value in (1, 32, 1 << 32):
        done = case.pipc('call', 'increment', 1, '--service', 'svc', '--packet-size', value)
        assert done.code == 2 and '0, or from 33 to 4294967295' in done.err, str(done)


@over('uds', 'shm')
def test_response_ceiling_ends_the_attempt(case):
    case.serve('increment', '--service', 'svc', '--max-response-bytes', 100000)
    assert case.pipc('call', 'increment', 1, '--service', 'svc', '--response-ceiling-bytes', 100000).code == 0
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--response-ceiling-bytes', 99999)
    assert done.code == 5, str(done)


@over('uds', 'shm')
def test_provider_that_is_killed_gives_a_clear_end(case):
    server = case.serve('increment', '--service', 'svc')
    case.stop(server, signal.SIGKILL)
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json')
    assert done.code == 3 and done.json()['error'] == 'connect', str(done)
    assert os.path.exists(os.path.join(case.run_dir, 'svc.sock'))
    server = case.serve('increment', '--service', 'svc')
    assert case.pipc('call', 'increment', 1, '--service', 'svc').code == 0


def test_token_file_may_be_relative_to_the_working_directory(case):
    case.file('token', '5')
    case.serve('increment', '--service', 'svc', '--token-file', 'token')
    assert case.pipc('call', 'increment', 1, '--service', 'svc', '--token-file', 'token').code == 0
    assert case.pipc('call', 'increment', 1, '--service', 'svc').code == 4


def test_empty_standard_input_is_a_call_of_zero_keys(case):
    case.serve('increment', '--service', 'svc')
    case.serve('string-reverse', '--service', 'str')
    for words in (['increment', '--service', 'svc'], ['string-reverse', '--service', 'str']):
        for batch in ([], ['--batch']):
            done = case.pipc('call', *words, '--stdin', *batch, '--json', stdin='')
            assert done.code == 0 and done.json() == {'items': []}, str(done)


def test_key_with_a_nul_is_not_cut(case):
    case.serve('increment', '--service', 'svc')
    done = case.pipc('call', 'increment', '--stdin', '--service', 'svc', stdin=b'1\0junk\n')
    assert done.code == 2 and done.out == '', str(done)


@over('uds', 'shm')
def test_each_of_many_keys_has_the_whole_timeout(case):
    case.serve('increment', '--service', 'svc')
    for _ in range(3):        # a busy machine may stand still for so long inside a key, but not each time
        done = case.pipc('call', 'increment', '--stdin', '--service', 'svc', '--json', '--timeout', 200 * case.slow,
                         stdin=''.join(f'{n}\n' for n in range(30000)))
        if done.code == 0:
            break
    assert done.code == 0 and len(done.json()['items']) == 30000, str(done)[-300:]


@over('uds', 'shm')
def test_call_timeout_of_the_configuration_counts(case):
    config = case.file('conf', '[service.svc]\ncall_timeout_ms = 200\n')
    server = case.serve('increment', '--service', 'svc')
    server.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--config', config)
    assert done.code == 6 and time.monotonic() - begin < case.limit(1), str(done)
    server.send_signal(signal.SIGCONT)


def test_wait_is_not_outlasted_by_an_attempt(case):
    server = case.serve('increment', '--service', 'svc')
    server.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    done = case.pipc('call', 'increment', 1, '--service', 'svc', '--wait', 200)
    assert done.code == 6 and time.monotonic() - begin < case.limit(1), str(done)
    server.send_signal(signal.SIGCONT)


def test_every_failure_is_json_too(case):
    for words in (['increment', 'x'], ['increment'], ['increment', '1', '--service', 'a/b'], ['nosuch', '1'], ['increment', '1', '--service', 'svc'],
                  ['increment', '--all'], ['increment', '1', '--run-dir', '/' + 'x' * 5000]):
        done = case.pipc('call', *words, '--json')
        got = done.json()
        assert done.code and got['error'] and isinstance(got['message'], str) and set(got) == {'error', 'message'}, str(done)


def test_signal_while_waiting_is_reported_as_aborted(case):
    client = case.start([case.tool, 'call', 'increment', '1', '--wait', '60000', '--service', 'svc', '--run-dir', case.run_dir,
                         *case.over(), '--json', '-v'], ready='')
    case.until(lambda: open(client.err_path).read(), what='a started client')
    assert case.stop(client) == 7
    assert json.loads(client.stdout.read())['error'] == 'aborted'
