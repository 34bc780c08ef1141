"""A mail server that speaks TLS, and takes mail from nobody but one user who logs in.

Arguments: `smtps` (TLS from the first byte) or `starttls`, certificate, key, user, password, Maildir. Says its port in its
first line, and ends when its standard input does.
"""

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

how, certificate, key, user, password, folder = sys.argv[1:]
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)


def authenticate(_server, _session, _envelope, _mechanism, data):
    known = LoginPassword(user.encode(), password.encode())
    return AuthResult(success=data == known, handled=False)


def session():
    return SMTP(
        Mailbox(folder),
        authenticator=authenticate,
        auth_required=True,
        # Of TLS from the first byte it knows nothing.
        auth_require_tls=how == "starttls",
        require_starttls=how == "starttls",
        tls_context=tls if how == "starttls" else None,
    )


async def serve():
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if how == "smtps" else None)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
