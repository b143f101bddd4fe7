# SPDX-License-Identifier: Apache-2.0
"""A provider that is killed again and again: the consumer never loses its cache and is fresh after the next refresh."""
import json
import os
import threading

from cases import long
from partner import snapshot

TRANSPORTS = ('uds', 'shm')


@long
def test_cache_survives_kill_9_of_the_provider(case):
    rounds = case.scaled(1000)
    path = case.file('data', json.dumps(snapshot(30)))
    server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', path)
    watch = case.start([case.tool, 'watch', 'cgroups-snapshot', '--service', 'svc', '--run-dir', case.run_dir, *case.over(),
                        '--json', '--interval', '2'], ready='{')
    lines, fresh = [], threading.Condition()

    def read():
        for line in watch.stdout:
            with fresh:
                lines.append(json.loads(line))
                fresh.notify_all()
    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def fresh_after(mark):
        """Waits for a refresh begun after `mark` lines that is not stale."""
        with fresh:
            assert fresh.wait_for(lambda: any(not l['stale'] for l in lines[mark + 1:]), 30 * case.slow), lines[-3:]
    for _ in range(rounds):
        server.kill()
        server.wait()
        server = case.serve('cgroups-snapshot', '--service', 'svc', '--data', path)
        fresh_after(len(lines))
    assert watch.poll() is None, open(watch.err_path).read()
    assert case.stop(watch) == 0
    reader.join(10)
    stale = 0
    for line in lines:
        assert len(line['items']) == 30, line
        assert line['generation'] == 7, line
        stale += line['stale']
    print(f'counted: {rounds} kills, {len(lines)} refreshes, {stale} of them stale, none without data')
    assert case.stop(server) == 0
    assert os.listdir(case.run_dir) == []
