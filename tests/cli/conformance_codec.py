# SPDX-License-Identifier: Apache-2.0
"""pipc conformance for codecs: ours pass every rule, and a codec with one flaw fails by the rule that it breaks."""
import os
import re
import struct

from cases import long

# flaw (tests/broken/codec*.c): rule that must find it
FLAWS = {
    'table': 'C-TABLE', 'samples': 'C-SAMPLES', 'accept': 'C-ACCEPT', 'walk': 'C-WALK', 'writes': 'C-WALK', 'same': 'C-SAME',
    'visitor': 'C-VISITOR', 'null': 'C-NULL', 'surplus': 'C-SURPLUS', 'no_memory': 'C-NO-MEMORY', 'no_system': 'C-NO-SYSTEM',
    'errno': 'C-ERRNO', 'prefix': 'C-PREFIX', 'bits': 'C-BITS', 'numbers': 'C-NUMBERS', 'random': 'C-RANDOM', 'fuzz': 'C-FUZZ',
    'round': 'C-ROUND', 'fields': 'C-FIELDS', 'room': 'C-ROOM', 'overrun': 'C-ROOM', 'source': 'C-SOURCE',
    'call_encode': 'C-CALL-ENCODE', 'call_decode': 'C-CALL-DECODE', 'dispatch_request': 'C-DISPATCH-REQUEST',
    'dispatch_callback': 'C-DISPATCH-CALLBACK', 'dispatch_done': 'C-DISPATCH-DONE', 'dispatch_space': 'C-DISPATCH-SPACE',
    'batch': 'C-BATCH', 'snapshot_items': 'C-SNAPSHOT-ITEMS', 'snapshot_key': 'C-SNAPSHOT-ITEMS',
    'lookup_null': 'C-LOOKUP-REQUEST', 'lookup_fit': 'C-LOOKUP-REQUEST', 'lookup_encode': 'C-LOOKUP-REQUEST',
    'lookup_generation': 'C-LOOKUP-ITEMS', 'lookup_beyond': 'C-LOOKUP-ITEMS', 'lookup_raw': 'C-LOOKUP-ITEMS', 'lookup_size': 'C-LOOKUP-ITEMS',
    'lookup_add': 'C-LOOKUP-STITCH', 'lookup_assemble': 'C-LOOKUP-STITCH', 'lookup_trust': 'C-LOOKUP-STITCH',
    'lookup_echo': 'C-LOOKUP-LOCAL', 'lookup_local': 'C-LOOKUP-LOCAL', 'lookup_broken': 'C-LOOKUP-BROKEN',
    'uniform_encode': 'C-UNIFORM-ENCODE', 'uniform_decode': 'C-UNIFORM-DECODE', 'uniform_stage': 'C-UNIFORM-DISPATCH',
    'uniform_answer': 'C-UNIFORM-DISPATCH',
    'snapshot_index': 'C-SNAPSHOT-INDEX', 'snapshot_head': 'C-SNAPSHOT-HEAD', 'snapshot_broken': 'C-SNAPSHOT-BROKEN',
}


def codecs(case):
    """Every codec of the build: (name, how to name it to conformance)."""
    found = [(m['name'], ('--builtin', m['name']) if m['builtin'] else ('--module', m['file']))
             for m in case.pipc('info', '--json').json()['modules'] if m['kind'] == 'codec']
    assert found, 'the build has no codec'
    return found


def broken(case, flaw):
    if not os.path.isdir(os.path.join(case.build, 'tests', 'broken')):
        case.skip('codecs with flaws are made in the build dev')
    path = os.path.join(case.build, 'tests', 'broken', f'codec_{flaw}.so')
    if not os.path.exists(path):
        case.skip('this build has no cgroups_snapshot, which codecs with flaws are made of')
    return path


def results(done):
    """{id: ok, not ok or skipped} of a TAP text, whose plan must be kept."""
    lines = re.findall(r'^(ok|not ok) (\d+) - (\S+)(.*)$', done.out, re.M)
    plan = re.search(r'^1\.\.(\d+)$', done.out, re.M)
    assert plan and [int(n) for _, n, _, _ in lines] == list(range(1, int(plan.group(1)) + 1)), str(done)
    return {i: 'skipped' if '# SKIP' in rest else verdict for verdict, _, i, rest in lines}


@long
def test_every_codec_of_the_build_passes_every_rule(case):
    for name, how in codecs(case):
        done = case.pipc('conformance', *how, timeout=120)
        seen = results(done)
        assert done.code == 0 and set(seen.values()) == {'ok'}, f'{name}: {done}'
        assert {'C-TABLE', 'C-PREFIX', 'C-ROOM', 'C-FUZZ'} <= set(seen), seen


def test_codec_unlike_ours_passes_every_rule(case):
    if not case.has_loader():
        case.skip('no loader in this build, and the codec is a file')
    done = case.pipc('conformance', '--module', os.path.join(case.build, 'tests', 'modules', 'stranger.so'), timeout=120)
    assert done.code == 0 and set(results(done).values()) == {'ok'}, str(done)


def test_cases_follow_the_traits_that_a_codec_claims(case):
    modules = {m['name']: m for m in case.pipc('info', '--json').json()['modules']}
    for name, how in codecs(case):
        listed = {line.split()[0] for line in case.pipc('conformance', *how, '--list').out.splitlines()}
        assert ('C-BATCH' in listed) == ('batch' in modules[name]['traits']), (name, listed)
        assert ('C-SNAPSHOT-ITEMS' in listed) == ('snapshot' in modules[name]['traits']), (name, listed)
        assert ('C-LOOKUP-ITEMS' in listed) == ('lookup' in modules[name]['traits']), (name, listed)
        assert ('C-UNIFORM-DECODE' in listed) == ('uniform' in modules[name]['traits']), (name, listed)


def test_codec_with_one_flaw_fails_by_the_rule_that_it_breaks(case):
    for flaw, rule in FLAWS.items():
        done = case.pipc('conformance', '--module', broken(case, flaw), '--only', rule, timeout=120)
        assert done.code == 1 and results(done) == {rule: 'not ok'}, f'{flaw}: {done}'


def test_same_codec_without_a_flaw_passes(case):
    done = case.pipc('conformance', '--module', broken(case, 'none'), timeout=120)
    assert done.code == 0 and set(results(done).values()) == {'ok'}, str(done)


def test_every_rule_has_a_codec_that_breaks_it(case):
    listed = set()
    for flaw in ('none', 'batch', 'lookup_null', 'uniform_stage'):
        listed |= {line.split()[0] for line in case.pipc('conformance', '--module', broken(case, flaw), '--list').out.splitlines()}
    assert listed == set(FLAWS.values()), listed ^ set(FLAWS.values())


def test_crash_is_reported_with_the_input_and_the_seed(case):
    done = case.pipc('conformance', '--module', broken(case, 'numbers'), '--only', 'C-FUZZ', timeout=120)
    assert done.code == 1 and 'seed 0x' in done.out, str(done)
    assert re.search(r'^# input: [0-9a-f]+$', done.out, re.M) or case.build.endswith('asan'), str(done)


def test_codec_without_builders_is_skipped_without_samples_and_judged_with_them(case):
    if not case.has_loader():
        case.skip('no loader in this build, and the codec without builders is a file')
    bare = os.path.join(case.build, 'tests', 'modules', 'good_codec.so')
    seen = results(case.pipc('conformance', '--module', bare, '--only', 'C-ACCEPT,C-PREFIX,C-FUZZ'))
    assert set(seen.values()) == {'skipped'}, seen
    samples = case.file('samples', '# the one message that it takes\n\nrequest\nresponse \n')
    done = case.pipc('conformance', '--module', bare, '--only', 'C-ACCEPT,C-PREFIX', '--samples', samples)
    assert done.code == 0 and set(results(done).values()) == {'ok'}, str(done)


def test_samples_that_are_refused_or_malformed_fail_with_their_line(case):
    name, how = codecs(case)[0]
    for text, needle in (('response 0\n', 'line 1: expected an even number'), ('\nanswer 00\n', 'line 2: expected "request HEX"'),
                         ('request ff\n', 'request of line 1 is refused')):
        done = case.pipc('conformance', *how, '--only', 'C-ACCEPT', '--samples', case.file('samples', text))
        assert done.code == 1 and needle in done.out, f'{name}: {text}: {done}'
    done = case.pipc('conformance', *how, '--only', 'C-ACCEPT', '--samples', '/nonexistent')
    assert done.code == 1 and '/nonexistent' in done.out, str(done)


def test_samples_with_bytes_behind_the_message_are_judged_by_the_message(case):
    how = dict(codecs(case)).get('increment')
    if not how:
        case.skip('this build has no increment, the one codec whose messages are uniform')
    samples = case.file('samples', 'request 0700000000000000ff\nresponse 08000000000000000102030405060708\n')
    done = case.pipc('conformance', *how, '--samples', samples, timeout=120)
    assert done.code == 0 and set(results(done).values()) == {'ok'}, str(done)


def test_sample_that_needs_much_room_for_its_answer_does_not_fail_a_codec(case):
    """The directory alone of an answer to 4000 keys has 32,000 bytes."""
    how = dict(codecs(case)).get('cgroups_lookup')
    if not how:
        case.skip('this build has no cgroups_lookup, whose answers are as large as its requests say')
    directory = b''.join(struct.pack('=II', 8 * i, 3) for i in range(4000))
    request = struct.pack('=HHIQ', 1, 0, 4000, 0) + directory + b'/a\0\0\0\0\0\0' * 4000
    samples = case.file('samples', f'request {request.hex()}\n')
    done = case.pipc('conformance', *how, '--only', 'C-DISPATCH-CALLBACK,C-DISPATCH-DONE,C-DISPATCH-SPACE', '--samples', samples,
                     timeout=120)
    assert done.code == 0 and set(results(done).values()) == {'ok'}, str(done)
