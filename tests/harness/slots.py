# SPDX-License-Identifier: Apache-2.0
"""What programs of a run share: so many at a time over all suites, so that the next suite can begin while the last programs of the
one before are still waited for."""
import threading
from concurrent.futures import ThreadPoolExecutor

PARTS = 4   # of a processor: what computes takes them all, what mostly waits for others fewer


class Slots:
    def __init__(self, processors):
        self.all = self.free = processors * PARTS
        self.changed = threading.Condition()

    def take(self, parts):
        with self.changed:
            self.changed.wait_for(lambda: self.free >= parts)
            self.free -= parts

    def give_back(self, parts):
        with self.changed:
            self.free += parts
            self.changed.notify_all()

    def each(self, work, items, at_once, tail):
        """Does `work` with every item, `at_once` to a processor; `tail` is set when none of them waits for its turn any more."""
        parts, waiting, lock = PARTS // at_once, list(items), threading.Lock()

        def one():
            self.take(parts)
            try:
                with lock:
                    item = waiting.pop(0)
                    if not waiting:
                        tail.set()
                work(item)
            finally:
                self.give_back(parts)
        with ThreadPoolExecutor(self.all // parts) as pool:
            for done in [pool.submit(one) for _ in list(waiting)]:
                done.result()
