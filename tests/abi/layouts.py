#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes, offsets and numbers of the public headers: as recorded, and nothing of the first header set moved.

`tests/abi/layouts.py --update` records what is there now; the change is then seen where it is reviewed."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import abi  # noqa: E402

# Counts that grow when something is appended.
COUNTS = ('PIPC_RESULT_COUNT_', 'PIPC_HOST_MINOR', 'PIPC_TRANSPORT_ABI_MINOR', 'PIPC_CODEC_ABI_MINOR')


def record(name):
    return os.path.join(abi.HERE, 'layouts', name + '.txt')


def read(name):
    with open(record(name), encoding='utf-8') as f:
        return f.read()


def differences(before, now):
    lines = subprocess.run(['diff', '-u', '--label', 'recorded', '--label', 'now', before, '-'], input=now, stdout=subprocess.PIPE,
                           text=True, check=False).stdout
    return lines[:4000]


def as_recorded(name, now):
    assert read(name) == now, f'{differences(record(name), now)}\non purpose? tests/abi/layouts.py --update, docs/compatibility.md'


def layout(target):
    now = abi.layouts(abi.today(), target)
    assert len(now) > 60, len(now)
    as_recorded(target, abi.layouts_text(now))


def test_structs_are_as_recorded_on_x86_64(case):
    layout('x86_64')


def test_structs_are_as_recorded_on_i686(case):
    layout('i686')


def test_structs_are_as_recorded_on_aarch64(case):
    layout('aarch64')


def test_structs_are_as_recorded_on_s390x(case):
    layout('s390x')


def test_constants_are_as_recorded(case):
    as_recorded('numbers', abi.numbers_text(abi.numbers(abi.today())))


def test_functions_are_as_recorded_and_all_of_them_are_exported(case):
    now = abi.prototypes(abi.today())
    assert len(now) > 100, len(now)
    as_recorded('functions', abi.prototypes_text(now))
    exported = {line.split()[1] for line in read('symbols').splitlines()}
    assert set(now) == exported, set(now) ^ exported


def test_functions_of_the_first_header_set_are_there_unchanged(case):
    first, now = abi.prototypes(abi.FIRST), abi.prototypes(abi.today())
    assert len(first) > 100, len(first)
    changed = {n: (p, now.get(n)) for n, p in first.items() if now.get(n) != p}
    assert not changed, changed


def moved(first, now, may_grow=abi.grows):
    """What breaks a program or module that was built with `first`: sentences."""
    inside = abi.embedded(first)
    for name, members in first.items():
        if name not in now:
            yield f'struct {name} is gone'
            continue
        kept = now[name][:len(members) - 1]
        if kept != members[:-1]:
            yield f'struct {name}: {[m for m in members[:-1] if m not in now[name]] or "members changed places"}'
        if now[name][-1] != members[-1] and (not may_grow(members) or name in inside):
            yield f'struct {name} has no size or is part of another and has changed: {members[-1]}, {now[name][-1]}'


def test_nothing_of_the_first_header_set_moved(case):
    for target in abi.TARGETS:
        first = abi.layouts(abi.FIRST, target)
        assert len(first) > 60, len(first)
        found = list(moved(first, abi.layouts(abi.today(), target)))
        assert not found, f'{target}: {found}'


def test_constants_of_the_first_header_set_have_their_values(case):
    first, now = abi.numbers(abi.FIRST), abi.numbers(abi.today())
    assert len(first) > 250, len(first)
    changed = {n: (v, now.get(n)) for n, v in first.items() if now.get(n) != v and n not in COUNTS}
    assert not changed, changed
    assert all(int(now[n]) >= int(first[n]) for n in COUNTS)


def test_a_member_that_moves_grows_or_goes_is_seen(case):
    first = {'pipc_a': [(0, 'uint32_t', 'size'), (8, 'uint64_t', 'x'), (16, 'size', 'alignment 8')],
             'pipc_b': [(0, 'uint64_t', 'x'), (8, 'size', 'alignment 8')]}
    good = {'pipc_a': first['pipc_a'][:2] + [(16, 'uint64_t', 'y'), (24, 'size', 'alignment 8')], 'pipc_b': first['pipc_b']}
    assert not list(moved(first, good))
    for change in ({'pipc_a': [(0, 'uint32_t', 'size'), (4, 'uint64_t', 'x'), (12, 'size', 'alignment 4')]},
                   {'pipc_a': [(0, 'uint32_t', 'size'), (8, 'int64_t', 'x'), (16, 'size', 'alignment 8')]},
                   {'pipc_a': [(0, 'uint32_t', 'size'), (4, 'size', 'alignment 4')]},
                   {'pipc_b': [(0, 'uint64_t', 'x'), (8, 'uint64_t', 'y'), (16, 'size', 'alignment 8')]}):
        assert len(list(moved(first, {**good, **change}))) == 1, change
    assert list(moved(first, {'pipc_a': good['pipc_a']})) == ['struct pipc_b is gone']
    first['pipc_c'] = [(0, 'uint32_t', 'size'), (8, 'struct pipc_a', 'a'), (24, 'size', 'alignment 8')]
    good['pipc_c'] = first['pipc_c'][:2] + [(32, 'size', 'alignment 8')]
    assert [s for s in moved(first, good) if s.startswith('struct pipc_a ')], list(moved(first, good))


def test_shared_library_exports_the_recorded_symbols(case):
    library = os.path.join(case.build, 'core', 'libpipc.so')
    if not os.path.exists(library):
        case.skip('this build has no shared library')
    as_recorded('symbols', symbols(library))


def symbols(library):
    out = subprocess.run(['nm', '-D', '--defined-only', library], stdout=subprocess.PIPE, text=True, check=True).stdout
    return ''.join(sorted(' '.join(line.split()[1:]) + '\n' for line in out.splitlines()))


def update(build):
    texts = {target: abi.layouts_text(abi.layouts(abi.today(), target)) for target in abi.TARGETS}
    texts['numbers'] = abi.numbers_text(abi.numbers(abi.today()))
    texts['functions'] = abi.prototypes_text(abi.prototypes(abi.today()))
    texts['symbols'] = symbols(os.path.join(build, 'core', 'libpipc.so'))
    for name, text in texts.items():
        with open(record(name), 'w', encoding='utf-8') as f:
            f.write(text)


if __name__ == '__main__':
    if sys.argv[1:] != ['--update']:
        raise SystemExit('usage: tests/abi/layouts.py --update')
    update(os.path.join(abi.ROOT, 'build', 'dev'))
