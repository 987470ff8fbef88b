"""Processes: started so that none outlives this one, and what they use while they run.

Where the system lets us make a control group (cgroups(7), version 2), each server has one of its own:
it counts the time of all its processes, dead ones too, knows who they are, and ends them. Elsewhere a
server is a session, and the time of those that have ended is known to nobody.
"""

import ctypes
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
START_TIME = 10  # seconds for a server to listen
TICKS = os.sysconf('SC_CLK_TCK')
libc = ctypes.CDLL(None)  # loaded here: between fork and exec it would be too late


class Failure(Exception):
    """Something cannot be measured; the text says why."""


def first_line(path, default=''):
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.readline().strip()
    except OSError:
        return default


def text_of(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def busy_time():
    """Seconds that all processors together have been busy, for whomever, since the machine was started."""
    user, nice, system, _, _, irq, softirq = map(int, first_line('/proc/stat').split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def listens(port):
    """Does anybody listen at that port? Asked without a connection, which a server would have to serve."""
    for path in '/proc/net/tcp', '/proc/net/tcp6':
        try:
            with open(path, encoding='ascii') as table:
                next(table)
                for line in table:  # those that listen come first
                    _, local, _, state = line.split()[:4]
                    if state != '0A':
                        break
                    if int(local.rpartition(':')[2], 16) == port:
                        return True
        except OSError:
            pass
    return False


def make_group():
    """A control group in which those of the servers can be made, or None."""
    try:
        with open('/proc/mounts', encoding='utf-8') as mounts:
            root = next(line.split()[1] for line in mounts if line.split()[2] == 'cgroup2')
        with open('/proc/self/cgroup', encoding='utf-8') as groups:
            own = next(line[3:].strip() for line in groups if line.startswith('0::'))
        path = f'{root}{own.rstrip("/")}/bench.{os.getpid()}'
        os.mkdir(path)
    except (OSError, StopIteration):
        return None
    try:
        member = subprocess.run(['true'], check=False, preexec_fn=lambda: enter(path))
        if member.returncode == 0 and os.path.exists(f'{path}/cgroup.kill'):
            return path
    except (OSError, subprocess.SubprocessError):
        pass
    os.rmdir(path)
    return None


def enter(group):
    with open(f'{group}/cgroup.procs', 'w', encoding='ascii') as members:
        members.write('0')


class Process:
    """A program that runs, in a session and, if there are any, a control group of its own."""

    def __init__(self, lab, words, stdin=subprocess.DEVNULL, stdout=None):
        self.lab, self.words = lab, [str(word) for word in words]
        number = len(lab.processes)
        self.out, self.err = f'{lab.directory}/{number}.out', f'{lab.directory}/{number}.err'
        self.child = None
        self.group = f'{lab.group}/{number}' if lab.group else None
        self.usage = None
        if self.group:
            os.mkdir(self.group)
        parent = os.getpid()

        def become():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            if self.group:
                enter(self.group)

        lab.processes.append(self)
        with open(self.err, 'wb') as err, open(self.out, 'wb') as out:
            try:
                self.child = subprocess.Popen(self.words, stdin=stdin, stdout=stdout or out, stderr=err,
                                              cwd=lab.directory, start_new_session=True, preexec_fn=become)
            except OSError as error:
                raise Failure(f'{self.words[0]}: {error.strerror}') from error

    def wait(self, seconds):
        """Waits for its end, and keeps its rusage; False if it takes longer."""
        if self.child.returncode is not None:
            return True
        ready = os.pidfd_open(self.child.pid)
        try:
            if not select.select([ready], [], [], seconds)[0]:
                return False
        finally:
            os.close(ready)
        if not self.group:
            self.end_session()  # from the next line on its number may be somebody else's
        _, status, self.usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        return True

    def send(self, signum):
        """Not with Popen's own, which reap what has ended, and lose its rusage."""
        if self.child and self.child.returncode is None:
            os.kill(self.child.pid, signum)

    def catches(self, signum):
        with open(f'/proc/{self.child.pid}/status', encoding='ascii', errors='replace') as status:
            return any(line.startswith('SigCgt:') and int(line.split()[1], 16) >> (signum - 1) & 1 for line in status)

    def cpu(self):
        """Seconds that it and all its children, dead or alive, have computed; None if nobody counts that."""
        if self.group is None:
            return None
        return int(first_line(f'{self.group}/cpu.stat').split()[1]) / 1e6

    def members(self):
        """Itself and its living children."""
        if self.group:
            with open(f'{self.group}/cgroup.procs', encoding='ascii') as members:
                return [int(line) for line in members]
        found = []
        for name in filter(str.isdigit, os.listdir('/proc')):
            fields = first_line(f'/proc/{name}/stat').rpartition(') ')[2].split()
            if fields and int(fields[3]) == self.child.pid:
                found.append(int(name))
        return found

    def memory(self):
        """KiB that are private to one of its processes, and KiB of their page tables; of all of them."""
        private = tables = 0
        for pid in self.members():
            try:
                with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as rollup:
                    private += sum(int(line.split()[1]) for line in rollup if line.startswith('Private_'))
                with open(f'/proc/{pid}/status', encoding='ascii') as status:
                    tables += sum(int(line.split()[1]) for line in status if line.startswith('VmPTE:'))
            except OSError:
                pass  # it has ended meanwhile
        return private, tables

    def words_of_error(self):
        return ' '.join(text_of(self.err).split())[-200:] or f'{self.words[0]} says nothing'

    def stop(self):
        """Ends it and all its children, however they are."""
        if self.child and self.child.returncode is None:
            self.send(signal.SIGTERM)  # some have something to clean up
            if not self.wait(1):
                self.end_session()
                self.wait(10)
        if self.group:
            try:
                with open(f'{self.group}/cgroup.kill', 'w', encoding='ascii') as kill:
                    kill.write('1')
            except OSError:
                pass
            remove_group(self.group)
            self.group = None

    def end_session(self):
        """Kills it, and who is in its session. For one that is not yet reaped."""
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def remove_group(path):
    for _ in range(500):  # the dead leave it a little later than they die
        try:
            return os.rmdir(path)
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(0.01)
    return None


class Lab:
    """All that was started, its files, and its control group; close() leaves nothing of them."""

    def __init__(self):
        self.processes = []
        self.directory = tempfile.mkdtemp(prefix='bench.')
        os.chmod(self.directory, 0o755)  # some servers become somebody else
        self.group = make_group()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.descriptors = hard if hard != resource.RLIM_INFINITY else 1 << 20

    def run(self, words, seconds):
        return self.run_together([words], seconds)[0]

    def run_together(self, commands, seconds):
        """Runs programs to their ends, or interrupts them after so long. Returns them, with what they said and took."""
        begun, processes = time.monotonic(), [Process(self, words) for words in commands]
        for process in processes:
            if not process.wait(max(begun + seconds - time.monotonic(), 0)):
                interrupt(process, seconds)
            process.seconds = time.monotonic() - begun
            process.stop()
            process.output = text_of(process.out)
        return processes

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        if self.group:
            remove_group(self.group)
        shutil.rmtree(self.directory, ignore_errors=True)


def interrupt(process, seconds):
    """Asks ab or wrk to report on what they have; one that is late to begin has these seconds from then on."""
    late = 0
    while not process.catches(signal.SIGINT) and late < 500:
        late += 1
        if process.wait(0.01):
            return
    if late == 0 or not process.wait(seconds):
        process.send(signal.SIGINT)
        process.wait(5)


class Server(Process):
    """A server that listens at its port."""

    def __init__(self, lab, name, words, port):
        self.name, self.port = name, port
        if listens(port):
            raise Failure(f'port {port} is taken: ss -ltnp says by whom')
        with open('/dev/null', 'wb') as null:  # to write its output to a file would be work, too
            super().__init__(lab, words, stdout=null)
        end = time.monotonic() + START_TIME
        while not listens(port):
            if self.wait(0.01) or time.monotonic() > end:
                raise Failure(f'it does not listen: {self.words_of_error()}')
