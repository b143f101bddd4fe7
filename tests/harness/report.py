# SPDX-License-Identifier: Apache-2.0
"""Collects results and prints them: one line per program or case, the output of what failed, one closing line."""
import sys
import threading
import time


def last_lines(output, count):
    return ''.join(f'     | {line}\n' for line in output.splitlines()[-count:])


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures, self.skips = [], {}
        self.lock, self.begin = threading.Lock(), time.monotonic()

    def minutes(self):
        return (time.monotonic() - self.begin) / 60

    def heading(self, text):
        print(f'== {text}, after {self.minutes():.1f} minutes', flush=True)

    def add(self, where, passed, failed, skipped, seconds, output='', reasons=()):
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            for reason in reasons:
                self.skips.setdefault(reason, []).append(where)
            mark = 'FAIL' if failed else 'ok'
            counts = f'{passed} passed' + (f', {failed} failed' if failed else '') + (f', {skipped} skipped' if skipped else '')
            print(f'{mark:4} {where}: {counts} ({seconds:.1f} s)', flush=True)
            counted = [] if failed or ('/unit/' in where and 'vectors' not in where) else output.splitlines()
            for line in dict.fromkeys(line for line in counted if line.startswith('counted: ')):
                print(f'     {line[9:]}', flush=True)
            if failed:
                self.failures.append((where, output))
                print(last_lines(output, 60), end='', flush=True)

    def wait_build(self, build):
        self.heading(build.name)
        build.made.wait()
        self.add(f'{build.name}/build', int(build.good), int(not build.good), 0, build.seconds, build.log)
        return build.good

    def close(self):
        for reason, places in sorted(self.skips.items()):
            print(f'skipped ({len(places)}): {reason}')
        for where, output in self.failures:
            print(f'failed: {where}\n{last_lines(output, 12)}', end='')
        print(f'took {self.minutes():.1f} minutes')
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped')
        sys.stdout.flush()
        return 1 if self.failed or not self.passed else 0
