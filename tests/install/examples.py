# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/examples, built against what was installed: each does what its first lines say."""
import os
import re
import resource
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import SOURCE, done, prefix  # noqa: E402

SESSIONS = 100


def example(name):
    return os.path.join(os.environ['PIPC_TEST_EXAMPLES'], name)


def test_smallest_client_asks_the_smallest_server(case):
    server = case.start([example('server'), case.run_dir])
    assert done(case.run([example('client'), case.run_dir, '41'])).out == '42\n'
    assert case.stop(server) == 0
    assert os.listdir(case.run_dir) in ([], ['increment.lock']), os.listdir(case.run_dir)


def test_smallest_client_says_why_it_got_no_answer(case):
    said = case.run([example('client'), case.run_dir, '41'])
    assert said.code == 1 and said.err.startswith('connect: ') and 'increment.sock' in said.err, str(said)


def test_events_serves_many_sessions_at_once_and_survives_bad_ones(case):
    server = case.start([example('events'), case.run_dir])
    before = len(os.listdir(f'/proc/{server.pid}/task'))
    clients = [case.start([case.tool, 'call', 'increment', '1', '--repeat', '1000000', '--run-dir', case.run_dir, '--transports', 'uds'],
                          ready='') for _ in range(max(10, case.scaled(SESSIONS)))]
    for client in clients:
        assert client.stdout.readline(), 'a client got no answer'
    assert len(os.listdir(f'/proc/{server.pid}/task')) == before == 1
    # A kind that it does not serve ends that session, and no other.
    refused = case.run([case.tool, 'call', 'string-reverse', 'x', '--service', 'increment', '--run-dir', case.run_dir, '--transports', 'uds'])
    assert refused.code != 0
    for client in clients:
        client.kill()
        client.wait()
    assert done(case.run([example('client'), case.run_dir, '41'])).out == '42\n'
    assert case.stop(server) == 0


def cpu_seconds(process):
    with open(f'/proc/{process.pid}/stat', encoding='utf-8') as f:
        return sum(int(n) for n in f.read().rsplit(')', 1)[1].split()[11:13]) / os.sysconf('SC_CLK_TCK')


def silent_client(case):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(case.run_dir + '/increment.sock')
    s.settimeout(case.limit(20))
    return s


def test_events_gives_silent_clients_up_and_sleeps_while_descriptors_are_short(case):
    server = case.start([example('events'), case.run_dir], preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)))
    silent = [silent_client(case) for _ in range(24)]
    assert silent[0].recv(1) == b''  # the time of a handshake is 5 s
    assert cpu_seconds(server) < 1, cpu_seconds(server)
    for s in silent:
        s.close()
    assert done(case.run([example('client'), case.run_dir, '41'])).out == '42\n'
    assert case.stop(server) == 0


def test_snapshot_shows_what_the_provider_has_and_keeps_it_while_it_is_away(case):
    data = case.file('data.json', '{"generation": 7, "items": [{"name": "web", "path": "/web"}, {"name": "db", "path": "/db"}]}')
    server = case.serve('cgroups-snapshot', '--data', data)
    program = case.start([example('snapshot'), case.run_dir, '1000'], ready='7 web /web')
    assert program.stdout.readline() == b'7 db /db\n'
    assert case.stop(server) == 0
    while not (line := program.stdout.readline()).startswith(b'stale: '):
        assert line, 'the example ended'
    assert program.stdout.readline() == b'7 web /web\n'
    program.kill()


def test_fork_leaves_the_parents_session_alone(case):
    server = case.start([example('server'), case.run_dir])
    said = done(case.run([example('fork'), case.run_dir]))
    assert said.out == 'child, with what it inherited: forked\nchild, with its own: 3\nparent: 4\n', said.out
    assert case.stop(server) == 0


def test_embedded_needs_no_file_of_a_module(case):
    if not case.is_builtin():
        case.skip('the archive of this build has no modules in it')
    program = example('embedded')
    said = done(case.run([program, case.run_dir])).out
    assert re.fullmatch(r'42, modules from ".*"\n', said), said
    if case.has_loader():
        return
    assert said.endswith('from ""\n'), said
    names = done(case.run(['nm', program])).out
    assert not re.search(r'\bdl(open|sym|addr)\b', names), re.findall(r'.*\bdl(?:open|sym|addr)\b.*', names)


def test_every_example_is_in_the_list_and_is_built(case):
    sources = {f[:-2] for f in os.listdir(SOURCE + '/docs/examples') if f.endswith('.c')}
    with open(SOURCE + '/docs/examples/README.md', encoding='utf-8') as f:
        assert sources == set(re.findall(r'\((\w+)\.c\)', f.read()))
    built = {name for name in sources if os.access(example(name), os.X_OK)}
    assert built == (sources if case.is_builtin() else sources - {'embedded'}), built
    assert {f[:-2] for f in os.listdir(prefix() + '/share/doc/pipc/examples') if f.endswith('.c')} == sources


def test_ten_lines_of_the_readme_are_a_program_in_c_and_in_c_plus_plus(case):
    with open(SOURCE + '/README.md', encoding='utf-8') as f:
        lines = re.search(r'```c\n(.*?)```', f.read(), re.S).group(1)
    head = '#include <stdio.h>\n' + '\n'.join(re.findall(r'^#include .*$', lines, re.M))
    body = re.sub(r'^#include .*$', '', lines, flags=re.M)
    source = case.file('ten.c', f'{head}\nint main(void)\n{{\n{body.replace("/run/demo", case.run_dir)}\nreturn 0;\n}}\n')
    env = {'PKG_CONFIG_PATH': prefix() + '/lib/pkgconfig'}
    flags = done(case.run(['pkg-config', '--cflags', '--libs', 'pipc'], env=env)).out.split()
    server = case.start([example('server'), case.run_dir])
    for compiler in (['cc', '-std=c99'], ['g++', '-std=c++17', '-x', 'c++'], ['clang++', '-std=c++20', '-x', 'c++']):
        done(case.run([*compiler, '-Wall', '-Wextra', '-Werror', source, '-x', 'none', '-o', case.folder + '/ten', *flags]))
        assert done(case.run([case.folder + '/ten'], env={'LD_LIBRARY_PATH': prefix() + '/lib'})).out == '42\n', compiler
    assert case.stop(server) == 0


CARRIER = '''cmake_minimum_required(VERSION 3.20)
project(carrier LANGUAGES C)
set(PIPC_MODULES builtin)
set(PIPC_LOADER OFF)
add_subdirectory({source} plugin-ipc)
add_executable(embedded {source}/docs/examples/embedded.c)
target_link_libraries(embedded PRIVATE pipc_static)
'''


def test_project_that_carries_the_sources_gets_the_library_and_no_tests_tools_or_rules_of_installation(case):
    os.mkdir(case.folder + '/carrier')
    case.file('carrier/CMakeLists.txt', CARRIER.format(source=SOURCE))
    build = case.folder + '/b'
    done(case.run(['cmake', '-G', 'Ninja', '-S', case.folder + '/carrier', '-B', build], timeout=120))
    targets = set(re.findall(r'^([\w.-]+): phony', done(case.run(['ninja', '-C', build, '-t', 'targets', 'all'])).out, re.M))
    assert 'pipc_static' in targets, targets
    assert not {t for t in targets if t.startswith('test_') or t in ('pipc_tool', 'uninstall', 'package', 'docs')}, targets
    if case.scale > 1:
        print('the library is built this way by tests/run --full')
        return
    done(case.run(['ninja', '-C', build, 'embedded'], timeout=600))
    assert done(case.run([build + '/embedded', case.run_dir])).out == '42, modules from ""\n'
