"""Asks an EPA server for a file in all ways there are to be bound or not, and prints
the status of each: epa_client.py PORT CAFILE MECHANISM, which is Kerberos or NTLM."""
import base64
import hashlib
import http.client
import ssl
import sys

import gssapi
import gssapi.raw

MECHANISMS = {"Kerberos": "1.2.840.113554.1.2.2", "NTLM": "1.3.6.1.4.1.311.2.2.10"}
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")


def get(connection, path, authorization):
    connection.request("GET", path, headers={"Authorization": authorization})
    response = connection.getresponse()
    response.read()
    return response


def ask(path, scheme, wrapped, binding):
    tls = ssl.create_default_context(cafile=sys.argv[2])
    connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=tls)
    connection.connect()
    certificate = connection.sock.getpeercert(binary_form=True)
    if binding == "wrong":
        certificate += b"\0"
    bound = b"tls-server-end-point:" + hashlib.sha256(certificate).digest()
    mechanism = gssapi.OID.from_int_seq(MECHANISMS[sys.argv[3]])
    credentials = gssapi.Credentials(usage="initiate", mechs=[mechanism])
    context = gssapi.SecurityContext(
        name=gssapi.Name("HTTP@localhost", gssapi.NameType.hostbased_service), usage="initiate",
        creds=credentials, mech=SPNEGO if wrapped else mechanism,
        channel_bindings=None if binding == "absent" else gssapi.raw.ChannelBindings(application_data=bound))
    token = context.step()
    while True:
        response = get(connection, path, f"{scheme} {base64.b64encode(token).decode()}")
        said = [v.partition(" ")[2] for v in response.headers.get_all("WWW-Authenticate", []) if " " in v]
        if response.status != 401 or context.complete or not said:
            break
        token = context.step(base64.b64decode(said[0]))
    bare = "-"
    if response.status == 200:  # what it gets without credentials, on the same connection
        connection.request("GET", path)
        bare = connection.getresponse().status
    connection.close()
    return response.status, bare


ways = {"Kerberos": [("Negotiate", True)], "NTLM": [("Negotiate", True), ("Negotiate", False), ("NTLM", False)]}
for scheme, wrapped in ways[sys.argv[3]]:
    for binding in ("right", "absent", "wrong"):
        statuses = [ask(f"/epa-{p}/file.bin", scheme, wrapped, binding) for p in ("require", "allow")]
        kind = sys.argv[3] + (" in SPNEGO" if wrapped else "")
        print(f"{scheme}: {kind}, {binding} binding:", *(f"{first}/{bare}" for first, bare in statuses))
