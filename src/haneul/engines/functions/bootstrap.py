"""Lambda's Python runtime: imports the handler and feeds it invocations from the Runtime API. Python 3.8 and newer."""

# It runs on old interpreters too, so it has neither annotations nor new idioms.
# ruff: noqa: ANN001, ANN201, ANN202, ANN204, UP031, B904, SIM115, S110
# mypy: ignore-errors

import decimal
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback
import types

BASE = "/2018-06-01/runtime/"
MAX_PAYLOAD = 6 * 1024 * 1024 + 100


def warm():
    """Import what handlers usually do, before the fork."""
    import base64, collections, enum, functools, hashlib, io, itertools, re, threading, typing, uuid  # noqa: E401, F401, I001
    import urllib.parse, urllib.request  # noqa: E401, F401


class Connection:
    """One HTTP connection to the Runtime API, kept open."""

    def __init__(self, address):
        host, _, port = address.partition(":")
        self.sock = socket.create_connection((host, int(port)))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.address = address

    def request(self, method, path, body=b"", headers=()):
        lines = ["%s %s HTTP/1.1" % (method, BASE + path), "Host: " + self.address, "Content-Length: %d" % len(body)]
        lines.extend("%s: %s" % pair for pair in headers)
        self.sock.sendall("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)
        line = self.file.readline()
        if not line:
            os._exit(0)
        status = int(line.split()[1])
        found = {}
        while True:
            line = self.file.readline().strip()
            if not line:
                break
            name, _, value = line.decode("latin-1").partition(":")
            found[name.lower()] = value.strip()
        return status, found, self.file.read(int(found.get("content-length", 0)))


class Context:
    """What a handler is told about its invocation."""

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._deadline = int(headers["lambda-runtime-deadline-ms"])
        self.client_context = _client(headers.get("lambda-runtime-client-context"))
        self.identity = types.SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


def _client(text):
    if not text:
        return None
    try:
        given = json.loads(text)
    except ValueError:
        return None
    return types.SimpleNamespace(
        custom=given.get("custom") or {},
        env=given.get("env") or {},
        client=types.SimpleNamespace(**(given.get("client") or {})),
    )


class Handler(logging.Handler):
    """Log records as Lambda writes them."""

    request_id = ""

    def emit(self, record):
        sys.stdout.write(self.format(record) + "\n")

    def format(self, record):
        if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
            held = {
                "timestamp": _instant(record.created, "%Y-%m-%dT%H:%M:%SZ"),
                "level": record.levelname,
                "message": record.getMessage(),
                "logger": record.name,
                "requestId": self.request_id,
            }
            return json.dumps(held)
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        when = _instant(record.created, "%Y-%m-%dT%H:%M:%S") + ".%03dZ" % int(record.msecs)
        return "[%s]\t%s\t%s\t%s" % (record.levelname, when, self.request_id, text)


def _instant(seconds, pattern):
    return time.strftime(pattern, time.gmtime(seconds))


def _default(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


class Failure(Exception):
    """A handler that can't be had: told to the Runtime API as an error of initialisation."""

    def __init__(self, kind, message, trace=()):
        Exception.__init__(self, message)
        self.kind, self.message, self.trace = kind, message, list(trace)


def load(name):
    if "." not in name:
        raise Failure(
            "Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name
        )
    module, _, function = name.rpartition(".")
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise Failure("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, (error.text or "").strip())]
        message = "Syntax error in module '%s': %s" % (module, error)
        raise Failure("Runtime.UserCodeSyntaxError", message, trace)
    try:
        return getattr(loaded, function)
    except AttributeError:
        raise Failure("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module))


def described(error, request_id):
    if isinstance(error, Failure):
        return {
            "errorMessage": error.message,
            "errorType": error.kind,
            "requestId": request_id,
            "stackTrace": error.trace,
        }
    frames = traceback.extract_tb(error.__traceback__)
    trace = traceback.format_list(
        [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    )
    return {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id, "stackTrace": trace}


def report(error, told):
    """The error in the log, as Lambda's own runtime writes it."""
    kind = "" if not told["errorType"] else "[ERROR] %s: %s" % (told["errorType"], told["errorMessage"])
    lines = [kind]
    if told["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines.extend(line.rstrip("\n") for line in told["stackTrace"])
    sys.stdout.write("\r".join("\n".join(lines).split("\n")) + "\n")
    sys.stdout.flush()


def main(paths):
    sys.path[:] = paths + [path for path in sys.path if path and not path.endswith("/functions")]
    sys.argv[:] = [""]
    importlib.invalidate_caches()
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    if os.environ.get("TZ"):
        time.tzset()
    handler = Handler()
    logging.getLogger().addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        logging.getLogger().setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level or "INFO"))
    api = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        function = load(os.environ.get("_HANDLER", ""))
    except Exception as error:
        told = described(error, "")
        report(error, told)
        api.request(
            "POST", "init/error", json.dumps(told).encode(), [("Lambda-Runtime-Function-Error-Type", told["errorType"])]
        )
        sys.exit(1)
    while True:
        _, headers, body = api.request("GET", "invocation/next")
        invoke(api, handler, function, headers, body)


def invoke(api, handler, function, headers, body):
    request_id = headers["lambda-runtime-aws-request-id"]
    handler.request_id = request_id
    if "lambda-runtime-trace-id" in headers:
        os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
    try:
        try:
            event = json.loads(body.decode("utf-8"))
        except ValueError as error:
            raise Failure("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
        answer = function(event, Context(headers))
        try:
            data = json.dumps(answer, default=_default, ensure_ascii=False).encode("utf-8", "backslashreplace")
        except Exception as error:
            raise Failure("Runtime.MarshalError", "Unable to marshal response: %s" % error)
    except Exception as error:
        told = described(error, request_id)
        report(error, told)
        data = json.dumps(told).encode()
        flush()
        kind = [("Lambda-Runtime-Function-Error-Type", told["errorType"])]
        api.request("POST", "invocation/%s/error" % request_id, data, kind)
        return
    flush()
    headers = [("Content-Type", "application/json")]
    api.request("POST", "invocation/%s/response" % request_id, data, headers)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # a handler may have closed it
            pass
