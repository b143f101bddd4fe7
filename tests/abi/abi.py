# SPDX-License-Identifier: Apache-2.0
"""What the cases of this folder share: header sets, what the compiler says of their structs, and compiling modules against one."""
import glob
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FIRST = [os.path.join(HERE, 'v1', 'include')]
TARGETS = {'x86_64': [], 'i686': ['--target=i686-linux-gnu', '-isystem', '/usr/i686-linux-gnu/include'],
           'aarch64': ['--target=aarch64-linux-gnu', '-isystem', '/usr/aarch64-linux-gnu/include'],
           's390x': ['--target=s390x-linux-gnu', '-isystem', '/usr/s390x-linux-gnu/include']}
TARGETS['x86_64'] = ['--target=x86_64-linux-gnu']


def today():
    """Folders of today's public headers."""
    return [os.path.join(ROOT, 'core', 'include')] + sorted(glob.glob(ROOT + '/transports/*/include') + glob.glob(ROOT + '/codecs/*/include'))


def headers(folders):
    found = set()
    for folder in folders:
        for at, _, names in os.walk(folder):
            found |= {os.path.relpath(os.path.join(at, n), folder) for n in names if n.endswith('.h')}
    return sorted(found)


def compiler(folders, *words, text=''):
    """Standard output of clang over a file that includes all headers, and then `text`."""
    source = ''.join(f'#include <{h}>\n' for h in headers(folders)) + text
    command = ['clang', '-std=c11', *[f'-I{f}' for f in folders], *words, '-x', 'c', '-']
    done = subprocess.run(command, input=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, f'{command}: {done.stderr[-3000:]}'
    return done.stdout


def layouts(folders, target):
    """{struct: [(offset, type, member), ..., (size, 'size', alignment)]} of all public structs, as the compiler has them."""
    out = compiler(folders, *TARGETS[target], '-fsyntax-only', '-Xclang', '-fdump-record-layouts-complete')
    found = {}
    for block in out.split('*** Dumping AST Record Layout')[1:]:
        lines = block.strip().splitlines()
        head = re.match(r'\s*0 \| struct (pipc_\w+)$', lines[0])
        if not head:
            continue
        members = []
        for line in lines[1:]:
            at = re.match(r'\s*(\d+) \|   (\S.*?)\s?(\w+)$', line)
            end = re.match(r'\s*\| \[sizeof=(\d+), align=(\d+)', line)
            if at:
                members.append((int(at.group(1)), at.group(2).replace(' [', '['), at.group(3)))
            elif end:
                members.append((int(end.group(1)), 'size', 'alignment ' + end.group(2)))
                break
        found[head.group(1)] = members
    return found


def layouts_text(found):
    lines = []
    for name in sorted(found):
        size, _, alignment = found[name][-1]
        lines.append(f'struct {name}: {size} bytes, {alignment}')
        lines += [f'  {offset:5} {kind} {member}' for offset, kind, member in found[name][:-1]]
    return '\n'.join(lines) + '\n'


def grows(members):
    """True for a struct that may be appended to: it says its size."""
    return any(member == 'size' for _, _, member in members[:-1])


def embedded(found):
    """Structs that stand by value in others, which is why they never grow, whatever size they say."""
    kinds = {re.match(r'(?:const )?struct (pipc_\w+)(?:\[\d+\])?$', kind) for members in found.values() for _, kind, _ in members[:-1]}
    return {match.group(1) for match in kinds if match}


def numbers(folders):
    """{name: value} of all public constants: macros that are numbers or strings, and enumerators."""
    macros = dict(re.findall(r'^#define (PIPC_[A-Z0-9_]+) (.+)$', compiler(folders, '-E', '-dM'), re.M))
    plain = {n: v for n, v in macros.items() if re.fullmatch(r'[\w\s()+\-*/~]+', v) and not n.endswith('_H') and not v.startswith('__')}
    strings = {n: v for n, v in macros.items() if v.startswith('"')}
    text = compiler(folders, '-E', '-P')
    names = set(plain)
    for body in re.findall(r'\benum\s*\{([^}]*)\}', text):
        names |= set(re.findall(r'\b(PIPC_\w+)\b(?=\s*(?:=|,|$))', body))
    names = sorted(names)
    wanted = ''.join(f'const unsigned long long v_{n} = (unsigned long long)({n});\n' for n in names)
    ir = compiler(folders, '-S', '-emit-llvm', '-o', '-', '-w', text=wanted)
    values = dict(re.findall(r'^@v_(\w+) = .*constant i64 (-?\d+)', ir, re.M))
    assert set(values) == set(names), sorted(set(names) - set(values))
    found = {n: str(int(values[n]) % 2**64) for n in names}
    found.update(strings)
    return found


def numbers_text(found):
    return ''.join(f'{name} {found[name]}\n' for name in sorted(found))


def prototypes(folders):
    """{name: declaration} of all exported functions, as the compiler writes them down."""
    text = compiler(folders, '-fsyntax-only', '-Xclang', '-ast-print')
    found = {}
    for line in text.splitlines():
        line = re.sub(r'__attribute__\(\(.*?\)\)+\s*', '', line).strip().rstrip(';').strip()
        name = re.match(r'(?!static|typedef|return|if\b)[\w ]+[ *](pipc_\w+)\(.*\)$', line)
        if name:
            found[name.group(1)] = line
    return found


def prototypes_text(found):
    return ''.join(found[name] + '\n' for name in sorted(found))
