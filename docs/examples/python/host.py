#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A host in Python: an agent's headers on a request, through libholdfast's C ABI (ctypes, nothing to compile).

    host.py LIBRARY IDENTITY_FILE ORIGIN CA_FILE URL

LIBRARY is the shared library, such as libholdfast.so.0. Headers go to ORIGIN only.
"""
import ctypes
import ssl
import sys
import urllib.error
import urllib.request
from ctypes import byref, c_char, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

AUTHORIZATION_CAPACITY = 590  # HOLDFAST_AUTHORIZATION_CAPACITY
TIMEOUT_S = 30


class Sized(ctypes.Structure):
    """A structure of the ABI: its first member is its size."""

    def __init__(self, **members):
        super().__init__(struct_size=ctypes.sizeof(self), **members)


class Error(Sized):
    _fields_ = [("struct_size", c_uint32), ("status", c_int32), ("layer", c_uint32), ("remedy", c_uint32),
                ("native", c_uint64), ("message", c_char * 512), ("hint", c_char * 256)]


class SessionOptions(Sized):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("identity_file", c_char_p), ("pin_source", c_char_p),
                ("module_path", c_char_p), ("expected_public_key", c_char_p), ("origins", ctypes.POINTER(c_char_p)),
                ("origins_count", c_uint64), ("authority_url", c_char_p), ("ca_file", c_char_p),
                ("client_certificate", c_char_p), ("client_key", c_char_p), ("proxy", c_char_p),
                ("minimum_profile", c_uint32), ("max_age_s", c_uint32), ("registration_timeout_ms", c_uint32),
                ("signing_timeout_ms", c_uint32), ("rejection_interval_ms", c_uint32), ("reserved", c_uint32)]


class Header(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class Headers(Sized):
    _fields_ = [("struct_size", c_uint32), ("count", c_uint32), ("generation", c_uint64), ("fields", Header * 4)]


class HoldfastError(Exception):
    def __init__(self, status, error, exit_code):
        super().__init__(error.message.decode())
        self.status = status
        self.exit_code = exit_code
        self.hint = error.hint.decode()


class Session:
    def __init__(self, library, identity_file, origins):
        self._library = ctypes.CDLL(library)
        self._handle = c_void_p()
        texts = (c_char_p * len(origins))(*[origin.encode() for origin in origins])
        options = SessionOptions(identity_file=identity_file.encode(), origins=texts, origins_count=len(origins))
        self._call("holdfast_session_open", byref(options), byref(self._handle))

    def headers_for(self, url, fresh=False):
        """The headers of a request to `url` and the generation of their task."""
        value = ctypes.create_string_buffer(AUTHORIZATION_CAPACITY)
        size = c_size_t()
        headers = Headers()
        self._call("holdfast_session_headers_for", self._handle, url.encode(), c_uint32(1 if fresh else 0), value,
                   c_size_t(len(value)), byref(size), byref(headers))
        fields = {field.name.decode(): field.value.decode() for field in headers.fields[:headers.count]}
        return fields, headers.generation

    def rejected(self, generation, http_status):
        """Reports a refused request. True: send once more, with new headers. False: that answer is the one to hand on,
        as when there was a new task a moment ago."""
        try:
            self._call("holdfast_session_rejected", self._handle, c_uint64(generation), c_int32(http_status))
        except HoldfastError:
            return False
        return True

    def close(self):
        self._library.holdfast_session_close(self._handle)
        self._handle = c_void_p()

    def _call(self, name, *arguments):
        error = Error()
        status = getattr(self._library, name)(*arguments, byref(error))
        if status != 0:
            raise HoldfastError(status, error, self._library.holdfast_status_exit_code(status))


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would send all headers on to whatever origin an answer names, this agent's among them."""

    def redirect_request(self, *_):
        return None  # the 3xx is an HTTPError


def get(opener, url, headers):
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code


def ask(session, opener, url):
    headers, generation = session.headers_for(url)
    status = get(opener, url, headers)
    if status in (401, 403) and session.rejected(generation, status):
        headers, _ = session.headers_for(url)
        status = get(opener, url, headers)
    return status


def main():
    if len(sys.argv) != 6:
        print("usage: host.py LIBRARY IDENTITY_FILE ORIGIN CA_FILE URL", file=sys.stderr)
        return 2
    library, identity_file, origin, ca_file, url = sys.argv[1:]
    try:
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
        session = Session(library, identity_file, [origin])
        try:
            print(ask(session, urllib.request.build_opener(NoRedirects, tls), url))
        finally:
            session.close()
    except HoldfastError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code  # a supervisor goes by it: docs/operating.md
    except OSError as error:  # no answer, no library, no CA file
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
