# SPDX-License-Identifier: Apache-2.0
"""The guides for authors, followed literally: their commands run as they stand, in an empty directory, on a copy of what was
installed."""
import glob
import os
import re
import shutil
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def commands(guide):
    text = open(os.path.join(SOURCE, 'docs', 'guides', guide), encoding='utf-8').read()
    found = re.findall(r'^```sh\n(.*?)^```$', text, re.M | re.S)
    assert len(found) >= 4, f'{guide} has lost its commands'
    return ''.join(found)


def code_lines(folder, names):
    """(lines of code, all lines): the first without blank ones and comments."""
    code = every = 0
    for name in names:
        text = open(os.path.join(folder, name), encoding='utf-8').read()
        every += text.count('\n')
        code += sum(1 for line in re.sub(r'/\*.*?\*/', '', text, flags=re.S).splitlines() if line.strip())
    return code, every


def follow(case, guide, written):
    """Runs the guide; gives what it printed. Says how long it took and how much of it an author writes."""
    if not case.has_loader():
        case.skip('modules of third parties need the loader')
    prefix, folder = case.folder + '/prefix', case.folder + '/author'
    shutil.copytree(os.environ['PIPC_TEST_PREFIX'], prefix, symlinks=True)
    os.mkdir(folder)
    before = {f: os.stat(f).st_mtime_ns for f in glob.glob(prefix + '/lib/lib*') + glob.glob(prefix + '/bin/*')}
    script = case.file('guide.sh', 'set -eu\n' + commands(guide))
    begin = time.monotonic()
    done = case.run(['sh', script], env={'PREFIX': prefix, 'LC_ALL': 'C'}, cwd=folder, timeout=120)
    took = time.monotonic() - begin
    assert done.code == 0, f'{guide}: {done}'
    assert 'not ok' not in done.out and re.search(r'^ok 1 - ', done.out, re.M), str(done)
    code, every = code_lines(os.path.join(prefix, 'share', 'pipc', 'templates'), written)
    print(f'{guide}: {took:.1f} s, {code} lines of code ({every} with comments and empty lines)')
    # nothing was linked anew
    assert before == {f: os.stat(f).st_mtime_ns for f in before}
    return done.out, code


def test_guide_write_a_transport_ends_with_a_transport_that_works(case):
    out, code = follow(case, 'write-a-transport.md', ['transport/tcp.c'])
    assert 'value: 42' in out and re.search(r'^127\.0\.0\.1 \d+$', out, re.M), out
    assert code < 400, code
    assert not os.path.exists(case.folder + '/author/tcp/run/increment.tcp'), 'the server left its file'


def test_guide_write_a_message_type_ends_with_a_message_type_that_works(case):
    out, code = follow(case, 'write-a-message-type.md', ['codec/disk_space.c', 'codec/disk_space.h'])
    assert re.search(r'^/: \d+ of \d+ bytes are available \(over uds\)$', out, re.M), out
    assert '/tmp' in out and code < 400, out


def test_transport_of_the_kit_is_refused_an_address_that_leaves_the_host(case):
    prefix = installed_tcp(case)

    def call(*more):
        config = case.file('c.conf', f'[pipc]\nrun_dir = {case.run_dir}\ntransports = tcp\n' + ''.join(m + '\n' for m in more))
        return case.run([prefix + '/bin/pipc', 'call', 'increment', '41', '--config', config])
    section = '[transport.tcp]'
    done = call(section, 'address = 192.0.2.1')
    assert done.code == 2 and 'allow_remote' in done.err, str(done)
    done = call(section, 'address = localhost')
    assert done.code == 2 and 'no IPv4 address' in done.err, str(done)
    for text, sentence in (('192.0.2.1 7\n', 'leaves this host'), ('127.0.0.1 0\n', 'holds no address'), ('127.0.0.1\n', 'holds no'),
                           ('127.0.0.1 7', 'holds no'), ('127.0.0.1 65536\n', 'holds no'), ('127.0.0.1 7\nx', 'holds no'),
                           ('127.0.0.1 +7\n', 'holds no'), (' 127.0.0.1 7\n', 'holds no'), ('', 'holds no'), ('\0\n', 'holds no')):
        endpoint(case, text)
        done = call()
        assert done.code == 3 and sentence in done.err and 'increment.tcp' in done.err, f'{text!r}: {done}'
    endpoint(case, '127.0.0.1 7\n', 0o644)
    done = call()
    assert done.code == 3 and 'others may have written it' in done.err, str(done)


def endpoint(case, text, mode=0o600):
    path = os.path.join(case.run_dir, 'increment.tcp')
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)
    os.chmod(path, mode)


def installed_tcp(case):
    """A copy of the installation that has the transport of the kit."""
    if not case.has_loader():
        case.skip('modules of third parties need the loader')
    prefix = case.folder + '/prefix'
    shutil.copytree(os.environ['PIPC_TEST_PREFIX'], prefix, symlinks=True)
    build = case.folder + '/tcp'
    source = prefix + '/share/pipc/templates/transport'
    for command in (['cmake', '-S', source, '-B', build, f'-DCMAKE_PREFIX_PATH={prefix}'], ['cmake', '--build', build],
                    ['cmake', '--install', build]):
        done = case.run(command)
        assert done.code == 0, str(done)
    return prefix


def test_transport_of_the_kit_ends_connections_that_break_its_framing(case):
    """Lengths that no packet has, packets in many parts, ends inside a packet: that session alone ends."""
    import socket
    import struct
    prefix = installed_tcp(case)
    server = case.start([prefix + '/bin/pipc', 'serve', 'increment', '--run-dir', case.run_dir, '--transports', 'tcp'])
    address, port = open(os.path.join(case.run_dir, 'increment.tcp'), encoding='ascii').read().split()
    assert os.stat(os.path.join(case.run_dir, 'increment.tcp')).st_mode & 0o777 == 0o600

    def connect():
        s = socket.create_connection((address, int(port)), 20 * case.slow)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s
    hello = struct.pack('<IHHHHHHIIQ', 0x4e495043, 1, 32, 3, 0, 1, 0, 44, 1, 0) + \
        struct.pack('<HHIIIIIIIQI', 1, 0, 1, 1, 1024, 1, 65536, 1, 0, 0, 65536)
    for length in (0, 0x100001, 0xffffffff):
        with connect() as s:
            s.sendall(struct.pack('<I', length) + hello)
            try:
                assert s.recv(100) == b'', 'a length that no packet has was taken'
            except ConnectionResetError:
                pass
    with connect() as s:  # the end comes inside a packet
        s.sendall(struct.pack('<I', len(hello)) + hello[:40])
        s.shutdown(socket.SHUT_WR)
        assert s.recv(100) == b''
    with connect() as s:  # byte by byte, and two packets at once
        for byte in struct.pack('<I', len(hello)) + hello:
            s.sendall(bytes([byte]))
        got = b''
        while len(got) < 84:
            got += s.recv(84 - len(got))
        assert struct.unpack('<I', got[:4])[0] == 80 and struct.unpack('<H', got[4 + 12:4 + 14])[0] == 2, got
        request = struct.pack('<IHHHHHHIIQ', 0x4e495043, 1, 32, 1, 0, 1, 0, 8, 1, 7) + struct.pack('<Q', 41)
        s.sendall((struct.pack('<I', 40) + request)[:20])
        s.sendall((struct.pack('<I', 40) + request)[20:])
        got = b''
        while len(got) < 44:
            got += s.recv(44 - len(got))
        assert struct.unpack('<Q', got[-8:])[0] == 42, got
    done = case.run([prefix + '/bin/pipc', 'call', 'increment', '41', '--run-dir', case.run_dir, '--transports', 'tcp'])
    assert done.code == 0 and 'value: 42' in done.out, str(done)
    assert case.stop(server) == 0
