# SPDX-License-Identifier: Apache-2.0
"""The wrappers under the command: traces in every form, also in tshark, and a client that lives with what chaos does."""
import json
import os
import re
import shutil
import struct

LUA = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'transports', 'trace', 'pipc.lua')
TOKEN = 0x1122334455667788


def configure(case, name, transports, options=None):
    """A configuration; with options, those of the wrapper in the list."""
    section = 'chaos' if 'chaos' in transports else 'trace'
    token = case.file('token', f'{TOKEN}\n')
    lines = ['[pipc]', f'run_dir = {case.run_dir}', f'transports = {transports}', '[service.increment]', f'token_file = {token}']
    if options is not None:
        lines += [f'[transport.{section}]'] + [f'{k} = {v}' for k, v in options.items()]
    return case.file(name, '\n'.join(lines) + '\n')


def serve(case, config):
    return case.start([case.tool, 'serve', 'increment', '--config', config])


def call(case, config, *keys):
    return case.run([case.tool, 'call', 'increment', *keys, '--config', config])


def traced(case, form, transports='trace', wraps='uds', keys=('41',), **options):
    """The trace of one client; the server is not traced."""
    to = os.path.join(case.folder, 'trace')
    client = configure(case, 'client.conf', transports, {'wraps': wraps, 'format': form, 'to': to, **options})
    server = serve(case, configure(case, 'server.conf', 'shm, uds' if 'shm' in transports + wraps else 'uds'))
    done = call(case, client, *keys)
    assert done.code == 0, str(done)
    assert case.stop(server) == 0
    assert os.stat(to).st_mode & 0o777 == 0o600
    return to


def test_text_of_a_session_has_a_line_for_every_event(case):
    text = open(traced(case, 'text'), encoding='ascii').read()
    lines = [re.sub(r'^\d+\.\d{6} ', '', line) for line in text.splitlines()]
    assert [line.split(':')[0] for line in lines] == [
        'increment client 1 opened', 'increment client 1 sent hello, 76 bytes', 'increment client 1 received hello_ack, 80 bytes',
        'increment client 1 sent request 1 increment, 40 bytes', 'increment client 1 received response 1 increment, 40 bytes',
        'increment client 1 closed'], text
    assert 'supported_profiles=1' in lines[1] and 'auth_token="hidden"' in lines[1] and 'session_id=' in lines[2], text
    assert lines[3].endswith(': value=41') and lines[4].endswith(': value=42'), text
    assert lines[5].endswith('closed: 2 packets of 116 bytes sent, 2 of 120 received'), text


def test_json_lines_have_headers_and_fields(case):
    records = [json.loads(line) for line in open(traced(case, 'json', keys=('--batch', '1', '2')), encoding='utf-8')]
    assert [r['event'] for r in records] == ['opened', 'sent', 'received', 'sent', 'received', 'closed'], records
    hello, ack, request, response = records[1:5]
    assert (hello['what'], ack['what'], request['what'], response['what']) == ('hello', 'hello_ack', 'request', 'response')
    assert hello['fields']['auth_token'] == 'hidden' and hello['header']['magic'] == 0x4e495043, hello
    assert request['header']['item_count'] == 2 and request['method'] == 'increment', request
    assert request['fields']['items'] == [{'value': 1}, {'value': 2}] and response['fields']['items'] == [{'value': 2}, {'value': 3}]
    assert all(r['service'] == 'increment' and r['role'] == 'client' and r['channel'] == 1 for r in records)


def test_token_is_in_no_trace_unless_it_is_asked_for(case):
    for form in ('text', 'json', 'pcapng'):
        for show in ('no', 'yes'):
            to = traced(case, form, show_token=show)
            said = open(to, 'rb').read()
            there = str(TOKEN).encode() in said or struct.pack('=Q', TOKEN) in said
            assert there == (show == 'yes'), (form, show)
            os.unlink(to)


def test_lines_without_a_file_go_to_the_log(case):
    config = configure(case, 'client.conf', 'trace', {'wraps': 'uds'})
    server = serve(case, configure(case, 'server.conf', 'uds'))
    done = case.run([case.tool, 'call', 'increment', '41', '--config', config, '--verbose'])
    assert done.code == 0 and re.search(r'^pipc: info: trace: .*sent request 1 increment, 40 bytes: value=41$', done.err, re.M), str(done)
    assert case.stop(server) == 0


def test_shared_memory_is_traced_with_its_fields(case):
    if not any(m['name'] == 'shm' for m in case.pipc('info', '--json').json()['modules']):
        case.skip('this build has no shared memory')
    text = open(traced(case, 'text', wraps='shm'), encoding='ascii').read()
    assert 'hello' not in text and 'sent request 1 increment, 40 bytes: value=41' in text, text
    os.unlink(case.folder + '/trace')
    text = open(traced(case, 'text', transports='shm, trace'), encoding='ascii').read()
    assert 'selected_profile=2' in text and 'sent request' not in text, text


def test_trace_of_a_session_opens_in_tshark_and_shows_the_handshake(case):
    if not shutil.which('tshark'):
        case.skip('tshark is not installed')
    to = traced(case, 'pcapng', keys=('--batch', '41', '42'))

    def tshark(*words):
        done = case.run(['tshark', '-X', f'lua_script:{LUA}', '-r', to, *words], env={'HOME': case.folder})
        assert done.code == 0 and 'Lua' not in done.err.replace('lua_script', ''), str(done)
        return done.out
    names = ['pipc.service', 'pipc.hello.supported_profiles', 'pipc.hello.max_response_payload_bytes', 'pipc.hello.packet_size',
             'pipc.hello_ack.selected_profile', 'pipc.hello_ack.session_id', 'pipc.message_id', 'pipc.batch.length', 'frame.comment']
    rows = [line.split('\t') for line in tshark('-T', 'fields', *(w for n in names for w in ('-e', n))).splitlines()]
    assert len(rows) == 6, rows
    assert rows[1][:4] == ['increment', '0x00000001', '65536', '65536'], rows[1]
    assert rows[2][4] == '0x00000001' and int(rows[2][5]) > 0, rows[2]
    assert rows[3][6:8] == ['1', '8,8'] and rows[3][8] == 'items[{value=41} {value=42}]', rows[3]
    infos = [line.split('PIPC', 1)[1] for line in tshark().splitlines()]
    assert [re.sub(r'^ \d+ ', '', i) for i in infos] == [
        'increment: opened', 'increment: sent HELLO', 'increment: received HELLO_ACK', 'increment: sent request 1 increment, batch of 2',
        'increment: received response 1 increment, batch of 2', 'increment: closed'], infos
    assert 'Malformed' not in tshark('-V')


def test_wrong_options_are_told_with_their_place(case):
    os.mkfifo(case.folder + '/fifo')
    for options, needle in (({'format': 'pcapng'}, 'needs the option to'), ({'to': '/nowhere/x'}, '/nowhere/x cannot be opened'),
                            ({'to': case.folder + '/fifo'}, 'fifo'), ({'to': case.run_dir}, 'cannot be opened'),
                            ({'wraps': 'nosuch'}, 'nosuch'), ({'wraps': 'trace'}, 'wraps itself')):
        done = call(case, configure(case, 'c.conf', 'trace', {'wraps': 'uds', **options}), '41')
        assert done.code == 2 and needle in done.err and 'trace' in done.err, f'{options}: {done}'


def test_client_recovers_from_what_chaos_does(case):
    server = serve(case, configure(case, 'server.conf', 'chaos', {'seed': 3, 'delay': 100, 'delay_us': 500, 'disconnect': 20}))
    client = configure(case, 'client.conf', 'chaos', {'seed': 4, 'disconnect': 30, 'fail': 10, 'after': 2})
    answers = failures = 0
    for key in range(60):
        done = call(case, client, str(key), '--wait', '5000')
        if done.code == 0:
            assert f'value: {key + 1}' in done.out, str(done)
            answers += 1
        else:
            assert done.code in (1, 3, 9) and done.err.startswith('pipc: '), str(done)
            failures += 1
    assert answers > 40, (answers, failures)
    assert case.stop(server) == 0


def test_same_seed_has_the_same_fate(case):
    fates = []
    for _ in range(2):
        server = serve(case, configure(case, 'server.conf', 'uds'))
        client = configure(case, 'client.conf', 'chaos', {'seed': 11, 'after': 2, 'disconnect': 40, 'fail': 40, 'short': 40})
        done = call(case, client, '1', '--repeat', '200')
        fates.append((done.code, done.out, done.err))
        assert case.stop(server) == 0
    assert fates[0] == fates[1], fates
    assert fates[0][0] != 0 and 0 < fates[0][1].count('value: 2') < 200, fates[0]
