# SPDX-License-Identifier: Apache-2.0
"""Pages in man(7): escaping, paragraphs, tables, and the head that every page has."""
import re
import textwrap


def escape(text):
    """Text as it stands, for a line of its own or inside of one."""
    text = text.replace('\\', '\\e').replace('-', '\\-').replace("'", '\\(aq').replace('`', '\\(ga').replace('^', '\\(ha').replace('~', '\\(ti')
    text = text.replace('→', '\\(->').replace('↔', '\\(<>').replace('…', '...').replace('×', '\\(mu').replace('≤', '<=').replace('≥', '>=')
    return text.encode('ascii', 'xmlcharrefreplace').decode()


def line(text):
    """A line of text that is no request."""
    return ('\\&' if text[:1] in ('.', "'") else '') + text


def bold(text):
    return '\\fB' + escape(text) + '\\fR'


def head(name, section, version, date):
    # One long page on terminals: no row of a table may fall on the end of one.
    return [f'.TH {name} {section} {date} "plugin\\-ipc {version}" "plugin\\-ipc"', '.if n .pl 9000v', '.ad l']


def flow(text):
    """Running text as lines: each sentence begins one, none is longer than what the formatter likes to read."""
    sentences = re.split(r'(?<=[a-z0-9)\]R][.?!]) +(?=[A-Z`\\])', text.strip())
    return [line(part) for s in sentences
            for part in textwrap.wrap(s, 78, break_long_words=False, break_on_hyphens=False)]


def paragraph(text):
    return ['.PP', *flow(text)]


def example(lines):
    """Lines as they are. Without blank lines at the ends, which the formatter would complain about."""
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    body = [line(escape(text)) if text.strip() else '.sp' for text in lines]
    return ['.PP', '.nf', '.RS 4', *body, '.RE', '.fi'] if body else []


def width(cell):
    """Characters of a cell as it is read."""
    return len(re.sub(r'\\f.|\\\(..|\\[-e&]', lambda m: '' if m.group(0)[1] in 'f&' else '.', cell))


def table(rows):
    """The first row is the head; cells are ready text. Columns with long cells share the room that the others leave."""
    columns = max(len(row) for row in rows)
    rows = [row + [''] * (columns - len(row)) for row in rows]
    kinds = ['lx' if any(width(row[i]) > 24 for row in rows) else 'l' for i in range(columns)]
    out = ['.TS', 'tab(@);', ' '.join(kind.replace('l', 'lb') for kind in kinds) + '.', '@'.join(rows[0])]
    out += ['.T&', ' '.join(kinds) + '.']
    for row in rows[1:]:
        # A name may be broken behind its hyphens: columns are narrow.
        out.append('@'.join('T{\n' + '\n'.join(flow(re.sub(r'\\-(?=\w)', r'\\-\\:', cell))) + '\nT}' if width(cell) > 24 else cell for cell in row))
    return ['.PP', *out, '.TE']


def finish(lines):
    """The text of a page; with the mark for tables when it has some."""
    text = '\n'.join(lines) + '\n'
    text = re.sub(r'(\.S[HS] [^\n]*\n)\.PP\n', r'\1', text)
    mark = "'\\\" t\n" if '.TS\n' in text else ''
    return mark + '.\\" Generated; see docs/man in the sources.\n' + text
