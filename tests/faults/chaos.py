# SPDX-License-Identifier: Apache-2.0
"""The world of a round: a provider and its consumers under load, and a pair of witnesses that nothing may happen to."""
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

FIELDS = ('calls', 'call_failures', 'refreshes', 'refresh_failures', 'late', 'lost', 'forks', 'bad_forks', 'signals', 'longest_ms',
          'clock_step_s', 'lenient', 'plant', 'patient')  # struct actor_page
TIMEOUT_MS = 400    # of every operation of a consumer
PATIENCE_S = 20     # for whatever must come about
WITHDRAWN_S = 60    # a client that could not attach for a lack of its own leaves the plane so long (docs/level1-posix-shm.md 6.3)
SPARE_KB = 48 << 10  # that a process may grow by: limits, buffers and stacks of all sessions
SLOW = max(1, int(os.environ.get('PIPC_TEST_SLOW', '1')))


class Failure(Exception):
    """An invariant that did not hold."""


class Actor:
    """A provider or a consumer, and the page that it shares with us."""

    def __init__(self, world, role, run_dir, rest=(), tiny=False, ready=True):
        world.count += 1
        self.name = f'{role} {world.count}'
        self.path = os.path.join(world.folder, f'page{world.count}')
        with open(self.path, 'wb') as f:
            f.write(bytes(4096))
        with open(self.path, 'r+b') as f:
            self.page = mmap.mmap(f.fileno(), 4096)
        if role == 'provide' and world.plant:
            self.set('plant', world.plant)
        self.err = open(os.path.join(world.folder, f'err{world.count}'), 'w+b')
        command = [world.actor, self.path, world.transports, role, run_dir, *map(str, rest)] + (['--tiny'] if tiny else [])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.err)
        self.pid, self.killed, self.stopped = self.process.pid, False, False
        if ready and self.process.stdout.readline() != b'READY\n':
            raise Failure(f'{self.name} does not start: {self.words()}')
        self.first_kb = self.memory_kb()

    def words(self):
        self.err.seek(0)
        return self.err.read().decode(errors='replace')[-1500:].strip()

    def get(self, field):
        return struct.unpack_from('=q', self.page, 8 * FIELDS.index(field))[0]

    def set(self, field, value):
        struct.pack_into('=q', self.page, 8 * FIELDS.index(field), value)

    def failures(self):
        return self.get('call_failures') + self.get('refresh_failures')

    def memory_kb(self):
        try:
            with open(f'/proc/{self.pid}/status', encoding='ascii') as f:
                return next((int(line.split()[1]) for line in f if line.startswith('VmRSS:')), 0)
        except OSError:
            return 0

    def size_bytes(self):
        with open(f'/proc/{self.pid}/statm', encoding='ascii') as f:
            return int(f.read().split()[0]) * mmap.PAGESIZE

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        self.set('lenient', 1)
        self.stopped = True
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.stopped = False
        self.signal(signal.SIGCONT)

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait()

    def limit(self, which, value):
        """A soft limit; gives a function that takes it back."""
        before = resource.prlimit(self.pid, which)
        resource.prlimit(self.pid, which, (value, before[1]))
        return lambda: resource.prlimit(self.pid, which, before) if self.process.poll() is None else None

    def stop(self, seconds=5):
        """Ends it as a supervisor does; what it says is judged."""
        if self.killed:
            return
        if self.stopped:
            self.resume()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f'{self.name} does not stop: {self.words()}') from None
        finally:
            self.process.stdout.close()
        if status:
            raise Failure(f'{self.name} ended with {status}: {self.words()}')

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.err.close()
        self.page.close()
        os.unlink(self.path)
        os.unlink(self.err.name)


class World:
    """Begins and ends rounds; judges what must hold at all times."""

    def __init__(self, folder, args):
        self.folder, self.transports, self.plant = folder, args.transport, args.plant
        self.args_transport = args.transport
        self.build = args.build
        self.actor = os.path.join(args.build, 'tests', 'faults', 'faults_actor')
        self.tool = os.path.join(args.build, 'tools', 'pipc', 'pipc')
        self.sanitized = os.path.basename(args.build) in ('asan', 'tsan')
        self.count = 0
        self.actors, self.cleaners = [], []
        self.provider, self.consumers, self.run_dir = None, [], None

    def __enter__(self):
        aside = os.path.join(self.folder, 'w')
        os.mkdir(aside, 0o700)
        plant, self.plant = self.plant, 0
        self.witness_provider = Actor(self, 'provide', aside)
        self.witness = Actor(self, 'consume', aside, (1, 20000))
        self.plant = plant
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.witness.stop()
                self.witness_provider.stop()
        finally:
            self.witness.discard()
            self.witness_provider.discard()

    # ---- a round ----

    def begin(self, rng, plan):
        if self.args_transport == 'shm':  # either shared memory or an error, or sockets where it cannot be had
            self.transports = 'shm,uds' if plan.startswith('hostile') else rng.choice(('shm', 'shm,uds'))
        self.run_dir = os.path.join(self.folder, 'r')
        os.mkdir(self.run_dir, 0o700)
        self.tiny, self.patience = False, PATIENCE_S
        self.provider = self.provide()
        consumers = rng.randint(2, 3)
        self.consumers = [self.consume(rng) for _ in range(1 if self.plant else consumers)]
        self.until(lambda: all(c.get('calls') >= 5 and c.get('refreshes') >= 1 for c in self.consumers), 'load')
        self.witnessed = self.witness.failures() + self.witness.get('lost') + self.witness.get('late')

    def provide(self):
        actor = Actor(self, 'provide', self.run_dir, tiny=self.tiny)
        self.actors.append(actor)
        return actor

    def consume(self, rng, ready=True):
        actor = Actor(self, 'consume', self.run_dir, (rng.randrange(1 << 31), TIMEOUT_MS), self.tiny, ready)
        self.actors.append(actor)
        return actor

    def until(self, condition, what, seconds=PATIENCE_S):
        end = time.monotonic() + seconds * SLOW
        while not condition():
            self.watch()
            if time.monotonic() > end:
                raise Failure(f'not within {seconds * SLOW} s: {what}; {self.words()}')
            time.sleep(0.002)

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.watch()
            time.sleep(min(0.005, max(0, end - time.monotonic())))

    def words(self):
        return '; '.join(f'{a.name}: {a.words()}' for a in self.actors if a.words())

    def watch(self):
        """What must hold at every moment."""
        for actor in self.actors + [self.witness, self.witness_provider]:
            status = actor.process.poll()
            if status is not None and not actor.killed:
                raise Failure(f'{actor.name} ended with {status}: {actor.words()}')
            if actor.get('late') or actor.get('lost') or actor.get('bad_forks'):
                raise Failure(f'{actor.name}: late {actor.get("late")}, lost {actor.get("lost")}, bad forks {actor.get("bad_forks")}: '
                              f'{actor.words()}')
            if actor.memory_kb() > actor.first_kb + SPARE_KB * (8 if self.sanitized else 1):
                raise Failure(f'{actor.name} has grown from {actor.first_kb} to {actor.memory_kb()} KiB')

    def untouched(self, consumers):
        """Their sessions have nothing to do with what goes wrong; call it before, and the answer after."""
        def done(c):
            return c.failures() + c.get('calls') + c.get('refreshes')
        # Their usual time is one that a busy machine may stand still for.
        under_way = [done(c) for c in consumers]
        for c in consumers:
            c.set('patient', 1)
        self.until(lambda: all(done(c) > n for c, n in zip(consumers, under_way)), 'consumers go on')
        before = [c.failures() for c in consumers]

        def judge():
            for c, failures in zip(consumers, before):
                c.set('patient', 0)
                if c.failures() != failures:
                    raise Failure(f'{c.name} had {c.failures() - failures} failures and nothing to do with it')
        return judge

    def starves(self, who):
        """What it lacks may cost a consumer its plane for a while; where that is the only one, it has to wait."""
        if who is not self.provider and self.transports == 'shm':
            self.patience = PATIENCE_S + WITHDRAWN_S

    def judge(self, plan):
        """Everything works again, and nothing is left."""
        for c in self.consumers:
            c.set('lenient', 0)
        before = [(c.get('calls'), c.get('refreshes')) for c in self.consumers]
        self.until(lambda: all(c.get('calls') >= calls + 10 and c.get('refreshes') > refreshes
                               for c, (calls, refreshes) in zip(self.consumers, before)), f'{plan}: consumers recover', self.patience)
        fresh = [self.witness.get('calls')]
        self.until(lambda: self.witness.get('calls') > fresh[0], 'the witness goes on')
        if self.witness.failures() + self.witness.get('lost') + self.witness.get('late') != self.witnessed:
            raise Failure(f'{plan}: the witness was touched: {self.witness.words()}')
        for actor in self.consumers + [self.provider]:
            actor.stop()
        left = os.listdir(self.run_dir)
        if left:
            raise Failure(f'{plan}: left in the run directory: {left}')

    def end(self):
        for cleaner in reversed(self.cleaners):
            cleaner()
        self.cleaners = []
        for actor in self.actors:
            actor.discard()
        self.actors = []
        shutil.rmtree(self.run_dir, ignore_errors=True)

    # ---- the independent partner ----

    def partner(self, *words, seconds=60):
        peer = os.path.join(os.environ.get('PIPC_PEER', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'interop',
                                                                     'peer')), 'peer.py')
        try:
            return subprocess.run([sys.executable, peer, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=seconds * SLOW, check=False, text=True)
        except subprocess.TimeoutExpired as e:
            raise Failure(f'{words}: not done: {e.output}') from None
