# SPDX-License-Identifier: Apache-2.0
"""A public header as a manual page of section 3: its declarations, each with the comment that stands above it there."""
import re
import textwrap

import roff

SKIPPED = re.compile(r'#(?:ifndef PIPC_\w+_H|define PIPC_\w+_H$|include|ifdef __cplusplus|endif)|extern "C"|\}\s*$')


def comment(text):
    """The words of a comment, as paragraphs of lines."""
    words = re.sub(r'^/\*+|\*+/$', '', text.strip())
    lines = [re.sub(r'^\s*\*? ?', '', t).rstrip() for t in words.splitlines()]
    found, now = [], []
    for text in lines + ['']:
        if text:
            now.append(text)
        elif now:
            found.append(now)
            now = []
    return found


def head_of(text):
    """(summary, paragraphs) of the comment that opens the file."""
    paragraphs = [p for p in comment(re.match(r'/\*.*?\*/', text, re.S).group(0)) if 'SPDX' not in p[0]]
    first = re.split(r'(?<=[.:]) |\.$', ' '.join(paragraphs[0]))[0].rstrip('.:')
    first = re.sub(r' \(docs/[^)]*\)', '', first)
    return first[0].lower() + first[1:] if not first[:2].isupper() else first, paragraphs


def blocks(text):
    """(comment or '', code) at the top level: a comment belongs to the code right below it, a blank line at depth 0 ends a block."""
    body = re.sub(r'\A/\*.*?\*/', '', text, count=1, flags=re.S)
    note, code, depth, inside = [], [], 0, False
    for raw in body.splitlines() + ['']:
        begins = not inside and not code and raw.startswith('/*')
        if begins or (inside and not code):
            note.append(raw)
            inside = '*/' not in raw
            continue
        if not raw.strip() and depth == 0:
            if note or code:
                yield '\n'.join(note), code
            note, code = [], []
            continue
        if depth == 0 and SKIPPED.match(raw):
            continue
        code.append(raw)
        bare = re.sub(r'/\*.*?\*/|"[^"]*"', '', raw)
        depth += bare.count('{') - bare.count('}')


def declaration(code):
    """The code as it is shown: without the bodies of inline functions and the marks of exported ones."""
    text = '\n'.join(code)
    if re.match(r'(?:PIPC_MUST_CHECK\s+)?static inline|static inline', text):
        text = re.sub(r'\)\n\{.*', ');', text, flags=re.S)
    text = re.sub(r'\b(?:PIPC_MUST_CHECK|PIPC_API|PIPC_MODULE_EXPORT|static inline)\s+', '', text)
    if re.match(r'[\w *]+\bpipc_\w+\s*\(', text) and text.endswith(');'):
        text = re.sub('(?<!,) ', '\0', ' '.join(text.split()).replace('( ', '('))     # broken between parameters only
        text = '\n'.join(textwrap.wrap(text, 74, subsequent_indent='    ', break_long_words=False)).replace('\0', ' ')
    return text.splitlines()


def functions(text):
    """Names of the functions that a program may call."""
    bare = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    found = re.findall(r'^(?:PIPC_MUST_CHECK\s+)?(?:PIPC_API|static inline)\b[^;{]*?\b(pipc_\w+)\s*\(', bare, re.M)
    return [name for name in dict.fromkeys(found) if not name.endswith('_')]


def described(note, code):
    separator = re.match(r'/\* -+ (.*?) -+ \*/$', note)
    if separator and not code:
        return [f'.SS "{roff.escape(separator.group(1))}"']
    if any(re.match(r'#define \w+_\(|.*\b\w+_\(', t) for t in code[:1]):
        return []                       # for the header's own use
    out = roff.example(declaration(code))
    for lines in comment(note) if note else []:
        out += roff.paragraph(roff.escape(' '.join(lines)))
    return out


def page(header, text, name, version, date, see_also):
    summary, paragraphs = head_of(text)
    names = functions(text)
    lines = roff.head(name.upper(), 3, version, date)
    lines += ['.SH NAME', *roff.flow(', '.join(roff.escape(n) for n in [name] + names) + ' \\- ' + roff.escape(summary))]
    lines += ['.SH SYNOPSIS', *roff.example([f'#include <{header}>', '', 'cc ... $(pkg-config --cflags --libs pipc)'])]
    lines += ['.SH DESCRIPTION']
    for words in paragraphs:
        lines += roff.paragraph(roff.escape(' '.join(words)))
    lines += ['.SH DECLARATIONS']
    for note, code in blocks(text):
        if code or note:
            lines += described(note, code)
    lines += ['.SH "SEE ALSO"', *(f'.BR {roff.escape(n)} ({s}){"," if i + 1 < len(see_also) else ""}'
                                 for i, (n, s) in enumerate(see_also))]
    return roff.finish(lines), names
