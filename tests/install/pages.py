# SPDX-License-Identifier: Apache-2.0
"""Manual pages, completion and units, as they are installed."""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import SOURCE, done, prefix  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def need(case, program):
    if not shutil.which(program):
        case.skip(f'{program} is not installed')


def pages():
    """Pages with a text of their own."""
    found = sorted(p for p in glob.glob(prefix() + '/share/man/man*/*') if not open(p, encoding='ascii').read().startswith('.so '))
    assert len(found) > 20, found
    return found


def test_manual_pages_are_clean_for_mandoc(case):
    need(case, 'mandoc')
    said = case.run(['mandoc', '-T', 'lint', *pages()])
    assert not said.out + said.err, (said.out + said.err)[:3000]


def test_manual_pages_are_clean_for_man(case):
    need(case, 'man')
    for page in pages():
        said = case.run(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', page], env={'MANWIDTH': '80', 'LC_ALL': 'C.UTF-8'})
        assert said.code == 0 and not said.err, f'{page}: {said.err[:2000]}'


def test_every_header_and_every_exported_function_has_a_page(case):
    there = {os.path.basename(p)[:-2] for p in glob.glob(prefix() + '/share/man/man3/*.3')}
    names = {os.path.basename(h)[:-2] for h in glob.glob(prefix() + '/include/pipc/**/*.h', recursive=True)}
    wanted = {'pipc' if n == 'pipc' else 'pipc_' + n for n in names}
    with open(SOURCE + '/tests/abi/layouts/functions.txt', encoding='utf-8') as f:
        wanted |= set(re.findall(r'^[^(]*?(pipc_\w+)\(', f.read(), re.M))
    assert len(wanted) > 120 and not wanted - there, wanted - there


def test_links_between_pages_lead_somewhere(case):
    for page in glob.glob(prefix() + '/share/man/man*/*'):
        link = re.match(r'\.so (\S+)', open(page, encoding='ascii').read())
        assert not link or os.path.exists(prefix() + '/share/man/' + link.group(1)), page


def test_page_of_the_command_has_every_command_and_option_of_its_help(case):
    text = done(case.run(['mandoc', '-T', 'utf8', prefix() + '/share/man/man1/pipc.1'])).out if shutil.which('mandoc') else None
    if text is None:
        case.skip('mandoc is not installed')
    text = re.sub(r'.\x08', '', text)
    said = done(case.run([prefix() + '/bin/pipc', '--help'])).out
    options = set(re.findall(r'^  (--[a-z-]+)', said, re.M))
    commands = set(re.findall(r'^  ([a-z]+) ', said, re.M))
    assert len(options) > 40 and len(commands) > 7
    missing = {o for o in options if not re.search(re.escape(o) + r'(?![a-z-])', text)}
    missing |= {c for c in commands if f'pipc {c}' not in text}
    assert not missing, missing


def test_page_of_the_configuration_has_every_key_that_an_error_names(case):
    page = open(prefix() + '/share/man/man5/pipc.conf.5', encoding='ascii').read()
    keys = set()
    for section in ('pipc', 'service.x', 'transport.uds', 'transport.shm'):
        config = case.file('c.ini', f'[{section}]\nno_such_key = 1\n')
        said = case.run([prefix() + '/bin/pipc', 'call', 'increment', '1', '--config', config, '--run-dir', case.run_dir])
        assert said.code == 2, str(said)
        listed = re.search(r'expected one of ([a-z_, ]+)$', said.err, re.M)
        # A sentence ends at 255 bytes, perhaps in the middle of a name.
        keys |= set(listed.group(1).split(', ')[:None if len(said.err) < 250 else -1]) if listed else set()
    assert len(keys) > 20, keys
    missing = {k for k in keys if f'\\fB{k}\\fR' not in page}
    assert not missing, missing


# ---- completion ----

COMPLETE = r'''
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_pipc "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
'''


def complete(case, *words):
    return done(case.run(['bash', '-c', COMPLETE, 'bash', prefix() + '/share/bash-completion/completions/pipc', prefix() + '/bin/pipc',
                          *words])).out.split()


def test_completion_offers_commands_kinds_and_options_of_the_installed_command(case):
    assert {'serve', 'call', 'info', 'conformance'} <= set(complete(case, ''))
    assert complete(case, 'ser') == ['serve']
    assert complete(case, '--run-dir', '/x', 'cal') == ['call']
    assert complete(case, 'serve', 'inc') == ['increment']
    assert set(complete(case, 'call', 'cgroups')) == {'cgroups_lookup', 'cgroups_snapshot'}
    assert set(complete(case, 'serve', '--max-')) == {'--max-request-bytes', '--max-response-bytes', '--max-batch-items', '--max-sessions'}
    assert '--max-sessions' not in complete(case, 'call', '--max-')
    assert set(complete(case, 'call', '--transports', '')) >= {'uds'}
    case.file('data.json', '{}')
    assert complete(case, 'serve', 'increment', '--data', 'da') == ['data.json']


# ---- units ----

def unit(name):
    with open(f'{prefix()}/share/doc/pipc/examples/systemd/{name}', encoding='utf-8') as f:
        return f.read()


def test_units_are_right_for_systemd(case):
    need(case, 'systemd-analyze')
    case.file('pipc-cgroups.socket', unit('pipc-cgroups.socket'))
    service = case.file('pipc-cgroups.service', unit('pipc-cgroups.service').replace('/usr/bin/pipc', prefix() + '/bin/pipc'))
    said = case.run(['systemd-analyze', 'verify', '--man=no', '--recursive-errors=one', service])
    # Of other units on this machine it says things too.
    ours = [line for line in (said.out + said.err).splitlines() if 'pipc' in line]
    assert not ours, ours


def permitted(case, text):
    """Numbers of the system calls that the unit permits."""
    names = expand(case, '@default')      # part of every list that permits
    for line in re.findall(r'^SystemCallFilter=(.*)$', text, re.M):
        words, found = line.lstrip('~').split(), set()
        for word in words:
            found |= expand(case, word)
        names = names - found if line.startswith('~') else names | found
    source = '#include <sys/syscall.h>\n' + ''.join(f'#ifdef SYS_{n}\nNUMBER SYS_{n}\n#endif\n' for n in sorted(names))
    out = subprocess.run(['cc', '-E', '-P', '-'], input=source, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [int(n) for n in re.findall(r'NUMBER (\d+)', out)]


def expand(case, word):
    if not word.startswith('@'):
        return {word}
    found = set()
    for line in done(case.run(['systemd-analyze', 'syscall-filter', word])).out.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith('#'):
            found |= expand(case, name)
    return found


def confined(case, *words):
    """`pipc serve` under the calls that the unit permits, on a listener of somebody else."""
    need(case, 'systemd-analyze')
    program = case.folder + '/confine'
    done(case.run(['cc', '-O1', '-D_GNU_SOURCE', HERE + '/confine.c', '-o', program]))
    numbers = case.file('calls', '\n'.join(map(str, permitted(case, unit('pipc-cgroups.service')))))
    if case.run([program, numbers, '/bin/true']).code == 99:
        case.skip('no filter of system calls can be set here')
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(case.run_dir + '/cgroups-snapshot.sock')
    listener.listen(16)
    return case.start([program, numbers, prefix() + '/bin/pipc', 'serve', 'cgroups-snapshot', '--run-dir', case.run_dir, *words],
                      preexec=lambda: os.dup2(listener.fileno(), 3), pass_fds=(3,))


def test_unit_permits_all_that_a_provider_does_over_both_data_planes(case):
    server = confined(case)
    planes = ['uds'] + ([] if case.build.endswith('noloader') and not os.path.exists('/dev/shm') else ['shm'])
    for plane in planes:
        said = case.run([prefix() + '/bin/pipc', 'call', 'cgroups-snapshot', '--run-dir', case.run_dir, '--transports', plane, '--json'])
        assert said.code == 0 and said.json()['generation'] >= 1, f'{plane}: {said} {open(server.err_path).read()}'
    assert case.stop(server) == 0
