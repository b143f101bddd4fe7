# SPDX-License-Identifier: Apache-2.0
"""One build: a preset of CMakePresets.json in build/<preset>."""
import os
import shutil
import subprocess


class Build:
    def __init__(self, root, name, env):
        self.root, self.name, self.env = root, name, env
        self.dir = os.path.join(root, 'build', name)
        self.log = ''

    def make(self):
        """Configures and builds; True on success. The output is kept in `log`."""
        env = dict(self.env)
        if self.name == 'fuzz':
            env['AFL_QUIET'] = '1'
        if 'coverage' in self.name and os.path.isdir(self.dir):
            self.remove_counts()
        for command in (['cmake', '--preset', self.name], ['cmake', '--build', self.dir]):
            done = subprocess.run(command, cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors='replace')
            self.log += done.stdout
            if done.returncode != 0:
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
