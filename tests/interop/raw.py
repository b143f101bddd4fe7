# SPDX-License-Identifier: Apache-2.0
"""Helpers for the cases that speak the wire byte by byte: raw clients, servers by script, what a process holds.

Built on the partner's modules (tests/interop/peer). Where the case runs over shared memory (`case.shm`) clients propose it, scripted
servers select it, and what is then sent and read goes through the region: a "packet" is one message."""
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.environ['PIPC_PEER'])
import payloads  # noqa: E402
import shm  # noqa: E402
import uds as transport  # noqa: E402
import wire  # noqa: E402
from service import METHODS  # noqa: E402
from uds import Deadline, recv_packet  # noqa: E402
from wire import Ack, Chunk, Header, Hello, PeerError  # noqa: E402,F401

FLAGS = socket.MSG_NOSIGNAL


def masks(case):
    """(supported, preferred) of a side with the list of the case."""
    bits = {'uds': 1, 'shm': 2}
    names = [bits[name] for name in case.transports.split(',')]
    return sum(names), names[0]


def publish(session, message):
    """One message into a region as it is, whatever it says of itself; what does not fit the area is announced and not written."""
    offset, capacity = session.region.area[session.out]
    session.region.map[offset:offset + min(len(message), capacity)] = message[:capacity]
    session.publish(len(message))


def take(session, deadline):
    """The next message of a region, unjudged; b'' at the end."""
    region, want = session.region, session.taken + 1
    if session._await(region.u64(shm.SEQ[session.into]), want, deadline, None):
        return b''
    length, offset = region.u32(shm.LEN[session.into]).value, region.area[session.into][0]
    session.taken = want
    return bytes(region.map[offset:offset + length])


def put(session, *packets):
    """What a scripted server sends, as it is."""
    for packet in packets:
        if session.shared_memory:
            publish(session, packet)
        else:
            session.sock.sendmsg([packet], [], FLAGS)


def get(session, deadline):
    """What a scripted server receives, as it came."""
    return take(session, deadline) if session.shared_memory else recv_packet(session.sock, 1 << 20, deadline)[0]


def rejection(status):
    """The 80 bytes of a refusal: 34 that are fixed but for the status, and 46 zeros."""
    head = bytes.fromhex('4350494e 0100 2000 0300 0000 0200') + status.to_bytes(2, sys.byteorder)
    return head + bytes.fromhex('30000000 01000000 0000000000000000 0100') + bytes(46)


def error_answer(status, code, message_id):
    """The 32 bytes of every answer that is not OK."""
    return Header(kind=wire.RESPONSE, code=code, transport_status=status, message_id=message_id).pack()


class Raw:
    """A client without manners."""

    def __init__(self, case, service='svc', run_dir=None):
        self.place = run_dir or case.run_dir, service
        self.sock = transport.connect(*self.place, Deadline(5000))
        self.ms, self.masks, self.session = 3000 * case.slow, masks(case), None

    def send(self, *packets):
        if self.session:
            for p in packets:
                if shm.hung_up(self.sock):
                    raise BrokenPipeError('the server has closed')
                publish(self.session, p)
            return self
        for p in packets:
            self.sock.settimeout(self.ms / 1000)
            self.sock.sendmsg([p], [], FLAGS)
        self.sock.setblocking(False)
        return self

    def get(self, ms=None):
        """Next packet; b'' at the end of the stream."""
        if self.session:
            return take(self.session, Deadline(ms or self.ms))
        return recv_packet(self.sock, 1 << 20, Deadline(ms or self.ms))[0]

    def get_message(self, packet_size):
        """(header, payload), with every packet compared with what a sender has to make of it."""
        packets = [self.get()]
        h = wire.decode_header(packets[0])
        have = len(packets[0]) - 32
        while have < h.payload_len:
            packets.append(self.get())
            assert packets[-1], f'end inside a message after {have} of {h.payload_len} bytes'
            have += len(packets[-1]) - 32
        payload = b''.join(p[32:] for p in packets)
        assert packets == series(h, payload, packet_size), f'packets of {[len(p) for p in packets]} bytes at {packet_size}'
        return h, payload

    def is_silent(self, ms=100):
        """Whether the session is open and nothing comes."""
        try:
            data = self.get(ms)
        except PeerError as e:
            return e.name == 'timeout'
        assert not data, f'unexpected packet {data.hex()}'
        return False

    def hello(self, **fields):
        """A good handshake; the HELLO_ACK. A region that is selected can be attached at once."""
        supported, preferred = self.masks
        hello = Hello(**{'supported_profiles': supported, 'preferred_profiles': preferred, **fields})
        self.send(hello.packet())
        self.ack = wire.judge_ack(self.get(), hello)
        if self.ack.selected_profile & wire.SHM:
            region = shm.attach_once(shm.region_path(*self.place, self.ack.session_id), self.ack.agreed_max_request_payload_bytes,
                                     self.ack.agreed_max_response_payload_bytes)
            self.session = shm.ShmSession(self.sock, 'client', self.ack, region)
        assert 'supported_profiles' in fields or self.ack.selected_profile == preferred, self.ack
        return self.ack

    def end(self):
        """Asserts that the server has closed without another packet."""
        rest = self.get()
        assert rest == b'', f'expected the end, got {rest!r}'
        self.close()

    def close(self):
        if self.session:
            self.session.close()
            self.session = None
        self.sock.close()


def series(header, payload, packet_size):
    return [head + bytes(part) for head, part in wire.packets(header, payload, packet_size)]


def increment(value, message_id=1, **fields):
    return Header(code=1, message_id=message_id, payload_len=8, **fields).pack() + payloads.encode_increment({'value': value})


def string(text):
    return payloads.encode_string_reverse({'str': text})


def good_client(case, value=41, service='svc', **hello):
    """A client that must be served now, over what the case runs over."""
    c = Raw(case, service)
    c.hello(**hello)
    c.send(increment(value))
    assert c.get() == Header(kind=wire.RESPONSE, code=1, message_id=1, payload_len=8).pack() + (value + 1).to_bytes(8, sys.byteorder)
    c.close()


class Script:
    """A server whose n-th connection is handled by `plan(n, script, sock)`; it records what it saw and when."""

    def __init__(self, case, plan, service='svc'):
        self.listener, self.plan, self.saw, self.connections = transport.Listener(case.run_dir, service), plan, [], 0
        self.place, self.masks, self.region = (case.run_dir, service), masks(case), None
        self.hellos, self.halt, self.error = [], False, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def note(self, what):
        self.saw.append((time.monotonic(), what))

    def whats(self):
        return [w for _, w in self.saw]

    def run(self):
        while not self.halt:
            sock = self.listener.accept()
            if not sock:
                continue
            self.connections += 1
            self.note('connect')
            try:
                self.plan(self.connections, self, sock)
            except (PeerError, wire.Rejected, OSError) as e:
                self.note(f'lost {getattr(e, "name", "")}')
            except Exception as e:  # a mistake of the script is shown by the case
                self.error = e
            if self.region:
                self.region.close()
                self.region = None
            sock.close()
        self.listener.close()

    def read_hello(self, sock):
        data = recv_packet(sock, 4096, Deadline(10000))[0]
        if not data:
            raise PeerError('disconnected', 'before HELLO')
        hello = wire.judge_hello(data)
        assert data == hello.packet(), data.hex()
        self.hellos.append(hello)
        return hello

    def greet(self, sock, **fields):
        """HELLO in, HELLO_ACK out with `fields` in place of what the partner would agree on."""
        return self.accept(sock, self.read_hello(sock), wire.U32, **fields)

    def accept(self, sock, hello, req_bytes, **fields):
        """The second half of `greet`. A HELLO_ACK that refuses raises."""
        supported, preferred = self.masks
        own = transport.Config(req_bytes=req_bytes, resp_bytes=4096, token=hello.auth_token, preferred=preferred)
        ack = wire.negotiate(hello, own, 65536, supported)._replace(session_id=self.connections, **fields)
        session = transport.Session(sock, 'server', ack)
        if ack.selected_profile & wire.SHM:
            region = shm.create(*self.place, ack.session_id, min(ack.agreed_max_request_payload_bytes, 1 << 24),
                                ack.agreed_max_response_payload_bytes)
            session = self.region = shm.ShmSession(sock, 'server', ack, region)
        sock.sendmsg([ack.packet()], [], FLAGS)
        return session

    def request(self, session):
        h, payload = session.recv(Deadline(10000))
        self.note('request')
        return h, payload

    def stop(self):
        self.halt = True
        self.thread.join(15)
        assert self.error is None, repr(self.error)
        return self


def answer(h, payload, **fields):
    return h._replace(kind=wire.RESPONSE, payload_len=len(payload), **fields)


# For a server whose memory is compared: how many heaps and kept stacks the C library has otherwise depends on how many sessions happened
# to be there at the same time.
ONE_HEAP = {'GLIBC_TUNABLES': 'glibc.malloc.arena_max=1:glibc.pthread.stack_cache_size=0'}


class Held:
    """What a process holds of the system."""

    def __init__(self, pid):
        self.pid = pid

    def fds(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def status(self, key):
        with open(f'/proc/{self.pid}/status') as f:
            return next(int(line.split()[1]) for line in f if line.startswith(key + ':'))

    def threads(self):
        return self.status('Threads')

    def memory(self):
        """KiB of its own: what it may have lost. Pages of programs and of regions come and go."""
        return self.status('RssAnon')


def parts(total, message_id, sizes, packet_size, payload, **fields):
    """A message in packets of these payload sizes."""
    count = wire.chunk_count(total, sizes[0], packet_size)
    out, at = [Header(code=3, message_id=message_id, payload_len=total).pack() + payload[:sizes[0]]], sizes[0]
    for i, n in enumerate(sizes[1:], 1):
        out.append(Chunk(message_id=message_id, total_message_len=32 + total, chunk_index=i, chunk_count=count,
                         chunk_payload_len=n)._replace(**fields).pack() + payload[at:at + n])
        at += n
    return out


WRONG = [('magic', wire.MAGIC), ('version', 0), ('version', 2), ('flags', 1), ('flags', 0x8000), ('message_id', 8),
         ('message_id', 7 | 1 << 63), ('total_message_len', +1), ('total_message_len', -1), ('chunk_index', +1),
         ('chunk_index', -1), ('chunk_count', +1), ('chunk_count', -1), ('chunk_payload_len', +1),
         ('chunk_payload_len', -1), ('chunk_payload_len', 0)]


def wrong_chunks(packets):
    """(what, packets) with one field of one chunk wrong, at the first, a middle and the last chunk."""
    for k in (1, len(packets) // 2, len(packets) - 1):
        c = wire.decode_chunk(packets[k])
        for field, value in WRONG:
            if field in ('total_message_len', 'chunk_index', 'chunk_count') or field == 'chunk_payload_len' and value:
                value += getattr(c, field)
            if value == getattr(c, field):
                continue
            yield f'{field} {value} at {k}', packets[:k] + [c._replace(**{field: value}).pack() + packets[k][32:]] + packets[k + 1:]
        if k + 1 < len(packets):
            yield f'left out {k}', packets[:k] + packets[k + 1:]
            yield f'twice {k}', packets[:k + 1] + packets[k:]
        yield f'a byte more at {k}', packets[:k] + [packets[k] + b'\0'] + packets[k + 1:]
        yield f'a byte less at {k}', packets[:k] + [packets[k][:-1]] + packets[k + 1:]
        yield f'header at {k}', packets[:k] + packets[:1] + packets[k:]
        yield f'31 bytes at {k}', packets[:k] + [packets[k][:31]] + packets[k + 1:]
        yield f'32 bytes at {k}', packets[:k] + [packets[k][:32]] + packets[k + 1:]


def batch(items, message_id=7, code=1, payload=None):
    payload = wire.build_batch(items) if payload is None else payload
    return Header(code=code, flags=1, item_count=len(items), message_id=message_id, payload_len=len(payload)).pack() + payload


def directory(entries, area):
    return b''.join(struct.pack('=II', *e) for e in entries) + area


def call(case, kind, *words, service='svc', **more):
    return case.pipc('call', kind, *words, '--service', service, '--json', **more)


def outcome(done):
    """Name of the error, or 'ok'."""
    return done.lines()[-1].get('error', 'ok')
