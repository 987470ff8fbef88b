"""The servers that are compared: how each of them is started, so that all do the same work."""

import os
import shlex
import shutil
import subprocess

from lab import Failure, Server, free_port

ARTICLE_PORT = 8888  # of the article's programs, which take none
HELD = 1000000  # seconds that an idle connection may last, and requests that it may carry
MANY = 100000  # more than there are ever clients
APACHE_SPARE = 5  # workers that it begins with, as Debian has it

NGINX = '''daemon off;
pid {directory}/nginx.pid;
error_log stderr crit;
worker_processes {cores};
worker_rlimit_nofile {descriptors};
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    keepalive_timeout {held};
    keepalive_requests {held};
    client_body_temp_path {directory}/nginx.body;
    proxy_temp_path {directory}/nginx.proxy;
    fastcgi_temp_path {directory}/nginx.fastcgi;
    uwsgi_temp_path {directory}/nginx.uwsgi;
    scgi_temp_path {directory}/nginx.scgi;
    server {{
        listen 127.0.0.1:{port} reuseport backlog=1024;
        location / {{ default_type text/plain; return 200 "Hello, World!\\n"; }}
    }}
}}
'''

APACHE = '''{modules}
ServerName localhost
Listen 127.0.0.1:{port}
ListenBacklog 1024
PidFile {directory}/apache.{port}.pid
ErrorLog {directory}/apache.{port}.log
Mutex file:{directory}
DocumentRoot {directory}/apache
<Directory {directory}/apache>
    AllowOverride None
    Require all granted
</Directory>
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
{unixd}
{mpm}
'''

# Debian's prefork; and event with a thread for each of 1,000 connections from the start
MPM = {
    'prefork': '''StartServers {spare}
MinSpareServers 5
MaxSpareServers 10
MaxRequestWorkers 256
MaxConnectionsPerChild 0''',
    'event': '''ServerLimit {cores}
StartServers {cores}
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {all}
MaxConnectionsPerChild 0''',
}


def find(*names):
    """The first of these programs that there is, or None. Administrators' programs are not on everybody's path."""
    path = os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin'
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def article(bench, name, words):
    """The words of a Python program of the article's: {port} among them stands for a free port."""
    port = free_port() if '{port}' in words else ARTICLE_PORT
    words = [word.replace('{port}', str(port)) for word in shlex.split(words)]
    if not os.path.exists(words[0]):
        raise Failure(f'{name} names {words[0]}, which is not there')
    return [bench.python, '-u', os.path.abspath(words[0]), *words[1:]], port


def stage(bench, program, *options, name=None):
    port = free_port()
    return Server(bench.lab, name or program, [program, '-p', port, *options], port)


def python(bench):
    words, port = article(bench, 'PYTHON_SERVER', bench.python_server)
    return Server(bench.lab, 'Python', words, port)


def serve(bench, model, *options, name=None):
    port = free_port()
    if model in bench.pools:
        options = (*options, '-w', bench.cores)
    if model == 'fork':
        options = (*options, '-m', MANY)  # or it has 256 children at the most
    return Server(bench.lab, name or model, [bench.serve, model, 'http', '-p', port, '-I', 3600, *options], port)


def tcpserver(bench):
    port = free_port()
    return Server(bench.lab, 'tcpserver', [find('tcpserver'), '-q', '-D', '-H', '-R', '-l', '0', '-c', 1000, '-b', 1024,
                                           '127.0.0.1', port, bench.answer], port)


def socat(bench):
    port = free_port()
    return Server(bench.lab, 'socat', [find('socat'), f'TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=1024',
                                       f'EXEC:{bench.answer}'], port)


def nginx(bench):
    port, directory = free_port(), bench.lab.directory
    path = f'{directory}/nginx.{port}.conf'
    with open(path, 'w', encoding='ascii') as file:
        file.write(NGINX.format(directory=directory, cores=bench.cores, port=port, held=HELD,
                                descriptors=bench.lab.descriptors, connections=bench.lab.descriptors - 100))
    return Server(bench.lab, 'nginx', [find('nginx'), '-c', path, '-e', 'stderr', '-p', directory], port)


def apache(bench, mpm):
    port, directory = free_port(), bench.lab.directory
    program = find('apache2', 'httpd')
    built_in = subprocess.run([program, '-l'], capture_output=True, text=True, check=False).stdout
    where = next((path for path in ('/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/lib/httpd/modules',
                                    '/usr/libexec/apache2') if os.path.isdir(path)), None)
    modules = []
    for name in f'mpm_{mpm}', 'unixd', 'authz_core':
        file = f'{where}/mod_{name}.so'
        if os.path.exists(file):
            modules.append(f'LoadModule {name}_module {file}')
        elif f'mod_{name}.c' not in built_in and f'{name.removeprefix("mpm_")}.c' not in built_in:
            raise Failure(f'apache has no module {name} in {where}')
    os.makedirs(f'{directory}/apache', exist_ok=True)
    with open(f'{directory}/apache/hello', 'w', encoding='ascii') as file:
        file.write('Hello, World!\n')
    threads = 1024 // bench.cores
    path = f'{directory}/apache.{port}.conf'
    with open(path, 'w', encoding='ascii') as file:
        file.write(APACHE.format(
            modules='\n'.join(modules), port=port, directory=directory,
            unixd='User nobody\nGroup #65534' if os.geteuid() == 0 else '',
            mpm=MPM[mpm].format(spare=APACHE_SPARE, cores=bench.cores, threads=threads, all=threads * bench.cores)))
    # in a session of its own, as all are here: at SIGTERM it ends its whole process group
    return Server(bench.lab, f'Apache {mpm}', [program, '-d', directory, '-f', path, '-DFOREGROUND'], port)
