# SPDX-License-Identifier: Apache-2.0
"""What repeats, waits or breaks off: slots, stops, signals, descriptors, floods, programs that are stopped or starved."""
import json
import os
import random
import signal
import socket
import struct
import threading
import time

import raw
from cases import over
from raw import ONE_HEAP, Deadline, Header, Held, Hello, Raw, Script, answer, increment, rejection, series, string, wire


def test_pipelined_requests_are_all_answered(case):
    server = case.serve('increment', '--service', 'svc')
    for count in (1, 100, 300, 5000):
        c = Raw(case)
        c.hello()

        def send():
            for i in range(count):
                c.sock.setblocking(True)
                c.sock.sendmsg([increment(i, i * 3)], [], raw.FLAGS)
        sender = threading.Thread(target=send)
        sender.start()
        c.sock.setblocking(True)
        seen = {}
        for _ in range(count):
            got = c.sock.recv(65536)
            h = wire.decode_header(got)
            assert h.message_id not in seen and got[:32] == Header(kind=2, code=1, payload_len=8, message_id=h.message_id).pack()
            seen[h.message_id] = struct.unpack('=Q', got[32:])[0]
        sender.join()
        assert seen == {i * 3: i + 1 for i in range(count)}, count
        c.sock.setblocking(False)
        assert c.is_silent(50)
        c.close()
    assert case.stop(server) == 0


def test_slot_is_free_before_a_refusal_is_read(case):
    server = case.serve('increment', '--service', 'svc', '--max-request-bytes', 64, '--max-sessions', 1)
    held = []
    for n in range(case.scaled(2000)):
        c = Raw(case)
        c.hello(max_request_payload_bytes=64, packet_size=40)
        if n % 3 == 0:
            try:
                c.send(*series(Header(code=1, payload_len=3000, message_id=n), bytes(3000), 40)[:5])
            except OSError:
                pass          # closed already, beyond the number of sessions that may linger
            status = 5
        else:
            c.send(Header(code=1, message_id=n).pack())
            status = 1
        assert c.get() == raw.error_answer(status, 1, n), n
        if n % 2:
            c.close()
        else:
            held.append(c)        # the server lingers for it
    for c in held:
        c.close()
    raw.good_client(case, max_request_payload_bytes=64)
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_client_that_leaves_and_returns_finds_its_slot_free(case):
    server = case.serve('increment', '--service', 'svc', '--max-sessions', 1)
    for n in range(case.scaled(4000)):
        c = Raw(case)
        c.hello()
        if n % 2:         # never while its callback runs
            c.send(increment(n))
            c.get()
        c.close()
    assert case.stop(server) == 0


@over('uds', 'shm')
def test_deadline_holds_against_stopped_servers(case):
    server = case.serve('increment', '--service', 'svc')
    raw.good_client(case)
    client = case.calling('increment', '1', '--repeat', '1000000', '--service', 'svc', '--json', '--timeout', '400')
    server.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    lines = client.stdout.read().decode().splitlines() if client.wait(20 * case.slow) is not None else []
    took = time.monotonic() - begin
    assert json.loads(lines[-1])['error'] == 'timeout' and client.returncode == 6, lines[-1]
    assert took < case.limit(0.9), took
    waiting = []
    for n in range(40):        # the last of them meet a full queue
        begin = time.monotonic()
        done = case.pipc('call', 'increment', 1, '--service', 'svc', '--json', '--timeout', 60)
        waiting.append(time.monotonic() - begin)
        assert done.json()['error'] in ('timeout', 'not_ready') and done.code == 6, str(done)
    assert max(waiting) < case.limit(0.56), max(waiting)
    server.send_signal(signal.SIGCONT)
    raw.good_client(case)
    assert case.stop(server) == 0


def test_clients_that_end_anywhere_leave_nothing_in_the_server(case):
    server = case.serve('string-reverse', '--service', 'svc', '--max-sessions', 3, env=ONE_HEAP)
    held, body, base = Held(server.pid), string(b'0123456789' * 9), None
    packets = [Hello(packet_size=52).packet()] + series(Header(code=3, payload_len=99, message_id=7), body, 52)
    rounds = max(1200, case.scaled(8000))
    for n in range(rounds):
        c = Raw(case)
        step = n % (len(packets) + 2)
        for i, packet in enumerate(packets[:step]):
            c.send(packet)
            if i == 0:
                got = c.get()
                assert len(got) == 80, got
        if step > len(packets):
            assert c.get_message(52)[1] == string((b'0123456789' * 9)[::-1])
        elif n % 3 == 0 and step:
            try:
                c.send(random.Random(n).randbytes(n % 60 + 1))
            except OSError:
                pass
        if step == len(packets):
            c.get()        # the callback is over: the slot is free at close
        c.close()
        if n == 600:  # the allocator has its fill
            case.until(lambda: held.threads() <= 3, what='threads of the sessions end')
            base = held.fds(), held.memory()
    case.until(lambda: held.threads() <= 3, what='threads of the sessions end')
    case.until(lambda: held.fds() <= base[0], what='descriptors are closed')
    if case.build.endswith(('asan', 'tsan')):
        print('memory is not compared under a sanitizer')
    else:
        assert held.memory() < base[1] + 1024, (held.memory(), base)
    c = Raw(case)
    c.hello(packet_size=52)
    c.close()
    assert case.stop(server) == 0


def test_attached_descriptors_never_stay_in_the_server(case):
    server = case.serve('increment', '--service', 'svc')
    held = Held(server.pid)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('=100i', *[0, 1] * 50))]
    first = Raw(case)
    first.sock.sendmsg([Hello().packet()], rights, raw.FLAGS)
    assert len(first.get()) == 80
    base = held.fds()
    for n in range(case.scaled(10000)):
        first.sock.sendmsg([increment(n, n)], rights, raw.FLAGS)
        assert first.get() == increment(n + 1, n)[:8] + struct.pack('=H', 2) + increment(n + 1, n)[10:]
    assert held.fds() == base, (held.fds(), base)
    first.close()
    assert case.stop(server) == 0


def test_starved_server_goes_on_and_serves_again(case):
    """No descriptors for new clients: sessions live on, the processor rests, clients come in when there are descriptors."""
    import resource
    server = case.serve('increment', '--service', 'svc', '--max-sessions', 100,
                        preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)))

    def processor():
        with open(f'/proc/{server.pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
    good, others = Raw(case), []
    good.hello()
    for _ in range(25):
        others.append(Raw(case).send(Hello().packet()))
    begin, used = time.monotonic(), processor()
    for n in range(100):
        good.send(increment(n, n))
        assert good.get()[32:] == struct.pack('=Q', n + 1)
        time.sleep(0.005)
    share = (processor() - used) / (time.monotonic() - begin)
    assert share < 0.3 * case.slow, f'{share} of a processor while descriptors are missing'
    for c in others[:15]:
        c.close()
    assert all(len(c.get()) == 80 for c in others[15:20])
    for c in others[15:] + [good]:
        c.close()
    raw.good_client(case)
    assert case.stop(server) == 0


def test_idle_sessions_never_wake_the_server(case):
    server = case.serve('increment', '--service', 'svc')
    clients = [Raw(case) for _ in range(5)]
    for c in clients:
        c.hello()
        c.send(increment(1))
        assert c.get()

    def switches():
        total = 0
        for task in os.listdir(f'/proc/{server.pid}/task'):
            with open(f'/proc/{server.pid}/task/{task}/status') as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith('voluntary_ctxt'))
        return total
    woken = 1000
    for _ in range(3):  # right after the answers a busy machine may have let threads stand still on their way to sleep
        time.sleep(0.2)
        before = switches()
        time.sleep(1)
        woken = min(woken, switches() - before)
    assert woken <= (2 if case.slow == 1 else 20), f'{woken} wake-ups in a second without traffic'
    assert case.stop(server) == 0


def test_stop_is_quick_in_whatever_state_clients_are(case):
    for state in range(7):
        server = case.serve('increment', '--service', f's{state}', '--max-request-bytes', 200)
        clients = [Raw(case, f's{state}') for _ in range(3)]
        for c in clients:
            if state:
                c.hello(packet_size=36, max_request_payload_bytes=200)
            if state in (2, 3):
                c.send(*series(Header(code=1, payload_len=100, message_id=3), bytes(100), 36)[:state * 2 - 3])
            elif state == 4:
                c.send(Header(code=1, payload_len=1000, message_id=3).pack())
            elif state == 5:       # answers are not read
                try:
                    for _ in range(3000):
                        c.sock.sendmsg([Header(code=9).pack()], [], raw.FLAGS | socket.MSG_DONTWAIT)
                except OSError:
                    pass
            elif state == 6:
                c.send(Header(code=1).pack())
        begin = time.monotonic()
        assert case.stop(server) == 0, state
        assert time.monotonic() - begin < case.limit(1), f'state {state}: {time.monotonic() - begin} s'
        assert os.listdir(case.run_dir) == [], state


@over('uds', 'shm')
def test_interrupted_calls_end_at_once_wherever_they_wait(case):
    def plan_of(state):
        def plan(n, script, sock):
            if state == 'handshake':
                script.read_hello(sock)
                script.note('now')
                raw.transport.wait(sock, 1, Deadline(60000))        # it hangs up
                return
            session = script.greet(sock, agreed_packet_size=52)
            h, _ = script.request(session)
            if state == 'chunks' and not case.shm:
                for p in series(answer(h, string(b'x' * 90)), string(b'x' * 90), 52)[:2]:
                    sock.sendmsg([p], [], raw.FLAGS)
            script.note('now')
            if state != 'pause' or n > 1:
                raw.get(session, Deadline(60000))
        return plan
    for state in ('handshake', 'answer', 'chunks', 'pause'):
        script = Script(case, plan_of(state))
        client = case.calling('string-reverse', 'abc', '--service', 'svc', '--json', ready=None)
        case.until(lambda: 'now' in script.whats())
        time.sleep(0.05)
        begin = time.monotonic()
        client.send_signal(signal.SIGINT)
        assert client.wait(20 * case.slow) == 7, state
        assert time.monotonic() - begin < case.limit(0.2), state
        assert json.loads(client.stdout.read())['error'] == 'aborted', state
        script.stop()


@over('uds', 'shm')
def test_stopped_and_continued_programs_lose_nothing(case):
    """Every wait is torn apart a thousand times a second."""
    server = case.serve('string-reverse', '--service', 'svc', '--max-request-bytes', 1 << 20, '--max-response-bytes', 1 << 20)
    text, count = 'ab' * 1500, case.scaled(20000)
    client = case.calling('string-reverse', text, '--repeat', count, '--service', 'svc', '--json', '--packet-size', 100,
                          '--max-request-bytes', 1 << 20)
    halt = threading.Event()

    def storm():
        while not halt.wait(0.001):
            for process, signals in ((server, (signal.SIGHUP, signal.SIGSTOP, signal.SIGCONT)),
                                     (client, (signal.SIGSTOP, signal.SIGCONT))):
                for s in signals:
                    if process.poll() is None:
                        process.send_signal(s)
    thread = threading.Thread(target=storm)
    thread.start()
    try:
        lines = client.stdout.read().decode().splitlines()
        assert client.wait(30 * case.slow) == 0, open(client.err_path).read()
    finally:
        halt.set()
        thread.join()
    want = json.dumps({'str': text[::-1]}, separators=(',', ':'))
    assert len(lines) == count - 1 and set(lines) == {want}, (len(lines), lines[-1][:200])
    assert case.stop(server) == 0


def test_silent_clients_and_half_a_hello_hold_nobody_up(case):
    server = case.serve('increment', '--service', 'svc')
    silent = [Raw(case) for _ in range(16)]
    begin = time.monotonic()
    raw.good_client(case)
    assert time.monotonic() - begin < case.limit(0.3)
    assert silent[0].get() == b'', 'the oldest of 17 pending handshakes is not closed'
    assert all(c.is_silent(20) for c in silent[2:]), 'a younger one was closed'
    half = Raw(case).send(Hello().packet()[:40])
    assert half.get() == rejection(1)
    half.end()
    young = Raw(case)
    time.sleep(0.2)
    assert young.hello().session_id > 1, 'a late HELLO of the youngest is not served'
    flood = [Raw(case) for _ in range(100)]
    begin = time.monotonic()
    raw.good_client(case)
    assert time.monotonic() - begin < case.limit(0.5)
    for c in silent + flood + [young]:
        c.close()
    assert case.stop(server) == 0


def test_reading_off_after_a_refusal_is_bounded(case):
    server = case.serve('increment', '--service', 'svc', '--max-request-bytes', 100, '--max-sessions', 1)
    for packet, pause in ((bytes(100), 0), (bytes(10), 0.01)):
        c = Raw(case)
        c.hello(max_request_payload_bytes=100)
        begin = time.monotonic()
        c.send(Header(code=1, payload_len=101, message_id=3).pack())
        c.sock.settimeout(20)
        try:
            while time.monotonic() - begin < 10 * case.slow:
                c.sock.sendmsg([packet], [], raw.FLAGS)
                time.sleep(pause)
        except OSError:
            pass
        took = time.monotonic() - begin
        c.sock.setblocking(False)
        assert c.get() == raw.error_answer(5, 1, 3)
        assert took < case.limit(0.3) and (not pause or took > 0.08), took
        c.close()
    assert case.stop(server) == 0
