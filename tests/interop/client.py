# SPDX-License-Identifier: Apache-2.0
"""Our client as a server sees it, byte by byte: proposals, requests, chunks, batches, recovery, growth, deadlines."""
import struct
import threading
import time

import raw
from cases import over
from raw import (Deadline, Header, Hello, Script, answer, batch, call, directory, increment, outcome, parts, rejection, series, string,
                 wire, wrong_chunks)

TRANSPORTS = ('uds', 'shm')
TOKEN = 0x1122334455667788


def test_hello_and_requests_of_our_client_byte_for_byte(case):
    requests = []

    def plan(n, script, sock):
        session = script.greet(sock)
        while True:
            data = raw.get(session, Deadline(5000))
            if not data:
                return
            h = wire.decode_header(data)
            requests.append(data)
            payload = data[32:]
            if not h.flags:
                back = struct.pack('=Q', struct.unpack('=Q', payload)[0] + 1)
            else:
                back = wire.build_batch([struct.pack('=Q', i + 1) for i in range(h.item_count)])
            raw.put(session, answer(h, back).pack() + back)
    script = Script(case, plan)
    assert outcome(call(case, 'increment', 41)) == 'ok'
    assert outcome(call(case, 'increment', 41, '--repeat', 3, '--token', TOKEN, '--max-request-bytes', 77, '--max-response-bytes', 99,
                        '--packet-size', 3000)) == 'ok'
    done = call(case, 'increment', *range(3), '--batch')
    assert done.json() == {'items': [{'value': n + 1} for n in range(3)]}, str(done)
    assert call(case, 'increment', 5, '--batch').json() == {'items': [{'value': 6}]}
    script.stop()
    supported, preferred = raw.masks(case)      # the first one of the list of transports is preferred
    plain = Hello(supported_profiles=supported, preferred_profiles=preferred)
    assert script.hellos[0] == plain, script.hellos[0]
    assert script.hellos[1] == plain._replace(max_request_payload_bytes=77, max_response_payload_bytes=99, auth_token=TOKEN,
                                              packet_size=3000), script.hellos[1]
    assert script.hellos[2] == plain._replace(max_request_batch_items=3, max_response_batch_items=3), script.hellos[2]
    assert requests[:4] == [increment(41, n) for n in (1, 1, 2, 3)], requests
    assert requests[4] == batch([struct.pack('=Q', n) for n in range(3)], 1), requests[4].hex()
    assert requests[5] == increment(5, 1), 'a batch of one is a single message'


@over('uds')
def test_requests_are_chunked_exactly_as_the_page_says(case):
    for packet_size in (33, 34, 128, 65536):
        budget = packet_size - 32
        lengths = [x for x in (9, budget, budget + 1, 2 * budget, 2 * budget + 1, 150000) if 9 <= x <= min(150000, 2000 * budget)]
        seen = []

        def plan(n, script, sock):
            session = script.greet(sock, agreed_packet_size=packet_size)
            while True:
                packets = [raw.recv_packet(sock, 1 << 20, Deadline(5000))[0]]
                if not packets[0]:
                    return
                h = wire.decode_header(packets[0])
                while sum(len(p) - 32 for p in packets) < h.payload_len:
                    packets.append(raw.recv_packet(sock, 1 << 20, Deadline(5000))[0])
                payload = b''.join(p[32:] for p in packets)
                seen.append(packets == series(h, payload, packet_size) and
                            h == Header(code=3, payload_len=len(payload), message_id=h.message_id))
                short = string(b'ok')
                session._send(answer(h, short), short, Deadline(5000))
        script = Script(case, plan)
        done = call(case, 'string-reverse', '--stdin', '--max-request-bytes', 150000,
                    stdin=''.join('x' * (n - 9) + '\n' for n in lengths))
        assert done.code == 0, str(done)
        script.stop()
        assert len(seen) >= len(lengths) and all(seen), (packet_size, lengths, seen)


def chunk_server(case, service, packets_of):
    """Answers every request with packets_of(header, payload of 99 bytes) at packets of 52 bytes."""
    payload = string(b'0123456789' * 9)

    def plan(n, script, sock):
        session = script.greet(sock, agreed_packet_size=52)
        while True:
            h, _ = script.request(session)
            for p in packets_of(answer(h, payload), payload):
                sock.sendmsg([p], [], raw.FLAGS)
    return Script(case, plan, service)


@over('uds')
def test_one_wrong_field_in_any_chunk_of_an_answer_is_a_chunk_error_after_one_retry(case):
    names = [what for what, _ in wrong_chunks(series(Header(payload_len=99), bytes(99), 52))]
    failures = []

    def one(n):
        def packets(h, payload):
            return list(wrong_chunks(series(h, payload, 52)))[n][1]
        script = chunk_server(case, f's{n}', packets)
        done = call(case, 'string-reverse', 'abc', service=f's{n}', timeout=60)
        script.stop()
        requests = script.whats().count('request')
        if outcome(done) not in ('chunk',) or requests != 2:
            failures.append((names[n], str(done), requests))
    workers = [threading.Thread(target=lambda k=k: [one(n) for n in range(k, len(names), 12)]) for k in range(12)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not failures, failures


@over('uds')
def test_short_first_and_middle_packets_of_answers_are_understood(case):
    for sizes in ((0, 20, 20, 20, 20, 19), (1, 20, 20, 20, 20, 18), (19, 20, 20, 20, 20), (20, 19, 20, 20, 20),
                  (7, 15, 20, 20, 20, 17)):
        script = chunk_server(case, 'svc', lambda h, p, s=sizes: [h.pack() + p[:s[0]]] + parts(99, h.message_id, s, 52, p)[1:])
        done = call(case, 'string-reverse', 'abc', '--repeat', 2)
        script.stop()
        assert [line.get('str') for line in done.lines()] == ['0123456789' * 9] * 2, f'{sizes} {done}'
        assert script.connections == 1


def statuses(*seq, after='close', **fields):
    """A server whose n-th request in all gets the n-th status of `seq` (the last one for ever); it grows its response limit."""
    def plan(n, script, sock):
        own = {k: v(n) if callable(v) else v for k, v in fields.items()}
        session = script.greet(sock, **own)
        while True:
            h, payload = script.request(session)
            script.count = getattr(script, 'count', 0) + 1
            status = seq[min(script.count, len(seq)) - 1]
            if status == 'lose':
                return
            body = struct.pack('=Q', 42) if status == 0 else b''
            raw.put(session, answer(h, body, transport_status=status).pack() + body)
    return plan


def test_growth_after_limit_exceeded_ends_with_the_eighth_request(case):
    script = Script(case, statuses(5, agreed_max_response_payload_bytes=lambda n: 1000 << n))
    done = call(case, 'increment', 41)
    script.stop()
    assert outcome(done) == 'overflow' and done.code == 5, str(done)
    assert script.whats().count('request') == 8 and script.connections == 9, script.whats()
    hints = [h.max_response_payload_bytes for h in script.hellos]
    want = [65536]
    for n in range(1, 9):
        power = 1
        while power < 2 * (1000 << n):
            power *= 2
        want.append(max(want[-1], min(power, 1 << 20)))
    assert hints == want, (hints, want)
    assert all(h.max_request_payload_bytes == 1024 for h in script.hellos)


def test_growth_stops_when_the_new_session_has_no_larger_limit(case):
    script = Script(case, statuses(5, agreed_max_response_payload_bytes=lambda n: min(3000, 1000 * n)))
    done = call(case, 'increment', 41, '--growth-ceiling-bytes', 100000, '--max-response-bytes', 4000)
    script.stop()
    assert outcome(done) == 'overflow', str(done)
    assert script.whats().count('request') == 3 and script.connections == 4, script.whats()
    assert [h.max_response_payload_bytes for h in script.hellos] == [4000, 4000, 4096, 8192], script.hellos
    for _ in range(5):        # a busy machine may stand still for so long as a pause, but not each time
        script = Script(case, statuses(5, 0, agreed_max_response_payload_bytes=lambda n: 100000 * n))
        done = call(case, 'increment', 41, '--growth-ceiling-bytes', 150000, '--max-response-bytes', 4000)
        script.stop()
        assert done.json() == {'value': 42}, str(done)
        assert [h.max_response_payload_bytes for h in script.hellos] == [4000, 150000], script.hellos
        gaps = [b[0] - a[0] for a, b in zip(script.saw, script.saw[1:])]
        if max(gaps) < 0.14:
            break
    assert max(gaps) < 0.14, f'an overflow does not pause: {gaps}'


def test_larger_request_is_proposed_as_a_power_of_two_and_falls_back(case):
    def plan(n, script, sock):
        try:
            session = script.accept(sock, script.read_hello(sock), 8192)
        except wire.Rejected as e:
            sock.sendmsg([rejection(e.status)], [], raw.FLAGS)
            return
        while True:
            h, payload = script.request(session)
            raw.put(session, answer(h, payload).pack() + payload)
    script = Script(case, plan)
    done = call(case, 'string-reverse', 'x' * 4000, '--max-request-bytes', 1024)
    assert outcome(done) == 'ok', str(done)[:500]
    first = [h.max_request_payload_bytes for h in script.hellos]
    assert first == [1024, 4096], first
    done = call(case, 'string-reverse', 'x' * 9000, '--max-request-bytes', 1500)
    script.stop()
    assert outcome(done) == 'overflow', str(done)[:500]
    second = [h.max_request_payload_bytes for h in script.hellos[2:]]
    assert second == [1500, 16384], second
    assert script.whats().count('request') == 1


def test_ordinary_failure_costs_two_requests_and_a_pause(case):
    for second, name in ((0, 'ok'), (1, 'bad_layout'), ('lose', 'disconnected'), (5, 'overflow')):
        for first in (1, 3, 4, 6, 7, 65535, 'lose'):
            if second and first not in (6, 'lose'):
                continue
            script = Script(case, statuses(first, second, agreed_max_response_payload_bytes=lambda n: 1000 << n))
            done = call(case, 'increment', 41)
            script.stop()
            assert outcome(done) == name, f'{first} {second} {done}'
            assert script.whats()[:4] == ['connect', 'request', 'lost disconnected', 'connect'] or first == 'lose', script.whats()
            assert script.whats().count('request') == 2 and script.connections == 2, f'{first} {second} {script.whats()}'
            times = [t for t, w in script.saw if w in ('connect', 'request')]
            assert times[2] - times[1] >= 0.149, f'no pause of 150 ms: {times}'
            assert times[3] - times[2] >= 0.004, f'no pause of 5 ms: {times}'


def test_reconnect_tries_twenty_times_unless_it_is_hopeless(case):
    for what, attempts in ((None, 20), (rejection(6), 20), (rejection(1), 20), (b'', 20), (b'junk' * 20, 20), (rejection(2), 1),
                           (rejection(3), 1), (rejection(4), 1), (rejection(5), 1)):
        def plan(n, script, sock):
            if n == 1:
                session = script.greet(sock)
                script.request(session)
                return
            if what is not None:
                script.read_hello(sock)
                sock.sendmsg([what], [], raw.FLAGS)
        script = Script(case, plan)
        done = call(case, 'increment', 41)
        script.stop()
        assert outcome(done) == 'disconnected', f'{what} {done}'
        assert script.connections == 1 + attempts, (what, script.connections)


@over('uds')
def test_refusal_is_read_although_the_request_was_not_taken(case):
    """The server answers LIMIT_EXCEEDED at the first packet and closes with most of the request unread."""
    def plan(n, script, sock):
        script.greet(sock, agreed_max_response_payload_bytes=1000 * n)
        h = wire.decode_header(raw.recv_packet(sock, 65536, Deadline(5000))[0])
        script.note('request')
        if n < 3:
            sock.sendmsg([answer(h, b'', transport_status=5, item_count=1).pack()], [], raw.FLAGS)
        elif n == 3:
            body = string(b'done')
            sock.sendmsg([answer(h, body).pack() + body], [], raw.FLAGS)
        time.sleep(0.02 if n % 2 else 0)
    script = Script(case, plan)
    done = call(case, 'string-reverse', '--stdin', '--max-request-bytes', 1 << 20, '--max-response-bytes', 10,
                stdin='x' * 1000000 + '\n')
    script.stop()
    assert done.json() == {'str': 'done'}, str(done)
    assert script.connections == 3 and [h.max_response_payload_bytes for h in script.hellos] == [10, 2048, 4096], script.hellos


def test_response_ceiling_is_a_refusal_of_our_client(case):
    for agreed, name in ((5000, 'ok'), (5001, 'limit_exceeded')):
        script = Script(case, statuses(0, agreed_max_response_payload_bytes=agreed))
        done = call(case, 'increment', 41, '--response-ceiling-bytes', 5000)
        script.stop()
        assert outcome(done) in (name, 'not_ready' if name != 'ok' else name), str(done)
        assert script.whats().count('request') == (name == 'ok')


def batch_server(case, entries_of, **ack):
    """Answers a batch request with what `entries_of(header, values)` gives: (header, payload)."""
    def plan(n, script, sock):
        session = script.greet(sock, **ack)
        while True:
            h, payload = script.request(session)
            values = [struct.unpack('=Q', wire.batch_entry(payload, h.item_count, i)[2])[0] for i in range(h.item_count)]
            head, body = entries_of(answer(h, b''), values)
            raw.put(session, head._replace(payload_len=len(body)).pack() + body)
    return Script(case, plan)


def test_answers_to_batches_are_judged_as_the_page_says(case):
    def packed(values):
        return struct.pack(f'={len(values)}Q', *[v + 1 for v in values])
    three = [{'value': 11}, {'value': 21}, {'value': 31}]
    for name, want, make in (
            ('in order', three, lambda h, v: (h, directory([(0, 8), (8, 8), (16, 8)], packed(v)))),
            ('reversed', three, lambda h, v: (h, directory([(16, 8), (8, 8), (0, 8)], packed(v[::-1])))),
            ('gaps and a tail', three, lambda h, v: (h, directory([(8, 8), (24, 9), (40, 8)], b''.join(
                b'\xff' * 8 + struct.pack('=Q', x + 1) for x in v) + b'\xff'))),
            ('overlapping', [{'value': 11}] * 3, lambda h, v: (h, directory([(0, 8), (0, 8), (0, 24)], packed(v)))),
            ('unknown flags', three, lambda h, v: (h._replace(flags=0xFFFF), directory([(0, 8), (8, 8), (16, 8)], packed(v)))),
            ('no flag', 'bad_item_count', lambda h, v: (h._replace(flags=0), directory([(0, 8), (8, 8), (16, 8)], packed(v)))),
            ('two items', 'bad_item_count', lambda h, v: (h._replace(item_count=2), directory([(0, 8), (8, 8)], packed(v)))),
            ('one item', 'bad_item_count', lambda h, v: (h._replace(item_count=1), directory([(0, 8)], packed(v)))),
            ('no item', 'bad_item_count', lambda h, v: (h._replace(item_count=0), b'')),
            ('four items', 'overflow', lambda h, v: (h._replace(item_count=4), directory([(0, 8)] * 4, packed(v)))),
            ('empty item', 'truncated', lambda h, v: (h, directory([(0, 8), (8, 8), (24, 0)], packed(v)))),
            ('item beyond the end', 'protocol', lambda h, v: (h, directory([(0, 8), (8, 8), (24, 8)], packed(v)))),
            ('not aligned', 'protocol', lambda h, v: (h, directory([(0, 8), (4, 8), (16, 8)], packed(v)))),
            ('short directory', 'protocol', lambda h, v: (h, bytes(23))),
            ('status with flag and items', 'protocol', lambda h, v: (h._replace(transport_status=6), b'')),
            ('status', 'bad_layout', lambda h, v: (h._replace(transport_status=6, flags=0, item_count=1), b''))):
        script = batch_server(case, make)
        done = call(case, 'increment', 10, 20, 30, '--batch')
        script.stop()
        if isinstance(want, list):
            assert done.json() == {'items': want}, f'{name} {done}'
            assert script.whats().count('request') == 1, name
        else:
            assert outcome(done) == want, f'{name} {done}'
            assert (script.whats().count('request'), script.connections) == ((1, 2) if want == 'overflow' else (2, 2)), \
                f'{name} {script.whats()}'


def test_items_beyond_the_agreed_number_cost_no_traffic(case):
    for ack, words in (({'agreed_max_request_batch_items': 2}, ()), ({}, ('--max-batch-items', 2))):
        script = batch_server(case, lambda h, v: (h, b''), **ack)
        done = call(case, 'increment', 10, 20, 30, '--batch', *words)
        script.stop()
        assert outcome(done) == 'overflow' and done.code == 5, str(done)
        assert script.connections == 1 and 'request' not in script.whats(), script.whats()


def test_answer_above_the_limit_raises_nothing_and_is_not_asked_again(case):
    for change in ({'payload_len': 4097}, {'payload_len': wire.U32}, {'item_count': 2}, {'item_count': wire.U32}):
        def plan(n, script, sock):
            session = script.greet(sock)
            h, _ = script.request(session)
            raw.put(session, answer(h, bytes(8))._replace(**change).pack() + bytes(8))
            raw.get(session, Deadline(3000))
        script = Script(case, plan)
        done = call(case, 'increment', 10, '--max-response-bytes', 100)
        script.stop()
        assert outcome(done) == 'overflow', f'{change} {done}'
        assert script.whats().count('request') == 1 and script.connections == 2, script.whats()
        assert script.hellos[0] == script.hellos[1], script.hellos


def test_deadline_holds_inside_recovery_and_inside_a_message(case):
    def lost(n, script, sock):
        script.request(script.greet(sock))

    def mute_later(n, script, sock):
        if n == 1:
            lost(n, script, sock)
        elif n == 2:
            raw.recv_packet(sock, 100, Deadline(20000))
            raw.recv_packet(sock, 100, Deadline(20000))

    def slow_chunks(n, script, sock):
        session = script.greet(sock, agreed_packet_size=52)
        h, _ = script.request(session)
        for p in series(answer(h, string(b'x' * 291)), string(b'x' * 291), 52):
            sock.sendmsg([p], [], raw.FLAGS)
            time.sleep(0.05)
        session.recv(Deadline(20000))
    chunks = [] if case.shm else [(slow_chunks, 400, 1)]
    for plan, ms, connections in [(lost, 100, 1), (mute_later, 1200, 2), *chunks]:
        for _ in range(5):        # a busy machine may let the time pass before or after where it should; not each time
            script = Script(case, plan)
            begin = time.monotonic()
            done = call(case, 'string-reverse', 'abc', '--timeout', ms)
            took = time.monotonic() - begin
            script.stop()
            if outcome(done) == 'timeout' and script.whats().count('request') == 1 and script.connections == connections:
                break
        assert outcome(done) == 'timeout' and done.code == 6, f'{plan.__name__} {done}'
        assert ms / 1000 <= took < ms / 1000 + case.limit(0.4), f'{plan.__name__} {took}'
        assert script.whats().count('request') == 1 and script.connections == connections, f'{plan.__name__} {script.whats()}'
    if case.shm:
        return
    script = Script(case, slow_chunks)      # the same answer in time
    assert call(case, 'string-reverse', 'abc', '--timeout', 60000).json() == {'str': 'x' * 291}
    script.stop()


@over('uds')
def test_answer_and_hang_up_without_reading_the_request_count_as_an_answer(case):
    for length in (1, 500):
        body = string(b'z' * length)

        def plan(n, script, sock):
            hello = script.read_hello(sock)
            ack = wire.negotiate(hello, raw.transport.Config(req_bytes=9999), 60, 1)
            sock.sendmsg([ack.packet()], [], raw.FLAGS)
            if n % 2:        # else the answer comes before the request, and the client's send may fail
                raw.transport.wait(sock, 1, Deadline(5000))
            for p in series(Header(kind=wire.RESPONSE, code=3, message_id=1, payload_len=len(body)), body, 60):
                sock.sendmsg([p], [], raw.FLAGS)
        script = Script(case, plan)
        for n in range(20):
            done = call(case, 'string-reverse', 'abc')
            assert done.code == 0 and done.json() == {'str': 'z' * length}, f'round {n}: {done}'
        script.stop()
        assert script.connections == 20
