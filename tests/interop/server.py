# SPDX-License-Identifier: Apache-2.0
"""Our server, byte by byte: answers and their precedence, negotiation, chunk layouts, batches, growth of limits."""
import itertools
import os
import random
import struct

import raw
from cases import over
from raw import (Header, Hello, PeerError, Raw, answer, batch, directory, increment, parts, rejection, series, string, wire,
                 wrong_chunks)

TRANSPORTS = ('uds', 'shm')
TOKEN = 0x1122334455667788
CLOSED = None

# Rows of level1-transport.md 6.1 in their order: what spoils the HELLO, and the answer when it decides.
ROWS = {
    'short': CLOSED, 'magic': CLOSED, 'version': 3, 'header_len': CLOSED, 'kind': CLOSED, 'cut': 1, 'layout': 3, 'flags': 1,
    'padding': 1, 'token': 2, 'profiles': 4, 'request': 5, 'packet': 3}


def spoiled(faults):
    """A HELLO with these rows failing."""
    fields = {'auth_token': TOKEN, 'max_request_payload_bytes': 200}
    for row, change in (('layout', {'layout_version': 2}), ('flags', {'flags': 0x8000}), ('padding', {'padding': 1}),
                        ('token', {'auth_token': TOKEN ^ 1 << 63}),
                        ('profiles', {'supported_profiles': 0xFFFFFF0E}), ('request', {'max_request_payload_bytes': 201}),
                        ('packet', {'packet_size': 32})):
        if row in faults:
            fields.update(change)
    head = {}
    for row, change in (('magic', {'magic': 0x4350494E}), ('version', {'version': 2}), ('header_len', {'header_len': 33}),
                        ('kind', {'kind': wire.REQUEST})):
        if row in faults:
            head.update(change)
    packet = Hello(**fields).packet(**head)
    return packet[:31] if 'short' in faults else packet[:75] if 'cut' in faults else packet


def expected_answer(faults):
    for row, status in ROWS.items():
        if row in faults:
            if row == 'version' and {'header_len', 'kind'} & set(faults):
                return b''
            return b'' if status is CLOSED else rejection(status)
    return rejection(6)


def check_faults(case, faults):
    c = Raw(case).send(spoiled(faults))
    got, want = c.get(), expected_answer(faults)
    assert got == want, f'{faults}: {got.hex()} in place of {want.hex()}'
    if got:
        c.end()
    c.close()


@over('uds')
def test_every_pair_of_failing_handshake_rows_gives_the_earlier_ones_answer(case):
    server = case.serve('increment', '--service', 'svc', '--token', TOKEN, '--max-request-bytes', 200, '--max-sessions', 1)
    pairs = [p for n in (1, 2) for p in itertools.combinations(ROWS, n)]
    for faults in pairs:
        check_faults(case, faults)
    holder = Raw(case)
    assert holder.hello(auth_token=TOKEN, max_request_payload_bytes=200).session_id == 1, 'a refused client used up an id'
    for faults in [()] + pairs:   # the server is full: nothing but the last row changes
        check_faults(case, faults)
    chance = random.Random(5)
    for _ in range(100):
        check_faults(case, chance.sample(list(ROWS), 3))
    for bit in range(64):
        assert Raw(case).send(Hello(auth_token=TOKEN ^ 1 << bit).packet()).get() == rejection(2), f'bit {bit} of the token'
    holder.close()
    raw.good_client(case, auth_token=TOKEN, max_request_payload_bytes=200)
    assert case.stop(server) == 0


@over('uds')
def test_hello_of_every_length_is_judged_by_what_it_has(case):
    server = case.serve('increment', '--service', 'svc')
    whole = Hello().packet() + b'\xff' * 500
    for length in [*range(1, 140), 200, 376, 500]:
        c = Raw(case).send(whole[:length])
        got = c.get()
        if length < 32:
            assert got == b'', length
        elif length < 76:
            assert got == rejection(1), f'{length} {got.hex()}'
            c.end()
        else:
            assert len(got) == 80 and got[14:16] == b'\0\0', f'{length} {got.hex()}'
            c.send(increment(1))
            assert c.get()[32:] == struct.pack('=Q', 2)
        c.close()
    assert case.stop(server) == 0


@over('uds', 'shm,uds', 'uds,shm', 'shm')
def test_hello_ack_is_the_matrix_of_the_page_byte_for_byte(case):
    supported, preferred = raw.masks(case)
    server = case.serve('increment', '--service', 'svc', '--max-request-bytes', 4000, '--max-response-bytes', 5000, '--packet-size',
                        3000, '--token', TOKEN, '--max-sessions', 400)
    own = raw.transport.Config(req_bytes=4000, resp_bytes=5000, token=TOKEN, preferred=preferred)
    chance, last = random.Random(7), 0
    for _ in range(300):
        hello = Hello(supported_profiles=preferred | chance.choice((0, 1, 2, 7, 0xFFFFFFF9)),
                      preferred_profiles=chance.choice((0, 1, 2, 6, wire.U32)),
                      max_request_payload_bytes=chance.choice((0, 1, 8, 3999, 4000)),
                      max_request_batch_items=chance.choice((0, 1, 17, wire.U32)),
                      max_response_payload_bytes=chance.choice((0, 1, wire.U32)),
                      max_response_batch_items=chance.choice((0, 5, wire.U32)), auth_token=TOKEN,
                      packet_size=chance.choice((33, 34, 2999, 3000, 3001, wire.U32)))
        c = Raw(case).send(hello.packet(flags=chance.randrange(65536), payload_len=chance.randrange(1 << 32),
                                        item_count=chance.randrange(1 << 32), message_id=chance.randrange(1 << 64),
                                        transport_status=chance.randrange(65536)))
        got = c.get()
        ack = wire.negotiate(hello, own, 3000, supported)._replace(session_id=struct.unpack('=Q', got[72:80])[0])
        assert got == ack.packet(), f'{hello}: {got.hex()} in place of {ack.packet().hex()}'
        assert ack.session_id > last, f'session id {ack.session_id} after {last}'
        last = ack.session_id
        c.close()
    assert case.stop(server) == 0


def test_session_ids_of_concurrent_sessions_differ_and_grow(case):
    server = case.serve('increment', '--service', 'svc', '--max-sessions', 40)
    clients = [Raw(case) for _ in range(16)]
    for c in clients:      # all connected before the first HELLO
        c.send(Hello(supported_profiles=3).packet())
    ids = [wire.judge_ack(c.get(), Hello(supported_profiles=3)).session_id for c in clients]
    assert len(set(ids)) == 16 and min(ids) >= 1, ids
    more = [Raw(case) for _ in range(10)]
    later = [c.hello().session_id for c in more]
    assert later == sorted(set(later)) and later[0] > max(ids), (ids, later)
    for c in clients + more:
        c.close()
    assert case.stop(server) == 0


def test_error_answers_have_the_header_of_the_page(case):
    server = case.serve('increment', '--service', 'svc', '--max-request-bytes', 200)
    for name, packet, status, code, goes_on in (
            ('wrong code', increment(1, 77)[:12] + struct.pack('=H', 9) + increment(1, 77)[14:], 4, 9, True),
            ('wrong code in a batch', Header(code=2, flags=1, item_count=3, payload_len=24, message_id=77).pack() +
             struct.pack('=6I', 0, 0, 0, 0, 0, 0), 4, 2, True),
            ('code 0', Header(code=0, message_id=77).pack(), 4, 0, True),
            ('does not decode', Header(code=1, payload_len=7, message_id=77).pack() + bytes(7), 1, 1, False),
            ('no payload', Header(code=1, message_id=77).pack(), 1, 1, False),
            ('batch of none', Header(code=1, flags=1, item_count=0, payload_len=8, message_id=77).pack() + bytes(8), 1, 1, False),
            ('second item does not decode', Header(code=1, flags=1, item_count=2, payload_len=32, message_id=77).pack() +
             struct.pack('=4I', 0, 8, 8, 7) + bytes(16), 1, 1, False),
            ('too large', Header(code=5, flags=0xFFFF, item_count=3, payload_len=201, message_id=77).pack(), 5, 5, False),
            ('too many items', Header(code=1, flags=1, item_count=5, payload_len=8, message_id=77).pack() + bytes(8), 5, 1, False)):
        for message_id in (0, 77, 2**64 - 1):
            c = Raw(case)
            c.hello(max_request_payload_bytes=200, max_request_batch_items=4)
            c.send(packet[:24] + struct.pack('=Q', message_id) + packet[32:])
            got = c.get()
            assert got == raw.error_answer(status, code, message_id), f'{name}: {got.hex()}'
            if goes_on:
                c.send(increment(5, 6))
                assert c.get()[32:] == struct.pack('=Q', 6), name
            else:
                c.end()
            c.close()
    assert case.stop(server) == 0


@over('uds')
def test_answers_are_chunked_exactly_as_the_page_says(case):
    server = case.serve('string-reverse', '--service', 'svc', '--max-request-bytes', 300000, '--max-response-bytes', 300000)
    for packet_size in (33, 34, 40, 128, 1000, 65536, wire.U32):
        c = Raw(case)
        size = c.hello(max_request_payload_bytes=300000, packet_size=packet_size).agreed_packet_size
        assert size == min(packet_size, 65536)
        budget = size - 32
        for n, length in enumerate(x for x in (9, 10, 100, budget - 1, budget, budget + 1, 2 * budget, 2 * budget + 1, 3 * budget + 7)
                                   if 9 <= x <= 300000):
            text = random.Random(length).randbytes(length - 9)
            request = Header(code=3, message_id=n << 40, payload_len=length)
            c.send(*series(request, string(text), size))
            h, payload = c.get_message(size)
            assert h == answer(request, payload) and payload == string(text[::-1]), (packet_size, length)
        c.close()
    assert case.stop(server) == 0


@over('uds')
def test_short_first_and_middle_packets_are_understood(case):
    """Budget 20, payload of 99 bytes: every series whose count follows from its first packet."""
    server = case.serve('string-reverse', '--service', 'svc')
    payload = string(bytes(range(90)))
    good = [(20, 20, 20, 20, 19), (0, 20, 20, 20, 20, 19), (1, 20, 20, 20, 20, 18), (19, 20, 20, 20, 20), (5, 20, 20, 20, 20, 14),
            (20, 19, 20, 20, 20), (20, 20, 20, 19, 20), (0, 19, 20, 20, 20, 20), (1, 20, 19, 20, 20, 19), (5, 1, 20, 20, 20, 20, 13)]
    good[-1] = (7, 15, 20, 20, 20, 17)
    bad = [(20, 18, 20, 20, 20), (0, 18, 20, 20, 20, 20), (19, 19, 20, 20, 20), (20, 20, 20, 20, 18)]
    c = Raw(case)
    c.hello(packet_size=52)
    for n, sizes in enumerate(good):
        assert sum(sizes) == 99, sizes
        c.send(*parts(99, n, sizes, 52, payload))
        h, back = c.get_message(52)
        assert h.message_id == n and back == string(bytes(range(90))[::-1]), sizes
    c.close()
    for sizes in bad:     # the last index has come and bytes are missing: closed at once
        c = Raw(case)
        c.hello(packet_size=52)
        c.send(*parts(99, 1, sizes, 52, payload))
        c.end()
    assert case.stop(server) == 0


@over('uds')
def test_one_wrong_field_in_any_chunk_of_a_request_ends_the_session_unanswered(case):
    server = case.serve('string-reverse', '--service', 'svc')
    payload = string(b'0123456789' * 9)
    good = series(Header(code=3, message_id=7, payload_len=99), payload, 52)
    for what, packets in wrong_chunks(good):
        c = Raw(case)
        c.hello(packet_size=52)
        try:
            c.send(*packets)
        except OSError:
            pass
        try:
            got = c.get()
        except PeerError as e:
            assert e.name == 'recv', f'{what}: {e}'    # reset: it had closed with packets unread
            got = b''
        assert got == b'', f'{what}: {got.hex()}'
        c.close()
    c = Raw(case)
    c.hello(packet_size=52)
    c.send(*good, good[-1])       # a whole message, then a chunk where a message is due
    assert c.get_message(52)[1] == string((b'0123456789' * 9)[::-1])
    c.end()
    assert case.stop(server) == 0


def test_batch_directories_of_any_order_are_read(case):
    server = case.serve('increment', '--service', 'svc')
    area = struct.pack('=4Q', 10, 20, 30, 40)
    c = Raw(case)
    c.hello(max_request_batch_items=wire.U32, max_request_payload_bytes=1024)
    for n, (entries, values) in enumerate((
            ([(0, 8)], [10]), ([(0, 8), (8, 8)], [10, 20]), ([(24, 8), (16, 8), (8, 8), (0, 8)], [40, 30, 20, 10]),
            ([(0, 8), (0, 8), (0, 8)], [10, 10, 10]), ([(0, 32), (8, 16)], [10, 20]), ([(0, 8), (24, 8)], [10, 40]),
            ([(0, 9), (16, 12)], [10, 30]), ([(8, 8)] * 100, [20] * 100))):
        for tail in (b'', b'\xff', b'\xff' * 8):
            payload = directory(entries, area + tail)
            c.send(batch(entries, n, payload=payload))
            want = batch([struct.pack('=Q', v + 1) for v in values], n)
            got = c.get()
            assert got == want[:8] + struct.pack('=H', 2) + want[10:], f'{entries}: {got.hex()}'
    c.close()
    for entries, answered in (([(0, 8), (40, 0)], True), ([(0, 8), (32, 0)], True), ([(0, 0)], True), ([(0, 7), (8, 8)], True),
                              ([(0, 8), (48, 0)], False), ([(0, 8), (4, 8)], False), ([(0, 8), (32, 9)], False),
                              ([(0, 8), (0xFFFFFFF8, 16)], False), ([(0, 8), (0, wire.U32)], False)):
        c = Raw(case)    # items too short to decode: BAD_ENVELOPE; a wrong directory: closed
        c.hello(max_request_batch_items=4)
        c.send(batch(entries, payload=directory(entries, area + bytes(8))))
        if answered:
            got = c.get()
            assert got == raw.error_answer(1, 1, 7), f'{entries}: {got.hex()}'
        c.end()
    assert case.stop(server) == 0


def test_end_of_a_batch_is_padded_only_where_there_is_room(case):
    items = [string(b'abc'), string(b'defg')]     # 16 of directory, 12 and 4 of padding, 13: 45 bytes, padded 48
    for limit, length in ((44, None), (45, 45), (46, 45), (47, 45), (48, 48), (49, 48)):
        server = case.serve('string-reverse', '--service', 'svc', '--max-response-bytes', limit)
        c = Raw(case)
        assert c.hello(max_request_batch_items=2).agreed_max_response_payload_bytes == limit
        c.send(batch(items, code=3))
        if length is None:
            assert c.get() == raw.error_answer(5, 3, 7), limit
            c.end()
            assert Raw(case).hello().agreed_max_response_payload_bytes == limit, 'a configured limit has grown'
        else:
            payload = (wire.build_batch([string(b'cba'), string(b'gfed')]) + bytes(3))[:length]
            got = c.get()
            assert got == Header(kind=2, code=3, flags=1, item_count=2, message_id=7, payload_len=length).pack() + payload, \
                f'{limit}: {got.hex()}'
        assert case.stop(server) == 0


def test_response_limit_of_later_sessions_grows_to_its_ceiling(case):
    server = case.serve('string-reverse', '--service', 'svc', '--max-request-bytes', 4000, '--max-response-bytes', 20,
                        '--growth-ceiling-bytes', 3000)
    for agreed, text, fits in ((20, b'x' * 11, True), (20, b'x' * 12, False), (64, b'x' * 12, True), (64, b'x' * 1000, False),
                               (1024, b'x' * 2900, False), (3000, b'x' * 2991, True), (3000, b'x' * 2992, False), (3000, b'', True)):
        c = Raw(case)
        got = c.hello(max_request_payload_bytes=4000, max_response_payload_bytes=1).agreed_max_response_payload_bytes
        assert got == agreed, (got, agreed, len(text))
        payload = string(text)
        c.send(Header(code=3, message_id=1, payload_len=len(payload)).pack() + payload)
        got = c.get()
        if fits:
            assert got[32:] == payload, got.hex()
        else:
            assert got == raw.error_answer(5, 3, 1), (agreed, len(text))
        c.close()
    for _ in range(2):     # a request above its limit changes no limit
        c = Raw(case)
        assert c.hello(max_request_payload_bytes=10).agreed_max_response_payload_bytes == 3000
        c.send(Header(code=3, message_id=1, payload_len=11).pack() + bytes(11))
        assert c.get() == raw.error_answer(5, 3, 1)
        c.close()
    assert case.stop(server) == 0


@over('uds')
def test_answers_before_a_violation_are_delivered(case):
    server = case.serve('increment', '--service', 'svc')
    for bad, last in ((b'garbage' * 10, []), (b'x', []), (Header(code=1, message_id=99).pack(), [raw.error_answer(1, 1, 99)]),
                      (Header(code=1, payload_len=99999, message_id=99).pack(), [raw.error_answer(5, 1, 99)])):
        for count in (1, 5, 50):
            c, got = Raw(case), []
            c.hello()
            try:
                for packet in [increment(i, i) for i in range(count)] + [bad] + [increment(1)] * 10:
                    c.send(packet)
            except OSError:
                pass
            c.sock.setblocking(False)
            try:
                while not got or got[-1]:
                    got.append(c.get())
            except PeerError as e:
                assert e.name == 'recv', str(e)     # closed with the last requests unread
                got.append(b'')
            good = [increment(i + 1, i) for i in range(count)]
            assert got == [g[:8] + struct.pack('=H', 2) + g[10:] for g in good] + last + [b''], (bad, count, len(got))
            c.close()
    assert case.stop(server) == 0


def test_known_length_of_a_batch_decides_how_far_the_limit_grows(case):
    server = case.serve('string-reverse', '--service', 'svc', '--max-response-bytes', 64, '--growth-ceiling-bytes', 8192)
    request = batch([string(b'a' * 10), string(b'b' * 500)], code=3)     # 16 of directory, 24, 509: 549 bytes
    for limit in (64, 1024):
        c = Raw(case)
        assert c.hello(max_request_batch_items=2).agreed_max_response_payload_bytes == limit
        c.send(request)
        got = c.get()
        assert got == raw.error_answer(5, 3, 7) if limit == 64 else got[14:16] == b'\0\0', got[:32].hex()
        c.close()
    assert case.stop(server) == 0


@over('uds')
def test_users_outside_the_list_learn_auth_failed_whatever_their_token(case):
    if os.getuid():
        case.skip('needs to be root, to become other users')
    os.chmod(case.folder, 0o755)
    os.chmod(case.run_dir, 0o755)
    config = case.file('c.ini', '[transport.uds]\nmode = 0660\ngroup = 65534\nallow_uid = 4711\n')
    server = case.serve('increment', '--service', 'svc', '--config', config, '--token', 5)

    def as_user(uid, gid, token):
        """Status of the HELLO_ACK; 99: no connection."""
        pid = os.fork()
        if pid == 0:
            code = 98
            try:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
                got = Raw(case).send(Hello(auth_token=token).packet()).get()
                code = 0 if got[14:16] == b'\0\0' else got[14] if got == rejection(got[14]) else 97
            except PeerError as e:
                code = 99 if e.name == 'connect' else 98
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for uid, gid, token, status in ((4711, 65534, 5, 0), (4711, 65534, 6, 2), (4712, 65534, 5, 2), (4712, 65534, 6, 2),
                                    (4711, 4711, 5, 99), (0, 0, 5, 0), (0, 0, 6, 2)):
        assert as_user(uid, gid, token) == status, (uid, gid, token)
    assert case.stop(server) == 0
