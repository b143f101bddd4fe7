# SPDX-License-Identifier: Apache-2.0
"""The reference by Doxygen: without a warning, and nothing that a program calls is without words."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import abi  # noqa: E402


def run(case, **changes):
    """Doxygen with the build's settings and these; its output."""
    if not shutil.which('doxygen'):
        case.skip('doxygen is not installed')
    with open(case.build + '/Doxyfile', encoding='utf-8') as f:
        text = f.read()
    changes.setdefault('OUTPUT_DIRECTORY', case.folder + '/docs')
    for key, value in changes.items():
        text, count = re.subn(rf'(?m)^{key} .*$', f'{key} = {value}', text)
        assert count == 1, key
    return case.run(['doxygen', case.file('Doxyfile', text)])


def entries():
    """Entries of the table of transports: functions of these names that only pass on are described there."""
    text = open(os.path.join(abi.HERE, 'layouts', 'x86_64.txt'), encoding='utf-8').read()
    return set(re.findall(r'\(\*\).* (\w+)$', re.search(r'struct pipc_transport_ops:.*?(?=\nstruct)', text, re.S).group(0), re.M))


def forwarded(line):
    name = re.search(r'Member pipc_wrapped_(\w+)\(.*\(function\)', line)
    return name.group(1) if name else ''


def test_reference_is_made_without_a_warning_and_every_function_and_struct_is_described(case):
    said = run(case, WARN_IF_UNDOCUMENTED='YES', WARN_AS_ERROR='NO')
    lines = [line for line in (said.out + said.err).splitlines() if line.strip()]
    # Members, enumerators and constants are mostly described together, above the struct or the list.
    plain = re.compile(r'warning: Member \S+?.* \((?:variable|enumvalue|enumeration|macro definition|typedef)\) of .* is not documented\.$')
    bad = [line for line in lines if not plain.search(line) and forwarded(line) not in entries()]
    assert not bad, bad[:20]
    page = open(case.folder + '/docs/html/client_8h.html', encoding='utf-8').read()
    assert 'pipc_client_create' in page and 'in state DISCONNECTED' in page
    assert len(os.listdir(case.folder + '/docs/html')) > 150


def test_a_wrong_word_in_a_header_would_be_a_warning(case):
    bad = case.file('bad.h', '/** @file */\n/** See @ref nowhere_at_all. */\nvoid f(void);\n')
    said = run(case, INPUT=bad, INPUT_FILTER='')
    assert said.code != 0 and 'nowhere_at_all' in said.out + said.err, str(said)
