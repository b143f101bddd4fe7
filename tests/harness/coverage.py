# SPDX-License-Identifier: Apache-2.0
"""Line and branch coverage of core, transports, codecs and snapshot by lcov, and the gate of lines."""
import os
import re
import subprocess

GATE = 93.0
FOLDERS = ('core', 'transports', 'codecs', 'snapshot')


def lcov(arguments, env, cwd):
    return subprocess.run(['lcov', '--quiet', '--rc', 'lcov_branch_coverage=1', '--ignore-errors', 'gcov,source,graph'] + arguments,
                          env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')


def per_file(info, root, kind='L'):
    """{file: (hit, found)} of an lcov info file, for lines or with kind BR branches."""
    files, name, hit, found = {}, None, 0, 0
    for line in open(info, encoding='utf-8'):
        if line.startswith('SF:'):
            name, hit, found = os.path.relpath(line[3:].strip(), root), 0, 0
        elif line.startswith(kind + 'H:'):
            hit = int(line.split(':')[1])
        elif line.startswith(kind + 'F:'):
            found = int(line.split(':')[1])
        elif line.startswith('end_of_record'):
            files[name] = (hit, found)
    return files


def unexplained(root):
    """Exclusions without a reason beside them."""
    bad = []
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith(('.c', '.h')):
                    full = os.path.join(path, name)
                    for n, line in enumerate(open(full, encoding='utf-8'), 1):
                        if re.search(r'LCOV_EXCL_(LINE|START|BR)', line) and not re.search(r'LCOV_EXCL_\w+:? *\S.{8,}', line):
                            bad.append(f'{os.path.relpath(full, root)}:{n}: exclusion without a reason')
    return bad


def gate(root, build, env):
    info = os.path.join(build, 'coverage.info')
    done = lcov(['--capture', '--directory', build, '--base-directory', root, '--no-external', '--output-file', info + '.all'], env, root)
    if done.returncode != 0:
        return False, done.stdout
    done = lcov(['--extract', info + '.all'] + [f'{root}/{f}/*' for f in FOLDERS] + ['--output-file', info], env, root)
    if done.returncode != 0:
        return False, done.stdout
    files = per_file(info, root)
    hit, found = sum(h for h, _ in files.values()), sum(f for _, f in files.values())
    lines = [f'{100 * h / f:6.1f} %  {h}/{f}  {name}' for name, (h, f) in sorted(files.items(), key=lambda x: x[1][0] / x[1][1])
             if f and h / f < 0.95]
    percent = 100 * hit / found if found else 0
    bad = unexplained(root)
    branches = per_file(info, root, 'BR').values()
    taken, all_branches = sum(h for h, _ in branches), sum(f for _, f in branches)
    lines.append(f'branch coverage: {100 * taken / all_branches if all_branches else 0:.1f} % ({taken} of {all_branches})')
    text = '\n'.join(lines + bad + [f'line coverage of {", ".join(FOLDERS)}: {percent:.1f} % ({hit} of {found}), gate {GATE:.0f} %'])
    return percent >= GATE and not bad, text
