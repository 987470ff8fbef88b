/*
 * The Python in this program: started once, it loads the application, and every child has a copy.
 *
 * Here are the C API's three tasks: to start an interpreter, to give Python objects made of the
 * request (environ), and to give Python functions that are C's (_wsgi_wire). What PEP 3333 asks
 * besides is in gateway.py.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "wsgi.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The text of gateway.py: the Makefile turns it into numbers. */
static const char GATEWAY_PY[] = {
#include "gateway.inc"
    , 0};

/* A child has one connection and one request: what Python calls needs no other way to find them. */
static struct connection *connection;
static struct request *request;
static PyObject *client_error, *application, *serve;
static PyThreadState *thread; /* the server's, while it does not hold Python's lock */

/* Prints Python's exception, with its traceback or its own words (SystemExit), and ends: by _exit,
 * as it may be a child that does. */
static _Noreturn void fail(void) {
    PyErr_Print();
    _exit(EXIT_FAILURE);
}

/* ---- _wsgi_wire: what gateway.py asks of C ----------------------------------------------------
 */

static PyObject *raise_trouble(void) {
    PyErr_SetString(client_error, connection->trouble);
    return NULL;
}

/* receive(buffer): puts what has come of the request's body there; returns how many bytes, 0 at the
 * end. While it waits other threads of Python may go on, here and in send. */
static PyObject *wire_receive(PyObject *module, PyObject *argument) {
    Py_buffer buffer;
    PyThreadState *waiting;
    ssize_t got;
    (void)module;
    if (PyObject_GetBuffer(argument, &buffer, PyBUF_WRITABLE) == -1) return NULL;
    waiting = PyEval_SaveThread();
    got = body_read(request, connection, buffer.buf, (size_t)buffer.len);
    PyEval_RestoreThread(waiting);
    PyBuffer_Release(&buffer);
    return got == -1 ? raise_trouble() : PyLong_FromSsize_t(got);
}

/* send(data): sends all of it. */
static PyObject *wire_send(PyObject *module, PyObject *argument) {
    Py_buffer buffer;
    PyThreadState *waiting;
    int result;
    (void)module;
    if (PyObject_GetBuffer(argument, &buffer, PyBUF_SIMPLE) == -1) return NULL;
    connection->answered = true;
    waiting = PyEval_SaveThread();
    result = connection_send(connection, buffer.buf, (size_t)buffer.len);
    PyEval_RestoreThread(waiting);
    PyBuffer_Release(&buffer);
    if (result == -1) return raise_trouble();
    return Py_NewRef(Py_None);
}

/* blame(): the status that says what was wrong with the client. */
static PyObject *wire_blame(PyObject *module, PyObject *nothing) {
    (void)module;
    (void)nothing;
    return PyUnicode_FromString(connection->blame ? connection->blame : "400 Bad Request");
}

/* cut(): has the connection reset at its end. */
static PyObject *wire_cut(PyObject *module, PyObject *nothing) {
    (void)module;
    (void)nothing;
    connection->cut = true;
    return Py_NewRef(Py_None);
}

static PyMethodDef wire_methods[] = {
    {"receive", wire_receive, METH_O, NULL},
    {"send", wire_send, METH_O, NULL},
    {"blame", wire_blame, METH_NOARGS, NULL},
    {"cut", wire_cut, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef wire_module = {PyModuleDef_HEAD_INIT, .m_name = "_wsgi_wire",
                                         .m_size = -1, .m_methods = wire_methods};

static PyObject *wire_make(void) {
    PyObject *module = PyModule_Create(&wire_module);
    client_error = PyErr_NewException("_wsgi_wire.ClientError", PyExc_OSError, NULL);
    if (module == NULL || client_error == NULL ||
        PyModule_AddObjectRef(module, "ClientError", client_error) == -1)
        return NULL;
    return module;
}

/* ---- The interpreter ---------------------------------------------------------------------------
 */

static void check(PyConfig *config, PyStatus status) {
    if (!PyStatus_Exception(status)) return;
    fprintf(stderr, "wsgi: Python does not start: %s\n", status.err_msg ? status.err_msg : "?");
    PyConfig_Clear(config);
    exit(EXIT_FAILURE);
}

/* Writes the program whose libraries are to be found: that of the virtual environment, if one is
 * active and of this Python, or the one that this program was built for. */
static void find_python(char *program, size_t size) {
    const char *environment = getenv("VIRTUAL_ENV");
    int length = snprintf(program, size, "%s", PYTHON);
    if (environment != NULL && environment[0] != '\0') {
        char library[4096];
        (void)snprintf(library, sizeof library, "%s/lib/python%d.%d", environment, PY_MAJOR_VERSION,
                       PY_MINOR_VERSION);
        if (access(library, F_OK) == -1) {
            fprintf(stderr,
                    "wsgi: the virtual environment %s has no %s: this program is built for Python "
                    "%d.%d; type deactivate, or make one with %s -m venv\n",
                    environment, library, PY_MAJOR_VERSION, PY_MINOR_VERSION, PYTHON);
            exit(EXIT_FAILURE);
        }
        length = snprintf(program, size, "%s/bin/python3", environment);
    }
    if (length >= 0 && (size_t)length < size) return;
    fprintf(stderr, "wsgi: the path of the virtual environment is too long: %s\n", environment);
    exit(EXIT_FAILURE);
}

static void start_python(void) {
    PyConfig config;
    char program[4096];
    find_python(program, sizeof program);
    if (PyImport_AppendInittab("_wsgi_wire", wire_make) == -1) fail();
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.install_signal_handlers = 0; /* signals are the server's, and Ctrl-C ends it */
    config.buffered_stdio = 0; /* or fork would copy what the application has printed so far */
    check(&config, PyConfig_SetBytesString(&config, &config.program_name, program));
    check(&config, PyWideStringList_Append(&config.argv, L"wsgi")); /* sys.argv */
    check(&config, Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

void gateway_load(const char *name) {
    PyObject *code, *module, *text;
    start_python();
    code = Py_CompileString(GATEWAY_PY, "beyond/wsgi/gateway.py", Py_file_input);
    if (code == NULL) fail();
    module = PyImport_ExecCodeModule("_wsgi_gateway", code);
    if (module == NULL) fail();
    serve = PyObject_GetAttrString(module, "serve");
    if (serve == NULL) fail();
    text = PyUnicode_DecodeFSDefault(name);
    if (text == NULL) fail();
    application = PyObject_CallMethod(module, "load", "O", text);
    if (application == NULL) fail();
    Py_DECREF(text);
    Py_DECREF(module);
    Py_DECREF(code);
    /* whatever threads the application has begun go on while the server waits for clients */
    thread = PyEval_SaveThread();
}

pid_t gateway_fork(void) {
    pid_t pid;
    int saved_errno;
    PyEval_RestoreThread(thread);
    PyOS_BeforeFork();
    pid = fork();
    saved_errno = errno;
    if (pid == 0) {
        PyOS_AfterFork_Child();
        return 0;
    }
    PyOS_AfterFork_Parent();
    thread = PyEval_SaveThread();
    errno = saved_errno;
    return pid;
}

/* ---- environ ------------------------------------------------------------------------------------
 */

/* Sets a text, whose bytes become the characters of the same number: PEP 3333, "Unicode Issues".
 * One that is there already goes on behind a comma (RFC 9110, 5.3). */
static void set(PyObject *env, const char *name, struct text text) {
    PyObject *value = PyUnicode_DecodeLatin1(text.at, (Py_ssize_t)text.size, NULL);
    PyObject *old = PyDict_GetItemString(env, name);
    if (value != NULL && old != NULL) Py_SETREF(value, PyUnicode_FromFormat("%U,%U", old, value));
    if (value == NULL || PyDict_SetItemString(env, name, value) == -1) fail();
    Py_DECREF(value);
}

static struct text text_of(const char *string) {
    return (struct text){string, strlen(string)};
}

/* The path with its %XX made the bytes that they stand for; a % that begins none stays as it is. */
static struct text decoded(struct text path) {
    static char bytes[HEAD_SIZE];
    size_t size = 0;
    for (size_t i = 0; i < path.size; i++) {
        bytes[size++] = path.at[i];
        if (path.at[i] != '%' || path.size - i < 3) continue;
        int high = hex_value(path.at[i + 1]), low = hex_value(path.at[i + 2]);
        if (high == -1 || low == -1) continue;
        bytes[size - 1] = (char)(unsigned char)(high * 16 + low);
        i += 2;
    }
    return (struct text){bytes, size};
}

/* Sets HTTP_X for the field X. */
static void set_field(PyObject *env, struct field field) {
    static char name[sizeof "HTTP_" + HEAD_SIZE];
    char *to = name + sprintf(name, "HTTP_");
    if (is_word(field.name, "Content-Type")) to = name;
    if (is_word(field.name, "Content-Length")) to = name;
    for (size_t i = 0; i < field.name.size; i++) {
        char c = field.name.at[i];
        if (c == '_')
            return; /* X_Y and X-Y would be the same: a proxy may have looked at one alone */
        *to++ = (char)Py_TOUPPER(c);
        if (c == '-') to[-1] = '_';
    }
    *to = '\0';
    if (strcmp(name, "HTTP_HOST") == 0 && request->host.size > 0) return; /* the target names it */
    set(env, name, field.value);
}

static void set_port(PyObject *env, const char *name, uint16_t port) {
    char number[8];
    (void)snprintf(number, sizeof number, "%d", port);
    set(env, name, text_of(number));
}

static PyObject *make_environ(uint16_t server_port) {
    PyObject *env = PyDict_New();
    struct sockaddr_in peer = {.sin_port = 0}; /* unknown, if it has gone already */
    socklen_t size = sizeof peer;
    char address[INET_ADDRSTRLEN] = "";
    if (env == NULL) fail();
    (void)getpeername(connection->fd, (struct sockaddr *)&peer, &size);
    (void)inet_ntop(AF_INET, &peer.sin_addr, address, sizeof address);
    set(env, "REQUEST_METHOD", request->method);
    set(env, "SCRIPT_NAME", text_of("")); /* the application is at the root */
    set(env, "PATH_INFO", decoded(request->path));
    set(env, "QUERY_STRING", request->query);
    set(env, "SERVER_PROTOCOL", text_of(request->http10 ? "HTTP/1.0" : "HTTP/1.1"));
    set(env, "SERVER_NAME", text_of("127.0.0.1"));
    set_port(env, "SERVER_PORT", server_port);
    set(env, "REMOTE_ADDR", text_of(address));
    set_port(env, "REMOTE_PORT", ntohs(peer.sin_port));
    if (request->host.size > 0) set(env, "HTTP_HOST", request->host);
    for (size_t i = 0; i < request->count; i++) set_field(env, request->fields[i]);
    return env;
}

int gateway_answer(struct request *r, struct connection *c, uint16_t server_port) {
    PyObject *env, *result;
    long status;
    request = r;
    connection = c;
    env = make_environ(server_port);
    result = PyObject_CallFunctionObjArgs(serve, application, env, NULL);
    Py_DECREF(env); /* and what the application has put into it */
    if (result == NULL) fail();
    status = PyLong_AsLong(result);
    Py_DECREF(result);
    return (int)status;
}
