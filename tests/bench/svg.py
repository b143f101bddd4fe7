# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text: grouped bars and lines, linear or logarithmic, light and dark."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 76, 18, 56, 46
COLOURS = ['#8a8f98', '#2f6fb5', '#d9822b', '#3f9b54', '#a04fa8', '#c23b3b']
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600; font-size: 14px }
.axis { stroke: #57606a } .grid { stroke: #d0d7de; stroke-width: .6 } .page { fill: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .axis { stroke: #8b949e } .grid { stroke: #30363d } .page { fill: #0d1117 } }
</style>"""


def number(value):
    """Short text of a number on an axis."""
    for limit, unit in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if abs(value) >= limit:
            return f'{value / limit:.3g} {unit}'
    return f'{value:.3g}'


class Scale:
    """From values to pixels of the vertical axis, with its ticks."""

    def __init__(self, values, log):
        values = [v for v in values if v is not None and (v > 0 or not log)]
        self.log = log
        if log:
            self.low = 10 ** math.floor(math.log10(min(values, default=1)))
            self.high = 10 ** math.ceil(math.log10(max(values, default=10) * 1.001))
        else:
            self.low, self.high = 0, max(values, default=1) * 1.12 or 1

    def ticks(self):
        if self.log:
            exponent = round(math.log10(self.low))
            return [10.0 ** e for e in range(exponent, round(math.log10(self.high)) + 1)]
        step = 10 ** math.floor(math.log10(self.high / 4))
        step = next(step * m for m in (1, 2, 5, 10) if self.high / (step * m) <= 6)
        return [step * i for i in range(int(self.high / step) + 1)]

    def y(self, value):
        height = HEIGHT - TOP - BOTTOM
        if self.log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = value / self.high
        return HEIGHT - BOTTOM - share * height


def frame(title, unit, scale, names):
    """Page, title, legend and horizontal grid."""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">', STYLE,
           f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
           f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>', f'<text x="8" y="34">{escape(unit)}</text>']
    x = LEFT
    for i, name in enumerate(names):
        out.append(f'<rect x="{x}" y="25" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>')
        out.append(f'<text x="{x + 14}" y="34">{escape(name)}</text>')
        x += 26 + 7 * len(name)
    for tick in scale.ticks():
        y = scale.y(tick)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    return out


def bars(title, unit, groups, names, log=False):
    """groups: [(label, [value of each name or None])]."""
    scale = Scale([v for _, values in groups for v in values], log)
    out = frame(title, unit, scale, names)
    width = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    bar = min(46, width * 0.8 / max(1, len(names)))
    for g, (label, values) in enumerate(groups):
        middle = LEFT + width * (g + 0.5)
        for i, value in enumerate(values):
            if value is None:
                continue
            x, y = middle + (i - len(names) / 2) * bar, scale.y(value)
            out.append(f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{bar - 2:.1f}" height="{HEIGHT - BOTTOM - y:.1f}" '
                       f'fill="{COLOURS[i % len(COLOURS)]}"><title>{escape(f"{label}, {names[i]}: {value:.4g}")}</title></rect>')
            out.append(f'<text x="{x + bar / 2:.1f}" y="{y - 3:.1f}" text-anchor="middle" font-size="10">{number(value)}</text>')
        for n, line in enumerate(label.split('\n')):
            out.append(f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 17 + 15 * n}" text-anchor="middle">{escape(line)}</text>')
    return '\n'.join(out + ['</svg>']) + '\n'


def lines(title, unit, labels, series, log=True):
    """series: [(name, [value of each label or None])]."""
    scale = Scale([v for _, values in series for v in values], log)
    out = frame(title, unit, scale, [name for name, _ in series])
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    for g, label in enumerate(labels):
        out.append(f'<text x="{LEFT + step * (g + 0.5):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{escape(label)}</text>')
    for i, (name, values) in enumerate(series):
        points = [(LEFT + step * (g + 0.5), scale.y(v), v, labels[g]) for g, v in enumerate(values) if v is not None]
        colour = COLOURS[i % len(COLOURS)]
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y, _, _ in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, value, label in points:
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{escape(f"{name}, {label}: {value:.4g}")}</title></circle>')
    return '\n'.join(out + ['</svg>']) + '\n'
