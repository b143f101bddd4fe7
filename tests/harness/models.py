# SPDX-License-Identifier: Apache-2.0
"""The suite models: every *.pml of the tree is checked exhaustively by spin as it stands, and once with each flaw that its head
names (a line `FLAW NAME  what it is`), which has to be found: a model that cannot fail proves nothing."""
import glob
import os
import re
import shutil
import tempfile
import time

# Deep enough for every model; a search that meets the bound is an error, not a result.
DEPTH = 300000
# Numbers of the product that models take over: where they are defined, and the model's name of each.
CONSTANTS = {'waiter': ('core/include/pipc/wait.h', {'PIPC_SPIN_DENSE': 'DENSE', 'PIPC_SPIN_GIVE_UP': 'GIVE_UP',
                                                     'PIPC_SPIN_RETRY': 'RETRY'})}


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def models(root):
    found = []
    for folder in ('core', 'transports', 'codecs', 'snapshot'):
        found += glob.glob(os.path.join(root, folder, '**', '*.pml'), recursive=True)
    return sorted(found)


def constants(root, name):
    path, names = CONSTANTS.get(name, ('', {}))
    return [f'-D{to}={re.search(rf"#define {of} +([0-9]+)u", read(os.path.join(root, path))).group(1)}'
            for of, to in names.items()]


def search(run, execute, path, flaw):
    """(number of errors or None, output)"""
    name, folder = os.path.splitext(os.path.basename(path))[0], tempfile.mkdtemp(dir=run.tmp)
    flags = constants(run.root, name) + ([f'-D{flaw}'] if flaw else [])
    output = ''
    for command in (['spin', *flags, '-a', path], ['gcc', '-O0' if flaw else '-O2', '-w', '-DSAFETY', '-o', 'pan', 'pan.c'],
                    ['./pan', f'-m{DEPTH}', '-n']):
        status, text = execute(command, run.env, cwd=folder)
        output += text
        if status != 0:
            break
    shutil.rmtree(folder, ignore_errors=True)
    errors = re.search(r'errors: (\d+)$', output, re.M)
    states = re.search(r'(\d+) states, stored', output)
    whole = errors and states and 'max search depth too small' not in output
    return (int(errors.group(1)) if whole else None), output


def suite(run, execute):
    """One case for each model, and one for each of its flaws."""
    def one(case):
        path, flaw = case
        begin = time.monotonic()
        errors, output = search(run, execute, path, flaw)
        good = errors is not None and (errors > 0) == bool(flaw)
        states = re.search(r'(\d+) states, stored', output)
        name = f'models/{os.path.relpath(path, run.root)}' + (f' with {flaw}' if flaw else
                                                              f' ({states.group(1) if states else 0} states)')
        if flaw and errors == 0:
            output += '\nthe flaw was not found'
        run.report.add(name, int(good), int(not good), 0, time.monotonic() - begin, output)
    cases = [(path, flaw) for path in models(run.root) for flaw in [''] + re.findall(r'^ \* FLAW (\w+)', read(path), re.M)]
    run.each(one, [c for c in cases if run.wanted(c[0] + c[1])])
