"""Certificates as cameras make them: signed by themselves."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def self_signed(file: Path, *alternative: str) -> Path:
    """``file``, in PEM, with a key beside it for ``context_of``. The name in it is "camera", and
    ``alternative`` ones such as "IP:127.0.0.1". Skips where there is no OpenSSL."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    names = ["-addext", f"subjectAltName={','.join(alternative)}"] if alternative else []
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=camera", *names]
    command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file


def plain(file: Path, vendor: Path | None = None) -> Path:
    """The same without any extension, as of old cameras; signed by ``vendor``, or by itself."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    config, request, key = (str(file.with_suffix(end)) for end in (".cnf", ".csr", ".key"))
    name = f"[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN={file.stem}\n"
    Path(config).write_text(name, encoding="utf-8")
    of_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    asked = ["openssl", "req", "-config", config, *of_key, "-keyout", key, "-out"]
    if vendor is None:
        commands = [[*asked, str(file), "-x509", "-days", "2"]]
    else:
        signed = ["openssl", "x509", "-req", "-in", request, "-days", "2", "-out", str(file)]
        signed += [
            "-CA",
            str(vendor),
            "-CAkey",
            str(vendor.with_suffix(".key")),
            "-set_serial",
            "7",
        ]
        commands = [[*asked, request], signed]
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    return file


def context_of(file: Path) -> ssl.SSLContext:
    """For a server with the certificate of ``self_signed``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, file.with_suffix(".key"))
    return context
