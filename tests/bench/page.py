# SPDX-License-Identifier: Apache-2.0
"""From rows of `pipc bench --json` to the page docs/bench.md and its plots."""
import svg

# What the issue asks for: (transport, level, spin) of a ping-pong at full speed, the least ratio to the floor.
RATIOS = [('shm', 'l1', 'adaptive', 0.60), ('shm', 'l2', 'adaptive', 0.50), ('uds', 'l1', 'adaptive', 0.80), ('uds', 'l2', 'adaptive', 0.75),
          ('uds', 'l1', 'off', 0.90), ('uds', 'l2', 'off', 0.88)]

# Below this share of the CPUs for a floor that polls, the machine had other work to do.
CALM = 0.9


def count(value):
    return f'{value:,.0f}' if value >= 100 else f'{value:.1f}'


def us(value):
    return '-' if value is None else f'{value:,.2f}'


def percent(value):
    return '-' if value is None else f'{value * 100:.1f} %'


def table(header, rows):
    cells = [[str(c) for c in row] for row in rows]
    return '\n'.join(['| ' + ' | '.join(header) + ' |', '|' + '|'.join('---' if i == 0 else '---:' for i in range(len(header))) + '|'] +
                     ['| ' + ' | '.join(row) + ' |' for row in cells]) + '\n'


class Page:
    def __init__(self, rows, machine, commands, profile):
        self.rows = [r for r in rows if 'error' not in r]
        self.machine, self.commands, self.profile = machine, commands, profile
        self.text, self.plots, self.targets = [], {}, []

        # Two sides that poll use their CPUs whole, unless somebody else does.
        shares = [r[k] for r in self.rows if r['scenario'] == 'ping-pong' and r['rate'] == 0 and
                  r['floor_kind'] in ('cache line', 'polling SEQPACKET') for k in ('floor_client_cpu', 'floor_server_cpu')]
        self.calm = min(shares, default=1)

    # ---- choosing rows ----

    def pick(self, **want):
        return [r for r in self.rows if not r['skipped'] and all(r[k] == v for k, v in want.items())]

    def one(self, **want):
        found = self.pick(**want)
        return found[0] if found else None

    def transports(self, scenario):
        return list(dict.fromkeys(r['transport'] for r in self.rows if r['scenario'] == scenario and not r['skipped']))

    # ---- parts ----

    def target(self, what, value, limit, at_least, form='{:.2f}', timed=True):
        """Nothing timed is judged on a machine that had other work to do."""
        good = value is not None and (value >= limit if at_least else value <= limit)
        shown = 'not measured' if value is None else form.format(value)
        verdict = '-' if value is None else 'disturbed' if timed and self.calm < CALM else 'yes' if good else 'no'
        self.targets.append((what, shown, ('at least ' if at_least else 'at most ') + form.format(limit), verdict))

    def plot(self, name, text, alternative):
        self.plots[name + '.svg'] = text
        self.text.append(f'![{alternative}](bench/{name}.svg)\n')

    def heading(self, title, *sentences):
        self.text.append(f'## {title}\n')
        if sentences:
            self.text.append(' '.join(sentences) + '\n')

    def ping_pong(self):
        rows = [r for r in self.pick(scenario='ping-pong', rate=0)]
        self.heading('Ping-pong at full speed', 'INCREMENT, one request at a time. The floor carries the same bytes without a protocol.')
        self.text.append(table(['transport, level', 'spin', 'a second', 'p50 us', 'p99 us', 'p99.9 us', 'client CPU', 'server CPU', 'floor', 'a second',
                                'ratio', 'ratio of p50'],
                               [[f"{r['transport']} {r['level']}", r['spin'], count(r['throughput']), us(r['p50_us']), us(r['p99_us']),
                                 us(r['p999_us']), percent(r['client_cpu']), percent(r['server_cpu']), r['floor_kind'], count(r['floor']),
                                 f"{r['ratio_to_floor']:.2f}", f"{r['ratio_p50']:.2f}"] for r in rows]))
        groups = []
        for transport in self.transports('ping-pong'):
            for spin in dict.fromkeys(r['spin'] for r in rows):
                by = {r['level']: r for r in rows if (r['transport'], r['spin']) == (transport, spin)}
                if by:
                    first = next(iter(by.values()))
                    groups.append((f'{transport}\nspin {spin}', [first['floor']] + [by[k]['throughput'] if k in by else None for k in ('l1', 'l2')]))
        self.plot('ping-pong', svg.bars('Round trips a second at full speed', 'a second', groups, ['floor', 'level 1', 'level 2'], log=True),
                  'Round trips a second by transport, floor and level')
        for transport, level, spin, limit in RATIOS:
            row = self.one(scenario='ping-pong', rate=0, transport=transport, level=level, spin=spin)
            self.target(f'{transport}, {level}, spin {spin}: ratio to the floor', row and row['ratio_to_floor'], limit, True)

    def rates(self):
        rows = [r for r in self.rows if r['scenario'] == 'ping-pong' and r['rate'] and not r['skipped']]
        self.heading('Ping-pong at target rates', 'Latency counts from when a request was due; "from sending" leaves the lateness of the timer out.')
        self.text.append(table(['transport, level', 'spin', 'rate', 'p50 us', 'p99 us', 'p99.9 us', 'from sending p50', 'p99', 'client CPU',
                                'server CPU', 'floor p50 us', 'floor p99 us'],
                               [[f"{r['transport']} {r['level']}", r['spin'], count(r['rate']), us(r['p50_us']), us(r['p99_us']), us(r['p999_us']),
                                 us(r['send_p50_us']), us(r['send_p99_us']), percent(r['client_cpu']), percent(r['server_cpu']),
                                 us(r['floor_p50_us']), us(r['floor_p99_us'])] for r in rows]))
        for rate in sorted({r['rate'] for r in rows}):
            chosen = [r for r in rows if r['rate'] == rate and r['spin'] != 'off']
            series = [(f"{r['transport']} {r['level']}", [r['p50_us'], r['p95_us'], r['p99_us'], r['p999_us']]) for r in chosen]
            if series:
                self.plot(f'latency-{rate}', svg.lines(f'Latency at {rate:,} a second', 'us', ['p50', 'p95', 'p99', 'p99.9'], series),
                          f'Latency percentiles at {rate} a second')
        for transport in self.transports('ping-pong'):
            row = self.one(scenario='ping-pong', rate=1000, transport=transport, level='l2', spin='adaptive')
            self.target(f'{transport} at 1,000 a second: CPU of both sides, adaptive to off', row and row['cpu_to_off'], 1.10, False)
        row = self.one(scenario='ping-pong', rate=100000, transport='shm', level='l1')
        self.target('shm at 100,000 a second: p99 to that of the raw exchange', row and row['p99_to_floor'], 2, False)

    def batch(self):
        rows = self.pick(scenario='batch')
        self.heading('Batches', 'What an item costs beyond one call of the same level, both sides together.')
        self.text.append(table(['transport, level', 'items', 'messages a second', 'p50 us', 'p99 us', 'ns an item', 'ratio of p50 to the raw exchange'],
                               [[f"{r['transport']} {r['level']}", r['items'], count(r['throughput']), us(r['p50_us']), us(r['p99_us']),
                                 '-' if r['ns_per_item'] is None else f"{r['ns_per_item']:.1f}", f"{r['ratio_p50']:.2f}"] for r in rows]))
        sizes = sorted({r['items'] for r in rows})
        keys = dict.fromkeys((r['transport'], r['level']) for r in rows)
        series = []
        for transport, level in keys:
            by = {r['items']: r['p50_us'] for r in rows if (r['transport'], r['level']) == (transport, level)}
            series.append((f'{transport} {level}', [by.get(n) for n in sizes]))
        self.plot('batch', svg.lines('Time of a batch by its items', 'us', [str(n) for n in sizes], series), 'Time of a batch by its items')
        for level in ('l1', 'l2'):
            row = self.one(scenario='batch', items=500, transport='shm', level=level)
            self.target(f'shm, {level}, batch of 500: ns an item beyond one ping-pong', row and row['ns_per_item'], 10, False, '{:.1f}')
        one = self.one(scenario='ping-pong', transport='shm', level='l2', rate=0, spin='adaptive')
        if row and one and row['floor_p50_us'] and one['floor_p50_us']:
            bare = (row['floor_p50_us'] - one['floor_p50_us']) * 1000 / 500
            self.text.append(f'500 items over shm: the raw exchange alone costs {bare:.1f} ns an item here.\n')

    def pipeline(self):
        rows = [r for r in self.rows if r['scenario'].startswith('pipeline')]
        self.heading('Pipelines')
        self.text.append(table(['scenario', 'transport', 'items', 'outstanding', 'messages a second', 'p50 us', 'p99 us', 'ratio to the raw exchange'],
                               [[r['scenario'], r['transport'], r['items'], r['depth']] +
                                ([f"skipped: {r['skipped']}", '', '', ''] if r['skipped'] else
                                 [count(r['throughput']), us(r['p50_us']), us(r['p99_us']), f"{r['ratio_to_floor']:.2f}"]) for r in rows]))

    def snapshot(self):
        rows = self.pick(scenario='snapshot')
        self.heading('Snapshot refresh and cache', 'Level 2 is the call alone, with the provider building its answer; level 3 copies the items and builds the index,',
                     'too. The raw exchange carries the same bytes.')
        self.text.append(table(['transport, level', 'items', 'a second', 'p50 us', 'p99 us', 'raw exchange p50 us', 'allocations of the client'],
                               [[f"{r['transport']} {r['level']}", r['items'], count(r['throughput']), us(r['p50_us']), us(r['p99_us']),
                                 us(r['floor_p50_us']), r['allocations']] for r in rows]))
        groups = []
        for transport in self.transports('snapshot'):
            by = {r['level']: r for r in rows if r['transport'] == transport}
            if len(by) == 2:
                groups.append((transport, [by['l2']['floor_p50_us'], by['l2']['p50_us'], by['l3']['p50_us']]))
        self.plot('snapshot', svg.bars('Snapshot of 1,000 items: where the time goes', 'us, p50', groups, ['bytes alone', 'and the call', 'and the cache']),
                  'Time of a snapshot refresh by part')
        cache = self.one(scenario='cache')
        if cache:
            self.text.append(table(['look-ups of', 'a second', 'ns', 'bare table a second', 'ns', 'ratio', 'allocations'],
                                   [[f"{cache['items']} names, half misses", count(cache['throughput']), f"{cache['p50_us'] * 1000:.1f}",
                                     count(cache['floor']), f"{cache['floor_p50_us'] * 1000:.1f}", f"{cache['ratio_to_floor']:.2f}", cache['allocations']]]))
        self.target('cache look-up: ratio to a bare table', cache and cache['ratio_to_floor'], 0.70, True)
        self.target('cache look-up: allocations', cache and cache['allocations'], 0, False, '{:.0f}', timed=False)
        for name, samples in self.profile:
            self.text.append(f'Profile of {name} (share of its samples):\n')
            self.text.append(table(['function', 'object', 'share'], samples))

    def lookups(self):
        kinds = ('apps-lookup', 'cgroups-lookup')
        rows = [r for kind in kinds for r in self.pick(scenario=kind)]
        self.heading('Logical lookups', 'One call for so many keys, default limits; the raw exchange carries the bytes of all keys and items at once.')
        self.text.append(table(['kind, transport', 'keys', 'calls a second', 'p50 us', 'p99 us', 'ns a key', 'raw exchange p50 us',
                                'allocations of the client'],
                               [[f"{r['scenario']} {r['transport']}", r['items'], count(r['throughput']), us(r['p50_us']), us(r['p99_us']),
                                 f"{r['ns_per_item']:.0f}", us(r['floor_p50_us']), r['allocations']] for r in rows]))
        sizes = sorted({r['items'] for r in rows})
        series = []
        for kind, transport in dict.fromkeys((r['scenario'], r['transport']) for r in rows):
            by = {r['items']: r['ns_per_item'] for r in rows if (r['scenario'], r['transport']) == (kind, transport)}
            series.append((f'{kind} {transport}', [by.get(n) for n in sizes]))
        if series:
            self.plot('lookup', svg.lines('Time of a key by the keys of a call', 'ns', [str(n) for n in sizes], series), 'Time of a key by the keys of a call')
        codecs = [r for name in ('apps-codec', 'apps-codec-labels', 'cgroups-codec', 'cgroups-codec-labels') for r in self.pick(scenario=name)]
        self.text.append(table(['codec alone', 'items', 'responses a second', 'ns an item', 'copy of the bytes, ns an item'],
                               [[r['scenario'], r['items'], count(r['throughput']), f"{r['ns_per_item']:.1f}",
                                 '-' if r['floor_p50_us'] is None else f"{r['floor_p50_us'] * 1000 / r['items']:.1f}"] for r in codecs]))
        for r in codecs:
            self.target(f"{r['scenario']}: building and decoding, ns an item", r['ns_per_item'], 100, False, '{:.0f}')

    def others(self):
        self.heading('Connecting')
        self.text.append(table(['transport, level', 'a second', 'p50 us', 'p99 us', 'raw connection p50 us', 'ratio'],
                               [[f"{r['transport']} {r['level']}", count(r['throughput']), us(r['p50_us']), us(r['p99_us']), us(r['floor_p50_us']),
                                 f"{r['ratio_to_floor']:.2f}"] for r in self.pick(scenario='connect')]))
        self.heading('Idle connections')
        rows = self.pick(scenario='idle')
        self.text.append(table(['transport, level', 'client wake-ups a second', 'server wake-ups a second', 'client CPU', 'server CPU'],
                               [[f"{r['transport']} {r['level']}", f"{r['client_wakeups']:.1f}", f"{r['server_wakeups']:.1f}",
                                 percent(r['client_cpu']), percent(r['server_cpu'])] for r in rows]))
        for transport, limit in (('uds', 0), ('shm', 10)):
            most = [max(r['client_wakeups'], r['server_wakeups']) for r in rows if r['transport'] == transport]
            self.target(f'{transport}, idle: wake-ups a second and side', max(most) if most else None, limit, False, '{:.1f}', timed=False)

    def calmness(self):
        text = f'floors that poll had at least {self.calm * 100:.0f} % of their CPUs'
        return 'Disturbance', text + ('' if self.calm >= CALM else '; the rest went to other programs, so figures of time say little')

    def make(self):
        """(text of the page, {file name: SVG})"""
        for part in (self.ping_pong, self.rates, self.batch, self.pipeline, self.snapshot, self.lookups, self.others):
            part()
        head = ['# Figures\n', 'Made by `tests/bench/report`; nothing here is written by hand. What is measured, and how, stands in '
                '[cli.md](cli.md), "The bench".\n',
                '\n'.join(f'- {name}: {value}' for name, value in self.machine + [self.calmness()]) + '\n', '```\n' + '\n'.join(self.commands) + '\n```\n',
                '## Targets\n', table(['what', 'measured', 'wanted', 'met'], self.targets)]
        return '\n'.join(head + self.text), self.plots
