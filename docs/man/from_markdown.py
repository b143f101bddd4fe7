# SPDX-License-Identifier: Apache-2.0
"""A page of docs/ as a manual page: what Markdown those pages use, and no more of it."""
import re

import roff


def inline(text):
    """Code and strong words bold, emphasis italic, links as their text."""
    out = []
    for part in re.split(r'(`[^`]+`|\*\*[^*]+\*\*|(?<![\w*])\*[^*\s][^*]*\*(?![\w*])|\[[^\]]+\]\([^)]*\))', text):
        if part.startswith('`'):
            out.append(roff.bold(part[1:-1].replace('\\|', '|')))
        elif part.startswith('**'):
            out.append(roff.bold(part[2:-2]))
        elif part.startswith('*') and part.endswith('*') and len(part) > 2:
            out.append('\\fI' + roff.escape(part[1:-1]) + '\\fR')
        elif part.startswith('[') and '](' in part:
            out.append(inline(part[1:part.index('](')]))
        else:
            out.append(roff.escape(part.replace('\\|', '|')))
    return ''.join(out)


def cells(text):
    return [inline(c.strip()) for c in re.split(r'(?<!\\)\|', text.strip()[1:-1])]


def bullet(depth, lines):
    inner = ['.IP \\(bu 2', *roff.flow(inline(' '.join(lines)))]
    return ['.RS 2', *inner, '.RE'] if depth else inner


class Reader:
    def __init__(self, text):
        self.lines = text.splitlines()
        self.at = 0

    def more(self):
        return self.at < len(self.lines)

    def take(self):
        self.at += 1
        return self.lines[self.at - 1]

    def take_while(self, test):
        found = []
        while self.more() and test(self.lines[self.at]):
            found.append(self.take())
        return found


def is_text(text):
    return bool(text.strip()) and not re.match(r'#|\||```|\s*- |\s*\d+\. ', text)


def block(reader):
    """The next block as lines of a page."""
    text = reader.take()
    if not text.strip():
        return []
    if text.startswith('```'):
        body = reader.take_while(lambda t: not t.startswith('```'))
        reader.take()
        return roff.example(body)
    heading = re.match(r'(#+) (.*)', text)
    if heading:
        title = re.sub(r'^[\d.]+ ', '', heading.group(2))
        words = roff.escape(re.sub('[`*]', '', title))
        return [f'.SH "{words.upper()}"' if len(heading.group(1)) <= 2 else f'.SS "{words}"']
    if text.startswith('|'):
        rows = [cells(text)] + [cells(t) for t in reader.take_while(lambda t: t.startswith('|')) if not re.fullmatch(r'[|:\- ]+', t)]
        return roff.table(rows)
    item = re.match(r'(\s*)(?:- |\d+\. )(.*)', text)
    if item:
        rest = reader.take_while(is_text)
        return bullet(len(item.group(1)) > 1, [item.group(2)] + [t.strip() for t in rest])
    return roff.paragraph(inline(' '.join(t.strip() for t in [text] + reader.take_while(is_text))))


def without(text, titles):
    """The page without sections of these titles."""
    parts = re.split(r'(?m)^(?=## )', text)
    return ''.join(p for p in parts if not any(re.match(rf'## (?:[\d.]+ )?{t}\s*$', p.splitlines()[0]) for t in titles if p))


def page(text, name, section, summary, version, date, synopsis='', see_also=(), leave_out=('Tests',)):
    text = without(re.sub(r'\A# .*\n', '', text), leave_out)
    lines = roff.head(name.upper(), section, version, date)
    lines += ['.SH NAME', f'{roff.escape(name)} \\- {roff.escape(summary)}']
    if synopsis:
        lines += ['.SH SYNOPSIS', *roff.example(synopsis.splitlines())]
    lines += ['.SH DESCRIPTION']
    reader = Reader(text)
    while reader.more():
        lines += block(reader)
    if see_also:
        lines += ['.SH "SEE ALSO"', *(f'.BR {roff.escape(n)} ({s}){"," if i + 1 < len(see_also) else ""}'
                                     for i, (n, s) in enumerate(see_also))]
    return roff.finish(lines)
