"""A web server that enforces Extended Protection for Authentication: over TLS, a
client must prove that the certificate it saw is the server's (channel binding of
the type tls-server-end-point, RFC 5929). No packaged server for Linux does.

MIT Kerberos decides about the bindings of tickets. Those of NTLM are compared
here, for gss-ntlmssp does not tell an absent binding from the right one.

This file is a template: the rig fills in the line that follows.
"""
FILES, HTTP, HTTPS = "{{.Files}}", int("{{.HTTP}}"), int("{{.HTTPS}}")

import base64
import hashlib
import http.server
import os
import re
import ssl
import struct
import sys
import threading

import gssapi
import gssapi.raw

gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False  # step raises them
CHALLENGES = ["Negotiate", "NTLM"]
KRB5_BOUND = 0x800  # GSS_C_CHANNEL_BOUND_FLAG
NTLMSSP = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")


def certificate_binding():
    """The application data that the certificate stands for; it is signed with SHA-256."""
    with open("server.pem") as pem:
        der = ssl.PEM_cert_to_DER_cert(pem.read())
    return b"tls-server-end-point:" + hashlib.sha256(der).digest()


def ntlm_binding(token):
    """MsvAvChannelBindings of an AUTHENTICATE message, in SPNEGO or not (MS-NLMP 2.2.2.1)."""
    message = token[token.index(b"NTLMSSP\0\3\0\0\0"):]
    length, _, offset = struct.unpack_from("<HHI", message, 20)
    pairs = message[offset + 44:offset + length]  # after the proof and the fixed part
    while len(pairs) >= 4:
        kind, size = struct.unpack_from("<HH", pairs)
        if kind == 10:
            return pairs[4:4 + size]
        pairs = pairs[4 + size:]
    return b""


def printable(text):
    return "".join(chr(b) if 32 <= b < 127 and b not in b'\\"|' else f"\\x{b:02x}" for b in text.encode())


class Handler(http.server.BaseHTTPRequestHandler):
    """A connection. NTLM authenticates all that follows on it, Kerberos a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.context = None
        self.ntlm = self.bound = False
        self.user = ""

    def do_GET(self):
        with open("seen.log", "ab") as seen:
            lines = [self.requestline] + [f"{k}: {v}" for k, v in self.headers.items()] + ["", ""]
            seen.write("\n".join(lines).encode("latin-1"))
        self.sent = 0
        try:
            self.answer()
        finally:
            self.log_answer()

    do_HEAD = do_GET

    def answer(self):
        self.status, strict = 404, self.path.startswith("/epa-require/")
        if not strict and not self.path.startswith("/epa-allow/"):
            return self.send([], b"there is /epa-require/ and /epa-allow/\n")
        challenges = self.authenticate()
        if strict and self.user and not self.bound:
            self.user, self.ntlm, challenges = "", False, CHALLENGES
        headers = [("WWW-Authenticate", c) for c in challenges]
        if not self.user:
            self.status = 401
            return self.send(headers, b"who are you?\n")
        return self.send_file(headers)

    def authenticate(self):
        """Takes what the client says of itself, and returns what to say of it: values of
        WWW-Authenticate. There is a user now, or there is none."""
        scheme, _, text = self.headers.get("Authorization", "").partition(" ")
        if not text and self.ntlm:
            return []
        self.user, self.ntlm, self.bound = "", False, False
        if scheme.lower() not in ("negotiate", "ntlm"):
            return CHALLENGES
        try:
            token = base64.b64decode(text, validate=True)
            said = self.step(token)
        except (gssapi.exceptions.GSSError, ValueError, struct.error) as e:
            print("refused:", str(e).replace("\n", " "), file=sys.stderr, flush=True)
            self.context = None
            return CHALLENGES
        return [f"{scheme} {base64.b64encode(said).decode()}"] if said else []

    def step(self, token):
        """Goes on with the security context, or starts one."""
        is_ntlm = b"NTLMSSP\0" in token
        if self.context is None or b"NTLMSSP\0\1\0\0\0" in token:
            bindings = credentials = None
            if self.server.binding and not is_ntlm:
                bindings = gssapi.raw.ChannelBindings(application_data=self.server.binding)
            if token.startswith(b"NTLMSSP\0"):
                credentials = gssapi.Credentials(usage="accept", mechs=[NTLMSSP])
            self.context = gssapi.SecurityContext(usage="accept", creds=credentials, channel_bindings=bindings)
        said = self.context.step(token)
        if self.context.complete:
            context, self.context = self.context, None
            self.bound = self.check_ntlm(token) if is_ntlm else bool(int(context.actual_flags) & KRB5_BOUND)
            self.ntlm, self.user = is_ntlm, str(context.initiator_name).rstrip("\0")
        return said or b""

    def check_ntlm(self, token):
        """Whether the client is bound to the certificate. A wrong binding is an error."""
        got, application = ntlm_binding(token), self.server.binding
        if not application or got in (b"", bytes(16)):
            return False
        if got != hashlib.md5(struct.pack("<5I", 0, 0, 0, 0, len(application)) + application).digest():
            raise ValueError("bound to another certificate")
        return True

    def send_file(self, headers):
        try:
            file = open(os.path.join(FILES, os.path.basename(self.path.partition("?")[0])), "rb")
        except OSError:
            self.status = 404
            return self.send(headers, b"no such file\n")
        with file:
            info = os.fstat(file.fileno())
            etag = f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
            headers += [("ETag", etag), ("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream")]
            first, end, self.status = 0, info.st_size, 200
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted and self.headers.get("If-Range", etag) == etag:
                first, end, self.status = int(wanted[1]), min(end, int(wanted[2] or end) + 1), 206
                if first >= end:
                    self.status = 416
                    return self.send(headers + [("Content-Range", f"bytes */{info.st_size}")], b"")
                headers.append(("Content-Range", f"bytes {first}-{end - 1}/{info.st_size}"))
            self.begin(headers, end - first)
            file.seek(first)
            while self.command != "HEAD" and self.sent < end - first:
                part = file.read(min(1 << 16, end - first - self.sent))
                self.wfile.write(part)
                self.sent += len(part)

    def send(self, headers, body):
        self.begin(headers, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)
            self.sent = len(body)

    def begin(self, headers, length):
        self.send_response(self.status)
        for name, value in headers + [("Content-Length", str(length))]:
            self.send_header(name, value)
        self.end_headers()

    def log_answer(self):
        fields = [self.requestline, str(self.status), str(self.sent), self.headers.get("Range", ""),
                  self.user, self.headers.get("Authorization", ""), str(self.client_address[1])]
        with open("access.log", "a") as log:
            log.write("|".join(map(printable, fields)) + "\n")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, port, tls=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.tls, self.binding = tls, certificate_binding() if tls else None

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:  # the handshake comes with the first byte read, in the connection's thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_):
        print("connection:", repr(sys.exc_info()[1]), file=sys.stderr, flush=True)


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("server.pem", "server.key")
tls.set_alpn_protocols(["http/1.1"])
open("seen.log", "ab").close()
threading.Thread(target=Server(HTTP).serve_forever, daemon=True).start()
Server(HTTPS, tls).serve_forever()
