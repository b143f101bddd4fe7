# SPDX-License-Identifier: Apache-2.0
"""One build: a preset of CMakePresets.json in build/<preset>; and builds made one after the other beside the tests of those before."""
import os
import shutil
import signal
import subprocess
import threading
import time


class Build:
    def __init__(self, root, name, env):
        self.root, self.name, self.env = root, name, env
        self.dir = os.path.join(root, 'build', name)
        self.log, self.good, self.seconds = '', False, 0.0
        self.made = threading.Event()
        self.process, self.stopped = None, False

    def make(self, targets=('all',)):
        """Configures and builds; True on success. The output is kept in `log`. Gives way to tests that run meanwhile."""
        env = dict(self.env)
        if self.name == 'fuzz':
            env['AFL_QUIET'] = '1'
        if 'coverage' in self.name and os.path.isdir(self.dir):
            self.remove_counts()
        for command in (['cmake', '--preset', self.name, '-DPIPC_WERROR=ON'], ['cmake', '--build', self.dir, '--target', *targets]):
            self.process = subprocess.Popen(['nice', '-n', '10'] + command, cwd=self.root, env=env, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True)
            self.log += self.process.communicate()[0]
            if self.process.returncode != 0 or self.stopped:
                return False
        return True

    def remove_counts(self):
        """Coverage counts of an earlier run would be added to this one's."""
        for folder, _, files in os.walk(self.dir):
            for file in files:
                if file.endswith('.gcda'):
                    os.remove(os.path.join(folder, file))

    def programs(self, folder, prefix):
        path = os.path.join(self.dir, folder)
        names = sorted(os.listdir(path)) if os.path.isdir(path) else []
        return [os.path.join(path, n) for n in names
                if n.startswith(prefix) and os.access(os.path.join(path, n), os.X_OK)
                and os.path.isfile(os.path.join(path, n)) and '.' not in n]

    def tool(self):
        return os.path.join(self.dir, 'tools', 'pipc', 'pipc')

    def has(self, program):
        return shutil.which(program) is not None


class Builder:
    """Makes builds in their order on a thread of its own, so that what the tests leave of the processors is not lost."""

    def __init__(self, builds):
        self.builds, self.ended = builds, False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        for build in self.builds:
            begin = time.monotonic()
            try:
                build.good = not self.ended and build.make()
            except OSError as problem:
                build.log += str(problem)
            build.seconds = time.monotonic() - begin
            build.made.set()

    def end(self):
        """Nothing is built after this."""
        self.ended = True
        for build in self.builds:
            build.stopped = True
            if build.process and build.process.poll() is None:
                os.killpg(build.process.pid, signal.SIGTERM)
        self.thread.join()
