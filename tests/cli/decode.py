# SPDX-License-Identifier: Apache-2.0
"""pipc decode and pipc encode: the golden vectors of the specification, line by line, and single cases."""
import glob
import json
import os

KINDS = ('header', 'chunk', 'hello', 'hello_ack', 'batch', 'increment_req', 'string_reverse', 'cgroups_snapshot_req',
         'cgroups_snapshot_resp', 'cgroups_lookup_req', 'cgroups_lookup_resp', 'apps_lookup_req', 'apps_lookup_resp')


def vectors(case, kind):
    folder = os.environ.get('PIPC_VECTORS')
    if not folder:
        case.skip('the golden vectors of the specification are not here (PIPC_VECTORS)')
    return [json.loads(line) for line in open(os.path.join(folder, kind + '.jsonl'), encoding='utf-8')]


def test_decode_lines_gives_verdict_and_fields_of_every_vector(case):
    for kind in KINDS:
        lines = vectors(case, kind)
        count = [f"{v['item_count']} " if kind == 'batch' else '' for v in lines]
        done = case.pipc('decode', kind, '--lines', stdin=''.join(c + v['hex'] + '\n' for c, v in zip(count, lines)))
        got = done.lines()
        assert done.code == 0 and len(got) == len(lines), f'{kind}: {len(got)} of {len(lines)} {done.err}'
        for v, g in zip(lines, got):
            if v['valid']:
                assert g == v['fields'], f"{v['id']}: {g}, expected {v['fields']}"
            else:
                assert g.get('error') == v['error'] and g['message'], f"{v['id']}: {g}, expected {v['error']}"
        print(f'counted: {kind}: {len(lines)} lines, {sum(v["valid"] for v in lines)} valid')


def test_encode_lines_gives_the_bytes_of_every_canonical_vector(case):
    for kind in KINDS:
        lines = [v for v in vectors(case, kind) if v['valid'] and v['canonical']]
        done = case.pipc('encode', kind, '--lines', stdin=''.join(json.dumps(v['fields']) + '\n' for v in lines))
        got = done.out.split('\n')[:-1]
        assert done.code == 0 and len(got) == len(lines), f'{kind}: {done}'
        for v, g in zip(lines, got):
            assert g == v['hex'], f"{v['id']}: {g}"
        print(f'counted: {kind}: {len(lines)} canonical lines')


def test_encode_lines_builds_lookup_responses_under_the_budget_of_every_vector(case):
    for kind in ('cgroups_lookup_resp', 'apps_lookup_resp'):
        lines = [v for v in vectors(case, kind) if 'build' in v]
        done = case.pipc('encode', kind, '--lines', stdin=''.join(json.dumps(v['build']) + '\n' for v in lines))
        got = done.out.split('\n')[:-1]
        assert done.code == 0 and lines and len(got) == len(lines), f'{kind}: {done}'
        for v, g in zip(lines, got):
            assert g == v['hex'], f"{v['id']}: {g}"
        print(f'counted: {kind}: {len(lines)} lines with a budget')


def test_single_case_from_file_standard_input_and_hexadecimal(case):
    raw = case.file('raw', bytes([5, 0, 0, 0, 0, 0, 0, 0]))
    assert case.pipc('decode', 'increment_req', raw, '--json').json() == {'value': 5}
    assert case.pipc('decode', 'increment-resp', '-', '--json', '--hex', stdin='05 00 00 00\n00000000').json() == {'value': 5}
    done = case.run([case.tool, 'encode', 'increment_req', case.file('fields', '{"value":5}')])
    assert done.out == '\x05' + '\0' * 7, str(done)
    assert case.pipc('encode', 'increment_req', '--hex', stdin='{"value":18446744073709551615}').out == 'ff' * 8 + '\n'


def test_bad_case_is_an_error_with_exit_code_9(case):
    done = case.pipc('decode', 'hello', '--hex', '--json', stdin='00')
    assert done.code == 9 and done.json()['error'] == 'truncated', str(done)
    done = case.pipc('decode', 'hello', '--hex', stdin='0g')
    assert done.code == 9 and '0g' in done.err, str(done)


def test_bad_lines_are_reported_and_the_rest_goes_on(case):
    done = case.pipc('decode', 'increment_req', '--lines', stdin='0100000000000000\nzz\n01\n0200000000000000\n')
    got = done.lines()
    assert done.code == 0 and got[0] == {'value': 1} and got[3] == {'value': 2}, str(done)
    assert got[1]['error'] == 'bad_param' and got[2]['error'] == 'truncated', str(done)


def test_numbers_above_their_field_are_refused_with_the_place(case):
    for text, needle in (('{"value":18446744073709551616}', '18446744073709551615'), ('{"value":-1}', 'below 0'), ('{"value":"x"}', 'value')):
        done = case.pipc('encode', 'increment_req', stdin=text)
        assert done.code == 9 and needle in done.err, f'{text}: {done}'
    done = case.pipc('encode', 'cgroups_snapshot_resp', stdin='{"items":[{},{"enabled":4294967296}]}')
    assert done.code == 9 and 'items[1].enabled' in done.err and '4294967295' in done.err, str(done)
    done = case.pipc('encode', 'header', stdin='{"kind":65536}')
    assert done.code == 9 and 'kind' in done.err and '65535' in done.err, str(done)


def test_derived_numbers_must_be_numbers_of_their_field_and_do_not_count_otherwise(case):
    item = {'cgroups_lookup_req': '{"path":"/a"}', 'cgroups_lookup_resp': '{"path":"/a","status":0,"labels":[{"key":"k","value":"v"}]}',
            'apps_lookup_resp': '{"pid":1,"status":0,"comm":"c","cgroup_path":"/c","labels":[{"key":"k","value":"v"}]}', 'apps_lookup_req': '{"pid":1}',
            'cgroups_snapshot_resp': '{"name":"a","path":"/a"}', 'batch': '{"data":"61"}'}
    for structure, text in item.items():
        lines = ['{"items":[%s]}' % text, '{"item_count":7,"items":[%s]}' % text, '{"item_count":4294967296,"items":[%s]}' % text,
                 '{"item_count":"1","items":[%s]}' % text, '{"item_count":4294967296,"items":[]}']
        got = case.pipc('encode', structure, '--lines', stdin='\n'.join(lines)).out.splitlines()
        assert got[0] == got[1] and not got[0].startswith('{'), f'{structure}: {got}'
        for line in got[2:]:
            assert json.loads(line)['error'] == 'bad_layout' and 'item_count: ' in line, f'{structure}: {got}'
        assert '4294967296 is above 4294967295' in got[2] and 'expected a number' in got[3], f'{structure}: {got}'
    for structure, name, above in (('cgroups_lookup_resp', 'label_count', 65536), ('apps_lookup_resp', 'label_count', 65536),
                                   ('batch', 'offset', 1 << 32), ('batch', 'length', 1 << 32)):
        first = item[structure]
        other = first.replace('/a', '/b').replace('"pid":1', '"pid":2')[:-1]
        lines = ['{"items":[%s,%s,"%s":%s}]}' % (first, other, name, value) for value in (above - 1, above, '"x"', 'null')]
        got = case.pipc('encode', structure, '--lines', stdin='\n'.join(lines)).out.splitlines()
        assert not got[0].startswith('{'), f'{structure}: {got}'
        for line in got[1:]:
            assert json.loads(line)['error'] == 'bad_layout' and f'items[1].{name}: ' in line, f'{structure}: {got}'


def test_batch_needs_its_item_count(case):
    batch = '0000000001000000' + '61' + '00' * 7
    assert case.pipc('decode', 'batch', '--items', 1, '--hex', '--json', stdin=batch).json()['items'] == [
        {'offset': 0, 'length': 1, 'data': '61'}]
    done = case.pipc('decode', 'batch', '--items', 2, '--hex', '--json', stdin=batch)
    assert done.code == 9, str(done)


def test_own_vectors_hold_for_the_command(case):
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vectors')
    checked = 0
    for path in sorted(glob.glob(folder + '/*.jsonl')):
        for v in map(json.loads, open(path, encoding='utf-8')):
            words = ['--items', v['item_count']] if v['kind'] == 'batch' else []
            done = case.pipc('decode', v['kind'], '--hex', '--json', *words, stdin=v['hex'])
            if v['valid']:
                assert done.code == 0 and done.json() == v['fields'], f"{v['id']}: {done}"
            else:
                assert done.code == 9 and done.json()['error'] == v['error'], f"{v['id']}: {done}"
            checked += 1
    assert checked > 3


def test_wire_structures_are_taken_with_a_dash(case):
    text = case.pipc('encode', 'hello-ack', '--hex', stdin='{}').out
    done = case.pipc('decode', 'hello-ack', '--hex', '--json', stdin=text)
    assert done.code == 0 and 'session_id' in done.json(), str(done)


def test_words_that_are_no_structure_and_a_batch_without_count_are_usage_errors(case):
    for words, needle in ((['increment'], 'increment'), (['increment_xyz'], 'increment_xyz'), (['_req'], '_req'), ([''], ''), (['batch'], '--items'),
                          (['nobody_knows_req'], 'nobody_knows')):
        done = case.pipc('decode', *words, stdin='')
        assert done.code == 2 and needle in done.err and done.out == '', str(done)


def test_thousands_of_items_without_fields_are_encoded(case):
    done = case.pipc('encode', 'cgroups_snapshot_resp', '--hex', stdin='{"items":[' + ','.join(['{}'] * 5000) + ']}')
    assert done.code == 0, str(done)[:300]
    got = case.pipc('decode', 'cgroups_snapshot_resp', '--hex', '--json', stdin=done.out).json()
    assert got['item_count'] == 5000 and got['items'][4999]['name'] == ''


def test_text_that_is_not_utf8_or_a_boolean_is_refused(case):
    for text, needle in ((b'{"str":"a\xffb"}', 'utf-8'), (b'{"str":true}', 'string')):
        done = case.pipc('encode', 'string_reverse', stdin=text)
        assert done.code == 9 and needle in done.err, str(done)
    done = case.pipc('encode', 'increment_req', stdin='{"value":true}')
    assert done.code == 9 and 'number' in done.err, str(done)


def test_message_of_a_line_that_is_not_utf8_is_a_string(case):
    done = case.pipc('decode', 'increment_req', '--lines', stdin=b'\xff\xfe\n')
    got = done.lines()[0]
    assert done.code == 0 and got['error'] == 'bad_param' and isinstance(got['message'], str), str(done)
