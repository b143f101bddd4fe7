# SPDX-License-Identifier: Apache-2.0
"""Helpers for the cases with the independent partner (tests/interop/peer): data, kinds, presets."""
import json

PRESETS = ([], ['--as', 'c'], ['--as', 'rust'], ['--as', 'go'])


def snapshot(count, name_len=20, path_len=60, generation=7):
    """Fields of a snapshot response with `count` items."""
    items = [{'hash': n + 1, 'options': n % 3, 'enabled': n % 2, 'name': f'cgroup-{n:06}'.ljust(name_len, 'x'),
              'path': f'/slice/{n:06}'.ljust(path_len, 'y')} for n in range(count)]
    return {'systemd_enabled': 1, 'generation': generation, 'items': items}


def same_snapshot(got, data):
    assert got['generation'] == data['generation'] and got['systemd_enabled'] == data['systemd_enabled'], got
    assert got['items'] == data['items'], (len(got['items']), len(data['items']))


def run_scripts(case, role, kind, command, extra=(), service='svc'):
    """Runs the partner's hostile scripts; every line must be ok. Gives how many ran."""
    def ran(more):
        offers = ['--offers', 'shm'] if case.shm else []
        done = case.partner('hostile', role, kind, case.run_dir, service, *offers, *command, *more, timeout=240)
        return done, [json.loads(line) for line in done.out.splitlines() if line.startswith('{')]
    done, lines = ran(extra)
    bad = [line for line in lines if not line['ok']]
    assert lines and (done.code == 0 or bad), str(done)
    for _ in range(2):    # they wait a second for a reaction: a busy machine may stand still for so long, but not each time
        if len(bad) <= 10:
            bad = [again for line in bad for again in ran([*extra, '--only', line['script']])[1]
                   if again['script'] == line['script'] and not again['ok']]
    assert not bad, '\n'.join(json.dumps(line) for line in bad)
    print(f'counted: {len(lines)} scripts of role {role} for {kind}')
    return len(lines)


def client_command(case, kind, keys=(), timeout=2000):
    """Our command as the client that the partner's hostile servers meet."""
    words = [case.tool, '--json', 'call', '{kind}', *keys, '--run-dir', '{run_dir}', '--service', '{service}', '--token',
             '{token}', *case.over(), '--timeout', str(timeout)]
    return ['--client', ' '.join(words)]


KEYS = {'increment': ['41'], 'string-reverse': ['abcdefgh'], 'cgroups-snapshot': []}
