# SPDX-License-Identifier: Apache-2.0
"""pipc bench: every scenario over every transport of the build, its three outputs, skips, faults."""
import csv
import glob
import io
import itertools
import json
import os
import re
import signal
import subprocess
import xml.dom.minidom

FIELDS = ['scenario', 'transport', 'level', 'spin', 'rate', 'items', 'depth', 'rounds', 'throughput', 'p50_us', 'p95_us', 'p99_us',
          'p999_us', 'send_p50_us', 'send_p99_us', 'client_cpu', 'server_cpu', 'cpu_to_off', 'floor', 'ratio_to_floor', 'ratio_p50',
          'p99_to_floor', 'floor_kind', 'floor_p50_us', 'floor_p99_us', 'floor_client_cpu', 'floor_server_cpu', 'ns_per_item',
          'allocations', 'client_wakeups', 'server_wakeups', 'client_pin', 'server_pin', 'skipped']
LEVELS = {'ping-pong': {'l1', 'l2'}, 'batch': {'l1', 'l2'}, 'pipeline': {'l1'}, 'pipeline-batch': {'l1'}, 'snapshot': {'l2', 'l3'},
          'cache': {'l3'}, 'connect': {'l1', 'l2'}, 'idle': {'l1', 'l2'}, 'apps-lookup': {'l2'}, 'cgroups-lookup': {'l2'}}
CODECS = ['apps-codec', 'apps-codec-labels', 'cgroups-codec', 'cgroups-codec-labels']
LEVELS.update({name: {'l2'} for name in CODECS})
SHORT = ['--duration', '0.05', '--rounds', '3']


def bench(case, *words, **more):
    return case.pipc('bench', *words, *SHORT, timeout=120, **more)


def transports(case):
    """Those of the build, the fastest first."""
    names = [m['name'] for m in case.pipc('info', '--json').json()['modules'] if m['kind'] == 'transport' and m['loaded']]
    return [n for n in ('shm', 'uds') if n in names]


def check_row(row):
    assert list(row) == FIELDS, list(row)
    if row['skipped']:
        assert row['level'] is None and row['throughput'] is None, row
    elif row['scenario'] == 'idle':
        assert row['client_wakeups'] is not None and row['server_wakeups'] is not None and row['floor'] is None, row
    else:
        assert row['throughput'] > 0 and 0 < row['p50_us'] <= row['p95_us'] <= row['p99_us'] <= row['p999_us'], row
        # Ratios are rounded: a busy machine that stands still inside so short a row makes them 0.
        still = row['p50_us'] > 10000
        assert row['floor'] > 0 and row['floor_kind'] and (still or row['ratio_to_floor'] > 0 and row['ratio_p50'] > 0), row
        assert row['client_cpu'] >= 0 and (row['server_cpu'] or 0) >= 0 and row['rounds'] == 3, row
        assert (row['send_p50_us'] is not None) == (row['rate'] > 0), row
        per_item = row['scenario'] in CODECS or row['scenario'].endswith('-lookup')
        assert (row['ns_per_item'] is not None) == (per_item or (row['scenario'] == 'batch' and row['items'] > 1)), row
        if per_item:    # the printed ones are rounded
            assert abs(row['ns_per_item'] * row['items'] / 1000 - row['p50_us']) <= 0.005 * row['items'] / 1000 + 0.001, row


def check_scenario(case, name):
    done = bench(case, name, '--json', '--rate', 0)
    assert done.code == 0 and done.err == '', str(done)
    rows = done.lines()
    for row in rows:
        check_row(row)
        assert row['scenario'] == name, row
    measured = {row['transport'] for row in rows if not row['skipped']}
    for transport in measured:
        assert {row['level'] for row in rows if row['transport'] == transport} == LEVELS[name], rows
    assert rows and {row['transport'] for row in rows} <= set(transports(case)), rows
    assert os.listdir(case.run_dir) == [], os.listdir(case.run_dir)
    return rows


def test_ping_pong_over_every_transport_has_every_field(case):
    rows = check_scenario(case, 'ping-pong')
    assert {row['transport'] for row in rows} == set(transports(case)), rows
    assert all(row['allocations'] == 0 for row in rows), rows


def test_batch_over_every_transport_tells_the_cost_of_an_item(case):
    rows = check_scenario(case, 'batch')
    assert {row['items'] for row in rows} == {1, 10, 100, 500, 1000}, rows


def test_pipeline_over_every_transport_or_skipped(case):
    assert all(row['depth'] == 16 for row in check_scenario(case, 'pipeline'))


def test_pipeline_of_batches_over_every_transport_or_skipped(case):
    assert all(row['items'] == 100 for row in check_scenario(case, 'pipeline-batch'))


def test_snapshot_over_every_transport(case):
    rows = check_scenario(case, 'snapshot')
    assert {row['transport'] for row in rows} == set(transports(case)), rows


def test_cache_is_measured_once_and_allocates_nothing(case):
    rows = check_scenario(case, 'cache')
    assert len(rows) == 1 and rows[0]['allocations'] == 0, rows


def test_lookups_of_16_to_32768_keys_over_every_transport(case):
    for name in ('apps-lookup', 'cgroups-lookup'):
        done = case.pipc('bench', name, '--json', '--duration', 0.01, '--rounds', 1, '--timeout', 100000, timeout=120)
        assert done.code == 0 and done.err == '', str(done)
        rows = done.lines()
        for row in rows:
            check_row({**row, 'rounds': 3})
        assert {(row['transport'], row['items'], row['level']) for row in rows} == \
            {(t, n, 'l2') for t in transports(case) for n in (16, 256, 8192, 32768)}, rows
    assert os.listdir(case.run_dir) == []


def test_limits_of_a_lookup_hold_for_both_sides(case):
    words = ('apps-lookup', '--items', 5000, '--json', '--transports', 'uds', '--no-floor')
    done = bench(case, *words, '--max-request-bytes', 1 << 20, '--max-response-bytes', 16 << 20)
    assert done.code == 0 and done.lines()[0]['throughput'] > 0, str(done)
    done = bench(case, *words, '--max-response-bytes', 1024, '--growth-ceiling-bytes', 1024)
    assert done.code == 5 and 'apps-lookup over uds' in done.err, str(done)    # no placeholders of 63 keys fit


def test_codecs_are_measured_once_without_a_server(case):
    done = bench(case, *CODECS, '--json')
    assert done.code == 0 and done.err == '', str(done)
    rows = done.lines()
    for row in rows:
        check_row(row)
        assert row['server_cpu'] is None and row['floor_kind'] == 'copy of the bytes' and row['allocations'] == 0, row
    assert [(row['scenario'], row['items']) for row in rows] == [(name, 8192) for name in CODECS], rows
    done = bench(case, 'apps-codec', '--items', 10, '--transports', 'uds')
    assert done.code == 0 and ' ns an item' in done.out and 'beyond' not in done.out, str(done)


def test_connect_over_every_transport(case):
    check_scenario(case, 'connect')


def test_idle_connection_wakes_nobody_over_sockets(case):
    rows = [row for row in check_scenario(case, 'idle') if row['transport'] == 'uds']
    assert rows and all(row['client_wakeups'] == 0 and row['server_wakeups'] == 0 for row in rows), rows


def test_target_rate_is_kept_by_each_level(case):
    done = case.pipc('bench', 'ping-pong', '--rate', 1000, '--json', '--duration', 0.6, '--rounds', 3, '--transports', 'uds')
    rows = done.lines()
    assert done.code == 0 and len(rows) == 2, str(done)
    for row in rows:
        check_row(row)
        assert row['rate'] == 1000 and row['send_p50_us'] <= row['p50_us'], row
        # A slice that ends late counts more time; it never counts more requests.
        assert 0 < row['throughput'] <= 1050, row


def test_target_rate_is_judged_against_spin_off_and_the_floor(case):
    rows = bench(case, 'ping-pong', '--json', '--transports', 'uds', '--spin', 'adaptive,off', '--rate', 1000, '--level', 'l2').lines()
    for row in rows:
        check_row(row)
        assert row['p99_to_floor'] > 0 and (row['cpu_to_off'] is None) == (row['spin'] == 'off'), row
    assert {row['spin'] for row in rows} == {'adaptive', 'off'} and rows[0]['cpu_to_off'] > 0, rows


def test_ping_pong_without_a_rate_is_measured_at_four(case):
    done = bench(case, 'ping-pong', '--json', '--transports', 'uds', '--level', 'l1')
    assert done.code == 0 and [row['rate'] for row in done.lines()] == [0, 1000, 10000, 100000], str(done)


def test_values_of_spin_are_compared_in_one_run(case):
    done = bench(case, 'ping-pong', '--json', '--transports', 'uds', '--spin', 'adaptive,off', '--rate', 0, '--level', 'l2')
    assert done.code == 0, str(done)
    assert [(row['spin'], row['floor_kind']) for row in done.lines()] == \
        [('adaptive', 'polling SEQPACKET'), ('off', 'blocking SEQPACKET')], str(done)


def test_pipeline_over_a_transport_of_one_request_is_skipped_with_the_reason(case):
    if 'shm' not in transports(case):
        case.skip('this build has no transport that holds one request at a time')
    done = bench(case, 'pipeline', '--transports', 'shm', '--json')
    (row,) = done.lines()
    check_row(row)
    assert done.code == 0 and 'shm' in row['skipped'] and 'one request' in row['skipped'], str(done)
    done = bench(case, 'pipeline', '--transports', 'shm')
    assert done.code == 0 and 'skipped: shm holds one request' in done.out, str(done)


def test_level_that_a_scenario_has_not_is_skipped_with_the_reason(case):
    done = bench(case, 'cache', '--level', 'l1', '--json', '--transports', 'uds')
    (row,) = done.lines()
    assert done.code == 0 and '--level' in row['skipped'], str(done)


def test_optional_transport_that_is_missing_is_skipped_with_the_reason(case):
    done = bench(case, 'ping-pong', '--rate', 0, '--json', '--transports', '-nothere,uds')
    assert done.code == 0, str(done)
    skipped = [row for row in done.lines() if row['transport'] == 'nothere']
    assert len(skipped) == 1 and 'nothere' in skipped[0]['skipped'], str(done)


def test_transport_that_is_missing_is_an_error_that_names_it(case):
    done = bench(case, 'ping-pong', '--transports', 'nothere')
    assert done.code == 2 and 'nothere' in done.err, str(done)


def test_csv_has_the_fields_of_json_and_parses(case):
    done = bench(case, 'ping-pong', 'cache', '--csv', '--transports', 'uds', '--rate', 0)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.code == 0 and len(rows) == 3 and list(rows[0]) == FIELDS, str(done)
    assert all(float(row['throughput']) > 0 and row['skipped'] == '' for row in rows), rows
    done = bench(case, 'cache', '--csv', '--level', 'l1,l2', '--transports', 'uds')
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert row['skipped'] and row['throughput'] == '', row


def test_table_has_a_line_for_the_floor_and_for_each_level(case):
    done = bench(case, 'ping-pong', '--rate', 0, '--transports', 'uds')
    lines = done.out.splitlines()
    assert done.code == 0 and done.err == '', str(done)
    assert [line.split()[0] for line in lines[2:]] == ['polling', 'l1', 'l2'] and lines[0] == 'ping-pong over uds', str(done)
    assert len({line.index('%') for line in lines[2:]}) == 1, str(done)


def test_server_that_runs_already_is_measured(case):
    server = case.serve('increment', '--service', 'svc', '--token', 7)
    done = bench(case, '--no-server', '--service', 'svc', '--token', 7, '--json', '--transports', 'uds', '--rate', 0)
    rows = done.lines()
    assert done.code == 0 and [row['level'] for row in rows] == ['l1', 'l2'], str(done)
    for row in rows:
        check_row(row)
    done = bench(case, 'batch', '--items', 20, '--no-server', '--service', 'svc', '--token', 7, '--json', '--transports', 'uds')
    assert done.code == 0 and [row['items'] for row in done.lines()] == [20, 20], str(done)
    assert case.stop(server) == 0 and os.listdir(case.run_dir) == []
    server = case.serve('apps-lookup', '--service', 'svc', '--data', case.file('data', '{}'))
    done = bench(case, 'apps-lookup', 'apps-codec', '--items', 20, '--no-server', '--service', 'svc', '--json', '--transports', 'uds')
    assert done.code == 0 and [row['skipped'] for row in done.lines()] == [None, 'this scenario asks no server'], str(done)
    assert case.stop(server) == 0


def test_server_that_does_not_run_is_an_error_that_names_it(case):
    done = bench(case, '--no-server', '--service', 'gone', '--transports', 'uds', '--rate', 0)
    assert done.code == 3 and 'gone' in done.err, str(done)


def test_wrong_token_ends_with_4(case):
    case.serve('increment', '--service', 'svc', '--token', 7)
    done = bench(case, '--no-server', '--service', 'svc', '--token', 8, '--transports', 'uds', '--rate', 0)
    assert done.code == 4 and 'svc' in done.err, str(done)


def test_usage_errors_name_the_word_and_what_is_accepted(case):
    for words, text in ((['nothing'], 'ping-pong'), (['ping-pong', 'nothing'], "'nothing'"), (['--duration', '0'], '--duration'),
                        (['--duration', 'x'], "'x'"), (['--duration', '1s'], "'1s'"), (['--rounds', '0'], '--rounds'),
                        (['--spin', 'often'], 'adaptive'), (['--level', 'l4'], 'l1'), (['--pin', '0'], '--pin'),
                        (['--pin', '0,9999'], '9999'), (['batch', '--items', '1001'], '1000'), (['batch', '--items', '0'], 'batch'),
                        (['--json', '--csv'], '--csv'), (['--depth', '0'], '--depth'), (['--rate', '99999999'], '--rate')):
        done = case.pipc('bench', *words)
        assert done.code == 2 and text in done.err, f'{words}: {done}'
    assert os.listdir(case.run_dir) == []


def test_one_cpu_is_said(case):
    cpu = sorted(os.sched_getaffinity(0))[0]
    done = bench(case, 'ping-pong', '--rate', 0, '--transports', 'uds', '--spin', 'off', '--pin', f'{cpu},{cpu}')
    assert done.code == 0 and 'one CPU' in done.err and f'both sides on CPU {cpu}' in done.out, str(done)


def test_signal_ends_it_and_leaves_nothing(case):
    for how, seen in itertools.product((signal.SIGINT, signal.SIGTERM), ('/*', '/*/*/increment.sock')):
        process = case.start([case.tool, 'bench', 'ping-pong', 'idle', '--duration', '600', '--transports', 'uds', '--json', '--rate', '0',
                              '--run-dir', case.run_dir], ready='')
        case.until(lambda: glob.glob(case.run_dir + seen), what=f'{seen} of the bench')
        children = children_of(process.pid)
        assert case.stop(process, how) == 7, open(process.err_path).read()
        case.until(lambda: not any(map(alive, children)), what='the end of the servers')
        assert os.listdir(case.run_dir) == []


def test_killed_bench_leaves_no_process(case):
    process = case.start([case.tool, 'bench', 'ping-pong', '--duration', '600', '--transports', 'uds', '--run-dir', case.run_dir,
                          '--rate', '0'], ready='')
    case.until(lambda: glob.glob(case.run_dir + '/*/1/increment.sock'), what='the last server of the bench')
    children = children_of(process.pid)
    case.stop(process, signal.SIGKILL)
    case.until(lambda: not any(map(alive, children)), what='the end of the servers')


def test_output_into_a_closed_pipe_ends_quietly_and_leaves_nothing(case):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen([case.tool, 'bench', 'ping-pong', 'connect', '--transports', 'uds', '--run-dir', case.run_dir] + SHORT,
                               stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    _, err = process.communicate(timeout=60 * case.slow)
    assert process.returncode == 0 and err == b'', (process.returncode, err)
    assert os.listdir(case.run_dir) == []


def test_report_makes_a_page_and_plots_of_kept_rows(case):
    rows = ''.join(bench(case, *words, '--json', '--transports', 'uds').out for words in
                   (['ping-pong', '--rate', 0, '--spin', 'adaptive,off'], ['ping-pong', '--rate', 1000, '--no-floor', '--level', 'l2'],
                    ['batch', '--items', 500], ['apps-lookup', 'cgroups-lookup', '--items', 64], CODECS, ['pipeline', 'snapshot', 'cache', 'connect', 'idle', '--level', 'l1,l2,l3']))
    out = os.path.join(case.folder, 'docs')
    report = os.path.join(os.path.dirname(__file__), os.pardir, 'bench', 'report')
    done = case.run([report, '--from', case.file('rows.jsonl', rows), '--out', out, '--tool', case.tool])
    assert done.code == 0 and 'cache look-up: allocations: 0' in done.out, str(done)
    page = open(os.path.join(out, 'bench.md'), encoding='utf-8').read()
    plots = re.findall(r'\]\((bench/[^)]+)\)', page)
    assert len(plots) == 5 and sorted(plots) == sorted('bench/' + n for n in os.listdir(os.path.join(out, 'bench'))), plots
    for plot in plots:
        assert xml.dom.minidom.parse(os.path.join(out, plot)).documentElement.tagName == 'svg'
    for row in map(json.loads, rows.splitlines()):
        if row['scenario'] == 'ping-pong' and row['rate'] == 0:
            assert f"{row['ratio_to_floor']:.2f}" in page and f"{row['throughput']:,.0f}" in page, row


def test_report_says_how_long_it_takes(case):
    report = os.path.join(os.path.dirname(__file__), os.pardir, 'bench', 'report')
    done = case.run([report, '--help'])
    assert done.code == 0 and 'minutes' in done.out and '--short' in done.out, str(done)


def test_without_floors_rows_have_none(case):
    done = bench(case, 'ping-pong', 'cache', 'connect', '--no-floor', '--rate', 0, '--json', '--transports', 'uds')
    rows = done.lines()
    assert done.code == 0 and len(rows) == 5 and all(list(row) == FIELDS for row in rows), str(done)
    assert all(row['floor'] is None and row['ratio_to_floor'] is None and row['throughput'] > 0 for row in rows), rows


def children_of(pid):
    return [int(p) for p in open(f'/proc/{pid}/task/{pid}/children').read().split()]


def alive(pid):
    """Whether it runs; a zombie does not."""
    try:
        return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False
