# SPDX-License-Identifier: Apache-2.0
"""What goes wrong: each plan disturbs a world under load, puts it right again, and says who must not have noticed."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess

from chaos import Failure

PLANS = {}


class Skip(Exception):
    """This machine does not let us."""


def plan(function):
    PLANS[function.__name__] = function
    return function


def moment(rng, most=0.05):
    """A random point of time under load."""
    return rng.random() * most


def restart(world):
    world.provider = world.provide()


# ---- processes ----

@plan
def provider_killed(world, rng):
    for _ in range(rng.randint(1, 3)):
        world.wait(moment(rng))
        if rng.random() < 0.3:
            world.provider.pause()
            world.wait(moment(rng))
        world.provider.kill()
        world.wait(moment(rng, 0.2))
        restart(world)


@plan
def provider_restarted(world, rng):
    for _ in range(rng.randint(1, 3)):
        world.wait(moment(rng))
        world.provider.stop()
        world.provider.killed = True
        world.wait(moment(rng))
        restart(world)


@plan
def consumer_killed(world, rng):
    victim = world.consumers.pop(rng.randrange(len(world.consumers)))
    judge = world.untouched(world.consumers)
    world.wait(moment(rng))
    victim.kill()
    world.wait(moment(rng))
    world.consumers.append(world.consume(rng))
    judge()


@plan
def provider_stopped(world, rng):
    for _ in range(rng.randint(1, 2)):
        world.wait(moment(rng))
        world.provider.pause()
        world.wait(moment(rng, 0.9))
        world.provider.resume()


@plan
def consumer_stopped(world, rng):
    victim = rng.choice(world.consumers)
    judge = world.untouched([c for c in world.consumers if c is not victim])
    for _ in range(rng.randint(1, 3)):
        world.wait(moment(rng))
        victim.pause()
        world.wait(moment(rng, 0.3))
        victim.resume()
    world.wait(0.02)
    judge()


@plan
def signal_storm(world, rng):
    """Also while messages are sent and received: every wait is interrupted again and again."""
    judge = world.untouched(world.consumers)
    actors = world.consumers + [world.provider]
    numbers = (signal.SIGUSR1, signal.SIGALRM, signal.SIGURG, signal.SIGIO, signal.SIGWINCH)
    for _ in range(rng.randint(100, 1500)):
        rng.choice(actors).signal(rng.choice(numbers))
    world.until(lambda: any(a.get('signals') for a in actors), 'signals arrive')
    judge()


@plan
def forks(world, rng):
    judge = world.untouched(world.consumers)
    actors = world.consumers + [world.provider]
    before = [a.get('forks') for a in actors]
    for actor in actors:
        world.wait(moment(rng, 0.02))
        actor.set('lenient', 1)
        actor.signal(signal.SIGUSR2)
    world.until(lambda: all(a.get('forks') > n for a, n in zip(actors, before)), 'children end')
    judge()


@plan
def clock_steps(world, rng):
    judge = world.untouched(world.consumers)
    for _ in range(rng.randint(3, 20)):
        for actor in world.consumers + [world.provider]:
            actor.set('clock_step_s', rng.choice((0, 3600, -3600, 86400 * 400, -86400 * 400, 1)))
        world.wait(moment(rng, 0.02))
    judge()


# ---- resources ----

def newcomers(world, rng, count):
    """Consumers that come while something is short; they may fail, and must neither hang nor be answered wrongly."""
    return [world.consume(rng) for _ in range(count)]


def dismiss(world, consumers):
    for c in consumers:
        c.stop()
        c.killed = True


@plan
def descriptors_exhausted(world, rng):
    who = rng.choice([world.provider] + world.consumers)
    undo = who.limit(resource.RLIMIT_NOFILE, who.descriptors() + rng.randint(-1, 4))
    world.starves(who)
    world.cleaners.append(undo)
    if who is world.provider:
        judge = world.untouched(world.consumers) if world.transports == 'uds' else lambda: None
        guests = newcomers(world, rng, rng.randint(1, 4))
        world.wait(moment(rng, 0.3))
        judge()
        undo()
        dismiss(world, guests)
    else:
        world.provider.kill()
        restart(world)
        world.wait(moment(rng, 0.3))
        undo()


@plan
def memory_limited(world, rng):
    if world.sanitized:
        raise Skip('the sanitizers need the whole address space')
    who = rng.choice([world.provider] + world.consumers)
    undo = who.limit(resource.RLIMIT_AS, who.size_bytes() + rng.choice((0, 4096, 65536, 300000, 1 << 20)))
    world.starves(who)
    world.cleaners.append(undo)
    guests = newcomers(world, rng, rng.randint(1, 3))
    if rng.random() < 0.5 and who is not world.provider:
        world.provider.kill()
        restart(world)
    world.wait(moment(rng, 0.3))
    undo()
    dismiss(world, guests)


@plan
def tiny_buffers(world, rng):
    """All anew, with the least that the system has for a socket, and packets of 256 bytes."""
    for c in world.consumers:
        c.stop()
        c.killed = True
    world.provider.stop()
    world.provider.killed = True
    world.tiny = True
    restart(world)
    world.consumers = [world.consume(rng) for _ in range(2)]
    world.wait(moment(rng, 0.1))
    if rng.random() < 0.5:
        world.provider.kill()
        restart(world)


@plan
def files_limited(world, rng):
    """No byte may be written to a file, as on a full disk: regions cannot be made."""
    undo = world.provider.limit(resource.RLIMIT_FSIZE, 0)
    world.cleaners.append(undo)
    judge = world.untouched(world.consumers)
    guests = newcomers(world, rng, 2)
    world.wait(moment(rng, 0.3))
    judge()
    undo()
    dismiss(world, guests)


@plan
def tmpfs_full(world, rng):
    """The run directory is a small file system; it is filled while sessions come and go."""
    for c in world.consumers:
        c.stop()
        c.killed = True
    world.provider.stop()
    world.provider.killed = True
    place = os.path.join(world.folder, 'r')
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=0700', 'none', place], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True)
    if done.returncode:
        raise Skip(f'mount: {done.stdout.strip()}')
    world.cleaners.append(lambda: subprocess.run(['umount', '-l', place], check=False, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL))
    world.actors[:] = world.actors  # those that are left are judged as before
    restart(world)
    world.consumers = [world.consume(rng) for _ in range(2)]
    world.until(lambda: all(c.get('calls') >= 5 for c in world.consumers), 'load on the small file system')
    judge = world.untouched(world.consumers)
    filler = os.path.join(place, 'filler')
    with open(filler, 'wb', buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    guests = newcomers(world, rng, 2)
    world.wait(moment(rng, 0.3))
    judge()
    os.unlink(filler)
    world.until(lambda: all(g.get('calls') >= 1 for g in guests), 'guests are served when there is room')
    dismiss(world, guests)


# ---- places ----

@plan
def run_dir_moved(world, rng):
    judge = world.untouched(world.consumers)
    aside = world.run_dir + '.aside'
    world.wait(moment(rng))
    os.rename(world.run_dir, aside)
    guests = newcomers(world, rng, 1)
    world.wait(moment(rng, 0.2))
    if any(g.get('calls') for g in guests):
        raise Failure('somebody was served without a run directory')
    os.rename(aside, world.run_dir)
    world.until(lambda: all(g.get('calls') >= 1 for g in guests), 'guests are served when it is back')
    judge()
    dismiss(world, guests)


@plan
def run_dir_removed(world, rng):
    """With all that is in it; the next provider makes its endpoint in the new one."""
    world.wait(moment(rng))
    shutil.rmtree(world.run_dir)
    world.wait(moment(rng, 0.1))
    if rng.random() < 0.5:
        world.provider.stop()
        world.provider.killed = True
    else:
        world.provider.kill()
    os.mkdir(world.run_dir, 0o700)
    restart(world)


def replace(kind, path, world):
    if kind == 'file':
        with open(path, 'w', encoding='ascii') as f:
            f.write('not a socket')
    elif kind == 'symlink':
        os.symlink(os.path.join(world.folder, 'target'), path)
    elif kind == 'fifo':
        os.mkfifo(path)
    elif kind == 'directory':
        os.mkdir(path)
    else:
        other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == 'stream server' else socket.SOCK_SEQPACKET)
        other.bind(path)
        other.listen(5)
        return other
    return None


@plan
def endpoint_replaced(world, rng):
    """Sessions go on; newcomers fail in time; the provider's end removes nothing that is not its own."""
    judge = world.untouched(world.consumers)
    kind = rng.choice(('file', 'symlink', 'fifo', 'directory', 'stream server', 'silent server'))
    path = os.path.join(world.run_dir, rng.choice(('numbers', 'items')) + '.sock')
    world.wait(moment(rng))
    os.unlink(path)
    other = replace(kind, path, world)
    inode = os.lstat(path).st_ino
    guests = newcomers(world, rng, 1)
    world.wait(moment(rng, 0.3))
    judge()
    dismiss(world, guests)
    if rng.random() < 0.5:
        world.provider.stop()
        world.provider.killed = True
    else:
        world.provider.kill()
    if not os.path.lexists(path) or os.lstat(path).st_ino != inode:
        raise Failure(f'{kind} in the place of the endpoint was removed')
    if other:
        other.close()
    (os.rmdir if kind == 'directory' else os.unlink)(path)
    restart(world)


# ---- peers ----

def offers(world):
    return ['--offers', 'shm'] if world.transports.startswith('shm') else []


CLIENT_SCRIPTS, SERVER_SCRIPTS = [], []


def scripts(world, role, names):
    """Names of the partner's hostile scripts for a role on this data plane."""
    if not names:
        done = world.partner('hostile', role, 'increment', world.run_dir, 'numbers', '--list')
        wanted = {'shm'} if world.transports.startswith('shm') else set()
        for line in done.stdout.splitlines():
            needs = re.search(r' \[(.*)\]$', line)
            if line.startswith(role + ' ') and set(needs.group(1).split() if needs else ()) == wanted:
                names.append(line.split()[1])
        if not names:
            raise Failure(f'no hostile scripts of role {role}: {done.stdout[-500:]}')
    return names


def run_script(world, role, name, service, rest=()):
    done = world.partner('hostile', role, 'increment', world.run_dir, service, *offers(world), '--only', name, *rest)
    if done.returncode or '"ok": false' in done.stdout:
        raise Failure(f'hostile {role} {name}: {done.stdout[-1500:]}')


@plan
def hostile_clients(world, rng):
    judge = world.untouched(world.consumers)
    for name in rng.sample(scripts(world, 'server', SERVER_SCRIPTS), 3):
        run_script(world, 'server', name, 'numbers')
    judge()


@plan
def hostile_servers(world, rng):
    """Beside the good provider, for a client of their own."""
    judge = world.untouched(world.consumers)
    words = f'{world.tool} --json call increment 41 --run-dir {{run_dir}} --service {{service}} --token {{token}} ' \
            f'--transports {world.transports} --timeout 1500'
    for name in rng.sample(scripts(world, 'client', CLIENT_SCRIPTS), 2):
        run_script(world, 'client', name, 'hostile', ('--client', words))
    judge()
